// Attention of one image and head by one block of threads, in shared memory. See
// minivit/layers/attention.py for the equations; here p is (T queries, T keys).
//
// qkv (B, T, 3D) is the product without its bias (3D,), which is added here. Tokens are filled up
// with zeros to a multiple of four, and rows have four numbers more than K, so that neighbouring
// threads read from different banks of the shared memory. A thread computes 4 x 4 numbers of each
// product at a time: eight loads of four numbers for 64 multiplications.

template <class T> struct alignas(16) Four { T v[4]; };

template <class T> __device__ __forceinline__ const Four<T>& four(const T* p) {
  return *reinterpret_cast<const Four<T>*>(p);
}

template <class T> __device__ __forceinline__ Four<T>& four(T* p) {
  return *reinterpret_cast<Four<T>*>(p);
}

template <int TOKENS, int K> struct Sizes {
  static const int TILES = (TOKENS + 3) / 4;                        // of four rows
  static const int ROWS = 4 * TILES;                                // T, filled up
  static const int WIDTH = K + 4;                                   // of a row of q, k, v
  static const int SCORES = ROWS % 8 == 4 ? ROWS : ROWS + 4;        // of a row of p
};

// finish(i, j, sum over k of a[i, k] b[j, k]) for all rows i and j
template <class T, int TOKENS, int K, class F>
__device__ __forceinline__ void rows_by_rows(const T* a, const T* b, F finish) {
  typedef Sizes<TOKENS, K> S;
  for (int tile = threadIdx.x; tile < S::TILES * S::TILES; tile += blockDim.x) {
    int i = tile / S::TILES, j = tile % S::TILES;  // rows i, i + TILES, i + 2 TILES, ...
    T c[4][4] = {};
#pragma unroll 4
    for (int k = 0; k < K; k += 4) {
      Four<T> x[4], y[4];
#pragma unroll
      for (int m = 0; m < 4; m++) {
        x[m] = four(a + (i + S::TILES * m) * S::WIDTH + k);
        y[m] = four(b + (j + S::TILES * m) * S::WIDTH + k);
      }
#pragma unroll
      for (int l = 0; l < 4; l++)
#pragma unroll
        for (int m = 0; m < 4; m++)
#pragma unroll
          for (int n = 0; n < 4; n++) c[m][n] += x[m].v[l] * y[n].v[l];
    }
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int n = 0; n < 4; n++) finish(i + S::TILES * m, j + S::TILES * n, c[m][n]);
  }
}

// finish(i, d, four numbers from d on of the sum over j of p[i, j] b[j, :]) for all rows i
template <class T, int TOKENS, int K, class F>
__device__ __forceinline__ void weights_by_rows(const T* p, const T* b, F finish) {
  typedef Sizes<TOKENS, K> S;
  for (int tile = threadIdx.x; tile < S::TILES * (K / 4); tile += blockDim.x) {
    int i = tile / (K / 4), d = 4 * (tile % (K / 4));
    Four<T> c[4] = {};
#pragma unroll 4
    for (int j = 0; j < S::ROWS; j += 4) {
      Four<T> x[4], y[4];
#pragma unroll
      for (int m = 0; m < 4; m++) {
        x[m] = four(p + (i + S::TILES * m) * S::SCORES + j);
        y[m] = four(b + (j + m) * S::WIDTH + d);
      }
#pragma unroll
      for (int l = 0; l < 4; l++)
#pragma unroll
        for (int m = 0; m < 4; m++)
#pragma unroll
          for (int n = 0; n < 4; n++) c[m].v[n] += x[m].v[l] * y[l].v[n];
    }
#pragma unroll
    for (int m = 0; m < 4; m++) finish(i + S::TILES * m, d, c[m]);
  }
}

// finish(j, d, four numbers from d on of the sum over i of p[i, j] b[i, :]) for all rows j
template <class T, int TOKENS, int K, class F>
__device__ __forceinline__ void columns_by_rows(const T* p, const T* b, F finish) {
  typedef Sizes<TOKENS, K> S;
  for (int tile = threadIdx.x; tile < S::TILES * (K / 4); tile += blockDim.x) {
    int j = 4 * (tile / (K / 4)), d = 4 * (tile % (K / 4));
    Four<T> c[4] = {};
#pragma unroll 4
    for (int i = 0; i < TOKENS; i++) {
      Four<T> x = four(p + i * S::SCORES + j), y = four(b + i * S::WIDTH + d);
#pragma unroll
      for (int m = 0; m < 4; m++)
#pragma unroll
        for (int n = 0; n < 4; n++) c[m].v[n] += x.v[m] * y.v[n];
    }
#pragma unroll
    for (int m = 0; m < 4; m++) finish(j + m, d, c[m]);
  }
}

// Copy (x + bias) * scale of one head, rows of K numbers `stride` apart, into shared memory.
template <class T, int TOKENS, int K>
__device__ __forceinline__ void load_head(T* to, const T* x, long long stride, const T* bias,
                                          T scale) {
  typedef Sizes<TOKENS, K> S;
  for (int at = threadIdx.x; at < S::ROWS * (K / 4); at += blockDim.x) {
    int t = at / (K / 4), d = 4 * (at % (K / 4));
    Four<T> value = {};
    if (t < TOKENS) {
      value = four(x + t * stride + d);
#pragma unroll
      for (int n = 0; n < 4; n++) value.v[n] = (value.v[n] + (bias ? bias[d + n] : T(0))) * scale;
    }
    four(to + t * S::WIDTH + d) = value;
  }
}

// o (B, T, D) = p v, p = softmax of q k^T / sqrt(K); lse (B * heads, T): log of sum of exp of each
// query's scores, from which backward computes p again. One block for an image and head.
template <class T, int TOKENS, int K>
__global__ void __launch_bounds__(512)
attention_forward(const T* __restrict__ qkv, const T* __restrict__ bias, T* __restrict__ o,
                  T* __restrict__ lse, long long heads, double scale) {
  typedef Sizes<TOKENS, K> S;
  DYNAMIC_SHARED(memory);
  T* q = reinterpret_cast<T*>(memory);
  T *k = q + S::ROWS * S::WIDTH, *v = k + S::ROWS * S::WIDTH, *p = v + S::ROWS * S::WIDTH;
  long long image = blockIdx.x / heads, head = blockIdx.x % heads, D = heads * K;
  const T* x = qkv + image * TOKENS * 3 * D + head * K;
  bias += head * K;
  load_head<T, TOKENS, K>(q, x, 3 * D, bias, T(scale));
  load_head<T, TOKENS, K>(k, x + D, 3 * D, bias + D, T(1));
  load_head<T, TOKENS, K>(v, x + 2 * D, 3 * D, bias + 2 * D, T(1));
  __syncthreads();
  rows_by_rows<T, TOKENS, K>(q, k, [&](int i, int j, T s) { p[i * S::SCORES + j] = s; });
  __syncthreads();
  const int N = (TOKENS + 31) / 32;
  int lane = threadIdx.x % 32;
  for (int i = threadIdx.x / 32; i < TOKENS; i += blockDim.x / 32) {  // softmax, a warp a row
    T s[N], top = p[i * S::SCORES], sum = 0;
#pragma unroll
    for (int n = 0; n < N; n++) {
      int j = lane + 32 * n;
      s[n] = j < TOKENS ? p[i * S::SCORES + j] : top;
      top = top < s[n] ? s[n] : top;
    }
    top = warp_max(top);
#pragma unroll
    for (int n = 0; n < N; n++) {
      s[n] = lane + 32 * n < TOKENS ? exp(s[n] - top) : T(0);
      sum += s[n];
    }
    sum = warp_sum(sum);
#pragma unroll
    for (int n = 0; n < N; n++) {
      int j = lane + 32 * n;
      if (j < S::ROWS) p[i * S::SCORES + j] = s[n] / sum;  // 0 beyond the last token
    }
    if (lane == 0) lse[blockIdx.x * (long long)TOKENS + i] = top + log(sum);
  }
  __syncthreads();
  o += image * TOKENS * D + head * K;
  weights_by_rows<T, TOKENS, K>(p, v, [&](int i, int d, const Four<T>& value) {
    if (i < TOKENS) four(o + i * D + d) = value;
  });
}

// dqkv (B, T, 3D) from do_ (B, T, D). o and lse: of the forward. One block for an image and head.
template <class T, int TOKENS, int K>
__global__ void __launch_bounds__(512)
attention_backward(const T* __restrict__ qkv, const T* __restrict__ bias,
                   const T* __restrict__ o, const T* __restrict__ lse,
                   const T* __restrict__ do_, T* __restrict__ dqkv, long long heads,
                   double scale) {
  typedef Sizes<TOKENS, K> S;
  DYNAMIC_SHARED(memory);
  T* q = reinterpret_cast<T*>(memory);
  T *k = q + S::ROWS * S::WIDTH, *v = k + S::ROWS * S::WIDTH, *g = v + S::ROWS * S::WIDTH;
  T *p = g + S::ROWS * S::WIDTH, *log_sum = p + S::ROWS * S::SCORES, *mean_dp = log_sum + S::ROWS;
  long long image = blockIdx.x / heads, head = blockIdx.x % heads, D = heads * K;
  long long start = image * TOKENS * 3 * D + head * K;
  const T* x = qkv + start;
  bias += head * K;
  o += image * TOKENS * D + head * K;
  do_ += image * TOKENS * D + head * K;
  load_head<T, TOKENS, K>(q, x, 3 * D, bias, T(scale));
  load_head<T, TOKENS, K>(k, x + D, 3 * D, bias + D, T(1));
  load_head<T, TOKENS, K>(v, x + 2 * D, 3 * D, bias + 2 * D, T(1));
  load_head<T, TOKENS, K>(g, do_, D, static_cast<const T*>(nullptr), T(1));
  __syncthreads();
  int lane = threadIdx.x % 32;
  for (int i = threadIdx.x / 32; i < S::ROWS; i += blockDim.x / 32) {
    T sum = 0;  // over K of o * do: the same as over keys of p * dp
    if (i < TOKENS)
      for (int d = lane; d < K; d += 32) sum += g[i * S::WIDTH + d] * o[i * D + d];
    sum = warp_sum(sum);
    if (lane == 0) {
      mean_dp[i] = sum;
      log_sum[i] = i < TOKENS ? lse[blockIdx.x * (long long)TOKENS + i] : T(0);
    }
  }
  __syncthreads();
  rows_by_rows<T, TOKENS, K>(q, k, [&](int i, int j, T s) {
    p[i * S::SCORES + j] = i < TOKENS && j < TOKENS ? exp(s - log_sum[i]) : T(0);
  });
  __syncthreads();
  T* out = dqkv + start;
  columns_by_rows<T, TOKENS, K>(p, g, [&](int j, int d, const Four<T>& value) {
    if (j < TOKENS) four(out + j * 3 * D + 2 * D + d) = value;  // dv
  });
  __syncthreads();  // before p becomes ds
  rows_by_rows<T, TOKENS, K>(g, v, [&](int i, int j, T dp) {
    p[i * S::SCORES + j] *= dp - mean_dp[i];
  });
  __syncthreads();
  weights_by_rows<T, TOKENS, K>(p, k, [&](int i, int d, Four<T> value) {
    for (int n = 0; n < 4; n++) value.v[n] *= T(scale);
    if (i < TOKENS) four(out + i * 3 * D + d) = value;  // dq
  });
  columns_by_rows<T, TOKENS, K>(p, q, [&](int j, int d, const Four<T>& value) {
    if (j < TOKENS) four(out + j * 3 * D + D + d) = value;  // dk: q has the scale already
  });
}
