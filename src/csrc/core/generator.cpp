#include "core/generator.h"

#include <cstring>
#include <random>

namespace tl {

namespace {

constexpr int shift = 397;

// PyTorch's record: what its own generator of 2012 kept, then a float's spare normal.
struct StateRecord {
  uint64_t seed;
  int32_t left;
  int32_t seeded;
  uint64_t next;
  uint64_t state[Mt19937::size];
  double normal_x;
  double normal_y;
  double normal_rho;
  int32_t normal_is_valid;
  int32_t padding;
  float next_float_normal;
  uint8_t float_normal_is_valid;
  uint8_t more_padding[3];
};
static_assert(sizeof(StateRecord) == Generator::state_bytes);

uint32_t twist(uint32_t u, uint32_t v) {
  uint32_t y = (u & 0x80000000u) | (v & 0x7fffffffu);
  return (y >> 1) ^ ((0u - (v & 1u)) & 0x9908b0dfu);
}

}  // namespace

void Mt19937::seed(uint64_t value) {
  state[0] = uint32_t(value);
  for (uint32_t i = 1; i < size; ++i) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
  left = 1;
  next = 0;
}

void Mt19937::refill() {
  for (int i = 0; i < size - shift; ++i) state[i] = state[i + shift] ^ twist(state[i], state[i + 1]);
  for (int i = size - shift; i < size - 1; ++i) state[i] = state[i + shift - size] ^ twist(state[i], state[i + 1]);
  state[size - 1] = state[shift - 1] ^ twist(state[size - 1], state[0]);
  left = size;
  next = 0;
}

void Generator::manual_seed(uint64_t seed) {
  seed_ = seed;
  engine.seed(seed);
  has_next_normal = has_next_float_normal = false;
}

uint64_t Generator::seed() {
  std::random_device device;
  uint64_t value = (uint64_t(device()) << 32 | device()) & ((uint64_t(1) << 53) - 1);
  manual_seed(value);
  return value;
}

void Generator::get_state(uint8_t* out) const {
  StateRecord r;
  std::memset(&r, 0, sizeof r);
  r.seed = seed_;
  r.left = engine.left;
  r.seeded = 1;
  r.next = engine.next;
  for (int i = 0; i < Mt19937::size; ++i) r.state[i] = engine.state[i];
  if (has_next_normal) {
    r.normal_y = next_normal;
    r.normal_is_valid = 1;
  }
  if (has_next_float_normal) {
    r.next_float_normal = next_float_normal;
    r.float_normal_is_valid = 1;
  }
  std::memcpy(out, &r, sizeof r);
}

void Generator::set_state(const uint8_t* in) {
  StateRecord r;
  std::memcpy(&r, in, sizeof r);
  // Whatever the bytes say, the next draw must stay inside the array.
  TL_CHECK(r.left > 0 && r.left <= Mt19937::size && r.next <= uint64_t(Mt19937::size) &&
               uint64_t(r.left - 1) + r.next <= uint64_t(Mt19937::size),
           "Invalid mt19937 state");
  seed_ = r.seed;
  engine.left = r.left;
  engine.next = uint32_t(r.next);
  for (int i = 0; i < Mt19937::size; ++i) engine.state[i] = uint32_t(r.state[i]);
  has_next_normal = r.normal_is_valid != 0;
  next_normal = r.normal_y;
  has_next_float_normal = r.float_normal_is_valid != 0;
  next_float_normal = r.next_float_normal;
}

void Generator::copy_from(const Generator& other) {
  seed_ = other.seed_;
  engine = other.engine;
  next_normal = other.next_normal;
  next_float_normal = other.next_float_normal;
  has_next_normal = other.has_next_normal;
  has_next_float_normal = other.has_next_float_normal;
}

Generator& default_generator() {
  static auto* const generator = new Generator;
  return *generator;
}

}  // namespace tl
