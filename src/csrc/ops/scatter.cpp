// Writing through one index tensor: scatter, scatter_add, scatter_reduce.
#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::ScatterOp;

namespace {

Tensor zero_like(const Tensor& t) { return zeros(Dims{}, t.dtype()); }
using Indexed = Tensor (*)(const Tensor&, int64_t, const Tensor&, const Tensor&);

// dst[index along dim] op= src, where src is a tensor at least of index's shape or a single element.
void run(const Tensor& dst, int64_t dim, const Tensor& index, const Tensor& src, bool is_scalar, ScatterOp how) {
  if (index.numel() == 0) return;
  bool zero_dim = dst.dim() == 0;
  int64_t size = zero_dim ? 1 : dst.sizes()[size_t(dim)];
  Tensor checked = checked_index(index, size, dim, false, ErrorKind::runtime);
  checked = apart_from(checked, dst);
  IndexPlan plan(dst, dim, zero_dim ? IntView() : index.sizes());
  plan.set_dense_index(checked.data<int64_t>(), index.dim() == 0 ? 1 : index.sizes()[size_t(dim)],
                       zero_dim ? 1 : dst.strides()[size_t(dim)]);
  Tensor source = src;
  if (!is_scalar) {
    Tensor corner = index.dim() == 0 || src.dim() == 0
                        ? alias(src, index.sizes(), Dims(size_t(index.dim()), 1), src->offset)
                        : alias(src, index.sizes(), src.strides(), src->offset);
    source = dense_values(corner, index.sizes(), dst.dtype());
  }
  plan.scatter(apart_from(source, dst), how);
}

// The gradient of src where only the corner of it that index covers was read.
Tensor source_grad(const Tensor& grad, int64_t dim, const Tensor& index, const Dims& src_sizes) {
  return pad_to(gather(grad, dim, index), src_sizes);
}

auto scatter_backward(int64_t dim, const Tensor& src) {
  return [dim, src_sizes = Dims(src.sizes())](Backward& b) {
    Tensor index = b.saved(0);
    const Tensor& g = b.grad();
    if (b.needs(0)) b[0] = scatter(g, dim, index, zero_like(g));
    if (b.needs(1)) b[1] = source_grad(g, dim, index, src_sizes);
  };
}
auto scatter_add_backward(int64_t dim, const Tensor& src) {
  return [dim, src_sizes = Dims(src.sizes())](Backward& b) {
    if (b.needs(0)) b[0] = b.grad();
    if (b.needs(1)) b[1] = source_grad(b.grad(), dim, b.saved(0), src_sizes);
  };
}

// The bodies of an op and its in-place form: `Make` builds the backward.
template <class Make>
Tensor apply(const char* name, const char* label, const Tensor& self, int64_t dim_arg, const Tensor& index,
             const Tensor& src, ScatterOp how, bool inplace, Make make) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_gather(name, self, dim, index, src);
  if (inplace) check_inplace(self, name, src);
  if (inplace) {
    check_apart(index, self, name);
    check_apart(src, self, name);
  }
  Tensor saved_index = inplace ? apart_from(index, self) : index;
  Tensor out = inplace ? self : raw_clone(self);
  run(out, dim, saved_index, src, false, how);
  if (inplace) self.bump_version();
  if (!needs_grad(self, src)) return out;
  if (inplace) {
    record_inplace(self, label, inputs(self, src), saves(saved_index), make(dim, src));
  } else {
    record(out, label, inputs(self, src), saves(index), make(dim, src));
  }
  return out;
}

// With a number (or a 0-d tensor) for src.
Tensor apply_value(const char* name, const Tensor& self, int64_t dim_arg, const Tensor& index, const Scalar& value,
                   ScatterOp how, bool inplace) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_gather(name, self, dim, index, {});
  TL_CHECK(!value.is_complex() || is_complex(self.dtype()), name, "(): a complex value cannot be written to a ",
           dtype_name(self.dtype()), " tensor");
  if (inplace) check_inplace(self, name);
  if (inplace) check_apart(index, self, name);
  Tensor saved_index = inplace ? apart_from(index, self) : index;
  Tensor out = inplace ? self : raw_clone(self);
  run(out, dim, saved_index, scalar_tensor(value, self.dtype()), true, how);
  if (inplace) self.bump_version();
  if (!needs_grad(self)) return out;
  auto backward = [dim, how, factor = value.to_double()](Backward& b) {
    const Tensor& g = b.grad();
    if (how == ScatterOp::assign) {
      b[0] = scatter(g, dim, b.saved(0), zero_like(g));
    } else if (how == ScatterOp::add) {
      b[0] = g;
    } else {  // each occurrence of an index multiplied once more
      Tensor index = b.saved(0);
      Tensor times = ones(g.sizes(), g.dtype());
      run(times, dim, index, scalar_tensor(Scalar(factor), g.dtype()), true, ScatterOp::multiply);
      b[0] = mul(g, times);
    }
  };
  if (inplace) {
    record_inplace(self, "ScatterBackward1:index", inputs(self), saves(saved_index), std::move(backward));
  } else {
    record(out, "ScatterBackward1:index", inputs(self), saves(index), std::move(backward));
  }
  return out;
}

ScatterOp scatter_mode(std::string_view reduce) {
  TL_CHECK(reduce == "add" || reduce == "multiply", "scatter(): reduce argument must be either add or multiply, got ",
           reduce);
  return reduce == "add" ? ScatterOp::add : ScatterOp::multiply;
}

}  // namespace

Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  if (src.dim() == 0 && index.dim() != 0) {  // one element for all
    int64_t d = wrap_dim(dim, self.dim());
    check_gather("scatter", self, d, index, {});
    TL_CHECK(!needs_grad(src), "scatter(): a 0-d src that requires grad cannot stand for many elements; expand it");
    Tensor out = raw_clone(self);
    run(out, d, index, dense_values(src, Dims{}, self.dtype()), true, ScatterOp::assign);
    if (needs_grad(self)) {
      record(out, "ScatterBackward1:index", inputs(self), saves(index),
             [d](Backward& b) { b[0] = scatter(b.grad(), d, b.saved(0), zero_like(b.grad())); });
    }
    return out;
  }
  return apply("scatter", "ScatterBackward0:index", self, dim, index, src, ScatterOp::assign, false, scatter_backward);
}

Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply("scatter_add", "ScatterAddBackward0:index", self, dim, index, src, ScatterOp::add, false,
               scatter_add_backward);
}

namespace {

Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply("scatter_", "ScatterBackward0:index", self, dim, index, src, ScatterOp::assign, true, scatter_backward);
}
Tensor scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply("scatter_add_", "ScatterAddBackward0:index", self, dim, index, src, ScatterOp::add, true,
               scatter_add_backward);
}
Tensor scatter_value(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return apply_value("scatter", self, dim, index, value, ScatterOp::assign, false);
}
Tensor scatter_value_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return apply_value("scatter_", self, dim, index, value, ScatterOp::assign, true);
}
Tensor scatter_value_mode(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                          std::string_view reduce) {
  return apply_value("scatter", self, dim, index, value, scatter_mode(reduce), false);
}
Tensor scatter_value_mode_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value,
                           std::string_view reduce) {
  return apply_value("scatter_", self, dim, index, value, scatter_mode(reduce), true);
}

// --- scatter_reduce ------------------------------------------------------------------------------

enum class Reduce : uint8_t { sum, prod, mean, amax, amin };

Reduce reduce_of(std::string_view name) {
  if (name == "sum") return Reduce::sum;
  if (name == "prod") return Reduce::prod;
  if (name == "mean") return Reduce::mean;
  if (name == "amax") return Reduce::amax;
  TL_CHECK(name == "amin", "scatter_reduce(): reduce argument must be either sum, prod, mean, amax or amin, got ",
           name);
  return Reduce::amin;
}

Tensor scatter_reduced(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, Reduce how,
                       bool include_self);

// How many values went into each element.
Tensor counts(const Tensor& self, int64_t dim, const Tensor& index, bool include_self) {
  NoGradGuard no_grad;
  Tensor n = full(self.sizes(), Scalar(int64_t(include_self)), self.dtype());
  run(n, dim, index, scalar_tensor(Scalar(1), self.dtype()), true, ScatterOp::add);
  return maximum(n, ones_like(n));
}

void reduce_backward(Backward& b, int64_t dim, Reduce how, bool include_self) {
  const Tensor& g = b.grad();
  Tensor self = b.saved(0), src_all = b.saved(1), index = b.saved(2), result = b.saved(3);
  // Only the corner of src under the index took part.
  Tensor src = src_all;
  for (int64_t d = 0; d < src.dim(); ++d) src = narrow(src, d, 0, index.sizes()[size_t(d)]);
  Tensor to_self, to_src;
  if (how == Reduce::sum) {
    to_self = g;
    to_src = gather(g, dim, index);
  } else if (how == Reduce::mean) {
    Tensor share = div(g, counts(self, dim, index, include_self));
    to_self = share;
    to_src = gather(share, dim, index);
  } else if (how == Reduce::prod) {
    Tensor one = ones(Dims{}, g.dtype()), zero = zero_like(g);
    // Of self: its factor taken out of the product.
    Tensor self_zero = eq(self, zero);
    Tensor self_safe = masked_fill(self, self_zero, one);
    Tensor without_self = scatter_reduced(self_safe, dim, index, src, how, include_self);
    to_self = div(mul(g, without_self), self_safe);
    // Of src: where it is the only zero that its product has, the product without it.
    Tensor src_zero = eq(src, zero);
    Tensor zeros_met =
        gather(scatter_add(zeros(self.sizes(), g.dtype()), dim, index, to_dtype(src_zero, g.dtype())), dim, index);
    Tensor single = logical_and(src_zero, eq(zeros_met, one));
    Tensor src_safe = masked_fill(src, single, one);
    Tensor without_src = scatter_reduced(self, dim, index, src_safe, how, include_self);
    Tensor at_single = div(gather(mul(g, without_src), dim, index),
                           masked_fill(src_safe, logical_and(src_zero, logical_not(single)), one));
    Tensor elsewhere = div(gather(mul(g, result), dim, index), masked_fill(src, src_zero, one));
    to_src = where(single, at_single, elsewhere);
  } else {
    Tensor won_self = to_dtype(eq(self, result), g.dtype());
    if (!include_self) won_self = scatter(won_self, dim, index, zero_like(g));
    Tensor won_src = to_dtype(eq(src, gather(result, dim, index)), g.dtype());
    Tensor winners = scatter_add(won_self, dim, index, won_src);
    Tensor share = div(g, maximum(winners, ones_like(winners)));
    to_self = mul(won_self, share);
    to_src = mul(won_src, gather(share, dim, index));
  }
  if (b.needs(0)) b[0] = include_self ? to_self : scatter(to_self, dim, index, zero_like(g));
  if (b.needs(1)) b[1] = pad_to(to_src, src_all.sizes());
}

// Reduces into `out`, which holds self's values.
void reduce_into(const Tensor& out, int64_t dim, const Tensor& index, const Tensor& src, Reduce how,
                 bool include_self) {
  if (!include_self) {
    Scalar start(how == Reduce::prod ? 1 : 0);
    bool extreme = how == Reduce::amax || how == Reduce::amin;
    if (!extreme) {
      run(out, dim, index, scalar_tensor(start, out.dtype()), true, ScatterOp::assign);
    } else {
      run(out, dim, index, src, false, ScatterOp::assign);  // any of the values is a start
    }
  }
  const ScatterOp ops[] = {ScatterOp::add, ScatterOp::multiply, ScatterOp::add, ScatterOp::amax, ScatterOp::amin};
  run(out, dim, index, src, false, ops[int(how)]);
  if (how != Reduce::mean) return;
  Tensor n = counts(out, dim, index, include_self);
  NoGradGuard no_grad;
  Tensor quotient = div(detach(out), n);
  if (is_integral_or_bool(out.dtype())) {
    // Rounded down, as integer division is.
    Tensor down = to_dtype(quotient, out.dtype());
    Tensor exact = to_dtype(down, quotient.dtype());
    quotient = sub(exact, to_dtype(lt(quotient, exact), quotient.dtype()));
  }
  copy_values(out, quotient);
}

Tensor reduce_op(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& src, Reduce how,
                 bool include_self, bool inplace) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  const char* name = inplace ? "scatter_reduce_" : "scatter_reduce";
  check_gather(name, self, dim, index, src);
  TL_CHECK((how != Reduce::amax && how != Reduce::amin) || !is_complex(self.dtype()), name,
           "(): amax and amin are not defined for complex tensors");
  if (inplace) check_inplace(self, name, src);
  bool recorded = needs_grad(self, src);
  Tensor before = inplace && recorded ? clone(self) : self;
  if (inplace) {
    check_apart(index, self, name);
    check_apart(src, self, name);
  }
  Tensor saved_index = inplace ? apart_from(index, self) : index;
  Tensor out = inplace ? self : raw_clone(self);
  reduce_into(out, dim, saved_index, inplace ? apart_from(src, self) : src, how, include_self);
  if (inplace) self.bump_version();
  if (!recorded) return out;
  auto backward = [dim, how, include_self](Backward& b) { reduce_backward(b, dim, how, include_self); };
  const char* label = "ScatterReduceBackward0:self,src,index,result";
  if (inplace) {
    record_inplace(self, label, inputs(self, src), saves(before, src, saved_index, output(self)), std::move(backward));
  } else {
    record(out, label, inputs(self, src), saves(self, src, index, output(out)), std::move(backward));
  }
  return out;
}

Tensor scatter_reduced(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, Reduce how,
                       bool include_self) {
  return reduce_op(self, dim, index, src, how, include_self, false);
}

}  // namespace

Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                      bool include_self) {
  return reduce_op(self, dim, index, src, reduce_of(reduce), include_self, false);
}
Tensor scatter_reduce_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                       bool include_self) {
  return reduce_op(self, dim, index, src, reduce_of(reduce), include_self, true);
}

namespace {

Tensor scatter_mode_op(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                       std::string_view reduce) {
  return reduce_op(self, dim, index, src, scatter_mode(reduce) == ScatterOp::add ? Reduce::sum : Reduce::prod, true,
                   false);
}
Tensor scatter_mode_op_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                        std::string_view reduce) {
  return reduce_op(self, dim, index, src, scatter_mode(reduce) == ScatterOp::add ? Reduce::sum : Reduce::prod, true,
                   true);
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t written = op::method | op::writes_self;
const OpRecord records[] = {
    {"scatter(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", TL_OP(static_cast<Indexed>(scatter)), both,
     "A copy of `self` with out[index[i][j]][j] = src[i][j] for dim 0, and so on. Of equal indices the last counts.",
     "randn(3, 4), 1, tensor([[0, 3], [1, 2], [2, 0]]), randn(3, 2) | randn(4, 3).t(), 0, tensor([[2, 0, 1, 1]]), "
     "randn(2, 4) | "
     "randn(3), 0, zeros(0, dtype=int64), randn(0)"},
    {"scatter(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", TL_OP(scatter_value), both,
     "The same with one number for every place.", "randn(3, 4), 1, tensor([[0, 3], [1, 2]]), 2.5"},
    {"scatter(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor", TL_OP(scatter_mode_op), both,
     "The same with the values added or multiplied: reduce='add' or 'multiply'.",
     "randn(3, 4), 1, tensor([[0, 0], [1, 2]]), randn(2, 2), reduce='add'"},
    {"scatter(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor", TL_OP(scatter_value_mode),
     both, "The same with one number added or multiplied.",
     "randn(3, 4), 1, tensor([[0, 0], [1, 2]]), 2.0, reduce='multiply'"},
    {"scatter_(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", TL_OP(scatter_), written,
     "scatter in place.", "randn(3, 4), 1, tensor([[0, 3], [1, 2], [2, 0]]), randn(3, 2)"},
    {"scatter_(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", TL_OP(scatter_value_), written,
     "scatter in place.", "randn(3, 4), 1, tensor([[0, 3], [1, 2]]), 2.5"},
    {"scatter_(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor", TL_OP(scatter_mode_op_),
     written, "scatter in place.", "randn(3, 4), 1, tensor([[0, 0], [1, 2]]), randn(2, 2), reduce='multiply'"},
    {"scatter_(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor", TL_OP(scatter_value_mode_),
     written, "scatter in place.", "randn(3, 4), 1, tensor([[0, 0], [1, 2]]), 2.0, reduce='add'"},
    {"scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", TL_OP(static_cast<Indexed>(scatter_add)),
     both, "A copy of `self` with out[index[i][j]][j] += src[i][j] for dim 0, and so on, in order.",
     "randn(3, 4), 0, tensor([[0, 0, 2, 1], [0, 1, 2, 2]]), randn(2, 4) | randn(4, 3).t(), 1, tensor([[1], [1], [3]]), "
     "randn(3, 2) | "
     "randn(()), 0, tensor(0), randn(())"},
    {"scatter_add_(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", TL_OP(scatter_add_), written,
     "scatter_add in place.", "randn(3, 4), 0, tensor([[0, 0, 2, 1]]), randn(1, 4)"},
    {"scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
     TL_OP(scatter_reduce), both,
     "Values of `src` that meet at an index reduced by 'sum', 'prod', 'mean', 'amax' or 'amin', with the value that "
     "was "
     "there unless include_self is False.",
     "randn(3, 4), 0, tensor([[0, 0, 2, 1], [0, 1, 2, 2]]), randn(2, 4), 'sum' | "
     "randn(3), 0, tensor([0, 0, 2]), randn(3), 'prod' | randn(3), 0, tensor([0, 0, 2]), randn(3), 'mean', "
     "include_self=False | "
     "randn(3), 0, tensor([0, 0, 2]), randn(3), 'amax' | randn(3), 0, tensor([0, 0, 2]), randn(3), 'amin', "
     "include_self=False"},
    {"scatter_reduce_(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
     TL_OP(scatter_reduce_), written, "scatter_reduce in place.", "randn(3), 0, tensor([0, 0, 2]), randn(3), 'sum'"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
