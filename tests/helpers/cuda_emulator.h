// Runs CUDA kernels on a CPU, compiled by g++: each thread of a block is a fiber, a context of its
// own on the one core, and gives way to the others where it waits for them. Blocks run one after
// another. It finds wrong indices, sums and barriers that not all threads reach; it cannot find
// that a barrier is missing between two warps, nor anything about time.
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <utility>

#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define DYNAMIC_SHARED(name) alignas(16) static unsigned char name[1 << 18]

struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;

struct Barrier { int waiting, alive, passed; };
static const int MOST = 1024, STACK = 1 << 16;
static ucontext_t starts[MOST];  // for a fiber's first turn; jumps are faster than contexts
static jmp_buf home, fibers[MOST];
static char* stacks[MOST];
static bool done[MOST];
static int now;
static Barrier block_barrier, warp_barriers[MOST / 32];
static uint64_t sent[MOST];
static void (*body)(void**);
static void** body_arguments;

__attribute__((noinline)) static void give_way() {
  if (!_setjmp(fibers[now])) _longjmp(home, 1);
}

static void pass_if_complete(Barrier& b) {
  if (b.alive && b.waiting >= b.alive) b.waiting = 0, b.passed++;
}
static void wait_at(Barrier& b) {
  int passed = b.passed;
  b.waiting++;
  pass_if_complete(b);
  while (b.passed == passed) give_way();
}
static void __syncthreads() { wait_at(block_barrier); }
template <class T> static T __shfl_xor_sync(unsigned, T x, int mask) {
  T other;
  memcpy(&sent[now], &x, sizeof x);
  wait_at(warp_barriers[now / 32]);
  memcpy(&other, &sent[(now & ~31) | ((now ^ mask) & 31)], sizeof x);
  wait_at(warp_barriers[now / 32]);
  return other;
}

static void fiber() {
  for (;;) {  // a block after another
    body(body_arguments);
    done[now] = true;
    block_barrier.alive--, warp_barriers[now / 32].alive--;
    pass_if_complete(block_barrier), pass_if_complete(warp_barriers[now / 32]);
    give_way();
  }
}

__attribute__((noinline)) static void give_turn(int i) {
  now = i, threadIdx = {(unsigned)i, 0, 0};
  if (_setjmp(home)) return;
  if (stacks[i]) _longjmp(fibers[i], 1);
  stacks[i] = (char*)malloc(STACK);
  getcontext(&starts[i]);
  starts[i].uc_stack.ss_sp = stacks[i], starts[i].uc_stack.ss_size = STACK;
  makecontext(&starts[i], fiber, 0);
  setcontext(&starts[i]);
}

static void run(void (*kernel)(void**), void** arguments, Index grid, Index block) {
  int count = block.x;
  gridDim = grid, blockDim = block, body = kernel, body_arguments = arguments;
  for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
      block_barrier = {0, count, 0};
      for (int i = 0; i < count; i += 32)
        warp_barriers[i / 32] = {0, count - i < 32 ? count - i : 32, 0};
      memset(done, 0, sizeof done);
      for (int left = count; left;) {
        left = 0;
        for (int i = 0; i < count; i++)
          if (!done[i]) left++, give_turn(i);
      }
    }
}

// Every argument is eight bytes: a pointer, a long long or a double.
template <class... P, size_t... I>
static void call(void (*kernel)(P...), void** arguments, std::index_sequence<I...>) {
  kernel(*(P*)arguments[I]...);
}
template <class... P> static constexpr size_t count_of(void (*)(P...)) { return sizeof...(P); }
