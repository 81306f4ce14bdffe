// LAPACK and BLAS of a library that is found at run time: the addresses of its routines, and how they
// are called. Nothing is loaded before the first call.
#pragma once

#include <bit>
#include <complex>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/tensor.h"

namespace tl {

// What PyTorch raises as torch.linalg.LinAlgError: a matrix that is singular, not positive-definite …
class LinAlgError : public Error {
 public:
  explicit LinAlgError(std::string message) : Error(ErrorKind::runtime, std::move(message)) {}
};

enum class Routine : uint8_t {
  trsm,
  getrf,
  getrs,
  getri,
  potrf,
  geqrf,
  orgqr,
  ormqr,
  gesdd,
  gesvd,
  syevd,
  geev,
  gelsy,
  gelsd,
  gelss,
  gels,
  sytrf,
  hetrf,
  sytrs,
  hetrs,
  count
};

// Arguments go by pointer, as Fortran has them. Integers are kept in 64 bits: a library of 32-bit integers
// reads and writes the lower half, which comes first.
static_assert(std::endian::native == std::endian::little);

class Lapack {
 public:
  bool wide = false;  // 64-bit integers
  void* address[size_t(Routine::count)][4] = {};

  template <class... P>
  void operator()(Routine r, DType t, P... p) const {
    // Behind the arguments the lengths of strings, where the compiler of the library expects them.
    using F = void (*)(P..., size_t, size_t, size_t);
    reinterpret_cast<F>(address[size_t(r)][int(t) - int(DType::Float32)])(p..., 1, 1, 1);
  }
  // An integer that a routine wrote, and one in an array of them.
  int64_t read(const int64_t& v) const { return wide ? v : reinterpret_cast<const int32_t*>(&v)[0]; }
  int64_t read(const int64_t* array, int64_t i) const {
    return wide ? array[i] : reinterpret_cast<const int32_t*>(array)[i];
  }
  void write(int64_t* array, int64_t i, int64_t v) const {
    if (wide) {
      array[i] = v;
    } else {
      reinterpret_cast<int32_t*>(array)[i] = int32_t(v);
    }
  }
};

// Loaded on the first call; a RuntimeError that says what to install where there is none.
const Lapack& lapack();
// Set by the Python layer: fills the addresses of the routines of these names.
extern void (*lapack_loader)(Lapack& into, const std::vector<std::string>& names);

// Memory of a routine's own, sized by its answer to a query.
class Workspace {
 public:
  explicit Workspace(DType dtype) : dtype_(dtype), memory_(new char[16]) {}
  void* data() { return memory_.get(); }
  int64_t query = -1;
  int64_t size = 0;  // in elements
  // After a call with `query` for the length: makes room for what it wrote.
  void grow() {
    double n = to_real(dtype_) == DType::Float64 ? *reinterpret_cast<double*>(memory_.get())
                                                 : double(*reinterpret_cast<float*>(memory_.get()));
    reserve(int64_t(n) + 1);
  }
  void reserve(int64_t n) {
    size = n > 1 ? n : 1;
    memory_.reset(new char[size_t(size) * item_size(dtype_)]);
  }

 private:
  DType dtype_;
  std::unique_ptr<char[]> memory_;
};

// f(i) for each of a batch of matrices; small ones are shared between threads, and other Python threads
// run meanwhile where it takes long. `cost` is the number of multiplications of one.
template <class F>
void for_each_matrix(int64_t batch, double cost, F&& f) {
  const int64_t grain = std::max<int64_t>(1, int64_t(1e5 / (cost + 500)));
  std::optional<BlockingRegion> unlocked;
  if (batch <= grain && cost * double(batch) > 5e4) unlocked.emplace();
  parallel_for(batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// The type of the elements, one of the four that LAPACK has.
template <class F>
decltype(auto) dispatch_lapack(DType t, F&& f) {
  switch (t) {
    case DType::Float32:
      return f(TypeTag<float>{});
    case DType::Float64:
      return f(TypeTag<double>{});
    case DType::Complex64:
      return f(TypeTag<std::complex<float>>{});
    default:
      return f(TypeTag<std::complex<double>>{});
  }
}

}  // namespace tl
