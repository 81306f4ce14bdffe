// The sums of a convolution and their derivatives; see conv.h. The calls that users make are in
// conv_calls.cpp.
#include "ops/conv.h"

#include <algorithm>
#include <vector>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/conv.h"
#include "ops/index_plan.h"
#include "ops/view.h"

namespace tl {

namespace {

constexpr const char* second_order = "ConvolutionBackwardBackward0";

DType compute_dtype(DType t) { return is_reduced_floating(t) ? DType::Float32 : is_integral(t) ? DType::Int64 : t; }
const void* data_of(const Tensor& t) { return t.defined() ? t->data() : nullptr; }

// x: N C *, w: K C/groups *, y: N K *.
kernels::ConvShape shape_of(const ConvParams& p, DType dtype, IntView x, IntView w, IntView y) {
  kernels::ConvShape s;
  s.dtype = dtype;
  s.batch = x[0];
  s.groups = p.groups;
  s.in_channels = w[1];
  s.out_channels = w[0] / p.groups;
  for (int64_t d = 0; d < 3; ++d) {
    const int64_t at = d - (3 - p.dims);
    const bool there = at >= 0;
    s.in[d] = there ? x[size_t(2 + at)] : 1;
    s.out[d] = there ? y[size_t(2 + at)] : 1;
    s.kernel[d] = there ? w[size_t(2 + at)] : 1;
    s.stride[d] = there ? p.stride[at] : 1;
    s.pad[d] = there ? p.padding[at] : 0;
    s.dilation[d] = there ? p.dilation[at] : 1;
  }
  return s;
}

// Integers wrap around, in the order of the definition. For every product of the sum f(x index, w index, y index).
template <class F>
void each_product(const kernels::ConvShape& s, F f) {
  const int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2];
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  for (int64_t i = 0; i < s.batch * s.groups * s.out_channels * out; ++i) {
    const int64_t p = i % out, k = i / out % (s.groups * s.out_channels), n = i / out / (s.groups * s.out_channels);
    const int64_t o[3] = {p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t tap[3] = {t / s.kernel[2] / s.kernel[1], t / s.kernel[2] % s.kernel[1], t % s.kernel[2]};
      int64_t at = 0;
      bool inside = true;
      for (int d = 0; d < 3; ++d) {
        const int64_t q = o[d] * s.stride[d] + tap[d] * s.dilation[d] - s.pad[d];
        inside = inside && q >= 0 && q < s.in[d];
        at = at * s.in[d] + q;
      }
      if (!inside) continue;
      for (int64_t c = 0; c < s.in_channels; ++c) {
        f(((n * s.groups + k / s.out_channels) * s.in_channels + c) * in + at, (k * s.in_channels + c) * taps + t, i);
      }
    }
  }
}
void start_from(const Tensor& out, const Tensor& bias) {  // bias along dim 1
  if (!bias.defined()) {
    zero_(out);
    return;
  }
  Dims column(size_t(out.dim()) - 1, 1);
  column[0] = bias.sizes()[0];
  copy_values(out, reshape(bias, column));
}

// Like x or w in memory format: channels last gives channels last.
bool is_channels_last(const Tensor& t) {
  const int64_t n = t.dim();
  if (t.is_contiguous() || (n != 4 && n != 5) || t.numel() == 0) return false;
  int64_t expected = 1;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t d = i == 0 ? 1 : i == n - 1 ? 0 : n - i;
    if (t->dims[d] != 1 && t->dims[n + d] != expected) return false;
    expected *= t->dims[d];
  }
  return true;
}
Tensor as_format(Tensor made, DType dtype, bool channels_last) {
  if (!channels_last && made.dtype() == dtype) return made;
  const IntView sizes = made.sizes();
  Dims strides = contiguous_strides(sizes);
  if (channels_last) {
    int64_t step = 1;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const size_t d = i == 0 ? 1 : i == sizes.size() - 1 ? 0 : sizes.size() - i;
      strides[d] = step;
      step *= sizes[d];
    }
  }
  Tensor out = empty_strided(sizes, strides, dtype);
  copy_values(out, made);
  return out;
}

Tensor dense(const Tensor& t, DType dtype) { return t.defined() ? dense_values(t, t.sizes(), dtype) : t; }

Tensor run_correlate(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes) {
  const DType dtype = compute_dtype(x.dtype());
  Tensor a = dense(x, dtype), b = dense(w, dtype), c = dense(bias, dtype), out = empty(sizes, dtype);
  const kernels::ConvShape s = shape_of(p, dtype, x.sizes(), w.sizes(), sizes);
  if (dtype == DType::Int64) {
    start_from(out, c);
    const uint64_t *xs = a.data<uint64_t>(), *ws = b.data<uint64_t>();
    uint64_t* ys = out.data<uint64_t>();
    each_product(s, [&](int64_t i, int64_t j, int64_t k) { ys[k] += xs[i] * ws[j]; });
  } else {
    kernels::conv_forward(s, a->data(), b->data(), data_of(c), out->data());
  }
  return as_format(out, x.dtype(), is_channels_last(x) || is_channels_last(w));
}

Tensor run_scatter(const Tensor& dy, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes) {
  const DType dtype = compute_dtype(dy.dtype());
  Tensor a = dense(dy, dtype), b = dense(w, dtype), c = dense(bias, dtype), out = empty(sizes, dtype);
  const kernels::ConvShape s = shape_of(p, dtype, sizes, w.sizes(), dy.sizes());
  if (dtype == DType::Int64) {
    start_from(out, c);
    const uint64_t *ys = a.data<uint64_t>(), *ws = b.data<uint64_t>();
    uint64_t* xs = out.data<uint64_t>();
    each_product(s, [&](int64_t i, int64_t j, int64_t k) { xs[i] += ys[k] * ws[j]; });
  } else {
    kernels::conv_input(s, a->data(), b->data(), data_of(c), out->data());
  }
  return as_format(out, dy.dtype(), is_channels_last(dy) || is_channels_last(w));
}

Tensor run_weight(const Tensor& x, const Tensor& dy, const ConvParams& p, IntView sizes) {
  const DType dtype = compute_dtype(x.dtype());
  Tensor a = dense(x, dtype), b = dense(dy, dtype), out = empty(sizes, dtype);
  kernels::conv_weight(shape_of(p, dtype, x.sizes(), sizes, dy.sizes()), a->data(), b->data(), out->data());
  return as_format(out, x.dtype(), false);
}

// A complex map from its real ones. f(a, b) is bilinear, and conjugates nothing.
template <class F>
Tensor complex_map(const Tensor& a, const Tensor& b, F f) {
  auto parts = [](const Tensor& t) { return view_as_real(t); };
  Tensor pa = parts(a), pb = parts(b);
  Tensor ar = select(pa, -1, 0), ai = select(pa, -1, 1), br = select(pb, -1, 0), bi = select(pb, -1, 1);
  Tensor re = sub(f(ar, br), f(ai, bi)), im = add(f(ar, bi), f(ai, br));
  return view_as_complex(stack({re, im}, -1));
}
Tensor add_bias(const Tensor& out, const Tensor& bias) {
  if (!bias.defined()) return out;
  Dims column(size_t(out.dim()) - 1, 1);
  column[0] = bias.sizes()[0];
  return add(out, reshape(bias, column));
}

Tensor bias_gradient(const Tensor& g) {
  Dims dims{0};
  for (int64_t d = 2; d < g.dim(); ++d) dims.push_back(d);
  return sum(g, dims, false);
}

}  // namespace

Tensor conv_correlate(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes,
                      const char* label) {
  if (is_complex(x.dtype())) {
    return add_bias(
        complex_map(x, w, [&](const Tensor& a, const Tensor& b) { return conv_correlate(a, b, {}, p, sizes, label); }),
        bias);
  }
  Tensor out = run_correlate(x, w, bias, p, sizes);
  if (needs_grad(x, w, bias)) {
    const bool for_w = requires_grad(w), for_x = requires_grad(x);
    Dims x_sizes(x.sizes()), w_sizes(w.sizes());
    record(out, label, inputs(x, w, bias), saves(input_if(for_w, x), input_if(for_x, w)),
           [p, x_sizes, w_sizes](Backward& b) {
             const Tensor& g = b.grad();
             if (b.needs(0)) b[0] = conv_scatter(g, b.saved(1), {}, p, x_sizes, second_order);
             if (b.needs(1)) b[1] = conv_weight_of(b.saved(0), g, p, w_sizes, second_order);
             if (b.needs(2)) b[2] = bias_gradient(g);
           });
  }
  return out;
}

Tensor conv_scatter(const Tensor& dy, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes,
                    const char* label) {
  if (is_complex(dy.dtype())) {
    return add_bias(
        complex_map(dy, w, [&](const Tensor& a, const Tensor& b) { return conv_scatter(a, b, {}, p, sizes, label); }),
        bias);
  }
  Tensor out = run_scatter(dy, w, bias, p, sizes);
  if (needs_grad(dy, w, bias)) {
    const bool for_w = requires_grad(w), for_dy = requires_grad(dy);
    Dims dy_sizes(dy.sizes()), w_sizes(w.sizes());
    record(out, label, inputs(dy, w, bias), saves(input_if(for_w, dy), input_if(for_dy, w)),
           [p, dy_sizes, w_sizes](Backward& b) {
             const Tensor& g = b.grad();
             if (b.needs(0)) b[0] = conv_correlate(g, b.saved(1), {}, p, dy_sizes, second_order);
             if (b.needs(1)) b[1] = conv_weight_of(g, b.saved(0), p, w_sizes, second_order);
             if (b.needs(2)) b[2] = bias_gradient(g);
           });
  }
  return out;
}

Tensor conv_weight_of(const Tensor& x, const Tensor& dy, const ConvParams& p, IntView sizes, const char* label) {
  Tensor out = run_weight(x, dy, p, sizes);
  if (needs_grad(x, dy)) {
    const bool for_x = requires_grad(x), for_dy = requires_grad(dy);
    Dims x_sizes(x.sizes()), dy_sizes(dy.sizes());
    record(out, label, inputs(x, dy), saves(input_if(for_dy, x), input_if(for_x, dy)),
           [p, x_sizes, dy_sizes](Backward& b) {
             const Tensor& g = b.grad();
             if (b.needs(0)) b[0] = conv_scatter(b.saved(1), g, {}, p, x_sizes, second_order);
             if (b.needs(1)) b[1] = conv_correlate(b.saved(0), g, {}, p, dy_sizes, second_order);
           });
  }
  return out;
}

}  // namespace tl
