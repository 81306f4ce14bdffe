// Sequences: arange, range, linspace, logspace, eye.
#include <cmath>

#include "core/parallel.h"
#include "kernels/copy.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace tl {

namespace {

constexpr int64_t grain = 1 << 15;

// Element i is f(i), converted.
template <class F>
void generate(const Tensor& out, F&& f) {
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = out.data<T>();
    parallel_for(out.numel(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = convert<T>(f(i));
    });
  });
}

bool all_integers(const Scalar& a, const Scalar& b, const Scalar& c) {
  return a.is_integral_or_bool() && b.is_integral_or_bool() && c.is_integral_or_bool();
}

void check_bounds(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype) {
  for (const Scalar& s : {start, end, step}) check_representable(s, s.is_complex() ? DType::Float64 : DType::Bool);
  bool integral = is_integral_or_bool(dtype);
  double a = start.to_double(), b = end.to_double(), s = integral ? double(step.to_int()) : step.to_double();
  TL_CHECK(s > 0 || s < 0, "step must be nonzero");
  TL_CHECK(std::isfinite(a) && std::isfinite(b), "unsupported range: ", a, " -> ", b);
  if (integral) {
    a = double(start.to_int());
    b = double(end.to_int());
  }
  TL_CHECK((s > 0 && b >= a) || (s < 0 && b <= a), "upper bound and lower bound inconsistent with step sign");
}

Tensor sequence(int64_t n, const Scalar& start, const Scalar& step, DType dtype) {
  TL_CHECK_NOTIMPL(dtype != DType::Bool, "\"arange_cpu\" not implemented for 'Bool'");
  TL_CHECK_NOTIMPL(!is_complex(dtype), "\"arange_cpu\" not implemented for '", dtype_legacy_name(dtype), "'");
  Tensor out = empty(Dims{n}, dtype);
  const auto width = int64_t(item_size(dtype));
  // In blocks of the widest type, which are converted while they are near.
  constexpr int64_t block = 512;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += block) {
      int64_t m = std::min(block, end - i);
      char* to = out.bytes() + i * width;
      if (is_integral(dtype)) {
        int64_t values[block];
        bool direct = dtype == DType::Int64;
        int64_t first = int64_t(uint64_t(start.to_int()) + uint64_t(i) * uint64_t(step.to_int()));
        kernels::ramp_i64(direct ? reinterpret_cast<int64_t*>(to) : values, first, step.to_int(), m);
        if (!direct) kernels::convert_run(dtype, to, width, DType::Int64, reinterpret_cast<char*>(values), 8, m);
      } else {
        double values[block];
        bool direct = dtype == DType::Float64;
        kernels::ramp_f64(direct ? reinterpret_cast<double*>(to) : values, start.to_double(), step.to_double(), i, m);
        if (!direct) kernels::convert_run(dtype, to, width, DType::Float64, reinterpret_cast<char*>(values), 8, m);
      }
    }
  });
  return out;
}

}  // namespace

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype) {
  check_bounds(start, end, step, dtype);
  double count;
  if (dtype == DType::Int64) {
    int64_t by = step.to_int();
    __int128 span = __int128(end.to_int()) - start.to_int();
    count = double((span + by - (by > 0 ? 1 : -1)) / by);
  } else {
    count = std::ceil((end.to_double() - start.to_double()) / step.to_double());
  }
  TL_CHECK(count >= 0 && count < 9.2e18, "invalid size, possible overflow?");
  return sequence(int64_t(count), start, step, dtype);
}

namespace {

using OptionalType = std::optional<DType>;

DType number_type(const Scalar& a, const Scalar& b, const Scalar& c, OptionalType dtype) {
  if (dtype) return *dtype;
  return all_integers(a, b, c) ? DType::Int64 : default_dtype();
}
Tensor arange_to(Scalar end, OptionalType dtype) { return arange(0, end, 1, number_type(0, end, 1, dtype)); }
Tensor arange_from(Scalar start, Scalar end, Scalar step, OptionalType dtype) {
  return arange(start, end, step, number_type(start, end, step, dtype));
}

Tensor range(Scalar start, Scalar end, Scalar step, OptionalType dtype) {
  warn(
      "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
      "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).");
  DType t = dtype.value_or(default_dtype());
  check_bounds(start, end, step, t);
  double count = std::floor((end.to_double() - start.to_double()) / step.to_double()) + 1;
  TL_CHECK(count >= 0 && count < 9.2e18, "invalid size, possible overflow?");
  return sequence(int64_t(count), start, step, t);
}

// f(i) goes from `start` to `end` in even steps, both ends exact.
template <class F>
void even_steps(const Tensor& out, const Scalar& start, const Scalar& end, F&& f) {
  int64_t n = out.numel(), half = n / 2;
  auto run = [&](auto a, auto b) {
    auto step = n > 1 ? (b - a) / double(n - 1) : b - a;
    if (n == 1) step = {};
    generate(out,
             [=](int64_t i) { return f(i < half || n == 1 ? a + step * double(i) : b - step * double(n - 1 - i)); });
  };
  if (is_complex(out.dtype())) {
    run(start.to<std::complex<double>>(), end.to<std::complex<double>>());
  } else if (is_integral_or_bool(out.dtype())) {
    run(double(start.to_int()), double(end.to_int()));
  } else {
    run(start.to_double(), end.to_double());
  }
}
DType spaced_type(const Scalar& start, const Scalar& end, OptionalType dtype) {
  bool complex = start.is_complex() || end.is_complex();
  if (!dtype) return complex ? to_complex(default_dtype()) : default_dtype();
  TL_CHECK(!complex || is_complex(*dtype), "torch.linspace(): inferred dtype ", dtype_name(to_complex(default_dtype())),
           " can't be safely cast to passed dtype ", dtype_name(*dtype));
  return *dtype;
}

Tensor linspace(Scalar start, Scalar end, int64_t steps, OptionalType dtype) {
  TL_CHECK(steps >= 0, "number of steps must be non-negative");
  Tensor out = empty(Dims{steps}, spaced_type(start, end, dtype));
  even_steps(out, start, end, [](auto v) { return v; });
  return out;
}
Tensor logspace(Scalar start, Scalar end, int64_t steps, double base, OptionalType dtype) {
  TL_CHECK(steps >= 0, "number of steps must be non-negative");
  Tensor out = empty(Dims{steps}, spaced_type(start, end, dtype));
  even_steps(out, start, end, [base](auto v) { return std::pow(decltype(v)(base), v); });
  return out;
}

Tensor eye_of(int64_t rows, int64_t columns, DType dtype) {
  TL_CHECK(rows >= 0, "n must be greater or equal to 0, got ", rows);
  TL_CHECK(columns >= 0, "m must be greater or equal to 0, got ", columns);
  Tensor out = zeros(Dims{rows, columns}, dtype);
  int64_t n = std::min(rows, columns);
  copy_values(alias(out, Dims{n}, Dims{columns + 1}, 0), scalar_tensor(1, dtype));
  return out;
}
Tensor eye_square(int64_t n, OptionalType dtype) { return eye_of(n, n, dtype.value_or(default_dtype())); }
Tensor eye(int64_t n, int64_t m, OptionalType dtype) { return eye_of(n, m, dtype.value_or(default_dtype())); }

constexpr uint32_t factory = op::function | op::creates | op::out | op::nondifferentiable;
const OpRecord records[] = {
    {"arange(Scalar end, *, ScalarType? dtype=None) -> Tensor", TL_OP(arange_to), factory,
     "The numbers 0, 1, 2, … below `end`.", "5 | 2.5 | 0"},
    {"arange(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None) -> Tensor", TL_OP(arange_from),
     factory,
     "The numbers start, start + step, … before `end`. Integers (int64) where all three are, otherwise the default "
     "dtype.",
     "1, 5 | 0, 1, 0.25 | 5, 0, -2 | 1, 1"},
    {"range(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None) -> Tensor", TL_OP(range), factory,
     "arange with `end` among the numbers. Deprecated; use arange.", "0, 4 | 0, 1, 0.25"},
    {"linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None) -> Tensor", TL_OP(linspace), factory,
     "`steps` numbers at even distances from `start` to `end`, both included.",
     "0, 1, 5 | -1, 1, 4 | 3, 3, 1 | 0, 1, 0"},
    {"logspace(Scalar start, Scalar end, int steps, float base=10.0, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(logspace), factory, "`base` to the powers that linspace gives.", "0, 1, 5 | -1, 1, 4, 2.0 | 0, 1, 0"},
    {"eye(int n, *, ScalarType? dtype=None) -> Tensor", TL_OP(eye_square), factory, "The identity matrix.", "3 | 0"},
    {"eye(int n, int m, *, ScalarType? dtype=None) -> Tensor", TL_OP(eye), factory,
     "Ones on the diagonal of an n x m matrix.", "3, 4 | 4, 2 | 0, 3"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
