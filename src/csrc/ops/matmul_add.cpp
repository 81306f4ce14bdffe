// beta * self + alpha * (a product): addmm, addmv, baddbmm, addbmm, addr, their in-place forms and
// old orders of arguments.
#include "autograd/record.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

namespace {

// What the two factors are, which decides how they become matrices.
enum class Factors : uint8_t {
  matrices,        // addmm
  matrix_vector,   // addmv
  batches,         // baddbmm
  summed_batches,  // addbmm
  vectors,         // addr
};

struct Info {
  const char* name;
  const char* label;
  Factors factors;
};
constexpr Info addmm_info{"addmm", "AddmmBackward0:mat1,mat2", Factors::matrices};
constexpr Info addmv_info{"addmv", "AddmvBackward0:mat,vec", Factors::matrix_vector};
constexpr Info baddbmm_info{"baddbmm", "BaddbmmBackward0:batch1,batch2", Factors::batches};
constexpr Info addbmm_info{"addbmm", "AddbmmBackward0:batch1,batch2", Factors::summed_batches};
constexpr Info addr_info{"addr", "AddrBackward0:vec1,vec2", Factors::vectors};

void check_numbers(DType dtype, const Scalar& beta, const Scalar& alpha) {
  if (alpha.kind() == Scalar::Kind::complex) check_representable(alpha, dtype);
  if (beta.kind() == Scalar::Kind::complex) check_representable(beta, dtype);
}
void check_not_bool(const char* kernel, DType dtype) {
  TL_CHECK_NOTIMPL(dtype != DType::Bool, "\"", kernel, "\" not implemented for 'Bool'");
}

void check_batches(const Tensor& self, const Tensor& a, const Tensor& b) {
  TL_CHECK(a.dim() == 3, "batch1 must be a 3D tensor");
  TL_CHECK(b.dim() == 3, "batch2 must be a 3D tensor");
  TL_CHECK(a->dims[0] == b->dims[0] && a->dims[2] == b->dims[1],
           "Expected size for first two dimensions of batch2 tensor to be: [", a->dims[0], ", ", a->dims[2],
           "] but got: [", b->dims[0], ", ", b->dims[1], "].");
  TL_CHECK(a.dtype() == b.dtype(), "expected scalar type ", dtype_legacy_name(a.dtype()), " but found ",
           dtype_legacy_name(b.dtype()));
  TL_CHECK(self.dtype() == a.dtype(), "Input dtypes must be the same, got: input ", dtype_c_name(self.dtype()),
           ", batch1: ", dtype_c_name(a.dtype()), ", batch2: ", dtype_c_name(b.dtype()));
  check_not_bool("baddbmm", a.dtype());
}

void check_summed_batches(const Tensor& self, const Tensor& a, const Tensor& b) {
  TL_CHECK(a.dim() == 3, "batch1 must be a 3D tensor");
  TL_CHECK(b.dim() == 3, "batch2 must be a 3D tensor");
  TL_CHECK(a->dims[0] == b->dims[0], "batch1 and batch2 must have same number of batches, got ", a->dims[0], " and ",
           b->dims[0]);
  TL_CHECK(a->dims[2] == b->dims[1], "Incompatible matrix sizes for bmm (", a->dims[1], "x", a->dims[2], " and ",
           b->dims[1], "x", b->dims[2], ")");
  check_addmm(a->dims[1], a->dims[2], b->dims[1], b->dims[2], self, a.dtype(), b.dtype());
}

void check_vector(const Tensor& self, const Tensor& matrix, const Tensor& vec) {
  TL_CHECK(matrix.dim() == 2 && vec.dim() == 1 && self.dim() <= 1, "vector + matrix @ vector expected, got ",
           self.dim(), ", ", matrix.dim(), ", ", vec.dim());
  const int64_t rows = matrix->dims[0], columns = matrix->dims[1];
  TL_CHECK(columns == vec->dims[0] && (rows == self.numel() || self.numel() == 1), "size mismatch, got input (",
           self.numel(), "), mat (", rows, "x", columns, "), vec (", vec->dims[0], ")");
  TL_CHECK(matrix.dtype() == vec.dtype() && self.dtype() == vec.dtype(),
           "addmv input tensors must have the same dtype, but got ", dtype_legacy_name(self.dtype()), ", ",
           dtype_legacy_name(matrix.dtype()), ", and ", dtype_legacy_name(vec.dtype()));
  check_not_bool("addmv_impl_cpu", vec.dtype());
}

// Checks the factors; the shape of the result, which `self` need not fit yet.
Dims result_shape(const Info& info, const Tensor& self, const Tensor& a, const Tensor& b) {
  switch (info.factors) {
    case Factors::matrices:
      TL_CHECK(a.dim() == 2, "mat1 must be a matrix, got ", a.dim(), "-D tensor");
      TL_CHECK(b.dim() == 2, "mat2 must be a matrix, got ", b.dim(), "-D tensor");
      check_addmm(a->dims[0], a->dims[1], b->dims[0], b->dims[1], self, a.dtype(), b.dtype());
      return Dims{a->dims[0], b->dims[1]};
    case Factors::matrix_vector:
      check_vector(self, a, b);
      return Dims{a->dims[0]};
    case Factors::batches:
      check_batches(self, a, b);
      return Dims{a->dims[0], a->dims[1], b->dims[2]};
    case Factors::summed_batches:
      check_summed_batches(self, a, b);
      return Dims{a->dims[1], b->dims[2]};
    default:
      TL_CHECK(a.dim() == 1, "addr: Expected 1-D argument vec1, but got ", a.dim(), "-D");
      TL_CHECK(b.dim() == 1, "addr: Expected 1-D argument vec2, but got ", b.dim(), "-D");
      return Dims{a->dims[0], b->dims[0]};
  }
}

Tensor as_column(const Tensor& v) {
  const int64_t n = v.numel();
  return alias(v, Dims{n, 1}, Dims{v.dim() == 0 ? 1 : v->dims[1], 1}, v->offset);
}
Tensor as_row(const Tensor& v) { return alias(v, Dims{1, v->dims[0]}, Dims{1, v->dims[1]}, v->offset); }

void compute(const Info& info, const Tensor& out, const Tensor& self, const Tensor& a, const Tensor& b,
             const Scalar& beta, const Scalar& alpha) {
  switch (info.factors) {
    case Factors::matrix_vector: {
      Tensor d = as_column(self);
      return multiply_into(as_column(out), a, plain, as_column(b), plain, &d, &beta, &alpha);
    }
    case Factors::vectors:
      return multiply_into(out, as_column(a), plain, as_row(b), plain, &self, &beta, &alpha);
    case Factors::summed_batches: {
      const int64_t n = a->dims[0];
      auto matrix = [](const Tensor& t, int64_t i) {
        return alias(t, t.sizes().subspan(1), t.strides().subspan(1), t->offset + i * t->dims[3]);
      };
      if (n == 0) {  // nothing to add up
        Dims left{a->dims[1], 0}, right{0, b->dims[2]};
        return multiply_into(out, empty(left, out.dtype()), plain, empty(right, out.dtype()), plain, &self, &beta,
                             &alpha);
      }
      if (out->storage == a->storage || out->storage == b->storage) {  // read to the end
        Tensor fresh = empty(out.sizes(), out.dtype());
        compute(info, fresh, self, a, b, beta, alpha);
        return copy_values(out, fresh);
      }
      multiply_into(out, matrix(a, 0), plain, matrix(b, 0), plain, &self, &beta, &alpha);
      for (int64_t i = 1; i < n; ++i) {
        multiply_into(out, matrix(a, i), plain, matrix(b, i), plain, &out, nullptr, &alpha);
      }
      return;
    }
    default:
      if (info.factors == Factors::batches && alpha.equals(0)) {  // the product counts by its NaN
        NoGradGuard no_grad;
        Tensor none = mul(bmm(a, b), alpha);
        copy_values(out, beta.equals(0) ? none : add(none, beta.equals(1) ? self : mul(self, beta)));
        return;
      }
      return multiply_into(out, a, plain, b, plain, &self, &beta, &alpha);
  }
}

Scalar conj_of(const Scalar& s) { return s.is_complex() ? Scalar(std::conj(s.to<std::complex<double>>())) : s; }
Tensor scaled(const Tensor& t, const Scalar& s) { return s.equals(1) ? t : mul(t, s); }

// dA = alpha G B^H and dB = alpha A^H G, with the factors as matrices.
auto make_backward(const Info& info, const Tensor& self, const Scalar& beta, const Scalar& alpha) {
  return [f = info.factors, beta = conj_of(beta), alpha = conj_of(alpha), sizes = Dims(self.sizes())](Backward& w) {
    const Tensor& grad = w.grad();
    if (w.needs(0)) w[0] = sum_to_size(scaled(grad, beta), sizes);
    if (!w.needs(1) && !w.needs(2)) return;
    Tensor g = f == Factors::matrix_vector ? unsqueeze(grad, 1) : grad;
    if (w.needs(1)) {
      Tensor b = w.saved(1);
      if (f == Factors::matrix_vector) b = unsqueeze(b, 1);
      if (f == Factors::vectors) b = unsqueeze(b, 0);
      Tensor ga = scaled(product(g, plain, b, adjoint), alpha);
      w[1] = f == Factors::vectors ? squeeze(ga, 1) : ga;
    }
    if (w.needs(2)) {
      Tensor a = w.saved(0);
      if (f == Factors::vectors) a = unsqueeze(a, 1);
      Tensor gb = scaled(product(a, adjoint, g, plain), alpha);
      w[2] = f == Factors::matrix_vector ? squeeze(gb, 1) : f == Factors::vectors ? squeeze(gb, 0) : gb;
    }
  };
}

// addr takes any dtypes, and bools as "and" and "or".
bool needs_promotion(const Info& info, const Tensor& self, const Tensor& a, const Tensor& b) {
  if (info.factors != Factors::vectors) return false;
  return self.dtype() != a.dtype() || a.dtype() != b.dtype() || self.dtype() == DType::Bool;
}
void check_addr_numbers(DType dtype, const Scalar& beta, const Scalar& alpha) {
  const bool integral = is_integral_or_bool(dtype);
  TL_CHECK(!integral || beta.is_integral_or_bool(),
           "For integral input tensors, argument beta must not be a floating point number.");
  TL_CHECK(!integral || alpha.is_integral_or_bool(),
           "For integral input tensors, argument alpha must not be a floating point number.");
}
Tensor promoted_addr(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const DType dtype = result_type({self, a, b});
  check_addr_numbers(dtype, beta, alpha);
  Tensor x = to_dtype(outer(a, b), dtype);
  if (!alpha.equals(1)) x = mul(x, dtype == DType::Bool ? Scalar(!alpha.equals(0)) : alpha);
  if (beta.equals(0)) return x;
  return add(beta.equals(1) || dtype == DType::Bool ? self : mul(self, beta), x);
}

template <const Info& info>
Tensor add_product(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  Dims sizes = result_shape(info, self, a, b);
  check_addend(self, sizes);
  if (needs_promotion(info, self, a, b)) return promoted_addr(self, a, b, beta, alpha);
  if (info.factors == Factors::vectors) check_addr_numbers(self.dtype(), beta, alpha);
  check_numbers(self.dtype(), beta, alpha);
  Tensor out = empty(sizes, self.dtype());
  compute(info, out, self, a, b, beta, alpha);
  if (needs_grad(self, a, b)) {
    record(out, info.label, inputs(self, a, b), saves(input_if(requires_grad(b), a), input_if(requires_grad(a), b)),
           make_backward(info, self, beta, alpha));
  }
  return out;
}

template <const Info& info>
Tensor add_product_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  check_inplace(self, info.name);
  Dims sizes = result_shape(info, self, a, b);
  if (info.factors == Factors::vectors) {
    TL_CHECK(equal(self.sizes(), sizes), "size mismatch, input: ", Shape{self.sizes()}, ", v1: ", Shape{a.sizes()},
             ", v2: ", Shape{b.sizes()});
    if (needs_promotion(info, self, a, b)) {
      Tensor before = needs_grad(self) ? clone(self) : self;
      return finish_inplace(self, promoted_addr(before, a, b, beta, alpha), info.name);
    }
    check_addr_numbers(self.dtype(), beta, alpha);
  }
  TL_CHECK(equal(self.sizes(), sizes), "Bad in-place call: input tensor size ", Shape{self.sizes()},
           " and output tensor size ", Shape{sizes}, " should match");
  check_numbers(self.dtype(), beta, alpha);
  compute(info, self, self, a, b, beta, alpha);
  self.bump_version();
  if (needs_grad(self, a, b)) {
    record_inplace(self, info.label, inputs(self, a, b),
                   saves(input_if(requires_grad(b), a), input_if(requires_grad(a), b)),
                   make_backward(info, self, beta, alpha));
  }
  return self;
}

// --- the old orders of arguments -----------------------------------------------------------------

// Said once per op, as PyTorch does.
template <const Info& info>
void say_deprecated() {
  static bool said = false;
  if (said) return;
  said = true;
  warn(std::string("This overload of ") + info.name +
       " is deprecated: pass beta and alpha by keyword, after the tensors.");
}

using AddProduct = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Scalar&, const Scalar&);
template <const Info& info>
Tensor beta_alpha(const Scalar& beta, const Tensor& self, const Scalar& alpha, const Tensor& a, const Tensor& b) {
  say_deprecated<info>();
  return add_product<info>(self, a, b, beta, alpha);
}
template <const Info& info>
Tensor beta_only(const Scalar& beta, const Tensor& self, const Tensor& a, const Tensor& b) {
  say_deprecated<info>();
  return add_product<info>(self, a, b, beta, 1);
}
template <const Info& info, AddProduct f>
Tensor method_beta_alpha(const Tensor& self, const Scalar& beta, const Scalar& alpha, const Tensor& a,
                         const Tensor& b) {
  say_deprecated<info>();
  return f(self, a, b, beta, alpha);
}
template <const Info& info, AddProduct f>
Tensor method_beta(const Tensor& self, const Scalar& beta, const Tensor& a, const Tensor& b) {
  say_deprecated<info>();
  return f(self, a, b, beta, 1);
}

constexpr uint32_t both = op::function | op::method | op::out | op::exact_out;
constexpr uint32_t writes = op::function | op::method | op::writes_self;
#define TL_OLD "The old order of arguments."
#define TL_ADD_PRODUCT(name, info, flags, a, b, doc, samples, d, ab)                                                   \
  {name "(Tensor self, Tensor " a ", Tensor " b ", *, Scalar beta=1, Scalar alpha=1) -> Tensor",                       \
   TL_OP(add_product<info>), flags, doc,                                                                               \
   d ", " ab " | " d ", " ab ", beta=0.5, alpha=2 | " d ", " ab ", beta=0 | " samples},                                \
      {name "_(Tensor self, Tensor " a ", Tensor " b ", *, Scalar beta=1, Scalar alpha=1) -> Tensor",                  \
       TL_OP(add_product_<info>), writes, doc, d ", " ab " | " d ", " ab ", beta=0.5, alpha=2"},                       \
      {name "(Scalar beta, Tensor self, Scalar alpha, Tensor " a ", Tensor " b ") -> Tensor", TL_OP(beta_alpha<info>), \
       op::function | op::out, TL_OLD, "2, " d ", 3, " ab},                                                            \
      {name "(Scalar beta, Tensor self, Tensor " a ", Tensor " b ") -> Tensor", TL_OP(beta_only<info>),                \
       op::function | op::out, TL_OLD, "2, " d ", " ab},                                                               \
      {name "(Tensor self, Scalar beta, Scalar alpha, Tensor " a ", Tensor " b ") -> Tensor",                          \
       TL_OP(method_beta_alpha<info, add_product<info>>), op::method, TL_OLD, d ", 2, 3, " ab},                        \
      {name "(Tensor self, Scalar beta, Tensor " a ", Tensor " b ") -> Tensor",                                        \
       TL_OP(method_beta<info, add_product<info>>), op::method, TL_OLD, d ", 2, " ab},                                 \
      {name "_(Tensor self, Scalar beta, Scalar alpha, Tensor " a ", Tensor " b ") -> Tensor",                         \
       TL_OP(method_beta_alpha<info, add_product_<info>>), op::method | op::writes_self, TL_OLD, d ", 2, 3, " ab},     \
  {                                                                                                                    \
    name "_(Tensor self, Scalar beta, Tensor " a ", Tensor " b ") -> Tensor",                                          \
        TL_OP(method_beta<info, add_product_<info>>), op::method | op::writes_self, TL_OLD, d ", 2, " ab               \
  }

const OpRecord records[] = {
    TL_ADD_PRODUCT("addmm", addmm_info, both, "mat1", "mat2",
                   "`beta * self + alpha * (mat1 @ mat2)`, `self` broadcast to the product. Where beta is 0, "
                   "what `self` holds "
                   "is ignored, NaN too.",
                   "randn(5), randn(3, 4), randn(4, 5) | randn(3, 1), randn(4, 3).t(), randn(5, 4).t() | "
                   "randn(()), randn(3, 4), randn(4, 5) | randn(5), randn(0, 4), randn(4, 5) | randn(5), "
                   "randn(3, 0), randn(0, 5)",
                   "randn(3, 5)", "randn(3, 4), randn(4, 5)"),
    TL_ADD_PRODUCT("addmv", addmv_info, both, "mat", "vec",
                   "`beta * self + alpha * (mat @ vec)`. Where beta is 0, what `self` holds is ignored.",
                   "randn(()), randn(3, 4), randn(4) | randn(1), randn(4, 3).t(), randn(8)[::2] | randn(3), "
                   "randn(3, 0), randn(0)",
                   "randn(3)", "randn(3, 4), randn(4)"),
    TL_ADD_PRODUCT("baddbmm", baddbmm_info, both, "batch1", "batch2",
                   "`beta * self + alpha * bmm(batch1, batch2)`, `self` broadcast to the products. Where beta "
                   "is 0, what `self` "
                   "holds is ignored.",
                   "randn(5), randn(2, 3, 4), randn(2, 4, 5) | randn(2, 1, 1), randn(2, 4, 3).transpose(1, "
                   "2), randn(2, 4, 5) | "
                   "randn(3, 5), randn(0, 3, 4), randn(0, 4, 5) | randn(()), randn(2, 3, 0), randn(2, 0, 5)",
                   "randn(2, 3, 5)", "randn(2, 3, 4), randn(2, 4, 5)"),
    TL_ADD_PRODUCT("addbmm", addbmm_info, both, "batch1", "batch2",
                   "`beta * self + alpha * bmm(batch1, batch2).sum(0)`, `self` broadcast to the "
                   "sum. Where beta is 0, what `self` "
                   "holds is ignored.",
                   "randn(5), randn(2, 3, 4), randn(2, 4, 5) | randn(3, 5), randn(2, 4, "
                   "3).transpose(1, 2), randn(2, 4, 5) | "
                   "randn(3, 5), randn(0, 3, 4), randn(0, 4, 5)",
                   "randn(3, 5)", "randn(2, 3, 4), randn(2, 4, 5)"),
    TL_ADD_PRODUCT("addr", addr_info, both & ~uint32_t(op::exact_out), "vec1", "vec2",
                   "`beta * self + alpha * outer(vec1, vec2)`, `self` broadcast. Where beta is 0, "
                   "what `self` holds is ignored.",
                   "randn(5), randn(3), randn(5) | randn(3, 1), randn(6)[::2], randn(5) | "
                   "tensor([True, False]), tensor([True, False]), tensor([True, True]) | "
                   "tensor([1, 2]), randn(2), tensor([3, 4])",
                   "randn(3, 5)", "randn(3), randn(5)"),
};
const RegisterOps registered(records);

}  // namespace
}  // namespace tl
