// GELU of x + bias, and its slope: see minivit/layers/gelu.py. EXACT: the form with erf, else tanh.
// A thread has one column and every gridDim.y-th row.

template <class T> __device__ __forceinline__ T gate_tanh(T x) {  // (1 + tanh(u)) / 2
  T u = T(0.7978845608028654) * (x + T(0.044715) * x * x * x);    // sqrt(2 / pi)
  return T(1) / (T(1) + exp(T(-2) * u));
}

template <class T> __device__ __forceinline__ T gate_erf(T x) {
  return (T(1) + erf(x * T(0.7071067811865476))) * T(0.5);  // sqrt(1 / 2)
}

template <class T, bool EXACT> __device__ __forceinline__ T gelu(T x) {
  return x * (EXACT ? gate_erf(x) : gate_tanh(x));
}

template <class T, bool EXACT> __device__ __forceinline__ T gelu_slope(T x) {
  if (EXACT) return gate_erf(x) + x * exp(T(-0.5) * x * x) * T(0.3989422804014327);
  // beyond 100, s * (1 - s) is 0 to the last bit; an infinite x * u' would make that NaN
  T near = x > T(100) ? T(100) : x < T(-100) ? T(-100) : x;
  T s = gate_tanh(near);
  T x_slope_u = T(0.7978845608028654) * (near + T(3 * 0.044715) * near * near * near);
  return s + T(2) * s * (T(1) - s) * x_slope_u;
}

// y = gelu(x + bias)
template <class T, bool EXACT>
__global__ void __launch_bounds__(128)
gelu_forward(const T* __restrict__ x, const T* __restrict__ bias, T* __restrict__ y,
             long long rows, long long columns) {
  long long column = blockIdx.x * 128LL + threadIdx.x;
  if (column >= columns) return;
  T b = bias[column];
  long long row = blockIdx.y, step = gridDim.y;
  for (; row + 3 * step < rows; row += 4 * step) {
    T a[4];
    for (int i = 0; i < 4; i++) a[i] = x[(row + i * step) * columns + column] + b;
    for (int i = 0; i < 4; i++) y[(row + i * step) * columns + column] = gelu<T, EXACT>(a[i]);
  }
  for (; row < rows; row += step)
    y[row * columns + column] = gelu<T, EXACT>(x[row * columns + column] + b);
}

// dy, in place: dx = dy * gelu'(x + bias). sums (gridDim.y, columns): each block's sum over its
// rows of dx.
template <class T, bool EXACT>
__global__ void __launch_bounds__(128)
gelu_backward(T* dy, const T* __restrict__ x, const T* __restrict__ bias, T* __restrict__ sums,
              long long rows, long long columns) {
  long long column = blockIdx.x * 128LL + threadIdx.x;
  if (column >= columns) return;
  T b = bias[column], sum = 0;
  long long row = blockIdx.y, step = gridDim.y;
  for (; row + 3 * step < rows; row += 4 * step) {
    T a[4], g[4];
    for (int i = 0; i < 4; i++) {
      long long at = (row + i * step) * columns + column;
      a[i] = x[at] + b;
      g[i] = dy[at];
    }
    for (int i = 0; i < 4; i++) {
      T dx = g[i] * gelu_slope<T, EXACT>(a[i]);
      dy[(row + i * step) * columns + column] = dx;
      sum += dx;
    }
  }
  for (; row < rows; row += step) {
    long long at = row * columns + column;
    T dx = dy[at] * gelu_slope<T, EXACT>(x[at] + b);
    dy[at] = dx;
    sum += dx;
  }
  sums[blockIdx.y * columns + column] = sum;
}
