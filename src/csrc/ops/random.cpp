// Random tensors: rand, randn, randint, randperm, their _like forms, and the fills behind them.
#include "ops/random.h"

#include <cmath>

#include "autograd/record.h"
#include "core/strided.h"
#include "kernels/copy.h"
#include "kernels/random.h"
#include "ops/copy.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace tl {

namespace {

#if defined(_MSC_VER)
#define TL_PREFETCH(address) (void)(address)
#else
#define TL_PREFETCH(address) __builtin_prefetch(address, 1)
#endif

constexpr int64_t words_at_once = 2048;

// The real numbers that a complex tensor is made of.
Tensor as_reals(const Tensor& self) {
  if (!is_complex(self.dtype())) return self;
  Dims sizes(self.sizes()), strides(self.strides());
  for (int64_t& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  self->storage->retain();
  return from_storage(self->storage, sizes, strides, self->offset * 2, to_real(self.dtype()));
}

// Fills by a kernel that takes `words_each` words an element.
template <class F>
void fill_from_words(const Tensor& self, int words_each, Generator* generator, F&& kernel) {
  Drawing drawing(generator, self.numel());
  alignas(64) uint32_t words[words_at_once];
  fill_pieces(self, words_at_once / words_each, [&](void* out, int64_t n) {
    kernels::random_words(drawing->engine, words, n * words_each);
    kernel(words, out, n);
  });
}

// Memory for `n` values of `made`, which are then put into `out` as `wanted`.
class Converted {
 public:
  Converted(DType made, DType wanted, void* out, int64_t n) : made_(made), wanted_(wanted), out_(out), n_(n) {}
  ~Converted() {
    if (made_ == wanted_) return;
    kernels::convert_run(wanted_, static_cast<char*>(out_), int64_t(item_size(wanted_)), made_, buffer_,
                         int64_t(item_size(made_)), n_);
  }
  void* data() { return made_ == wanted_ ? out_ : buffer_; }

 private:
  DType made_, wanted_;
  void* out_;
  int64_t n_;
  alignas(64) char buffer_[words_at_once * 8];
};
DType computed_in(DType dtype) { return dtype == DType::Float64 ? DType::Float64 : DType::Float32; }

// The smallest float that becomes `to`, or more, when it is rounded to T.
template <class T>
float rounds_to(float to) {
  const T last = convert<T>(to);
  // Its neighbour below: nearer to zero for positive values.
  T before = last;
  before.bits = uint16_t((last.bits & 0x7fff) == 0 ? 0x8001 : last.bits & 0x8000 ? last.bits + 1 : last.bits - 1);
  float middle = (convert<float>(before) + convert<float>(last)) / 2;
  return convert<float>(convert<T>(middle)) >= convert<float>(last) ? middle : std::nextafter(middle, INFINITY);
}

}  // namespace

void fill_uniform(const Tensor& self, double from, double to, Generator* generator) {
  Tensor t = as_reals(self);
  const DType dtype = t.dtype(), made = computed_in(dtype);
  const bool is_double = made == DType::Float64;
  // What rounds up to the end of the range becomes its beginning.
  double limit = is_double                  ? to
                 : dtype == DType::Float16  ? rounds_to<Half>(float(to))
                 : dtype == DType::BFloat16 ? rounds_to<BFloat16>(float(to))
                                            : float(to);
  fill_from_words(t, is_double ? 2 : 1, generator, [&](const uint32_t* words, void* out, int64_t n) {
    Converted values(made, dtype, out, n);
    kernels::uniform_values(is_double, kernels::UniformArgs{words, values.data(), n, from, to, limit});
  });
}

uint64_t bits_of(double value, DType dtype) {
  uint64_t bits = 0;
  dispatch_all(dtype, [&]<class T>(TypeTag<T>) {
    if constexpr (sizeof(T) <= 8) {
      T element = convert<T>(value);
      std::memcpy(&bits, &element, sizeof element);
    }
  });
  return bits;
}
void fill_bernoulli(const Tensor& self, double p, uint64_t zero, uint64_t one, Generator* generator) {
  size_t item = item_size(self.dtype());
  fill_from_words(self, 2, generator, [&](const uint32_t* words, void* out, int64_t n) {
    kernels::bernoulli_values(item, kernels::BernoulliArgs{words, out, n, p, zero, one});
  });
}
void fill_bernoulli(const Tensor& self, double p, Generator* generator) {
  fill_bernoulli(self, p, 0, bits_of(1, self.dtype()), generator);
}

namespace {

// A run of probabilities in the type they are computed in.
constexpr int64_t p_piece = 512;
class Probabilities {
 public:
  explicit Probabilities(DType stored) : stored_(stored), made_(computed_in(stored)) {}
  bool is_double() const { return made_ == DType::Float64; }
  void read(const char* data, int64_t stride, int64_t n) {
    kernels::convert_run(made_, values_, int64_t(item_size(made_)), stored_, data, stride, n);
  }
  const void* data() const { return values_; }
  bool valid(int64_t n) const {
    return is_double() ? between(reinterpret_cast<const double*>(values_), n)
                       : between(reinterpret_cast<const float*>(values_), n);
  }

 private:
  template <class T>
  static bool between(const T* values, int64_t n) {
    bool valid = true;
    for (int64_t i = 0; i < n; ++i) valid &= values[i] >= 0 && values[i] <= 1;
    return valid;
  }
  DType stored_, made_;
  alignas(64) char values_[p_piece * 8];
};

}  // namespace

void check_probabilities(const Tensor& p) {
  TL_CHECK_NOTIMPL(is_floating(p.dtype()), "\"bernoulli_tensor_cpu_p_\" not implemented for '",
                   dtype_legacy_name(p.dtype()), "'");
  Probabilities values(p.dtype());
  StridedLoop<1>(p.sizes(), {&p}).run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
    for (int64_t i = 0; i < n; i += p_piece) {
      int64_t m = std::min(p_piece, n - i);
      values.read(data[0] + i * strides[0], strides[0], m);
      TL_CHECK(values.valid(m), "bernoulli expects all elements of p to be in [0, 1]");
    }
  });
}

void fill_bernoulli(const Tensor& self, const Tensor& p, Generator* generator) {
  Probabilities values(p.dtype());
  const bool is_double = values.is_double();
  Drawing drawing(generator, self.numel());
  StridedLoop<2>(self.sizes(), {&self, &p}).run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
    alignas(64) uint32_t words[2 * p_piece];
    alignas(64) uint8_t drawn[p_piece];
    for (int64_t i = 0; i < n; i += p_piece) {
      int64_t m = std::min(p_piece, n - i);
      kernels::random_words(drawing->engine, words, is_double ? 2 * m : m);
      values.read(data[1] + i * strides[1], strides[1], m);
      kernels::bernoulli_each(is_double, words, values.data(), drawn, m);
      kernels::convert_run(self.dtype(), data[0] + i * strides[0], strides[0], DType::UInt8,
                           reinterpret_cast<char*>(drawn), 1, m);
    }
  });
}

void fill_integers(const Tensor& self, uint64_t range, int64_t base, bool wide, Generator* generator) {
  fill_from_words(self, wide ? 2 : 1, generator, [&](const uint32_t* words, void* out, int64_t n) {
    Converted values(DType::Int64, self.dtype(), out, n);
    kernels::random_integers(kernels::IntegerArgs{words, static_cast<int64_t*>(values.data()), n, range, base, wide});
  });
}
void fill_integers_between(const Tensor& self, int64_t from, int64_t to, Generator* generator) {
  uint64_t range = uint64_t(to) - uint64_t(from);
  fill_integers(self, range, from, range >= (uint64_t(1) << 28), generator);
}

void NormalSource::draw(double* out, int64_t n, double mean, double std) {
  double* const begin = out;
  double* const end = out + n;
  if (out != end && generator_.has_next_normal) {
    *out++ = generator_.next_normal;
    generator_.has_next_normal = false;
  }
  alignas(64) uint32_t words[words_at_once];
  while (end - out >= 2) {
    int64_t pairs = std::min<int64_t>((end - out) / 2, words_at_once / 4);
    kernels::random_words(generator_.engine, words, pairs * 4);
    kernels::normal_pairs(words, out, pairs);
    out += 2 * pairs;
  }
  if (out != end) {
    double pair[2];
    kernels::random_words(generator_.engine, words, 4);
    kernels::normal_pairs(words, pair, 1);
    *out = pair[0];
    generator_.next_normal = pair[1];
    generator_.has_next_normal = true;
  }
  if (mean == 0 && std == 1) return;
  for (double* p = begin; p != end; ++p) *p = *p * std + mean;
}

void fill_from_doubles(const Tensor& self, Generator* generator,
                       void (*draw)(void* context, Generator& g, double* out, int64_t n), void* context) {
  Drawing drawing(generator, self.numel());
  fill_pieces(self, 512, [&](void* out, int64_t n) {
    Converted values(DType::Float64, self.dtype(), out, n);
    draw(context, *drawing, static_cast<double*>(values.data()), n);
  });
}

void fill_normal(const Tensor& self, double mean, double std, Generator* generator) {
  Tensor t = as_reals(self);
  if (is_complex(self.dtype())) std /= std::sqrt(2.0);  // half the variance in each part
  int64_t numel = t.numel();
  if (numel < 16 || !t.is_contiguous()) {
    auto draw = [&](Generator& g, double* out, int64_t n) { NormalSource(g).draw(out, n, mean, std); };
    return fill_from_doubles(t, generator, draw);
  }
  const DType dtype = t.dtype(), made = computed_in(dtype);
  const int words_each = made == DType::Float64 ? 2 : 1;
  const int words_a_group = 16 * words_each;
  Drawing drawing(generator, numel);
  alignas(64) uint32_t words[words_at_once];
  auto draw = [&](int64_t first, int64_t groups) {
    kernels::random_words(drawing->engine, words, groups * words_a_group);
    void* out = t.bytes() + size_t(first) * item_size(dtype);
    Converted values(made, dtype, out, 16 * groups);
    kernels::normal_groups(made == DType::Float64, kernels::NormalArgs{words, values.data(), groups, mean, std});
  };
  int64_t whole = numel / 16;
  for (int64_t g = 0; g < whole;) {
    int64_t groups = std::min<int64_t>(whole - g, words_at_once / words_a_group);
    draw(16 * g, groups);
    g += groups;
  }
  if (int64_t rest = numel % 16; rest != 0) {
    // The last 16 values are drawn anew as one group. Float and double have drawn words for the
    // rest already, which are lost.
    if (!is_reduced_floating(dtype)) kernels::random_words(drawing->engine, words, rest * words_each);
    draw(numel - 16, 1);
  }
}

NumberLimits limits_of(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return {0, 1, 0, "bool"};
    case DType::UInt8:
      return {0, 255, 0, "unsigned char"};
    case DType::Int8:
      return {-128, 127, 0, "signed char"};
    case DType::Int16:
      return {-32768, 32767, 0, "short"};
    case DType::Int32:
      return {-2147483648.0, 2147483647.0, 0, "int"};
    case DType::Float16:
      return {-65504, 65504, 11, "c10::Half"};
    case DType::BFloat16:
      return {-3.3895313892515355e38, 3.3895313892515355e38, 8, "c10::BFloat16"};
    case DType::Float32:
      return {-3.4028234663852886e38, 3.4028234663852886e38, 24, "float"};
    case DType::Float64:
      return {-1.7976931348623157e308, 1.7976931348623157e308, 53, "double"};
    default:
      return {-9223372036854775808.0, 9223372036854775808.0, 0, "int64_t"};
  }
}

namespace {

void check_bound(int64_t bound, const char* what, const NumberLimits& limits) {
  TL_CHECK(double(bound) >= limits.low && double(bound) <= limits.high, what, " is out of bounds for ", limits.name);
  if (limits.exact_bits == 0) return;
  int64_t exact = int64_t(1) << limits.exact_bits;
  if (bound >= -exact && bound <= exact) return;
  std::ostringstream text;
  text << what << " is out of bounds [-(2^" << limits.exact_bits << "), 2^" << limits.exact_bits
       << "]. Due to precision limitations " << limits.name
       << " can support discrete uniform distribution only within this range. This warning will become an error in "
          "version 1.7 release, please fix the code in advance";
  warn(text.str());
}

}  // namespace

void check_integer_bounds(int64_t first, int64_t last, DType dtype) {
  TL_CHECK(!is_complex(dtype), "check_random_bounds handles only integral, floating-point and boolean types");
  const NumberLimits limits = limits_of(dtype);
  check_bound(first, "from", limits);
  check_bound(last, "to - 1", limits);
}

// --- factories ----------------------------------------------------------------------------------

namespace {

using Type = std::optional<DType>;
using Format = std::optional<std::string_view>;

// Where the numbers of a factory go: a new tensor, or `out` in the shape `size`. It is filled in its
// own layout, since that decides which number goes where.
Tensor make(const char* name, IntView size, DType fallback, Type dtype, const Tensor& out) {
  if (!out.defined()) return empty(size, dtype.value_or(fallback));
  TL_CHECK(!dtype || *dtype == out.dtype(), "dtype ", dtype_legacy_name(*dtype),
           " does not match dtype of out parameter (", dtype_legacy_name(out.dtype()), ")");
  TL_CHECK(!needs_grad(out), name,
           "(): functions with out=... arguments don't support automatic differentiation, but one "
           "of the arguments requires grad.");
  checked_numel(size);
  check_inplace(out, name);
  resize_(out, size);
  out.bump_version();
  return out;
}
Tensor make_like(const Tensor& self, Type dtype, Format format) {
  return empty_like(self, dtype.value_or(self.dtype()), format ? *layout_of(*format) : Layout::preserve);
}

void check_floating(DType dtype, const char* kernel) {
  TL_CHECK_NOTIMPL(is_differentiable(dtype), "\"", kernel, "\" not implemented for '", dtype_legacy_name(dtype), "'");
}
DType out_type(const Tensor& out, Type dtype, DType fallback) {
  return out.defined() ? out.dtype() : dtype.value_or(fallback);
}

Tensor rand(IntView size, Generator* g, const Tensor& out, Type dtype) {
  check_floating(out_type(out, dtype, default_dtype()), "check_uniform_bounds");
  Tensor t = make("rand", size, default_dtype(), dtype, out);
  fill_uniform(t, 0, 1, g);
  return t;
}
Tensor randn(IntView size, Generator* g, const Tensor& out, Type dtype) {
  // Where nothing is drawn any dtype will do.
  if (checked_numel(size) != 0) check_floating(out_type(out, dtype, default_dtype()), "normal_kernel_cpu");
  Tensor t = make("randn", size, default_dtype(), dtype, out);
  if (t.numel() != 0) fill_normal(t, 0, 1, g);
  return t;
}

void check_range(int64_t low, int64_t high, DType dtype) {
  TL_CHECK(low < high, "random_ expects 'from' to be less than 'to', but got from=", low, " >= to=", high);
  check_integer_bounds(low, high - 1, dtype);
}
Tensor randint_between(int64_t low, int64_t high, IntView size, Generator* g, const Tensor& out, Type dtype) {
  check_range(low, high, out_type(out, dtype, DType::Int64));
  Tensor t = make("randint", size, DType::Int64, dtype, out);
  fill_integers_between(t, low, high, g);
  return t;
}
Tensor randint(int64_t high, IntView size, Generator* g, const Tensor& out, Type dtype) {
  return randint_between(0, high, size, g, out, dtype);
}

// Fisher and Yates, forwards.
template <class T>
void shuffle(T* values, int64_t n, Generator& g) {
  for (int64_t i = 0; i < n; ++i) values[i] = convert<T>(i);
  if (uint64_t(n) >> 32 != 0) {
    for (int64_t i = 0; i < n - 1; ++i) std::swap(values[i], values[i + int64_t(g.random64() % uint64_t(n - i))]);
    return;
  }
  // Where the swaps go is known ahead, so that their memory can come.
  constexpr int64_t block = 64;
  uint32_t words[block];
  for (int64_t i = 0; i < n - 1;) {
    const int64_t m = std::min(block, n - 1 - i);
    kernels::random_words(g.engine, words, m);
    kernels::falling_remainders(words, m, uint32_t(n - i));
    for (int64_t k = 0; k < m; ++k) TL_PREFETCH(values + i + k + words[k]);
    for (int64_t k = 0; k < m; ++k, ++i) std::swap(values[i], values[i + words[k]]);
  }
}
Tensor randperm(int64_t n, Generator* g, const Tensor& out, Type dtype) {
  TL_CHECK(n >= 0, "Trying to create tensor with negative dimension ", n, ": ", Dims{n});
  DType type = out_type(out, dtype, DType::Int64);
  const NumberLimits limits = limits_of(type);
  TL_CHECK_NOTIMPL(type != DType::Bool && !is_complex(type), "\"randperm\" not implemented for '",
                   dtype_legacy_name(type), "'");
  if (limits.exact_bits == 0) {
    TL_CHECK(double(n) - 1 <= limits.high, "value cannot be converted to type ", dtype_name(type),
             "_t without overflow");
  } else if (type != DType::BFloat16) {
    int64_t most = (int64_t(1) << limits.exact_bits) + 1;
    TL_CHECK(n <= most, "n cannot be greater than ", most, " for ", dtype_legacy_name(type), " type.");
  }
  Tensor t = make("randperm", Dims{n}, type, dtype, out);
  Tensor values = t.is_contiguous() ? t : empty(Dims{n}, type);
  {
    Drawing drawing(g, n);
    dispatch_all(type, [&]<class T>(TypeTag<T>) { shuffle(values.data<T>(), n, *drawing); });
  }
  if (!values.is_same(t)) copy_values(t, values);
  return t;
}

Tensor rand_like(const Tensor& self, Generator* g, Type dtype, Format format) {
  check_floating(dtype.value_or(self.dtype()), "check_uniform_bounds");
  Tensor t = make_like(self, dtype, format);
  fill_uniform(t, 0, 1, g);
  return t;
}
Tensor randn_like(const Tensor& self, Generator* g, Type dtype, Format format) {
  if (self.numel() != 0) check_floating(dtype.value_or(self.dtype()), "normal_kernel_cpu");
  Tensor t = make_like(self, dtype, format);
  if (t.numel() != 0) fill_normal(t, 0, 1, g);
  return t;
}
Tensor randint_like_between(const Tensor& self, int64_t low, int64_t high, Generator* g, Type dtype, Format format) {
  check_range(low, high, dtype.value_or(self.dtype()));
  Tensor t = make_like(self, dtype, format);
  fill_integers_between(t, low, high, g);
  return t;
}
Tensor randint_like(const Tensor& self, int64_t high, Generator* g, Type dtype, Format format) {
  return randint_like_between(self, 0, high, g, dtype, format);
}
Tensor randint_like_tensor(const Tensor& self, const Tensor& high, Generator* g, Type dtype, Format format) {
  TL_CHECK(high.dim() == 0, "high must be a scalar tensor, but got shape ", Shape{high.sizes()});
  return randint_like_between(self, 0, item(high).to_int(), g, dtype, format);
}

#define TL_FACTORY "Generator? generator=None, Tensor? out=None, ScalarType? dtype=None) -> Tensor"
#define TL_LIKE "Generator? generator=None, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor"

constexpr uint32_t factory = op::function | op::creates | op::nondifferentiable;
const OpRecord records[] = {
    {"rand(int[] size, *, " TL_FACTORY, TL_OP(rand), factory, "Uniform values in [0, 1).",
     "3, 4 | (2, 0) | () | 20, dtype=float64"},
    {"randn(int[] size, *, " TL_FACTORY, TL_OP(randn), factory, "Normal values of mean 0 and variance 1.",
     "3, 4 | (2, 0) | () | 20, dtype=float64"},
    {"randint(int high, int[] size, *, " TL_FACTORY, TL_OP(randint), factory, "Integers from 0 to `high`, exclusive.",
     "10, (3, 4) | 2, (0,) | 5, (), dtype=float32"},
    {"randint(int low, int high, int[] size, *, " TL_FACTORY, TL_OP(randint_between), factory,
     "Integers from `low` to `high`, exclusive.", "-3, 10, (3, 4) | -128, 128, (4,), dtype=int8"},
    {"randperm(int n, *, " TL_FACTORY, TL_OP(randperm), factory, "The integers from 0 to `n` - 1 in random order.",
     "10 | 0 | 1 | 5, dtype=float32"},
    {"rand_like(Tensor self, *, " TL_LIKE, TL_OP(rand_like), factory,
     "Uniform values in [0, 1), in the shape and dtype of `self`.", "randn(3, 4) | randn(2, 0) | randn(3, 4).t()"},
    {"randn_like(Tensor self, *, " TL_LIKE, TL_OP(randn_like), factory,
     "Normal values of mean 0 and variance 1, in the shape and dtype of `self`.",
     "randn(3, 4) | randn(2, 0) | randn(5, 4).t()"},
    {"randint_like(Tensor self, Tensor high, *, " TL_LIKE, TL_OP(randint_like_tensor), factory,
     "The same with `high` in a tensor.", "randn(3, 4), tensor(5)"},
    {"randint_like(Tensor self, int high, *, " TL_LIKE, TL_OP(randint_like), factory,
     "Integers from 0 to `high`, exclusive, in the shape and dtype of `self`.", "randn(3, 4), 5 | randn(0), 3"},
    {"randint_like(Tensor self, int low, int high, *, " TL_LIKE, TL_OP(randint_like_between), factory,
     "Integers from `low` to `high`, exclusive, in the shape and dtype of `self`.", "randn(3, 4), -5, 5"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
