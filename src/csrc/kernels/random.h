// Random numbers in blocks: the Mersenne Twister's words, and what distributions make of them.
#pragma once

#include "core/dtype.h"
#include "core/generator.h"
#include "kernels/slot.h"

namespace tl::kernels {

// The next `n` words of the stream.
TL_KERNEL_SLOT(random_words, void (*)(Mt19937& engine, uint32_t* out, int64_t n));

// Uniform values in [from, to): one word each, two for float64.
struct UniformArgs {
  const uint32_t* words;
  void* out;
  int64_t n;
  double from, to;
};
TL_KERNEL_SLOT(uniform_values, void (*)(DType dtype, const UniformArgs& args));

// Normal values in groups of 16, each from 16 words (32 for float64): the first eight of a group are
// radii, the last eight angles, as PyTorch fills contiguous tensors.
struct NormalArgs {
  const uint32_t* words;
  void* out;
  int64_t groups;
  double mean, std;
};
TL_KERNEL_SLOT(normal_groups, void (*)(DType dtype, const NormalArgs& args));

// Pairs of standard normal values, each pair from four words: angle, then radius.
TL_KERNEL_SLOT(normal_pairs, void (*)(const uint32_t* words, double* out, int64_t pairs));

// `words` (pairs of them if `wide`) modulo `range`, plus `base`, converted. A range of 0 stands for
// 2**64.
struct IntegerArgs {
  const uint32_t* words;
  void* out;
  int64_t n;
  uint64_t range;
  int64_t base;
  bool wide;
};
TL_KERNEL_SLOT(random_integers, void (*)(DType dtype, const IntegerArgs& args));

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

// Doubles from two words each: uniform in [0, 1); exponential with the rate `parameter`; the first
// success of trials with the probability `parameter`.
enum class DoubleDraw : uint8_t { uniform, exponential, geometric };
TL_KERNEL_SLOT(draw_doubles, void (*)(DoubleDraw kind, const uint32_t* words, double* out, int64_t n, double parameter));

}  // namespace tl::kernels
