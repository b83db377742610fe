// Sums over all rows, and what is added to rows.

// x (rows, columns) -> sums (gridDim.y, columns): block y sums its share of the rows.
// A block has 32 columns and 8 threads for each; gridDim.x * 32 >= columns.
template <class T>
__global__ void __launch_bounds__(256)
column_sums(const T* __restrict__ x, T* __restrict__ sums, long long rows, long long columns) {
  __shared__ T parts[8][32];
  int lane = threadIdx.x % 32, part = threadIdx.x / 32;
  long long column = blockIdx.x * 32LL + lane;
  long long share = (rows + gridDim.y - 1) / gridDim.y, stop = (blockIdx.y + 1) * share;
  if (stop > rows) stop = rows;
  T sum[4] = {0, 0, 0, 0};
  if (column < columns) {
    long long row = blockIdx.y * share + part;
    for (; row + 24 < stop; row += 32)
      for (int i = 0; i < 4; i++) sum[i] += x[(row + 8 * i) * columns + column];
    for (; row < stop; row += 8) sum[0] += x[row * columns + column];
  }
  parts[part][lane] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  __syncthreads();
  if (part == 0 && column < columns) {
    T total = 0;
    for (int i = 0; i < 8; i++) total += parts[i][lane];
    sums[blockIdx.y * columns + column] = total;
  }
}

// y = x + (h + bias) * keep of (rows, columns); y may be h. keep: a number for every `tokens` rows,
// or null for 1. A thread has one column and every gridDim.y-th row.
template <class T>
__global__ void __launch_bounds__(128)
add_residual(const T* __restrict__ x, const T* h, const T* __restrict__ bias,
             const T* __restrict__ keep, long long tokens, T* y, long long rows,
             long long columns) {
  long long column = blockIdx.x * 128LL + threadIdx.x;
  if (column >= columns) return;
  T b = bias[column];
  long long row = blockIdx.y, step = gridDim.y;
  for (; row + 3 * step < rows; row += 4 * step) {
    T a[4], c[4];  // all loads before the first store, so that they run at the same time
    for (int i = 0; i < 4; i++) {
      long long at = (row + i * step) * columns + column;
      a[i] = x[at];
      c[i] = h[at] + b;
    }
    for (int i = 0; i < 4; i++) {
      long long r = row + i * step;
      y[r * columns + column] = a[i] + (keep ? c[i] * keep[r / tokens] : c[i]);
    }
  }
  for (; row < rows; row += step) {
    long long at = row * columns + column;
    T c = h[at] + b;
    y[at] = x[at] + (keep ? c * keep[row / tokens] : c);
  }
}
