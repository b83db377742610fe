// One pass over a flat vector for each rule: see minivit/optim/ for the equations. The gradient is
// multiplied by `scale`, one number on the device, and written back.

// sums (gridDim.x,): each block's share of the sum of squares of x (size,), in double.
template <class T>
__global__ void __launch_bounds__(256)
squares(const T* __restrict__ x, double* __restrict__ sums, long long size) {
  __shared__ double parts[8];
  double sum = 0;
  for (long long i = blockIdx.x * 256LL + threadIdx.x; i < size; i += gridDim.x * 256LL)
    sum += (double)x[i] * (double)x[i];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < 8; i++) sum += parts[i];
    sums[blockIdx.x] = sum;
  }
}

// norm = sqrt(sum of sums), scale = min(1, most / (norm + 1e-12)); one warp.
template <class T>
__global__ void clip(const double* __restrict__ sums, long long count, double most,
                     double* __restrict__ norm, T* __restrict__ scale) {
  double sum = 0;
  for (long long i = threadIdx.x; i < count; i += 32) sum += sums[i];
  sum = sqrt(warp_sum(sum));
  if (threadIdx.x == 0) {
    norm[0] = sum;
    double factor = most / (sum + 1e-12);
    scale[0] = (float)(factor > 1 ? 1.0 : factor);  // NaN stays
  }
}

template <class T>
__global__ void __launch_bounds__(256)
adamw(T* __restrict__ vector, T* __restrict__ gradient, T* __restrict__ m, T* __restrict__ v,
      const T* __restrict__ scale, long long size, double beta1, double beta2, double eps,
      double root, double rate, double kept) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i >= size) return;
  T g = gradient[i] * scale[0];
  T mean = m[i] * T(beta1) + T(1 - beta1) * g, square = v[i] * T(beta2) + T(1 - beta2) * (g * g);
  gradient[i] = g;
  m[i] = mean;
  v[i] = square;
  vector[i] = vector[i] * T(kept) - mean / (sqrt(square) / T(root) + T(eps)) * T(rate);
}

template <class T>
__global__ void __launch_bounds__(256)
sgd(T* __restrict__ vector, T* __restrict__ gradient, T* __restrict__ m,
    const T* __restrict__ scale, long long size, double momentum, double rate, double kept) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i >= size) return;
  T g = gradient[i] * scale[0], mean = m[i] * T(momentum) + g;
  gradient[i] = g;
  m[i] = mean;
  vector[i] = vector[i] * T(kept) - mean * T(rate);
}

// Muon's momentum: u, one step ahead of m.
template <class T>
__global__ void __launch_bounds__(256)
momentum(T* __restrict__ gradient, T* __restrict__ m, T* __restrict__ u,
         const T* __restrict__ scale, long long size, double momentum) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i >= size) return;
  T g = gradient[i] * scale[0], mean = m[i] * T(momentum) + g;
  gradient[i] = g;
  m[i] = mean;
  u[i] = g + T(momentum) * mean;
}

// y = a * x + b * z, each number separately; y may be x or z.
template <class T>
__global__ void __launch_bounds__(256)
combine(const T* x, const T* z, T* y, long long size, double a, double b) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i < size) y[i] = T(a) * x[i] + T(b) * z[i];
}

// total (a flat vector) = or += the arrays of `pointers`: array n lies at starts[n]..starts[n + 1].
template <class T>
__global__ void __launch_bounds__(256)
gather(const long long* __restrict__ pointers, const long long* __restrict__ starts,
       long long count, T* __restrict__ total, long long add) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i >= starts[count]) return;
  long long low = 0, high = count;  // starts[low] <= i < starts[high]
  while (high - low > 1) {
    long long middle = (low + high) / 2;
    if (starts[middle] <= i) low = middle;
    else high = middle;
  }
  T value = reinterpret_cast<const T*>(pointers[low])[i - starts[low]];
  total[i] = add ? total[i] + value : value;
}
