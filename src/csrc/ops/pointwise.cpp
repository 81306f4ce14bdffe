#include "ops/pointwise.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/copy.h"

namespace tl {

namespace {

constexpr int max_operands = kernels::max_operands;
constexpr int max_dims = 64;

constexpr int64_t grain_of(Cost cost) {
  return cost == Cost::light ? int64_t(1) << 17 : cost == Cost::medium ? int64_t(1) << 15 : int64_t(1) << 12;
}

// The higher of two dtypes of different importance: `low` only adds its kind.
DType combine(DType high, DType low) {
  if (is_complex(high)) return high;
  if (is_floating(high)) return is_complex(low) ? to_complex(high) : high;
  if (high == DType::Bool || is_floating(low) || is_complex(low)) return promote_types(high, low);
  return high;
}

DType reads_of(const PointwiseSpec& spec) { return kernels::dtype_of(kernels::compute_of(spec.common)); }
DType writes_of(const PointwiseSpec& spec) {
  if (spec.predicate) return DType::Bool;
  if (is_complex(spec.common) && !is_complex(spec.result)) return DType::Float64;
  return reads_of(spec);
}

// What one operand of a loop is: memory with strides, or a value in the loop's own type.
struct Value16 {
  alignas(16) char bytes[16];
};

void store_value(Value16& to, DType compute, DType common, const Operand& operand) {
  // Through the common dtype, as PyTorch converts; numbers meet float16 and bfloat16 unrounded.
  auto keep = [&](const Scalar& s) {
    switch (compute) {
      case DType::Float32: {
        float v = s.to<float>();
        std::memcpy(to.bytes, &v, sizeof v);
        break;
      }
      case DType::Float64: {
        double v = s.to<double>();
        std::memcpy(to.bytes, &v, sizeof v);
        break;
      }
      case DType::Int64: {
        int64_t v = 0;
        switch (common) {
          case DType::Bool:
            v = s.to<bool>();
            break;
          case DType::UInt8:
            v = s.to<uint8_t>();
            break;
          case DType::Int8:
            v = s.to<int8_t>();
            break;
          case DType::Int16:
            v = s.to<int16_t>();
            break;
          case DType::Int32:
            v = s.to<int32_t>();
            break;
          default:
            v = s.to<int64_t>();
        }
        std::memcpy(to.bytes, &v, sizeof v);
        break;
      }
      default: {
        auto v = s.to<std::complex<double>>();
        if (common == DType::Complex64) v = std::complex<double>(std::complex<float>(v));
        std::memcpy(to.bytes, &v, sizeof v);
      }
    }
  };
  keep(operand.is_tensor() ? item(operand.tensor()) : operand.number());
}

// The dims of a walk over all operands, innermost first.
struct Geometry {
  int count;
  int ndim = 0;
  int64_t numel = 1;
  int64_t sizes[max_dims];
  int64_t strides[max_operands][max_dims];

  // Smaller strides inside, the first operand that tells two dims apart decides.
  bool inside(int a, int b) const {
    for (int k = 0; k < count; ++k) {
      int64_t x = strides[k][a], y = strides[k][b];
      if (x == 0 || y == 0 || x == y) continue;
      return x < y;
    }
    return false;
  }
  void swap(int a, int b) {
    std::swap(sizes[a], sizes[b]);
    for (int k = 0; k < count; ++k) std::swap(strides[k][a], strides[k][b]);
  }
  void order() {
    for (int i = 1; i < ndim; ++i) {
      for (int j = i; j > 0 && inside(j, j - 1); --j) swap(j, j - 1);
    }
  }
  void merge() {
    if (ndim == 0) return;
    int last = 0;
    for (int d = 1; d < ndim; ++d) {
      bool joins = true;
      for (int k = 0; k < count; ++k) joins = joins && strides[k][d] == strides[k][last] * sizes[last];
      if (joins) {
        sizes[last] *= sizes[d];
        continue;
      }
      ++last;
      sizes[last] = sizes[d];
      for (int k = 0; k < count; ++k) strides[k][last] = strides[k][d];
    }
    ndim = last + 1;
  }
};

enum class Overlap { none, same, partial };
Overlap overlap(const Tensor& a, const Tensor& b) {
  if (a.impl() == b.impl()) return Overlap::same;
  if (a->storage != b->storage || a.numel() == 0 || b.numel() == 0) return Overlap::none;
  if (!is_non_overlapping_and_dense(a) || !is_non_overlapping_and_dense(b)) {
    // Too hard to tell, but the same geometry is the same memory.
    return a->offset == b->offset && a.dtype() == b.dtype() && equal(a.strides(), b.strides()) &&
                   equal(a.sizes(), b.sizes())
               ? Overlap::same
               : Overlap::none;
  }
  const char *a_begin = a.bytes(), *a_end = a_begin + a.nbytes(), *b_begin = b.bytes(), *b_end = b_begin + b.nbytes();
  if (a_begin == b_begin && a_end == b_end) {
    return a.dtype() == b.dtype() && equal(a.strides(), b.strides()) ? Overlap::same : Overlap::partial;
  }
  return a_begin < b_end && b_begin < a_end ? Overlap::partial : Overlap::none;
}

void check_overlap(const PointwiseSpec& spec, const Tensor& out, Operands inputs) {
  TL_CHECK(!has_internal_overlap(out),
           "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
           "Please clone() the tensor before performing the operation. (",
           spec.name, ", shape ", Shape{out.sizes()}, ")");
  for (const Operand& in : inputs) {
    if (!in.is_tensor()) continue;
    TL_CHECK(
        overlap(out, in.tensor()) != Overlap::partial,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
        "location. Please clone() the tensor before performing the operation. (",
        spec.name, ", shapes ", Shape{in.tensor().sizes()}, " and ", Shape{out.sizes()}, ")");
  }
}

// Runs the loop; everything is checked. `out` has the shape that the inputs broadcast to.
void run(const PointwiseSpec& spec, const Tensor& out, Operands inputs) {
  const int count = 1 + int(inputs.size());
  const DType compute = reads_of(spec), writes = writes_of(spec);
  const Tensor* tensors[max_operands] = {&out};
  Value16 values[max_operands];
  bool plain = out.is_contiguous() && out.dtype() == writes;
  bool same_dims = true;
  int k = 1;
  for (const Operand& in : inputs) {
    tensors[k] = nullptr;
    if (in.dim() == 0 && (!in.is_tensor() || out.dim() != 0 || in.dtype() != compute)) {
      store_value(values[k], compute, spec.common, in);
      plain = plain && out.numel() <= 64;
    } else {
      const Tensor& t = in.tensor();
      tensors[k] = &t;
      same_dims = same_dims && t.dtype() == compute && t.is_contiguous() && equal(t.sizes(), out.sizes());
    }
    ++k;
  }
  if (plain && same_dims) {
    // Contiguous and nothing to convert: no walk. Numbers stand in blocks of their own.
    alignas(64) char filled[max_operands][64 * 16];
    void* data[max_operands];
    size_t step[max_operands];
    for (k = 0; k < count; ++k) {
      if (tensors[k] != nullptr) {
        data[k] = tensors[k]->bytes();
        step[k] = item_size(tensors[k]->dtype());
      } else {
        data[k] = filled[k];
        kernels::fill_run(item_size(compute), filled[k], int64_t(item_size(compute)), values[k].bytes, out.numel());
      }
    }
    if (out.numel() <= 64) {
      if (out.numel() > 0) spec.loop(out.numel(), data);
      return;
    }
    parallel_for(out.numel(), grain_of(spec.cost), [&](int64_t begin, int64_t end) {
      void* at[max_operands];
      for (int i = 0; i < count; ++i) at[i] = static_cast<char*>(data[i]) + size_t(begin) * step[i];
      spec.loop(end - begin, at);
    });
    return;
  }

  Geometry g;
  g.count = count;
  int ndim = int(out.dim());
  for (int d = ndim - 1; d >= 0; --d) {
    int64_t size = out->dims[d];
    g.numel *= size;
    if (size == 1) continue;
    g.sizes[g.ndim] = size;
    for (k = 0; k < count; ++k) {
      int64_t step = 0;
      if (tensors[k] != nullptr) {
        const Tensor& t = *tensors[k];
        int64_t at = d - (ndim - t.dim());
        if (at >= 0 && t->dims[at] != 1) step = t->dims[t.dim() + at] * int64_t(item_size(t.dtype()));
      }
      g.strides[k][g.ndim] = step;
    }
    ++g.ndim;
  }
  if (g.numel == 0) return;
  g.order();
  g.merge();
  if (g.ndim == 0) {
    g.ndim = 1;
    g.sizes[0] = 1;
    for (k = 0; k < count; ++k) g.strides[k][0] = tensors[k] != nullptr ? int64_t(item_size(tensors[k]->dtype())) : 0;
  }
  kernels::ElementwiseArgs args;
  args.count = count;
  args.ndim = g.ndim;
  args.sizes = g.sizes;
  for (k = 0; k < count; ++k) {
    args.data[k] = tensors[k] != nullptr ? tensors[k]->bytes() : values[k].bytes;
    args.dtype[k] = tensors[k] != nullptr ? tensors[k]->dtype() : compute;
    args.strides[k] = g.strides[k];
  }
  args.reads = compute;
  args.writes = writes;
  args.loop = spec.loop;
  parallel_for(g.numel, grain_of(spec.cost),
               [&](int64_t begin, int64_t end) { kernels::elementwise(args, begin, end); });
}

Dims broadcast_shape(Operands inputs) {
  Dims shape;
  for (const Operand& in : inputs) {
    if (in.dim() == 0) continue;
    shape = shape.size() == 0 ? Dims(in.tensor().sizes()) : broadcast_shapes(shape, in.tensor().sizes());
  }
  return shape;
}

// A result in the memory order of the inputs, as PyTorch lays it out: dims are ordered by the strides
// of the first input that tells them apart.
Tensor result_like(IntView shape, DType dtype, Operands inputs) {
  bool contiguous = true;
  const Tensor* like = nullptr;  // set while all inputs have one dense geometry
  bool alike = true;
  for (const Operand& in : inputs) {
    if (in.dim() == 0) continue;
    const Tensor& t = in.tensor();
    contiguous = contiguous && t.is_contiguous();
    alike = alike && equal(t.sizes(), shape) && (like == nullptr || equal(like->strides(), t.strides()));
    like = &t;
  }
  if (contiguous || like == nullptr) return empty(shape, dtype);
  if (alike && is_non_overlapping_and_dense(*like)) return empty_strided(shape, like->strides(), dtype);

  int n = int(shape.size());
  int order[max_dims];  // innermost first
  for (int i = 0; i < n; ++i) order[i] = n - 1 - i;
  auto stride_of = [&](const Tensor& t, int d) -> int64_t {
    int64_t at = d - (n - t.dim());
    return at < 0 || (t->dims[at] == 1 && shape[size_t(d)] != 1)
               ? 0
               : t->dims[t.dim() + at] * int64_t(item_size(t.dtype()));
  };
  // 1: `a` belongs further out than `b`, -1: it is right where it is, 0: nothing tells.
  auto further_out = [&](int a, int b) {
    for (const Operand& in : inputs) {
      if (in.dim() == 0) continue;
      int64_t x = stride_of(in.tensor(), a), y = stride_of(in.tensor(), b);
      if (x == 0 || y == 0) continue;
      if (x != y) return x < y ? -1 : 1;
      if (shape[size_t(a)] > shape[size_t(b)]) return 1;
    }
    return 0;
  };
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int j = i - 1; j >= 0; --j) {
      int side = further_out(order[j], order[at]);
      if (side < 0) break;
      if (side > 0) {
        std::swap(order[j], order[at]);
        at = j;
      }
    }
  }
  Dims strides(shape.size());
  int64_t step = 1;
  for (int i = 0; i < n; ++i) {
    strides[size_t(order[i])] = step;
    step *= std::max<int64_t>(shape[size_t(order[i])], 1);
  }
  return empty_strided(shape, strides, dtype);
}

}  // namespace

DType result_type(std::span<const Operand> operands) {
  bool seen[3] = {false, false, false};
  DType types[3] = {};
  for (const Operand& o : operands) {
    DType t = o.dtype();
    int rank = o.is_number() ? 2 : o.dim() == 0 ? 1 : 0;
    if (rank == 2) t = is_complex(t) ? to_complex(default_dtype()) : is_floating(t) ? default_dtype() : t;
    types[rank] = seen[rank] ? promote_types(types[rank], t) : t;
    seen[rank] = true;
  }
  DType low = types[2];
  bool any = seen[2];
  for (int rank = 1; rank >= 0; --rank) {
    if (!seen[rank]) continue;
    low = any ? combine(types[rank], low) : types[rank];
    any = true;
  }
  return low;
}

Tensor pointwise(const PointwiseSpec& spec, Operands inputs) {
  const Tensor* first = nullptr;
  bool one_shape = true;
  for (const Operand& in : inputs) {
    if (in.dim() == 0) continue;
    if (first == nullptr) {
      first = &in.tensor();
      one_shape = first->is_contiguous();
    } else {
      one_shape = one_shape && in.tensor().is_contiguous() && equal(first->sizes(), in.tensor().sizes());
    }
  }
  Tensor out;
  if (first == nullptr) {
    out = empty(IntView(), spec.result);
  } else if (one_shape) {
    out = empty(first->sizes(), spec.result);
  } else {
    Dims shape = broadcast_shape(inputs);
    out = result_like(shape, spec.result, inputs);
  }
  run(spec, out, inputs);
  return out;
}

void pointwise_into(const PointwiseSpec& spec, const Tensor& out, Operands inputs) {
  Dims shape = broadcast_shape(inputs);
  TL_CHECK(equal(shape, out.sizes()), "output with shape ", Shape{out.sizes()}, " doesn't match the broadcast shape ",
           Shape{shape}, " (", spec.name, ")");
  check_overlap(spec, out, inputs);
  bool storable =
      out.dtype() == spec.result ||
      (kernels::dtype_of(kernels::compute_of(out.dtype())) == writes_of(spec) && spec.result != DType::Bool);
  if (!storable) {
    copy_values(out, pointwise(spec, inputs));
    return;
  }
  // An input of another size over the same memory would be overwritten before it is read.
  for (const Operand& in : inputs) {
    if (in.is_tensor() && in.tensor()->storage == out->storage && item_size(in.dtype()) != item_size(out.dtype()) &&
        overlap(out, in.tensor()) != Overlap::none) {
      copy_values(out, pointwise(spec, inputs));
      return;
    }
  }
  run(spec, out, inputs);
}

void check_cast(const char*, DType result, const Tensor& self) {
  TL_CHECK(can_cast(result, self.dtype()), "result type ", dtype_legacy_name(result),
           " can't be cast to the desired output type ", dtype_legacy_name(self.dtype()));
}

void not_implemented(const char* name, DType dtype) {
  fail(ErrorKind::not_implemented, "\"", name, "\" not implemented for '", dtype_legacy_name(dtype), "'");
}

void not_implemented(const char* name, DType dtype, Operands inputs) {
  broadcast_shape(inputs);
  not_implemented(name, dtype);
}

}  // namespace tl
