// LayerNorm: a warp has one row of D numbers at a time, each thread every 32nd number of it.

// y = (x - mean) * rstd * gamma + beta of x (rows, D); keeps mean and rstd (rows,).
// ADD: x is first replaced by sum = x + (h + bias) * keep, which is written too; `sum` may be h.
// keep: a number for every `tokens` rows, or null for 1.
template <class T, int D, bool ADD>
__global__ void __launch_bounds__(128)
layernorm_forward(const T* __restrict__ x, const T* h, const T* __restrict__ bias,
                  const T* __restrict__ keep, long long tokens, T* sum,
                  const T* __restrict__ gamma, const T* __restrict__ beta, double eps,
                  T* __restrict__ y, T* __restrict__ mean, T* __restrict__ rstd, long long rows) {
  const int N = (D + 31) / 32;
  int lane = threadIdx.x % 32;
  long long row = blockIdx.x * 4LL + threadIdx.x / 32;
  if (row >= rows) return;
  T held[N], total = 0;
#pragma unroll
  for (int i = 0; i < N; i++) {
    int d = lane + 32 * i;
    held[i] = d < D ? x[row * D + d] : T(0);
  }
  if (ADD) {
    T scale = keep ? keep[row / tokens] : T(1), other[N];
#pragma unroll
    for (int i = 0; i < N; i++) {
      int d = lane + 32 * i;
      other[i] = d < D ? h[row * D + d] + bias[d] : T(0);
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      int d = lane + 32 * i;
      held[i] += other[i] * scale;
      if (d < D) sum[row * D + d] = held[i];
    }
  }
#pragma unroll
  for (int i = 0; i < N; i++) total += held[i];
  T m = warp_sum(total) / D, squares = 0;
#pragma unroll
  for (int i = 0; i < N; i++) {
    T centred = lane + 32 * i < D ? held[i] - m : T(0);
    squares += centred * centred;
  }
  T r = T(1) / sqrt(warp_sum(squares) / D + T(eps));
#pragma unroll
  for (int i = 0; i < N; i++) {
    int d = lane + 32 * i;
    if (d < D) y[row * D + d] = (held[i] - m) * r * gamma[d] + beta[d];
  }
  if (lane == 0) {
    mean[row] = m;
    rstd[row] = r;
  }
}

// dx = residual + rstd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)), dxhat = dy * gamma.
// residual: null for 0. sums (gridDim.x, 3, D): each block's sums over its rows of dy * xhat, of dy
// and of dx. A block has 8 warps.
template <class T, int D>
__global__ void __launch_bounds__(256)
layernorm_backward(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ mean,
                   const T* __restrict__ rstd, const T* __restrict__ gamma,
                   const T* __restrict__ residual, T* __restrict__ dx, T* __restrict__ sums,
                   long long rows) {
  const int N = (D + 31) / 32;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  T dgamma[N], dbeta[N], sum_dx[N];
#pragma unroll
  for (int i = 0; i < N; i++) dgamma[i] = dbeta[i] = sum_dx[i] = 0;
  for (long long row = blockIdx.x * 8LL + warp; row < rows; row += gridDim.x * 8LL) {
    T m = mean[row], r = rstd[row], xhat[N], dxhat[N], other[N], sum = 0, dot = 0;
#pragma unroll
    for (int i = 0; i < N; i++) {
      int d = lane + 32 * i;
      xhat[i] = d < D ? (x[row * D + d] - m) * r : T(0);
      dxhat[i] = d < D ? dy[row * D + d] : T(0);
      other[i] = d < D && residual ? residual[row * D + d] : T(0);
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
      int d = lane + 32 * i;
      dgamma[i] += dxhat[i] * xhat[i];
      dbeta[i] += dxhat[i];
      dxhat[i] *= d < D ? gamma[d] : T(0);
      sum += dxhat[i];
      dot += dxhat[i] * xhat[i];
    }
    T mean_dxhat = warp_sum(sum) / D, mean_dxhat_xhat = warp_sum(dot) / D;
#pragma unroll
    for (int i = 0; i < N; i++) {
      int d = lane + 32 * i;
      T value = other[i] + r * (dxhat[i] - mean_dxhat - xhat[i] * mean_dxhat_xhat);
      if (d < D) {
        dx[row * D + d] = value;
        sum_dx[i] += value;
      }
    }
  }
  __shared__ T parts[3][8][32];
  for (int i = 0; i < N; i++) {  // the warps' sums together, 32 columns at a time
    parts[0][warp][lane] = dgamma[i];
    parts[1][warp][lane] = dbeta[i];
    parts[2][warp][lane] = sum_dx[i];
    __syncthreads();
    int d = lane + 32 * i;
    if (warp < 3 && d < D) {
      T total = 0;
      for (int j = 0; j < 8; j++) total += parts[warp][j][lane];
      sums[(blockIdx.x * 3LL + warp) * D + d] = total;
    }
    __syncthreads();
  }
}
