// Memory: a per-thread free list for small objects, and a cache of large blocks for tensor data.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tl {

// Objects up to small_limit bytes: tensors with their data, graph nodes. A few nanoseconds a call.
// `size` at the free must be the size asked for.
inline constexpr size_t small_limit = 1024;
void* small_alloc(size_t size);
void small_free(void* p, size_t size) noexcept;

// Tensor data: 64-byte aligned, cached after release because the page faults of a fresh large block
// cost more than the arithmetic done on it. Throws ErrorKind::out_of_memory.
void* data_alloc(size_t nbytes);
void data_free(void* p, size_t nbytes) noexcept;

struct MemoryStats {
  int64_t allocated;       // bytes of tensor data in use
  int64_t allocated_peak;  // its highest value so far
  int64_t cached;          // bytes kept for reuse
};
MemoryStats memory_stats();
void reset_peak_memory();
void empty_cache();

}  // namespace tl
