// Random generators: the Mersenne Twister (Matsumoto and Nishimura, 1998) seeded and consumed as
// PyTorch does, so that one seed gives both libraries the same numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "core/error.h"

namespace tl {

// The engine alone: plain data that kernels read in blocks.
struct Mt19937 {
  static constexpr int size = 624;
  uint32_t state[size];
  // `left - 1` words are still to be had from state[next …]; a freshly seeded engine has none.
  int32_t left;
  uint32_t next;

  void seed(uint64_t value);
  void refill();
  static uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }
  uint32_t operator()() {
    if (--left == 0) refill();
    return temper(state[next++]);
  }
};

class Generator {
 public:
  static constexpr uint64_t default_seed = 67280421310721;
  explicit Generator(uint64_t seed = default_seed) { manual_seed(seed); }
  Generator(const Generator&) = delete;

  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return seed_; }
  // A seed from the system's entropy, which is also set.
  uint64_t seed();

  // The whole state in PyTorch's byte format.
  static constexpr size_t state_bytes = 5056;
  void get_state(uint8_t* out) const;
  void set_state(const uint8_t* in);
  void copy_from(const Generator& other);

  uint32_t random() { return engine(); }
  uint64_t random64() {
    uint64_t high = engine();
    return high << 32 | engine();
  }
  // In [0, 1), with 53 bits.
  double uniform() { return double(random64() & ((uint64_t(1) << 53) - 1)) * 0x1p-53; }

  Mt19937 engine;
  // Normal values come in pairs: the second one is kept for the next call.
  double next_normal = 0;
  float next_float_normal = 0;
  bool has_next_normal = false;
  bool has_next_float_normal = false;

  // Held while numbers are drawn. The GIL must not be waited for meanwhile.
  std::mutex mutex;

 private:
  uint64_t seed_ = 0;
};

// The generator of calls that name none.
Generator& default_generator();

}  // namespace tl
