// What all kernels share. T is float or double.
//
// Sizes come as long long and factors as double, because that is how CuPy passes Python's numbers.
// A warp is 32 threads that run in step. Every sum has a fixed order (no atomic operations), so a
// kernel gives the same bits each time.

#ifndef DYNAMIC_SHARED  // memory that the threads of a block share; its size is set at the launch
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

template <class T> __device__ __forceinline__ T warp_sum(T x) {
  for (int mask = 16; mask; mask >>= 1) x += __shfl_xor_sync(0xffffffffu, x, mask);
  return x;
}

template <class T> __device__ __forceinline__ T warp_max(T x) {
  for (int mask = 16; mask; mask >>= 1) {
    T other = __shfl_xor_sync(0xffffffffu, x, mask);
    x = x < other ? other : x;  // false for NaN: the other one is kept
  }
  return x;
}
