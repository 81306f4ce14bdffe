// convolution and what is made of it: conv1d, conv2d, conv3d and their transposes.
#include <algorithm>

#include "autograd/record.h"
#include "ops/conv.h"
#include "ops/registry.h"

namespace tl {

namespace {

constexpr const char* name_of[] = {"conv1d", "conv2d", "conv3d"};
constexpr const char* transposed_name_of[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};

constexpr const char* label = "ConvolutionBackward0:input,weight";

// A value for each spatial dim: as many as there are, or one for all.
void spread(IntView given, int64_t dims, const char* name, int64_t (&to)[3]) {
  TL_CHECK(int64_t(given.size()) == dims || given.size() == 1, "expected ", name,
           " to be a single integer value or a list of ", dims, " values to match the convolution dimensions, but got ",
           name, "=", Shape{given});
  for (int64_t d = 0; d < dims; ++d) to[d] = given[given.size() == 1 ? 0 : size_t(d)];
}

ConvParams params_of(int64_t dims, IntView stride, IntView padding, IntView dilation, bool transposed,
                     IntView output_padding, int64_t groups) {
  ConvParams p;
  p.dims = dims;
  p.groups = groups;
  p.transposed = transposed;
  spread(stride, dims, "stride", p.stride);
  spread(padding, dims, "padding", p.padding);
  spread(dilation, dims, "dilation", p.dilation);
  spread(output_padding, dims, "output_padding", p.output_padding);
  constexpr int64_t most = int64_t(1) << 40;  // beyond, sizes might overflow
  for (int64_t d = 0; d < dims; ++d) {
    TL_CHECK(p.padding[d] >= 0, "negative padding is not supported");
    TL_CHECK(p.output_padding[d] >= 0, "negative output_padding is not supported");
    TL_CHECK(p.stride[d] > 0, "non-positive stride is not supported");
    TL_CHECK(p.dilation[d] > 0, "dilation should be greater than zero, but got ", Shape{dilation});
    TL_CHECK(std::max({p.stride[d], p.padding[d], p.dilation[d], p.output_padding[d]}) < most,
             "convolution: stride, padding and dilation must be below 2**40, but got stride=", Shape{stride},
             ", padding=", Shape{padding}, ", dilation=", Shape{dilation});
  }
  TL_CHECK(groups > 0, "non-positive groups is not supported");
  return p;
}

void check_operands(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvParams& p) {
  const DType dtype = x.dtype();
  TL_CHECK(w.dtype() == dtype, "Input type (", dtype_c_name(dtype), ") and weight type (", dtype_c_name(w.dtype()),
           ") should be the same");
  TL_CHECK(!bias.defined() || bias.dtype() == dtype, "Input type (", dtype_c_name(dtype), ") and bias type (",
           bias.defined() ? dtype_c_name(bias.dtype()) : "", ") should be the same");
  TL_CHECK_NOTIMPL(dtype != DType::Bool, "\"convolution\" not implemented for 'Bool'");
  TL_CHECK(w.dim() == p.dims + 2 && x.dim() == w.dim(), "Expected ", w.dim(), "-dimensional input for ", w.dim(),
           "-dimensional weight ", Shape{w.sizes()}, ", but got ", x.dim(), "-dimensional input of size ",
           Shape{x.sizes()}, " instead");
  const IntView ws = w.sizes(), xs = x.sizes();
  for (int64_t d = 0; d < p.dims; ++d) {
    TL_CHECK(ws[size_t(2 + d)] > 0, "kernel size should be greater than zero, but got weight of size ", Shape{ws});
  }
  TL_CHECK(ws[0] >= p.groups, "Given groups=", p.groups, ", expected weight to be at least ", p.groups,
           " at dimension 0, but got weight of size ", Shape{ws}, " instead");
  TL_CHECK(ws[0] % p.groups == 0, "Given groups=", p.groups, ", expected weight to be divisible by ", p.groups,
           " at dimension 0, but got weight of size [", Shape{ws}, "] instead");
  const int64_t channels = p.transposed ? ws[0] : ws[1] * p.groups, made = p.transposed ? ws[1] * p.groups : ws[0];
  TL_CHECK(xs[1] == channels, p.transposed ? "Given transposed=" : "Given groups=", p.transposed ? 1 : p.groups,
           ", weight of size ", Shape{ws}, ", expected input", Shape{xs}, " to have ", channels, " channels, but got ",
           xs[1], " channels instead");
  TL_CHECK(!bias.defined() || (bias.dim() == 1 && bias.sizes()[0] == made), "Given ",
           p.transposed ? "transposed=1, " : "", "weight of size ", Shape{ws},
           ", expected bias to be 1-dimensional with ", made, " elements, but got bias of size ",
           bias.defined() ? Shape{bias.sizes()} : Shape{}, " instead");
}

std::string by(const int64_t* sizes, int64_t n) {
  std::string text = "(";
  for (int64_t d = 0; d < n; ++d) text += (d > 0 ? " x " : "") + std::to_string(sizes[d]);
  return text + ")";
}

Dims sizes_of_result(const Tensor& x, const Tensor& w, const ConvParams& p) {
  const IntView ws = w.sizes(), xs = x.sizes();
  Dims sizes{xs[0], p.transposed ? ws[1] * p.groups : ws[0]};
  int64_t padded[3], size[3];
  bool fits = true, positive = true;
  for (int64_t d = 0; d < p.dims; ++d) {
    const int64_t in = xs[size_t(2 + d)], k = ws[size_t(2 + d)], reach = p.dilation[d] * (k - 1) + 1;
    if (p.transposed) {
      size[d] = (in - 1) * p.stride[d] - 2 * p.padding[d] + reach + p.output_padding[d];
      TL_CHECK(p.output_padding[d] < std::max(p.stride[d], p.dilation[d]),
               "output padding must be smaller than either stride or dilation, but got output_padding: ",
               by(p.output_padding, p.dims), " stride: ", by(p.stride, p.dims), " dilation: ", by(p.dilation, p.dims));
      positive = positive && size[d] > 0;
    } else {
      padded[d] = in + 2 * p.padding[d];
      size[d] = (padded[d] - reach) / p.stride[d] + 1;
      fits = fits && padded[d] >= reach;
    }
    sizes.push_back(size[d]);
  }
  TL_CHECK(fits, "Calculated padded input size per channel: ", by(padded, p.dims),
           ". Kernel size: ", by(ws.data() + 2, p.dims), ". Kernel size can't be greater than actual input size");
  TL_CHECK(positive, "Given input size per channel: ", by(xs.data() + 2, p.dims),
           ". Calculated output size per channel: ", by(size, p.dims), ". Output size is too small");
  for (int64_t d = 0; d < p.dims; ++d) {
    TL_CHECK(xs[size_t(2 + d)] > 0,
             "Only zero batch or zero channel inputs are supported, but got input shape: ", Shape{xs});
  }
  return sizes;
}

Tensor run(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvParams& p) {
  check_operands(x, w, bias, p);
  const Dims sizes = sizes_of_result(x, w, p);
  checked_numel(sizes);
  return p.transposed ? conv_scatter(x, w, bias, p, sizes, label) : conv_correlate(x, w, bias, p, sizes, label);
}

Tensor convolution(const Tensor& input, const Tensor& weight, const Tensor& bias, IntView stride, IntView padding,
                   IntView dilation, bool transposed, IntView output_padding, int64_t groups) {
  const int64_t dims = weight.dim() - 2;
  TL_CHECK(dims >= 1 && dims <= 3, "weight should have at least three dimensions, and at most five, but has ",
           weight.dim());
  return run(input, weight, bias, params_of(dims, stride, padding, dilation, transposed, output_padding, groups));
}

// `input` may come without its batch dim.
template <class F>
Tensor batched(const Tensor& input, const Tensor& weight, int64_t dims, const char* name, F f) {
  TL_CHECK(input.dim() == dims + 1 || input.dim() == dims + 2, "Expected ", dims + 1, "D (unbatched) or ", dims + 2,
           "D (batched) input to ", name, ", but got input of size: ", Shape{input.sizes()});
  TL_CHECK(weight.dim() == dims + 2, "Expected ", dims + 2, "D weight to ", name,
           ", but got weight of size: ", Shape{weight.sizes()});
  if (input.dim() == dims + 2) return f(input);
  return squeeze(f(unsqueeze(input, 0)), 0);
}

template <int dims>
Tensor conv_nd(const Tensor& input, const Tensor& weight, const Tensor& bias, IntView stride, IntView padding,
               IntView dilation, int64_t groups) {
  return batched(input, weight, dims, name_of[dims - 1], [&](const Tensor& x) {
    const int64_t none[1] = {0};
    return run(x, weight, bias, params_of(dims, stride, padding, dilation, false, none, groups));
  });
}

// "valid": no padding. "same": the result has the size of the input; where the padding is odd, one more of it
// lies behind.
template <int dims>
Tensor conv_nd_named(const Tensor& input, const Tensor& weight, const Tensor& bias, IntView stride,
                     std::string_view padding, IntView dilation, int64_t groups) {
  const int64_t none[1] = {0};
  if (padding == "valid") return conv_nd<dims>(input, weight, bias, stride, none, dilation, groups);
  TL_CHECK(padding == "same", "Invalid padding string: '", padding, "'");
  return batched(input, weight, dims, name_of[dims - 1], [&](const Tensor& x) {
    ConvParams p = params_of(dims, stride, none, dilation, false, none, groups);
    check_operands(x, weight, bias, p);
    Dims sizes{x.sizes()[0], weight.sizes()[0]};
    for (int64_t d = 0; d < dims; ++d) {
      TL_CHECK(p.stride[d] == 1, "padding='same' is not supported for strided convolutions");
      p.padding[d] = p.dilation[d] * (weight.sizes()[size_t(2 + d)] - 1) / 2;  // in front
      sizes.push_back(x.sizes()[size_t(2 + d)]);
      TL_CHECK(sizes.back() > 0, name_of[dims - 1], ": no spatial dim may be empty, but the input has the shape ",
               Shape{x.sizes()});
    }
    checked_numel(sizes);
    return conv_correlate(x, weight, bias, p, sizes, label);
  });
}

template <int dims>
Tensor conv_transpose_nd(const Tensor& input, const Tensor& weight, const Tensor& bias, IntView stride, IntView padding,
                         IntView output_padding, int64_t groups, IntView dilation) {
  return batched(input, weight, dims, transposed_name_of[dims - 1], [&](const Tensor& x) {
    return run(x, weight, bias, params_of(dims, stride, padding, dilation, true, output_padding, groups));
  });
}

Tensor conv_tbc(const Tensor& self, const Tensor& weight, const Tensor& bias, int64_t pad) {
  TL_CHECK(self.dim() == 3, "Input must have 3 dims: time, batch, in_channel, but has size ", Shape{self.sizes()});
  TL_CHECK(weight.dim() == 3, "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels, but has size ",
           Shape{weight.sizes()});
  TL_CHECK(bias.dim() == 1, "Bias must be 1-D, but has size ", Shape{bias.sizes()});
  const int64_t one[1] = {1}, none[1] = {0}, padding[1] = {pad};
  const Dims order{1, 2, 0}, back{2, 0, 1}, weights{2, 1, 0};
  Tensor y = run(permute(self, order), permute(weight, weights), bias, params_of(1, one, padding, one, false, none, 1));
  return permute(y, back);
}

const OpRecord records[] = {
    {"convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool "
     "transposed, int[] output_padding, int groups) -> Tensor",
     TL_OP(convolution), op::function,
     "conv1d, conv2d or conv3d by the dims of `weight`, or with `transposed` their transposes; `input` has a batch "
     "dim.",
     "randn(2, 2, 5), randn(3, 2, 3), randn(3), (1,), (0,), (1,), False, (0,), 1 | randn(1, 2, 4, 3), randn(2, 1, 2, "
     "2), "
     "None, (2, 1), (1, 0), (1, 1), True, (1, 0), 2"},
    {"conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd<1>), op::function,
     "y[n, k, o] = bias[k] + Σ weight[k, c, t] input[n, c, o * stride + t * dilation - padding], zeros outside the "
     "input: "
     "N × C × L with K × C / groups × T to N × K × L'. The batch dim may be missing.",
     "randn(2, 3, 8), randn(4, 3, 3) | randn(2, 3, 8), randn(4, 3, 3), randn(4), 2, 1 | randn(2, 8, 4).transpose(1, "
     "2), "
     "randn(6, 2, 2), None, 1, 3, 2, 2 | randn(2, 7), randn(2, 2, 3) | randn(0, 2, 7), randn(2, 2, 3), randn(2) | "
     "randn(1, 2, 40), randn(3, 2, 5), None, 3"},
    {"conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], str padding='valid', int[] "
     "dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd_named<1>), op::function, "The same; with padding='same' the result is as long as the input.",
     "randn(2, 3, 8), randn(4, 3, 3), None, 1, 'same' | randn(2, 3, 8), randn(4, 3, 4), randn(4), 1, 'same', 1"},
    {"conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd<2>), op::function, "conv1d of images: N × C × H × W with K × C / groups × T × U to N × K × H' × W'.",
     "randn(2, 3, 5, 6), randn(4, 3, 3, 3), randn(4), 1, 1 | randn(3, 2, 6, 5), randn(2, 2, 3, 2), None, (2, 1), (0, "
     "2), "
     "(1, 2) | randn(2, 4, 5, 4), randn(4, 1, 3, 3), randn(4), 1, 1, 1, 4 | randn(5, 4, 3).transpose(0, 2), randn(2, "
     "3, 1, "
     "1) | randn(1, 2, 18, 20), randn(3, 2, 7, 7), None, 2, 3 | randn(0, 2, 4, 4), randn(1, 2, 2, 2) | randn(2, 2, 4, "
     "4), "
     "randn(3, 2, 1, 1), randn(3), 2 | randn(2, 2, 4, 34), randn(3, 2, 3, 3), randn(3), 1, 1"},
    {"conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], str padding='valid', int[] "
     "dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd_named<2>), op::function, "The same; with padding='same' the result has the size of the input.",
     "randn(2, 3, 5, 6), randn(4, 3, 3, 2), None, 1, 'same' | randn(2, 3, 5, 6), randn(4, 3, 3, 2), None, 2, 'valid'"},
    {"conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd<3>), op::function, "conv1d of volumes: N × C × D × H × W with K × C / groups × T × U × V.",
     "randn(1, 2, 4, 3, 5), randn(3, 2, 2, 2, 3), randn(3), 1, 1 | randn(2, 3, 4, 3), randn(2, 2, 2, 1, 2), None, (1, "
     "2, 1) "
     "| randn(1, 2, 5, 3, 4), randn(4, 1, 2, 2, 2), None, (2, 1, 1), (1, 0, 1), (2, 1, 1), 2"},
    {"conv3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], str padding='valid', int[] "
     "dilation=[1], "
     "int groups=1) -> Tensor",
     TL_OP(conv_nd_named<3>), op::function, "The same; with padding='same' the result has the size of the input.",
     "randn(1, 2, 4, 3, 4), randn(3, 2, 2, 3, 1), randn(3), 1, 'same'"},
    {"conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] "
     "output_padding=[0], int groups=1, int[] dilation=[1]) -> Tensor",
     TL_OP(conv_transpose_nd<1>), op::function,
     "The transpose of conv1d as a linear map, as in its gradient: N × C × L with C × K / groups × T to N × K × L', "
     "L' = (L - 1) stride - 2 padding + dilation (T - 1) + output_padding + 1.",
     "randn(2, 3, 5), randn(3, 4, 3), randn(4) | randn(2, 4, 5), randn(4, 2, 4), randn(4), 2, 1, 1, 2 | randn(3, 5), "
     "randn(3, 1, 2), None, 3 | randn(1, 2, 6), randn(2, 2, 3), None, 1, 2, 1, 1, 2 | randn(0, 2, 6), randn(2, 2, 3)"},
    {"conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] "
     "output_padding=[0], int groups=1, int[] dilation=[1]) -> Tensor",
     TL_OP(conv_transpose_nd<2>), op::function, "conv_transpose1d of images.",
     "randn(2, 3, 4, 3), randn(3, 2, 3, 3), randn(2), 2, 1, 1 | randn(2, 4, 3, 4), randn(4, 1, 2, 3), None, (1, 2), 0, "
     "0, 4 "
     "| randn(2, 3, 2), randn(2, 2, 2, 2), None, 3, 0, 1, 1, (2, 1) | randn(1, 2, 20, 18), randn(2, 3, 4, 4), "
     "randn(3), 2, 1"},
    {"conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[] padding=[0], int[] "
     "output_padding=[0], int groups=1, int[] dilation=[1]) -> Tensor",
     TL_OP(conv_transpose_nd<3>), op::function, "conv_transpose1d of volumes.",
     "randn(1, 2, 3, 2, 3), randn(2, 2, 2, 3, 2), randn(2), 2, 1, (0, 1, 1) | randn(2, 2, 3, 2), randn(2, 1, 2, 2, 2), "
     "None, "
     "1, 0, 0, 2"},
    {"conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", TL_OP(conv_tbc), op::function,
     "conv1d with the dims in the order time, batch, channels; the weight is T × C × K.",
     "randn(5, 2, 3), randn(3, 3, 4), randn(4), 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
