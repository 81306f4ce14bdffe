// Random numbers in blocks: the Mersenne Twister's words, and what distributions make of them.
#pragma once

#include "core/dtype.h"
#include "core/generator.h"
#include "kernels/slot.h"

namespace tl::kernels {

// The next `n` words of the stream.
TL_KERNEL_SLOT(random_words, void (*)(Mt19937& engine, uint32_t* out, int64_t n));

// Uniform values from one word each (two for float64): from + u * (to - from), or `from` where that
// reaches `limit`. Floats are float32 or float64 here and below; others are converted from float32.
struct UniformArgs {
  const uint32_t* words;
  void* out;
  int64_t n;
  double from, to, limit;
};
TL_KERNEL_SLOT(uniform_values, void (*)(bool is_double, const UniformArgs& args));

// Normal values in groups of 16, each from 16 words (32 for float64): the first eight of a group are
// radii, the last eight angles, as PyTorch fills contiguous tensors.
struct NormalArgs {
  const uint32_t* words;
  void* out;
  int64_t groups;
  double mean, std;
};
TL_KERNEL_SLOT(normal_groups, void (*)(bool is_double, const NormalArgs& args));

// Pairs of standard normal values, each pair from four words: angle, then radius.
TL_KERNEL_SLOT(normal_pairs, void (*)(const uint32_t* words, double* out, int64_t pairs));

// `words` (pairs of them if `wide`) modulo `range`, plus `base`. A range of 0 stands for 2**64.
struct IntegerArgs {
  const uint32_t* words;
  int64_t* out;
  int64_t n;
  uint64_t range;
  int64_t base;
  bool wide;
};
TL_KERNEL_SLOT(random_integers, void (*)(const IntegerArgs& args));

// words[i] %= divisor - i, for a divisor of at least n.
TL_KERNEL_SLOT(falling_remainders, void (*)(uint32_t* words, int64_t n, uint32_t divisor));

// `one` where a uniform 53-bit value (two words) is below p, `zero` elsewhere, as elements of 1, 2, 4
// or 8 bytes.
struct BernoulliArgs {
  const uint32_t* words;
  void* out;
  int64_t n;
  double p;
  uint64_t zero, one;
};
TL_KERNEL_SLOT(bernoulli_values, void (*)(size_t item_size, const BernoulliArgs& args));

// Whether a uniform value is below its own p, as bytes: from 24 bits of a word and a float32, or from
// 53 bits of two words and a float64.
TL_KERNEL_SLOT(bernoulli_each, void (*)(bool is_double, const uint32_t* words, const void* p, uint8_t* out, int64_t n));

// Doubles from two words each. exponential: of the rate a. geometric: the first success of trials
// with the probability a. cauchy: around a, of the scale b.
enum class DoubleDraw : uint8_t { exponential, geometric, cauchy };
TL_KERNEL_SLOT(draw_doubles,
               void (*)(DoubleDraw kind, const uint32_t* words, double* out, int64_t n, double a, double b));

}  // namespace tl::kernels
