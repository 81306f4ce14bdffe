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

// One where a uniform 53-bit value (two words) is below p, zero elsewhere.
TL_KERNEL_SLOT(bernoulli_values, void (*)(DType dtype, const uint32_t* words, void* out, int64_t n, double p));

// Uniform values in [0, 1) in double precision, two words each.
TL_KERNEL_SLOT(uniform_doubles, void (*)(const uint32_t* words, double* out, int64_t n));

}  // namespace tl::kernels
