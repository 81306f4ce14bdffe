// float16 and bfloat16: stored exactly, computed through float32, rounded to nearest even.
#pragma once

#include <bit>
#include <cstdint>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#if defined(_MSC_VER)
#define TL_INLINE static __forceinline
#else
#define TL_INLINE static inline __attribute__((always_inline))
#endif

namespace tl {

TL_INLINE float half_to_float(uint16_t h) {
#if defined(__F16C__)
  return _cvtsh_ss(h);
#else
  uint32_t sign = uint32_t(h & 0x8000u) << 16;
  uint32_t mag = h & 0x7fffu;
  // Rebias by multiplying: exact for normals and subnormals alike.
  float magic = std::bit_cast<float>(uint32_t(239) << 23);  // 2^112
  float f = std::bit_cast<float>(mag << 13) * magic;
  uint32_t bits = std::bit_cast<uint32_t>(f);
  if (mag >= 0x7c00u) bits |= 0x7f800000u | ((mag & 0x3ffu) << 13);
  return std::bit_cast<float>(bits | sign);
#endif
}

TL_INLINE uint16_t float_to_half(float f) {
#if defined(__F16C__)
  return _cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT);
#else
  uint32_t bits = std::bit_cast<uint32_t>(f);
  uint32_t sign = bits & 0x80000000u;
  bits ^= sign;
  uint32_t out;
  if (bits >= (143u << 23)) {  // >= 2^16, inf or nan
    out = bits > (255u << 23) ? 0x7e00u | ((bits >> 13) & 0x1ffu) : 0x7c00u;
  } else if (bits < (113u << 23)) {  // becomes a subnormal or zero
    float denorm = std::bit_cast<float>((127u - 15u + 23u - 10u + 1u) << 23);
    float sum = std::bit_cast<float>(bits) + denorm;
    out = std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(denorm);
  } else {
    out = (bits + ((15u - 127u) << 23) + 0xfffu + ((bits >> 13) & 1u)) >> 13;
  }
  return uint16_t(out | (sign >> 16));
#endif
}

TL_INLINE float bfloat16_to_float(uint16_t b) { return std::bit_cast<float>(uint32_t(b) << 16); }

TL_INLINE uint16_t float_to_bfloat16(float f) {
  uint32_t bits = std::bit_cast<uint32_t>(f);
  if (f != f) return 0x7fc0u;
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Distinct types so that templates can tell them apart; arithmetic happens in float.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

}  // namespace tl
