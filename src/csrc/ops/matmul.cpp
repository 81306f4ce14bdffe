// The matrix product and what is made of it: mm, bmm, matmul, mv, dot, linear.
#include "ops/matmul.h"

#include "autograd/record.h"
#include "kernels/gemm.h"
#include "ops/registry.h"

namespace tl {

namespace {

// The last two strides of a matrix as it enters.
void set_strides(kernels::MatrixStrides& s, const Tensor& t, Form f) {
  const int64_t n = t.dim();
  const int64_t* strides = t->dims + n;
  s.row = strides[f.turned ? n - 1 : n - 2];
  s.column = strides[f.turned ? n - 2 : n - 1];
}

// Strides for `d` broadcast to the m x n matrices of a result.
void set_addend_strides(kernels::MatrixStrides& s, const Tensor& d) {
  const int64_t n = d.dim();
  const int64_t* sizes = d->dims;
  const int64_t* strides = d->dims + n;
  if (n >= 1 && sizes[n - 1] != 1) s.column = strides[n - 1];
  if (n >= 2 && sizes[n - 2] != 1) s.row = strides[n - 2];
}

int64_t batch_stride(const Tensor& t, int64_t dims_in_front) {  // 1: the innermost batch dim
  const int64_t at = t.dim() - 2 - dims_in_front;
  return at < 0 || t->dims[at] == 1 ? 0 : t->dims[t.dim() + at];
}

// Walks the batch dims of `out` from the innermost, merging those that all four operands walk
// alike.
void run_batches(kernels::GemmArgs& g, const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* d) {
  constexpr size_t most = 64;
  struct Dim {
    int64_t size, a, b, c, d;
  } dims[most];
  size_t n = 0;
  for (int64_t i = 1; i <= out.dim() - 2; ++i) {
    Dim x{out->dims[out.dim() - 2 - i], batch_stride(a, i), batch_stride(b, i), batch_stride(out, i),
          d != nullptr ? batch_stride(*d, i) : 0};
    if (x.size == 1) continue;
    if (n > 0) {
      Dim& in = dims[n - 1];
      if (x.a == in.a * in.size && x.b == in.b * in.size && x.c == in.c * in.size && x.d == in.d * in.size) {
        in.size *= x.size;
        continue;
      }
    }
    dims[n++] = x;
  }
  if (n > 0) {
    g.batch = dims[0].size;
    g.a_strides.batch = dims[0].a;
    g.b_strides.batch = dims[0].b;
    g.c_strides.batch = dims[0].c;
    g.d_strides.batch = dims[0].d;
  }
  if (n <= 1) return kernels::gemm(g);
  const int64_t width = int64_t(item_size(g.dtype));
  int64_t index[most] = {};
  auto move = [&](const void*& p, int64_t by) { p = static_cast<const char*>(p) + by * width; };
  for (;;) {
    kernels::gemm(g);
    size_t k = 1;
    for (; k < n; ++k) {
      const bool wraps = ++index[k] == dims[k].size;
      const int64_t by = wraps ? -(dims[k].size - 1) : 1;
      if (wraps) index[k] = 0;
      move(g.a, by * dims[k].a);
      move(g.b, by * dims[k].b);
      if (g.d != nullptr) move(g.d, by * dims[k].d);
      g.c = static_cast<char*>(g.c) + by * dims[k].c * width;
      if (!wraps) break;
    }
    if (k == n) return;
  }
}

bool may_share(const Tensor& a, const Tensor& b) { return a->storage == b->storage; }

// The kernel writes along rows or columns.
bool writable(const Tensor& c) {
  const int64_t n = c.dim();
  const int64_t* sizes = c->dims;
  const int64_t* strides = c->dims + n;
  return strides[n - 1] == 1 || strides[n - 2] == 1 || sizes[n - 1] == 1 || sizes[n - 2] == 1;
}

}  // namespace

void multiply_into(const Tensor& out, const Tensor& a, Form fa, const Tensor& b, Form fb, const Tensor* d,
                   const Scalar* beta, const Scalar* alpha) {
  if (out.numel() == 0) return;
  if (!writable(out) || may_share(out, a) || may_share(out, b)) {
    Tensor fresh = empty(out.sizes(), out.dtype());
    multiply_into(fresh, a, fa, b, fb, d, beta, alpha);
    return copy_values(out, fresh);
  }
  kernels::GemmArgs g;
  const int64_t n = out.dim(), na = a.dim();
  g.dtype = out.dtype();
  g.m = out->dims[n - 2];
  g.n = out->dims[n - 1];
  g.k = a->dims[fa.turned ? na - 2 : na - 1];
  g.a = a->data();
  g.b = b->data();
  g.c = out->data();
  set_strides(g.a_strides, a, fa);
  set_strides(g.b_strides, b, fb);
  set_strides(g.c_strides, out, plain);
  g.alpha = alpha;
  g.beta = beta;
  if (alpha != nullptr && alpha->equals(0)) g.k = 0;  // not read, so no NaN comes out of them
  if (d != nullptr && d->defined() && (beta == nullptr || !beta->equals(0))) {
    g.d = (*d)->data();
    set_addend_strides(g.d_strides, *d);
  }
  g.conj_a = fa.conj;
  g.conj_b = fb.conj;
  if (n == 2) return kernels::gemm(g);
  run_batches(g, out, a, b, g.d != nullptr ? d : nullptr);
}

namespace {

void check_not_bool(DType t, const char* kernel) {
  TL_CHECK_NOTIMPL(t != DType::Bool, "\"", kernel, "\" not implemented for 'Bool'");
}
// For an m x k and a k2 x n matrix.
void check_mm(int64_t m, int64_t k, int64_t k2, int64_t n, DType a, DType b) {
  TL_CHECK(k == k2, "mat1 and mat2 shapes cannot be multiplied (", m, "x", k, " and ", k2, "x", n, ")");
  TL_CHECK(a == b, "expected m1 and m2 to have the same dtype, but got: ", dtype_c_name(a), " != ", dtype_c_name(b));
  check_not_bool(a, "addmm_impl_cpu_");
}
void check_mv(int64_t m, int64_t k, int64_t length, DType matrix, DType vec) {
  TL_CHECK(k == length, "size mismatch, got input (", m, "), mat (", m, "x", k, "), vec (", length, ")");
  TL_CHECK(matrix == vec, "addmv input tensors must have the same dtype, but got ", dtype_legacy_name(vec), ", ",
           dtype_legacy_name(matrix), ", and ", dtype_legacy_name(vec));
  check_not_bool(matrix, "addmv_impl_cpu");
}

}  // namespace

void check_addend(const Tensor& d, IntView sizes) {
  const size_t n = sizes.size(), m = size_t(d.dim());
  TL_CHECK(m <= n, "expand(torch.", dtype_legacy_name(d.dtype()), "Tensor{", Shape{d.sizes()}, "}, size=", Shape{sizes},
           "): the number of sizes provided (", n,
           ") must be greater or equal to the number of dimensions in the tensor (", m, ")");
  for (size_t i = m; i-- > 0;) {
    const int64_t size = d->dims[i], target = sizes[n - m + i];
    TL_CHECK(size == target || size == 1, "The expanded size of the tensor (", target,
             ") must match the existing size (", size, ") at non-singleton dimension ", n - m + i,
             ".  Target sizes: ", Shape{sizes}, ".  Tensor sizes: ", Shape{d.sizes()});
  }
}

void check_addmm(int64_t m, int64_t k, int64_t k2, int64_t n, const Tensor& d, DType a, DType b) {
  TL_CHECK(k == k2, "mat1 and mat2 shapes cannot be multiplied (", m, "x", k, " and ", k2, "x", n, ")");
  TL_CHECK(d.dtype() == b, "self and mat2 must have the same dtype, but got ", dtype_legacy_name(d.dtype()), " and ",
           dtype_legacy_name(b));
  TL_CHECK(a == b, "mat1 and mat2 must have the same dtype, but got ", dtype_legacy_name(a), " and ",
           dtype_legacy_name(b));
  check_not_bool(a, "addmm_impl_cpu_");
}

namespace {

int64_t rows_of(const Tensor& t, Form f) { return t->dims[t.dim() - (f.turned ? 1 : 2)]; }
int64_t columns_of(const Tensor& t, Form f) { return t->dims[t.dim() - (f.turned ? 2 : 1)]; }

}  // namespace

namespace {

// With X = op(A), Y = op(B): dX = G Y^H and dY = X^H G, each turned back into the form that A and B
// came in.
Tensor gradient_of_first(const Tensor& g, Form fa, const Tensor& b, Form fb) {
  // (conj^c (G Y^H))^T = conj^(1-c)(Y) conj^c(G)^T
  return fa.turned ? product(b, {fb.turned, fb.conj != !fa.conj}, g, {true, fa.conj})
                   : product(g, {false, fa.conj}, b, {!fb.turned, fb.conj == fa.conj});
}
Tensor gradient_of_second(const Tensor& g, const Tensor& a, Form fa, Form fb) {
  return fb.turned ? product(g, {true, fb.conj}, a, {fa.turned, fa.conj != !fb.conj})
                   : product(a, {!fa.turned, fa.conj == fb.conj}, g, {false, fb.conj});
}

IntView batch_dims(const Tensor& t) { return t.sizes().first(size_t(t.dim() - 2)); }

}  // namespace

Tensor product(const Tensor& a, Form fa, const Tensor& b, Form fb, const char* label) {
  const int64_t m = rows_of(a, fa), n = columns_of(b, fb);
  Tensor out;
  const bool single = a.dim() == 2 && b.dim() == 2;
  if (single) {
    const int64_t sizes[2] = {m, n};
    out = empty(IntView(sizes, 2), a.dtype());
  } else {
    Dims sizes = broadcast_shapes(batch_dims(a), batch_dims(b));
    sizes.push_back(m);
    sizes.push_back(n);
    out = empty(sizes, a.dtype());
  }
  multiply_into(out, a, fa, b, fb);
  if (needs_grad(a, b)) {
    if (label == nullptr) label = out.dim() == 2 ? "MmBackward0:self,mat2" : "BmmBackward0:self,mat2";
    auto in = inputs(a, b);
    auto kept = saves(input_if(requires_grad(b), a), input_if(requires_grad(a), b));
    if (single || equal(batch_dims(a), batch_dims(b))) {
      record(out, label, in, kept, [fa, fb](Backward& w) {
        if (w.needs(0)) w[0] = gradient_of_first(w.grad(), fa, w.saved(1), fb);
        if (w.needs(1)) w[1] = gradient_of_second(w.grad(), w.saved(0), fa, fb);
      });
    } else {
      record(out, label, in, kept, [fa, fb, sizes_a = Dims(a.sizes()), sizes_b = Dims(b.sizes())](Backward& w) {
        if (w.needs(0)) w[0] = sum_to_size(gradient_of_first(w.grad(), fa, w.saved(1), fb), sizes_a);
        if (w.needs(1)) w[1] = sum_to_size(gradient_of_second(w.grad(), w.saved(0), fa, fb), sizes_b);
      });
    }
  }
  return out;
}

Tensor mm(const Tensor& self, const Tensor& mat2) {
  TL_CHECK(self.dim() == 2, "self must be a matrix");
  TL_CHECK(mat2.dim() == 2, "mat2 must be a matrix");
  check_mm(self->dims[0], self->dims[1], mat2->dims[0], mat2->dims[1], self.dtype(), mat2.dtype());
  return product(self, plain, mat2, plain);
}

Tensor bmm(const Tensor& self, const Tensor& mat2) {
  TL_CHECK(self.dim() == 3, "batch1 must be a 3D tensor");
  TL_CHECK(mat2.dim() == 3, "batch2 must be a 3D tensor");
  TL_CHECK(self->dims[0] == mat2->dims[0] && self->dims[2] == mat2->dims[1],
           "Expected size for first two dimensions of batch2 tensor to be: [", self->dims[0], ", ", self->dims[2],
           "] but got: [", mat2->dims[0], ", ", mat2->dims[1], "].");
  TL_CHECK(self.dtype() == mat2.dtype(), "expected scalar type ", dtype_legacy_name(self.dtype()), " but found ",
           dtype_legacy_name(mat2.dtype()));
  check_not_bool(self.dtype(), "bmm");
  return product(self, plain, mat2, plain);
}

Tensor mv(const Tensor& self, const Tensor& vec) {
  TL_CHECK(self.dim() == 2 && vec.dim() == 1, "vector + matrix @ vector expected, got 1, ", self.dim(), ", ",
           vec.dim());
  check_mv(self->dims[0], self->dims[1], vec->dims[0], self.dtype(), vec.dtype());
  const int64_t rows = self->dims[0];
  Tensor out = empty(Dims{rows}, self.dtype());
  // Both vectors as single columns.
  multiply_into(alias(out, Dims{rows, 1}, Dims{1, 1}, out->offset), self, plain,
                alias(vec, Dims{vec->dims[0], 1}, Dims{vec->dims[1], 1}, vec->offset), plain);
  if (needs_grad(self, vec)) {
    record(out, "MvBackward0:self,vec", inputs(self, vec),
           saves(input_if(requires_grad(vec), self), input_if(requires_grad(self), vec)), [](Backward& b) {
             if (b.needs(0)) b[0] = product(unsqueeze(b.grad(), 1), plain, unsqueeze(b.saved(1), 1), adjoint);
             if (b.needs(1)) b[1] = squeeze(product(b.saved(0), adjoint, unsqueeze(b.grad(), 1), plain), 1);
           });
  }
  return out;
}

namespace {

void check_dot(const Tensor& self, const Tensor& other) {
  TL_CHECK(self.dim() == 1 && other.dim() == 1, "1D tensors expected, but got ", self.dim(), "D and ", other.dim(),
           "D tensors");
  TL_CHECK(self.dtype() == other.dtype(), "dot : expected both vectors to have same dtype, but found ",
           dtype_legacy_name(self.dtype()), " and ", dtype_legacy_name(other.dtype()));
  TL_CHECK(self.numel() == other.numel(), "inconsistent tensor size, expected tensor [", self.numel(), "] and src [",
           other.numel(), "] to have the same number of elements, but got ", self.numel(), " and ", other.numel(),
           " elements respectively");
  check_not_bool(self.dtype(), "dot");
}

Tensor dot_values(const Tensor& self, const Tensor& other, bool conj) {
  Tensor out = empty({}, self.dtype());
  kernels::GemmArgs g;
  g.dtype = self.dtype();
  g.m = g.n = 1;
  g.k = self.numel();
  g.a = self->data();
  g.a_strides = {0, 0, self->dims[1]};
  g.b = other->data();
  g.b_strides = {0, other->dims[1], 0};
  g.c = out->data();
  g.conj_a = conj;
  kernels::gemm(g);
  return out;
}

// conj(v), with its history.
Tensor conjugated(const Tensor& v) {
  if (!is_complex(v.dtype())) return v;
  // 1 x 1 identity times conj(v) as a row.
  return squeeze(product(ones(Dims{1, 1}, v.dtype()), plain, unsqueeze(v, 1), adjoint), 0);
}

}  // namespace

Tensor dot(const Tensor& self, const Tensor& other) {
  check_dot(self, other);
  Tensor out = dot_values(self, other, false);
  if (needs_grad(self, other)) {
    record(out, "DotBackward0:self,tensor", inputs(self, other),
           saves(input_if(requires_grad(other), self), input_if(requires_grad(self), other)), [](Backward& b) {
             if (b.needs(0)) b[0] = mul(b.grad(), conjugated(b.saved(1)));
             if (b.needs(1)) b[1] = mul(b.grad(), conjugated(b.saved(0)));
           });
  }
  return out;
}

Tensor vdot(const Tensor& self, const Tensor& other) {
  if (!is_complex(self.dtype())) return dot(self, other);
  check_dot(self, other);
  Tensor out = dot_values(self, other, true);
  if (needs_grad(self, other)) {
    record(out, "VdotBackward0:self,other", inputs(self, other), saves(self, other), [](Backward& b) {
      if (b.needs(0)) b[0] = mul(conjugated(unsqueeze(b.grad(), 0)), b.saved(1));
      if (b.needs(1)) b[1] = mul(b.grad(), b.saved(0));
    });
  }
  return out;
}

namespace {

// x with all dims but the last as one: rows of a matrix.
Tensor as_rows(const Tensor& x) {
  if (x.dim() == 2) return x;
  int64_t last = x->dims[x.dim() - 1], rows = 1;
  for (int64_t d = 0; d + 1 < x.dim(); ++d) rows *= x->dims[d];
  const int64_t sizes[2] = {rows, last};
  return reshape(x, IntView(sizes, 2));
}

Tensor as_matrix(const Tensor& w) { return w.dim() == 1 ? unsqueeze(w, 1) : w; }

// x (…, k) times one matrix or vector, plus a bias that broadcasts to the rows. One node, under the
// name that the last of PyTorch's steps has.
Tensor rows_product(const Tensor& x, const Tensor& w, Form fw, const Tensor& bias, const char* label) {
  Tensor out;
  if (x.dim() == 2 && w.dim() == 2) {
    const int64_t sizes[2] = {x->dims[0], columns_of(w, fw)};
    out = empty(IntView(sizes, 2), x.dtype());
    multiply_into(out, x, plain, w, fw, &bias);
  } else {
    NoGradGuard no_grad;
    Dims sizes(x.sizes());
    sizes.pop_back();
    if (w.dim() == 2) sizes.push_back(columns_of(w, fw));
    out = empty(sizes, x.dtype());
    Tensor rows = as_rows(x), matrix = as_matrix(w);
    const int64_t n = columns_of(matrix, fw), flat[2] = {rows->dims[0], n}, strides[2] = {n, 1};
    multiply_into(alias(out, IntView(flat, 2), IntView(strides, 2), out->offset), rows, plain, matrix, fw, &bias);
  }
  if (needs_grad(bias, x, w)) {
    auto record_with = [&](auto bias_gradient) {
      record(out, label, inputs(bias, x, w), saves(input_if(requires_grad(w), x), input_if(requires_grad(x), w)),
             [fw, vector = w.dim() == 1, bias_gradient = std::move(bias_gradient)](Backward& b) {
               const Tensor& grad = b.grad();
               Tensor g = vector ? reshape(grad, Dims{-1, 1}) : as_rows(grad);
               if (b.needs(0)) b[0] = bias_gradient(g);
               if (b.needs(1)) {
                 Tensor matrix = as_matrix(b.saved(1));
                 b[1] = product(g, plain, matrix, adjoint_of(fw));
                 if (vector || grad.dim() != 2) {
                   Dims sizes(grad.sizes());
                   if (!vector) sizes.pop_back();
                   sizes.push_back(b[1]->dims[1]);
                   b[1] = reshape(b[1], sizes);
                 }
               }
               if (b.needs(2)) {
                 Tensor gw = gradient_of_second(g, as_rows(b.saved(0)), plain, fw);
                 b[2] = vector ? squeeze(gw, 1) : gw;
               }
             });
    };
    if (!bias.defined() || (bias.dim() == 1 && bias->dims[0] == out->dims[out.dim() - 1])) {
      record_with([](const Tensor& g) { return sum(g, Dims{0}, false); });
    } else {
      record_with([sizes = Dims(bias.sizes())](const Tensor& g) { return sum_to_size(g, sizes); });
    }
  }
  return out;
}

}  // namespace

namespace {

// Another shape for a fresh result, which nobody else sees as a view.
Tensor unsafe_view(const Tensor& t, IntView sizes, const char* label) {
  Tensor out = alias(t, sizes, contiguous_strides(sizes), t->offset);
  if (needs_grad(t)) {
    record(out, label, inputs(t), saves(),
           [before = Dims(t.sizes())](Backward& b) { b[0] = reshape(b.grad(), before); });
  }
  return out;
}

}  // namespace

Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  TL_CHECK(input.dim() >= 1 && weight.dim() >= 1, "both arguments to linear need to be at least 1D, but they are ",
           input.dim(), "D and ", weight.dim(), "D");
  TL_CHECK(weight.dim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ", weight.dim(), "D");
  if (weight.dim() == 1) {
    Tensor y = matmul(input, weight);
    return bias.defined() ? add(y, bias) : y;
  }
  const int64_t k = input->dims[input.dim() - 1], n = weight->dims[0];
  const int64_t rows = input.dim() == 2 ? input->dims[0] : checked_numel(input.sizes().first(size_t(input.dim() - 1)));
  const bool flat = input.dim() == 2;
  if (!bias.defined()) {
    check_mm(rows, k, weight->dims[1], n, input.dtype(), weight.dtype());
    if (input.dim() == 1)
      return unsafe_view(product(unsqueeze(input, 0), plain, weight, turned), Dims{n}, "SqueezeBackward4");
    return rows_product(input, weight, turned, bias, flat ? "MmBackward0:self,mat2" : "UnsafeViewBackward0");
  }
  check_addmm(rows, k, weight->dims[1], n, bias, input.dtype(), weight.dtype());
  const int64_t sizes[2] = {rows, n};
  check_addend(bias, IntView(sizes, 2));
  return rows_product(input, weight, turned, bias,
                      flat              ? "AddmmBackward0:mat1,mat2"
                      : bias.dim() == 1 ? "ViewBackward0"
                                        : "AddBackward0");
}

Tensor matmul(const Tensor& self, const Tensor& other) {
  const int64_t na = self.dim(), nb = other.dim();
  if (na == 2 && nb == 2) return mm(self, other);
  TL_CHECK(na >= 1 && nb >= 1, "both arguments to matmul need to be at least 1D, but they are ", na, "D and ", nb, "D");
  if (na == 1 && nb == 1) return dot(self, other);
  if (na == 2 && nb == 1) return mv(self, other);
  if (na == 1 && nb == 2) return unsafe_view(mm(unsqueeze(self, 0), other), Dims{other->dims[1]}, "SqueezeBackward4");
  const int64_t k = self->dims[na - 1], inner = other->dims[nb == 1 ? 0 : nb - 2];
  const char* unsafe_view_label = "UnsafeViewBackward0";
  if (nb <= 2) {  // all rows of self times one matrix or vector
    const int64_t rows = checked_numel(self.sizes().first(size_t(na - 1)));
    if (nb == 1) {
      check_mv(rows, k, inner, self.dtype(), other.dtype());
    } else {
      check_mm(rows, k, inner, other->dims[1], self.dtype(), other.dtype());
    }
    return rows_product(self, other, plain, Tensor(), unsafe_view_label);
  }
  TL_CHECK(self.dtype() == other.dtype(), "expected scalar type ", dtype_legacy_name(self.dtype()), " but found ",
           dtype_legacy_name(other.dtype()));
  check_not_bool(self.dtype(), "bmm");
  if (k != inner) {
    Dims batch(batch_dims(other));
    if (na > 2) batch = broadcast_shapes(batch_dims(self), batch);
    TL_CHECK(k == inner, "Expected size for first two dimensions of batch2 tensor to be: [", checked_numel(batch), ", ",
             k, "] but got: [", checked_numel(batch), ", ", inner, "].");
  }
  if (na == 1) {
    Dims sizes(other.sizes());
    sizes.erase(size_t(nb) - 2);
    return unsafe_view(product(unsqueeze(self, 0), plain, other, plain), sizes, unsafe_view_label);
  }
  return product(self, plain, other, plain, na == 2 ? "CloneBackward0" : unsafe_view_label);
}

// The product over the last dims of both.
Tensor inner(const Tensor& self, const Tensor& other) {
  if (self.dim() == 0 || other.dim() == 0) return mul(self, other);
  const int64_t k = self->dims[self.dim() - 1];
  TL_CHECK(k == other->dims[other.dim() - 1],
           "inner() the last dimension must match on both input tensors but got shapes ", Shape{self.sizes()}, " and ",
           Shape{other.sizes()});
  Dims sizes(self.sizes());
  sizes.pop_back();
  for (int64_t d = 0; d + 1 < other.dim(); ++d) sizes.push_back(other->dims[d]);
  if (self.dim() == 1 && other.dim() == 1) return view(dot(self, other), sizes);
  Tensor a = as_rows(self), b = as_rows(other);
  check_mm(a->dims[0], k, k, b->dims[0], a.dtype(), b.dtype());
  return view(product(a, plain, b, turned), sizes);
}

Tensor outer(const Tensor& self, const Tensor& vec2) {
  TL_CHECK(self.dim() == 1, "outer: Expected 1-D argument self, but got ", self.dim(), "-D");
  TL_CHECK(vec2.dim() == 1, "outer: Expected 1-D argument vec2, but got ", vec2.dim(), "-D");
  return mul(unsqueeze(self, 1), vec2);
}

namespace {

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t exact = both | op::exact_out;
const OpRecord records[] = {
    {"mm(Tensor self, Tensor mat2) -> Tensor", TL_OP(mm), exact,
     "The product of two matrices of the same dtype: (n, m) times (m, p) gives (n, p). Neither is "
     "broadcast.",
     "randn(3, 4), randn(4, 5) | randn(4, 3).t(), randn(5, 4).t() | randn(1, 4), randn(4, 1) | "
     "randn(0, 4), randn(4, 3) | "
     "randn(3, 0), randn(0, 2) | randn(17, 33), randn(33, 40) | randn(3, 1).expand(3, 4), randn(4, "
     "6)[:, ::2]"},
    {"bmm(Tensor self, Tensor mat2) -> Tensor", TL_OP(bmm), exact,
     "The products of two batches of matrices: (b, n, m) times (b, m, p) gives (b, n, p).",
     "randn(2, 3, 4), randn(2, 4, 5) | randn(2, 4, 3).transpose(1, 2), randn(2, 4, 5) | randn(0, "
     "3, 4), randn(0, 4, 5) | "
     "randn(2, 3, 0), randn(2, 0, 5) | randn(3, 2, 4).transpose(0, 1), randn(1, 4, 5).expand(2, 4, "
     "5)"},
    {"matmul(Tensor self, Tensor other) -> Tensor", TL_OP(matmul), exact,
     "The matrix product, `self @ other`. Two vectors give their dot product, a matrix and a "
     "vector a vector; with more "
     "dims the last two are matrices and those in front are broadcast. A vector on the left counts "
     "as a row, on the "
     "right as a column, and that dim is taken away again.",
     "randn(3), randn(3) | randn(2, 3), randn(3) | randn(3), randn(3, 4) | randn(2, 3), randn(3, "
     "4) | "
     "randn(5, 2, 3), randn(3) | randn(5, 2, 3), randn(3, 4) | randn(3), randn(5, 3, 4) | randn(2, "
     "3), randn(5, 3, 4) | "
     "randn(6, 1, 2, 3), randn(5, 3, 4) | randn(5, 3, 2).transpose(1, 2), randn(5, 4, "
     "3).transpose(1, 2) | "
     "randn(2, 0, 3), randn(2, 3, 4)"},
    {"mv(Tensor self, Tensor vec) -> Tensor", TL_OP(mv), exact, "A matrix times a vector.",
     "randn(3, 4), randn(4) | randn(4, 3).t(), randn(8)[::2] | randn(0, 4), randn(4) | randn(3, "
     "0), randn(0)"},
    {"dot(Tensor self, Tensor tensor) -> Tensor", TL_OP(dot), exact,
     "The sum of the products of two vectors' elements, as a 0-d tensor.",
     "randn(4), randn(4) | randn(8)[::2], randn(4) | randn(0), randn(0)"},
    {"vdot(Tensor self, Tensor other) -> Tensor", TL_OP(vdot), exact,
     "dot with the elements of a complex `self` conjugated.", "randn(4), randn(4)"},
    {"inner(Tensor self, Tensor other) -> Tensor", TL_OP(inner), exact,
     "The dot products of all vectors along the last dim of `self` with those of `other`; with a "
     "0-d tensor the plain "
     "product.",
     "randn(3), randn(3) | randn(2, 3), randn(3) | randn(2, 3), randn(4, 5, 3) | randn(()), "
     "randn(2) | randn(3, 2).t(), randn(3)"},
    {"outer(Tensor self, Tensor vec2) -> Tensor", TL_OP(outer), both,
     "The matrix of all products of an element of one vector with one of the other.",
     "randn(3), randn(4) | randn(0), randn(4) | randn(6)[::2], randn(2)"},
    {"ger(Tensor self, Tensor vec2) -> Tensor", TL_OP(outer), both, "outer under an older name.", "randn(3), randn(4)"},
    {"linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", TL_OP(linear), op::internal,
     "The affine map of the last dim, `input @ weight.T + bias`, with `weight` of shape (out, in).",
     "randn(3, 4), randn(2, 4), randn(2) | randn(3, 4), randn(2, 4) | randn(4), randn(2, 4), "
     "randn(2) | "
     "randn(5, 3, 4), randn(2, 4), randn(2) | randn(5, 3, 4), randn(2, 4) | randn(0, 4), randn(2, "
     "4), randn(2) | "
     "randn(3, 4), randn(4) | randn(4, 3).t(), randn(4, 2).t(), randn(1) | randn(3, 0), randn(2, "
     "0), randn(2)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
