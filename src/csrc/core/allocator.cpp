#include "core/allocator.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/tls.h"

#if defined(__SANITIZE_ADDRESS__)
#define TL_POOLED 0  // every object from malloc, so that the sanitizer sees its bounds and its end
#else
#define TL_POOLED 1
#endif

namespace tl {

namespace {

// Small objects: classes of 64 bytes, each a singly linked list per thread. A thread that frees more
// than it allocates gives the surplus back to malloc.
constexpr size_t class_bytes = 64;
constexpr size_t class_count = small_limit / class_bytes;
constexpr uint32_t class_keep = 4096;

struct FreeObject {
  FreeObject* next;
};
struct SmallCache {
  FreeObject* heads[class_count];
  uint32_t counts[class_count];
  bool closed;  // the thread is ending: objects freed from now on go to malloc
};
TL_THREAD_LOCAL SmallCache small_cache{};

struct SmallCacheCleaner {
  bool armed = false;
  ~SmallCacheCleaner() {
    small_cache.closed = true;
    for (FreeObject*& head : small_cache.heads) {
      while (head != nullptr) {
        FreeObject* next = head->next;
        std::free(head);
        head = next;
      }
    }
  }
};
thread_local SmallCacheCleaner cleaner;

[[gnu::noinline]] void* refill(size_t cls) {
  cleaner.armed = true;  // constructs it, so that the cache is emptied when the thread ends
  void* p = std::malloc((cls + 1) * class_bytes);
  TL_CHECK_KIND(out_of_memory, p != nullptr, "out of memory: cannot allocate ", (cls + 1) * class_bytes, " bytes");
  return p;
}

// Data blocks: sizes rounded up to an eighth of a power of two, so that a training loop whose shapes
// vary a little still hits the cache.
constexpr size_t alignment = 64;
constexpr size_t cache_limit = size_t(1) << 30;

size_t rounded(size_t n) {
  if (n <= 4096) return (n + alignment - 1) & ~(alignment - 1);
  size_t top = size_t(1) << (63 - __builtin_clzll(n));
  size_t step = top >> 3;
  return (n + step - 1) & ~(step - 1);
}

struct BlockCache {
  std::mutex mutex;
  std::unordered_map<size_t, std::vector<void*>> free_blocks;
  size_t cached = 0;
};
BlockCache& block_cache() {
  static BlockCache* cache = new BlockCache;  // never destroyed: tensors may outlive static teardown
  return *cache;
}

std::atomic<int64_t> allocated{0};
std::atomic<int64_t> allocated_peak{0};

void* aligned_malloc(size_t n) {
#if defined(_WIN32)
  return _aligned_malloc(n, alignment);
#else
  return std::aligned_alloc(alignment, n);
#endif
}
void aligned_release(void* p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  std::free(p);
#endif
}

}  // namespace

void* small_alloc(size_t size) {
  size_t cls = (size - 1) / class_bytes;
#if TL_POOLED
  SmallCache& cache = small_cache;
  if (FreeObject* p = cache.heads[cls]) [[likely]] {
    cache.heads[cls] = p->next;
    --cache.counts[cls];
    return p;
  }
#endif
  return refill(cls);
}

void small_free(void* p, size_t size) noexcept {
#if TL_POOLED
  size_t cls = (size - 1) / class_bytes;
  SmallCache& cache = small_cache;
  if (cache.counts[cls] < class_keep && !cache.closed) [[likely]] {
    auto* object = static_cast<FreeObject*>(p);
    object->next = cache.heads[cls];
    cache.heads[cls] = object;
    ++cache.counts[cls];
    return;
  }
#else
  (void)size;
#endif
  std::free(p);
}

void* data_alloc(size_t nbytes) {
  if (nbytes == 0) nbytes = 1;
  TL_CHECK_KIND(out_of_memory, nbytes < (size_t(1) << 60), "out of memory: tried to allocate ", nbytes, " bytes");
  size_t size = rounded(nbytes);
  void* p = nullptr;
#if TL_POOLED
  {
    BlockCache& cache = block_cache();
    std::lock_guard lock(cache.mutex);
    auto it = cache.free_blocks.find(size);
    if (it != cache.free_blocks.end() && !it->second.empty()) {
      p = it->second.back();
      it->second.pop_back();
      cache.cached -= size;
    }
  }
#endif
  if (p == nullptr) p = aligned_malloc(size);
  if (p == nullptr) {
    empty_cache();
    p = aligned_malloc(size);
  }
  TL_CHECK_KIND(out_of_memory, p != nullptr, "out of memory: tried to allocate ", nbytes, " bytes");
  int64_t now = allocated.fetch_add(int64_t(size), std::memory_order_relaxed) + int64_t(size);
  int64_t peak = allocated_peak.load(std::memory_order_relaxed);
  while (now > peak && !allocated_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  return p;
}

void data_free(void* p, size_t nbytes) noexcept {
  size_t size = rounded(nbytes == 0 ? 1 : nbytes);
  allocated.fetch_sub(int64_t(size), std::memory_order_relaxed);
#if TL_POOLED
  BlockCache& cache = block_cache();
  {
    std::lock_guard lock(cache.mutex);
    if (cache.cached + size <= cache_limit) {
      try {
        cache.free_blocks[size].push_back(p);
        cache.cached += size;
        return;
      } catch (const std::bad_alloc&) {
      }
    }
  }
#endif
  aligned_release(p);
}

MemoryStats memory_stats() {
  BlockCache& cache = block_cache();
  std::lock_guard lock(cache.mutex);
  return {allocated.load(), allocated_peak.load(), int64_t(cache.cached)};
}

void reset_peak_memory() { allocated_peak.store(allocated.load()); }

void empty_cache() {
  BlockCache& cache = block_cache();
  std::lock_guard lock(cache.mutex);
  for (auto& [size, blocks] : cache.free_blocks) {
    for (void* p : blocks) aligned_release(p);
  }
  cache.free_blocks.clear();
  cache.cached = 0;
}

}  // namespace tl
