#include "kernels/gemm_other.h"

#include <algorithm>
#include <type_traits>

#include "core/allocator.h"
#include "core/parallel.h"

namespace tl::kernels {

namespace {

template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t n) : bytes_(size_t(n) * sizeof(T)), data_(static_cast<T*>(data_alloc(bytes_))) {}
  ~Buffer() { data_free(data_, bytes_); }
  Buffer(const Buffer&) = delete;
  T* get() const { return data_; }

 private:
  size_t bytes_;
  T* data_;
};

// --- float16, bfloat16 ---------------------------------------------------------------------------

template <class T>
void widen(const T* from, MatrixStrides s, int64_t rows, int64_t columns, float* to) {
  // Along the contiguous dim, wherever it is.
  if (s.column != 1 && s.row == 1 && rows > 1) {
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t i = 0; i < rows; ++i) to[i * columns + j] = convert<float>(from[i + j * s.column]);
    }
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    const T* line = from + i * s.row;
    if (s.column == 1) {
      for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = convert<float>(line[j]);
    } else {
      for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = convert<float>(line[j * s.column]);
    }
  }
}

template <class T>
void gemm_half(const GemmArgs& g) {
  // An operand that all products of a batch share is widened once.
  const bool shared_b = g.b_strides.batch == 0;
  const Buffer<float> b(g.k * g.n + 1);
  if (shared_b) widen(static_cast<const T*>(g.b), g.b_strides, g.k, g.n, b.get());
  const Buffer<float> a(g.m * g.k + 1), c(g.m * g.n), d(g.d != nullptr ? g.m * g.n : 1);
  for (int64_t i = 0; i < g.batch; ++i) {
    widen(static_cast<const T*>(g.a) + i * g.a_strides.batch, g.a_strides, g.m, g.k, a.get());
    if (!shared_b) widen(static_cast<const T*>(g.b) + i * g.b_strides.batch, g.b_strides, g.k, g.n, b.get());
    GemmArgs f;
    f.m = g.m;
    f.n = g.n;
    f.k = g.k;
    f.a = a.get();
    f.a_strides = {0, g.k, 1};
    f.b = b.get();
    f.b_strides = {0, g.n, 1};
    f.c = c.get();
    f.c_strides = f.d_strides = {0, g.n, 1};
    f.alpha = g.alpha;
    f.beta = g.beta;
    f.relu = g.relu;
    if (g.d != nullptr) {
      widen(static_cast<const T*>(g.d) + i * g.d_strides.batch, g.d_strides, g.m, g.n, d.get());
      f.d = d.get();
    }
    gemm(f);
    T* to = static_cast<T*>(g.c) + i * g.c_strides.batch;
    for (int64_t r = 0; r < g.m; ++r) {
      for (int64_t j = 0; j < g.n; ++j)
        to[r * g.c_strides.row + j * g.c_strides.column] = convert<T>(c.get()[r * g.n + j]);
    }
  }
}

// --- integers and complex numbers ----------------------------------------------------------------

// Written out: the compiler's complex product looks for infinities.
template <class T>
struct Number {
  using Sum = std::conditional_t<sizeof(T) <= 4, uint32_t, uint64_t>;  // wraps around
  static Sum product(Sum x, Sum y) { return Sum(x * y); }
};
template <class R>
struct Number<std::complex<R>> {
  using Sum = std::complex<R>;
  static Sum product(Sum x, Sum y) {
    return Sum(x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real());
  }
};

template <class T>
void line_of_products(const GemmArgs& g, int64_t batch, int64_t i, typename Number<T>::Sum* sums) {
  using N = Number<T>;
  using Sum = typename N::Sum;
  const T* a = static_cast<const T*>(g.a) + batch * g.a_strides.batch + i * g.a_strides.row;
  const T* b = static_cast<const T*>(g.b) + batch * g.b_strides.batch;
  auto read = [](T x, bool conj) {
    if constexpr (is_complex(DTypeOf<T>::value)) {
      return conj ? Sum(x.real(), -x.imag()) : x;
    } else {
      (void)conj;
      return Sum(x);
    }
  };
  for (int64_t j = 0; j < g.n; ++j) sums[j] = Sum(0);
  if (g.b_strides.column == 1) {
    for (int64_t l = 0; l < g.k; ++l) {
      const Sum x = read(a[l * g.a_strides.column], g.conj_a);
      const T* line = b + l * g.b_strides.row;
      for (int64_t j = 0; j < g.n; ++j) sums[j] += N::product(x, read(line[j], g.conj_b));
    }
  } else {
    for (int64_t j = 0; j < g.n; ++j) {
      const T* column = b + j * g.b_strides.column;
      Sum sum(0);
      for (int64_t l = 0; l < g.k; ++l) {
        sum += N::product(read(a[l * g.a_strides.column], g.conj_a), read(column[l * g.b_strides.row], g.conj_b));
      }
      sums[j] = sum;
    }
  }
  const Sum alpha = g.alpha == nullptr ? Sum(1) : Sum(g.alpha->to<T>());
  const Sum beta = g.beta == nullptr ? Sum(1) : Sum(g.beta->to<T>());
  T* c = static_cast<T*>(g.c) + batch * g.c_strides.batch + i * g.c_strides.row;
  const T* d = static_cast<const T*>(g.d);
  if (d != nullptr) d += batch * g.d_strides.batch + i * g.d_strides.row;
  for (int64_t j = 0; j < g.n; ++j) {
    Sum v = N::product(alpha, sums[j]);
    if (d != nullptr) v += N::product(beta, Sum(d[j * g.d_strides.column]));
    c[j * g.c_strides.column] = T(v);
  }
}

template <class T>
void gemm_plain(const GemmArgs& g) {
  const int64_t work = std::max<int64_t>(1, g.n * g.k);
  parallel_for(g.batch * g.m, std::max<int64_t>(1, (int64_t(1) << 17) / work), [&](int64_t begin, int64_t end) {
    const Buffer<typename Number<T>::Sum> sums(g.n);
    for (int64_t i = begin; i < end; ++i) line_of_products<T>(g, i / g.m, i % g.m, sums.get());
  });
}

void gemm_other_impl(const GemmArgs& g) {
  switch (g.dtype) {
    case DType::Float16:
      return gemm_half<Half>(g);
    case DType::BFloat16:
      return gemm_half<BFloat16>(g);
    case DType::Complex64:
      return gemm_plain<std::complex<float>>(g);
    case DType::Complex128:
      return gemm_plain<std::complex<double>>(g);
    default:
      return dispatch_integral(g.dtype, [&](auto tag) { gemm_plain<typename decltype(tag)::type>(g); });
  }
}

}  // namespace

TL_KERNEL(gemm_other, &gemm_other_impl);

}  // namespace tl::kernels
