// Filling tensors with random numbers, for the files of this family. Without autograd and without
// version counting; the callers check the tensors.
#pragma once

#include <mutex>
#include <optional>

#include "core/generator.h"
#include "core/parallel.h"
#include "core/tensor.h"

namespace tl {

// A generator taken for some draws. Long ones let go of the GIL, and do so before they lock: who
// holds the lock never waits for the GIL.
class Drawing {
 public:
  Drawing(Generator* generator, int64_t numel) : generator_(generator != nullptr ? *generator : default_generator()) {
    if (numel > long_draw) blocking_.emplace();
    lock_ = std::unique_lock(generator_.mutex);
  }
  Generator& operator*() { return generator_; }
  Generator* operator->() { return &generator_; }

 private:
  static constexpr int64_t long_draw = 1 << 15;
  Generator& generator_;
  std::optional<BlockingRegion> blocking_;
  std::unique_lock<std::mutex> lock_;
};

void fill_uniform(const Tensor& self, double from, double to, Generator* generator);
// As PyTorch draws: contiguous tensors of 16 elements and more in groups, others one by one.
void fill_normal(const Tensor& self, double mean, double std, Generator* generator);
void fill_bernoulli(const Tensor& self, double p, Generator* generator);
// Fails where an element is no probability, or is of no floating dtype.
void check_probabilities(const Tensor& p);
// With the probabilities of a tensor of the same shape, which were checked.
void fill_bernoulli(const Tensor& self, const Tensor& p, Generator* generator);
// The same with other values than zero and one, given as the bits of elements.
void fill_bernoulli(const Tensor& self, double p, uint64_t zero, uint64_t one, Generator* generator);
// The bits of `value` as an element of at most 8 bytes.
uint64_t bits_of(double value, DType dtype);
// Values in [base, base + range), a range of 0 standing for 2**64, from one or two words each.
void fill_integers(const Tensor& self, uint64_t range, int64_t base, bool wide, Generator* generator);

void fill_exponential(const Tensor& self, double rate, Generator* generator);

// Normal values one by one, in pairs of which the second may wait for the next call.
class NormalSource {
 public:
  explicit NormalSource(Generator& generator) : generator_(generator) {}
  void draw(double* out, int64_t n, double mean, double std);

 private:
  Generator& generator_;
};

// Calls draw(Generator&, double* out, n) for pieces of the tensor and converts what it gave.
void fill_from_doubles(const Tensor& self, Generator* generator,
                       void (*draw)(void* context, Generator& g, double* out, int64_t n), void* context);
template <class F>
void fill_from_doubles(const Tensor& self, Generator* generator, F&& draw) {
  using Draw = std::remove_reference_t<F>;
  fill_from_doubles(
      self, generator,
      [](void* context, Generator& g, double* out, int64_t n) { (*static_cast<Draw*>(context))(g, out, n); }, &draw);
}

struct NumberLimits {
  double low, high;  // what the type holds
  int exact_bits;    // of floats: integers up to 2**exact_bits are exact; 0 for integers
  const char* name;  // in C++
};
NumberLimits limits_of(DType dtype);
// The check of random_ and randint, which warns where a float type skips integers.
void check_integer_bounds(int64_t first, int64_t last, DType dtype);
void fill_integers_between(const Tensor& self, int64_t from, int64_t to, Generator* generator);

// Calls f(out, n) for pieces of at most `piece` elements in memory order, with `out` contiguous;
// what was written is put in its place.
template <class F>
void fill_pieces(const Tensor& self, int64_t piece, F&& f);

}  // namespace tl

#include "core/strided.h"

namespace tl {

template <class F>
void fill_pieces(const Tensor& self, int64_t piece, F&& f) {
  size_t size = item_size(self.dtype());
  int64_t numel = self.numel();
  if (self.is_contiguous() || is_non_overlapping_and_dense(self)) {
    char* out = self.bytes();
    for (int64_t i = 0; i < numel; i += piece)
      f(static_cast<void*>(out + size_t(i) * size), std::min(piece, numel - i));
    return;
  }
  // Pieces are filled before they are handed out along the runs, so that their lengths do not
  // depend on the layout.
  constexpr size_t most = 4096;
  alignas(64) char buffer[most];
  piece = std::min<int64_t>(piece, int64_t(most / size));
  int64_t left = numel, have = 0, at = 0;
  StridedLoop<1> loop(self.sizes(), {&self});
  loop.run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      if (at == have) {
        have = std::min(piece, left);
        left -= have;
        at = 0;
        f(static_cast<void*>(buffer), have);
      }
      std::memcpy(data[0] + i * strides[0], buffer + size_t(at++) * size, size);
    }
  });
}

}  // namespace tl
