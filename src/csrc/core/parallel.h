// Work sharing between threads. Work is cut by size alone, never by the number of threads, so that
// results do not depend on it.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tl {

int num_threads();
void set_num_threads(int n);
bool in_parallel_region();

// Called around long stretches of pure computation; the Python layer lets go of the GIL in them.
extern void* (*begin_blocking)();
extern void (*end_blocking)(void* state);
class BlockingRegion {
 public:
  BlockingRegion() : state_(begin_blocking != nullptr ? begin_blocking() : nullptr) {}
  ~BlockingRegion() {
    if (state_ != nullptr) end_blocking(state_);
  }
  BlockingRegion(const BlockingRegion&) = delete;

 private:
  void* state_;
};

namespace detail {
void run_chunks(int64_t n, int64_t grain, void (*body)(void*, int64_t, int64_t), void* context);
}

// Calls f(begin, end) for consecutive pieces of [0, n), each of `grain` items but the last. `grain`
// should be some 50 µs of work; one piece runs on the calling thread at once.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain) {
    f(int64_t(0), n);
    return;
  }
  using Body = std::remove_reference_t<F>;
  detail::run_chunks(
      n, grain, [](void* context, int64_t b, int64_t e) { (*static_cast<Body*>(context))(b, e); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace tl
