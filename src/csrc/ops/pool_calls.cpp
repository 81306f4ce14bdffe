// Pooling as users call it: the arguments checked, sizes computed.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/pool.h"
#include "ops/registry.h"

namespace tl {

namespace {

// One value or as many as there are dims; none: those of `fallback`.
void spread(IntView given, int64_t dims, const char* op, const char* name, const int64_t* fallback, int64_t (&to)[3]) {
  if (given.empty() && fallback != nullptr) {
    std::copy(fallback, fallback + dims, to);
    return;
  }
  TL_CHECK(given.size() == 1 || int64_t(given.size()) == dims, op, ": ", name, " must either be ",
           fallback != nullptr ? "omitted, " : "", "a single int, or a tuple of ", dims, " ints, but got ",
           Shape{given});
  for (int64_t d = 0; d < dims; ++d) to[d] = given[given.size() == 1 ? 0 : size_t(d)];
}

void check_rank(const Tensor& x, int64_t dims, const char* op) {
  const int64_t n = x.dim();
  bool fits = n == dims + 1 || n == dims + 2;
  for (int64_t d = n == dims + 2 ? 1 : 0; d < n; ++d) fits = fits && x->dims[d] > 0;
  TL_CHECK(fits, op, ": Expected ", dims + 1, "D or ", dims + 2,
           "D (batch mode) tensor with optional 0 dim batch size for input, but got:", Shape{x.sizes()});
}

constexpr int64_t most = int64_t(1) << 40;

PoolParams regular(const Tensor& x, int64_t dims, const char* op, IntView kernel, IntView stride, IntView padding,
                   IntView dilation, bool ceil_mode) {
  PoolParams p;
  p.dims = dims;
  spread(kernel, dims, op, "kernel_size", nullptr, p.kernel);
  spread(stride, dims, op, "stride", p.kernel, p.stride);
  spread(padding, dims, op, "padding", nullptr, p.padding);
  spread(dilation, dims, op, "dilation", nullptr, p.dilation);
  for (int64_t d = 0; d < dims; ++d) {
    const int64_t k = p.kernel[d], s = p.stride[d], pad = p.padding[d], step = p.dilation[d];
    TL_CHECK(k > 0, op, ": kernel size should be greater than zero, but got ", Shape{kernel});
    TL_CHECK(s > 0, op, ": stride should be greater than zero, but got ", s);
    TL_CHECK(step > 0, op, ": dilation should be greater than zero, but got ", step);
    TL_CHECK(pad >= 0, op, ": pad must be non-negative, but got pad: ", pad);
    TL_CHECK(k < most && s < most && step < most / k, op, ": kernel_size, stride and dilation are too large");
    TL_CHECK(pad <= ((k - 1) * step + 1) / 2, op,
             ": pad should be at most half of effective kernel size, but got pad=", pad, ", kernel_size=", k,
             " and dilation=", step);
  }
  check_rank(x, dims, op);
  for (int64_t d = 0; d < dims; ++d) {
    const int64_t in = x->dims[x.dim() - dims + d], s = p.stride[d];
    const int64_t room = in + 2 * p.padding[d] - p.dilation[d] * (p.kernel[d] - 1) - 1;
    int64_t out = room < 0 ? (ceil_mode && room > -s ? 1 : 0) : (room + (ceil_mode ? s - 1 : 0)) / s + 1;
    if (ceil_mode && out > 0 && (out - 1) * s >= in + p.padding[d]) --out;  // the last begins inside
    p.out[d] = out;
    TL_CHECK(out > 0, op, ": Given input size: ", Shape{x.sizes()}, ", kernel_size ", Shape{kernel},
             ": Output size is too small");
  }
  return p;
}

void check_dtype(const Tensor& x, const char* op, bool integers) {
  const DType t = x.dtype();
  TL_CHECK_NOTIMPL(is_floating(t) || (integers && is_integral(t)), "\"", op, "\" not implemented for '",
                   dtype_legacy_name(t), "'");
}

constexpr const char* max_label[] = {"SqueezeBackward1", "MaxPool2DWithIndicesBackward0",
                                     "MaxPool3DWithIndicesBackward0"};
constexpr const char* mean_label[] = {"SqueezeBackward1", "AvgPool2DBackward0", "AvgPool3DBackward0"};
constexpr const char* adaptive_max_label[] = {"SqueezeBackward1", "AdaptiveMaxPool2DBackward0",
                                              "AdaptiveMaxPool3DBackward0"};
constexpr const char* adaptive_mean_label[] = {"SqueezeBackward1", "AdaptiveAvgPool2DBackward0",
                                               "AdaptiveAvgPool3DBackward0"};
constexpr const char* fractional_label[] = {"", "FractionalMaxPool2DBackward0", "FractionalMaxPool3DBackward0"};
constexpr const char* unpool_label[] = {"SqueezeBackward1", "MaxUnpool2DBackward0", "MaxUnpool3DBackward0"};

std::vector<Tensor> with_indices(const Pooled& made) {
  NoGradGuard no_grad;
  return {made.values, to_dtype(made.index, DType::Int64)};
}

template <int dims>
std::vector<Tensor> max_pool_with_indices(const Tensor& self, IntView kernel_size, IntView stride, IntView padding,
                                          IntView dilation, bool ceil_mode) {
  constexpr const char* names[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
  const PoolParams p = regular(self, dims, names[dims - 1], kernel_size, stride, padding, dilation, ceil_mode);
  check_dtype(self, names[dims - 1], true);
  return with_indices(pool_maxima(self, p, true, max_label[dims - 1]));
}

template <int dims>
Result max_pool(const Tensor& input, IntView kernel_size, std::optional<Dims> stride, IntView padding, IntView dilation,
                bool ceil_mode, bool return_indices) {
  constexpr const char* names[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
  const PoolParams p = regular(input, dims, names[dims - 1], kernel_size, stride ? IntView(*stride) : IntView(),
                               padding, dilation, ceil_mode);
  check_dtype(input, names[dims - 1], dims > 1);
  const Pooled made = pool_maxima(input, p, return_indices, max_label[dims - 1]);
  if (return_indices) return with_indices(made);
  return made.values;
}

template <int dims>
Tensor mean_pool(const Tensor& input, IntView kernel_size, const std::optional<Dims>& stride, IntView padding,
                 bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  constexpr const char* names[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
  const int64_t one[1] = {1};
  TL_CHECK(!divisor_override || *divisor_override != 0, "divisor must be not zero");
  PoolParams p = regular(input, dims, names[dims - 1], kernel_size, stride ? IntView(*stride) : IntView(), padding, one,
                         ceil_mode);
  TL_CHECK_NOTIMPL(is_floating(input.dtype()) || input.dtype() == DType::Int64, "\"", names[dims - 1],
                   "\" not implemented for '", dtype_legacy_name(input.dtype()), "'");
  p.count_include_pad = count_include_pad;
  p.divisor = divisor_override.value_or(0);
  return pool_means(input, p, mean_label[dims - 1]);
}
Tensor mean_pool1d(const Tensor& input, IntView kernel_size, const std::optional<Dims>& stride, IntView padding,
                   bool ceil_mode, bool count_include_pad) {
  return mean_pool<1>(input, kernel_size, stride, padding, ceil_mode, count_include_pad, {});
}

PoolParams adaptive(const Tensor& x, int64_t dims, const char* op, IntView output_size) {
  TL_CHECK(int64_t(output_size.size()) == dims || output_size.size() == 1, op, ": output_size must be ", dims);
  PoolParams p;
  p.dims = dims;
  p.adaptive = true;
  for (int64_t d = 0; d < dims; ++d) {
    p.out[d] = output_size[output_size.size() == 1 ? 0 : size_t(d)];
    TL_CHECK(p.out[d] >= 0, op, ": elements of output_size must be greater than or equal to 0 but received ",
             Shape{output_size});
    TL_CHECK(p.out[d] < most, op, ": output_size ", Shape{output_size}, " is too large");
  }
  const int64_t n = x.dim();
  TL_CHECK(n == dims + 1 || n == dims + 2, op, "(): Expected ", dims + 1, "D or ", dims + 2, "D tensor, but got ",
           Shape{x.sizes()});
  for (int64_t d = n - dims - (n == dims + 1 ? 1 : 0); d < n; ++d) {
    TL_CHECK(x->dims[d] > 0, op,
             "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ",
             Shape{x.sizes()}, " with dimension ", d, " being empty");
  }
  check_dtype(x, op, false);
  return p;
}

template <int dims>
Tensor adaptive_mean(const Tensor& self, IntView output_size) {
  constexpr const char* names[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};
  const PoolParams p = adaptive(self, dims, names[dims - 1], output_size);
  bool all = true;
  for (int d = 0; d < dims; ++d) all = all && p.out[d] == 1;
  return pool_means(self, p, all && dims > 1 ? "MeanBackward1" : adaptive_mean_label[dims - 1]);
}
template <int dims>
std::vector<Tensor> adaptive_max(const Tensor& self, IntView output_size) {
  constexpr const char* names[] = {"adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"};
  const PoolParams p = adaptive(self, dims, names[dims - 1], output_size);
  return with_indices(pool_maxima(self, p, true, adaptive_max_label[dims - 1]));
}

// Window i begins at floor((i + u) a) - floor(u a), with a = (in - kernel) / (out - 1), and the last at in - kernel.
// Graham, 2014.
template <int dims>
std::vector<Tensor> fractional(const Tensor& self, IntView kernel_size, IntView output_size,
                               const Tensor& random_samples) {
  constexpr const char* names[] = {"", "fractional_max_pool2d", "fractional_max_pool3d"};
  const char* op = names[dims - 1];
  PoolParams p;
  p.dims = dims;
  spread(kernel_size, dims, op, "kernel_size", nullptr, p.kernel);
  spread(output_size, dims, op, "output_size", nullptr, p.out);
  check_rank(self, dims, op);
  check_dtype(self, op, false);
  const int64_t n = self.dim(), batch = n == dims + 2 ? self->dims[0] : 1, channels = self->dims[n - dims - 1];
  for (int64_t d = 0; d < dims; ++d) {
    const int64_t in = self->dims[n - dims + d];
    TL_CHECK(p.kernel[d] > 0 && p.out[d] > 0 && p.kernel[d] < most && p.out[d] < most, op,
             ": kernel_size and output_size must be positive, but got ", Shape{kernel_size}, " and ",
             Shape{output_size});
    TL_CHECK(p.out[d] + p.kernel[d] - 1 <= in, op, "(): pool size ", p.kernel[d], " too large relative to input size ",
             in, " for an output of ", p.out[d]);
  }
  TL_CHECK(random_samples.dim() == 3 && random_samples->dims[0] == batch && random_samples->dims[1] == channels &&
               random_samples->dims[2] == dims,
           op, ": expected random_samples of shape [", batch, ", ", channels, ", ", dims, "], but got ",
           Shape{random_samples.sizes()});
  TL_CHECK(random_samples.dtype() == self.dtype(), "Expect _random_samples to have the same dtype as input");
  Tensor samples = dense_values(random_samples, random_samples.sizes(), DType::Float64);
  const bool single = self.dtype() == DType::Float32 || is_reduced_floating(self.dtype());
  const double* u = samples.data<double>();
  std::vector<int64_t> start;
  for (int64_t plane = 0; plane < batch * channels; ++plane) {
    for (int64_t d = 0; d < dims; ++d) {
      // The last sample belongs to the first dim of two, the first one to that of three, as in PyTorch.
      const double v = u[plane * dims + (dims == 2 ? 1 - d : d)];
      const int64_t in = self->dims[n - dims + d], room = in - p.kernel[d], out = p.out[d];
      TL_CHECK(v >= 0 && v < 1, op, ": random samples must be in [0, 1), but one is ", v);
      for (int64_t o = 0; o + 1 < out; ++o) {
        int64_t at;
        if (single) {
          const float alpha = float(room) / float(out - 1), w = float(v);
          at = int64_t((float(o) + w) * alpha) - int64_t(w * alpha);
        } else {
          const double alpha = double(room) / double(out - 1);
          at = int64_t((double(o) + v) * alpha) - int64_t(v * alpha);
        }
        start.push_back(std::clamp<int64_t>(at, 0, room));
      }
      start.push_back(room);
    }
  }
  return with_indices(pool_maxima_at(self, p, start.data(), fractional_label[dims - 1]));
}

template <int dims>
Tensor unpool(const Tensor& self, const Tensor& indices, IntView output_size) {
  constexpr const char* names[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};
  const char* op = names[dims - 1];
  TL_CHECK(int64_t(output_size.size()) == dims, op, ": there should be exactly ", dims,
           " elements in output_size, but got ", output_size.size());
  TL_CHECK(indices.dtype() == DType::Int64,
           "elements in indices should be type int64 but got: ", dtype_legacy_name(indices.dtype()));
  TL_CHECK(self.dim() == dims + 1 || self.dim() == dims + 2, op, ": expected a ", dims + 1, "D or ", dims + 2,
           "D tensor, but got ", Shape{self.sizes()});
  TL_CHECK(equal(self.sizes(), indices.sizes()), "Expected shape of indices to be same as that of the input tensor (",
           Shape{self.sizes()}, ") but got indices tensor with shape: ", Shape{indices.sizes()});
  check_dtype(self, op, true);
  Dims sizes(self.sizes());
  for (int64_t d = 0; d < dims; ++d) sizes[sizes.size() - size_t(dims - d)] = output_size[size_t(d)];
  checked_numel(sizes);
  const int64_t plane = checked_numel(output_size);
  TL_CHECK(plane < (int64_t(1) << 31), op, ": output_size ", Shape{output_size}, " is too large");
  Tensor at = dense_values(indices, indices.sizes(), DType::Int64), small = empty(indices.sizes(), DType::Int32);
  for (int64_t i = 0; i < at.numel(); ++i) {
    const int64_t place = at.data<int64_t>()[i];
    TL_CHECK(place >= 0 && place < plane, "Found an invalid max index: ", place, " (output volumes are of size ",
             Shape{output_size}, ")");
    small.data<int32_t>()[i] = int32_t(place);
  }
  return pool_placed(self, small, sizes, dims, false, unpool_label[dims - 1]);
}

#define TL_MAX_POOL(D)                                                                                 \
  "max_pool" D                                                                                         \
  "(Tensor input, int[] kernel_size, int[]? stride=None, int[] padding=[0], int[] dilation=[1], bool " \
  "ceil_mode=False, bool return_indices=False) -> Any"
#define TL_MAX_POOL_WITH(D)                                                                                \
  "max_pool" D                                                                                             \
  "_with_indices(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=[0], int[] dilation=[1], " \
  "bool ceil_mode=False) -> (Tensor, Tensor)"

const OpRecord records[] = {
    {TL_MAX_POOL("1d"), TL_OP(max_pool<1>), op::function,
     "The maximum of each window of `kernel_size` elements, `dilation` apart, every `stride` (by default kernel_size) "
     "of "
     "them, over N × C × L or C × L, with `padding` of -inf on both sides. With return_indices also where in its plane "
     "it "
     "is. ceil_mode: windows may reach over the end.",
     "randn(2, 3, 9), 2 | randn(3, 9), 3, 2, 1 | randn(2, 3, 9), 3, 2, 1, 2, True | randn(2, 9, 3).transpose(1, 2), "
     "(2,), "
     "1 | randn(0, 3, 9), 2 | randn(1, 2, 70), 3, 2, 1"},
    {TL_MAX_POOL("2d"), TL_OP(max_pool<2>), op::function, "max_pool1d of images.",
     "randn(2, 3, 6, 7), 2 | randn(3, 7, 8), (3, 2), (2, 1), (1, 0), 1, True | randn(2, 2, 9, 9), 3, 2, 1, 2 | "
     "randn(0, 3, "
     "4, 4), 2 | randn(1, 2, 5, 40), 3, 2, 1 | randn(1, 2, 5, 40), 3, 1, 1 | randn(1, 2, 7, 40), 2, 3"},
    {TL_MAX_POOL("3d"), TL_OP(max_pool<3>), op::function, "max_pool1d of volumes.",
     "randn(1, 2, 4, 5, 6), 2 | randn(2, 5, 4, 5), (2, 1, 3), 1, (1, 0, 1), 1, True"},
    {TL_MAX_POOL_WITH("1d"), TL_OP(max_pool_with_indices<1>), op::function, "max_pool1d and the places of the maxima.",
     "randn(2, 3, 9), 2 | randn(3, 9), 3, 2, 1, 1, True"},
    {TL_MAX_POOL_WITH("2d"), TL_OP(max_pool_with_indices<2>), op::internal, "max_pool2d and the places of the maxima.",
     "randn(2, 3, 6, 7), 2 | randn(3, 7, 40), 3, 2, 1"},
    {TL_MAX_POOL_WITH("3d"), TL_OP(max_pool_with_indices<3>), op::internal, "max_pool3d and the places of the maxima.",
     "randn(1, 2, 4, 5, 6), 2, 1"},
    {"avg_pool1d(Tensor input, int[] kernel_size, int[]? stride=None, int[] padding=[0], bool ceil_mode=False, bool "
     "count_include_pad=True) -> Tensor",
     TL_OP(mean_pool1d), op::function,
     "The mean of each window, as in max_pool1d; the zeros of the padding are counted with count_include_pad.",
     "randn(2, 3, 9), 2 | randn(3, 9), 3, 2, 1, True, False | randn(2, 3, 40), 3, 2, 1 | randn(0, 3, 9), 2"},
    {"avg_pool2d(Tensor input, int[] kernel_size, int[]? stride=None, int[] padding=[0], bool ceil_mode=False, bool "
     "count_include_pad=True, int? divisor_override=None) -> Tensor",
     TL_OP(mean_pool<2>), op::internal, "avg_pool1d of images; `divisor_override` stands for the number of elements.",
     "randn(2, 3, 6, 7), 2 | randn(3, 7, 8), (3, 2), (2, 1), (1, 0), True | randn(2, 2, 9, 9), 3, 2, 1, True, False | "
     "randn(1, 2, 5, 40), 3, 1, 1, False, True, 7 | randn(4, 3, 2).transpose(0, 2), 2"},
    {"avg_pool3d(Tensor input, int[] kernel_size, int[]? stride=None, int[] padding=[0], bool ceil_mode=False, bool "
     "count_include_pad=True, int? divisor_override=None) -> Tensor",
     TL_OP(mean_pool<3>), op::internal, "avg_pool1d of volumes.",
     "randn(1, 2, 4, 5, 6), 2 | randn(2, 5, 4, 5), (2, 1, 3), 1, (1, 0, 1), True, False, 3"},
    {"adaptive_avg_pool1d(Tensor self, int[] output_size) -> Tensor", TL_OP(adaptive_mean<1>), op::function,
     "Means that make `output_size` of any size: output o is that over [floor(o L / L'), ceil((o + 1) L / L')).",
     "randn(2, 3, 9), 4 | randn(3, 5), 1 | randn(2, 3, 4), 7 | randn(0, 3, 4), 2"},
    {"adaptive_avg_pool2d(Tensor self, int[] output_size) -> Tensor", TL_OP(adaptive_mean<2>), op::internal,
     "adaptive_avg_pool1d of images.",
     "randn(2, 3, 6, 7), (4, 3) | randn(3, 7, 40), 1 | randn(2, 3, 4, 4), 0 | randn(7, 6, 3).transpose(0, 2), (6, 2)"},
    {"adaptive_avg_pool3d(Tensor self, int[] output_size) -> Tensor", TL_OP(adaptive_mean<3>), op::internal,
     "adaptive_avg_pool1d of volumes.", "randn(1, 2, 4, 5, 6), (2, 3, 4) | randn(2, 5, 4, 5), 1"},
    {"adaptive_max_pool1d(Tensor self, int[] output_size) -> (Tensor, Tensor)", TL_OP(adaptive_max<1>), op::function,
     "Maxima over the windows of adaptive_avg_pool1d, and where they are.", "randn(2, 3, 9), 4 | randn(3, 5), 1"},
    {"adaptive_max_pool2d_with_indices(Tensor self, int[] output_size) -> (Tensor, Tensor)", TL_OP(adaptive_max<2>),
     op::internal, "adaptive_max_pool1d of images.", "randn(2, 3, 6, 7), (4, 3), | randn(3, 7, 8), (1, 1)"},
    {"adaptive_max_pool3d_with_indices(Tensor self, int[] output_size) -> (Tensor, Tensor)", TL_OP(adaptive_max<3>),
     op::internal, "adaptive_max_pool1d of volumes.", "randn(1, 2, 4, 5, 6), (2, 3, 4)"},
    {"_fractional_pool2d(Tensor self, int[] kernel_size, int[] output_size, Tensor random_samples) -> (Tensor, "
     "Tensor)",
     TL_OP(fractional<2>), op::internal,
     "Maxima over windows that begin at irregular steps drawn by `random_samples`, and where they are. Graham, 2014.",
     "randn(2, 3, 7, 8), (2, 3), (4, 3), rand(2, 3, 2) | randn(3, 7, 8), (2, 2), (1, 5), rand(1, 3, 2)"},
    {"_fractional_pool3d(Tensor self, int[] kernel_size, int[] output_size, Tensor random_samples) -> (Tensor, "
     "Tensor)",
     TL_OP(fractional<3>), op::internal, "fractional_max_pool2d of volumes.",
     "randn(1, 2, 5, 6, 7), (2, 2, 2), (3, 2, 4), rand(1, 2, 3)"},
    {"_max_unpool1d(Tensor self, Tensor indices, int[] output_size) -> Tensor", TL_OP(unpool<1>), op::internal,
     "Zeros, and each element at its place in the plane: what max_pool1d with return_indices undoes.",
     "randn(1, 1, 2), tensor([[[3, 0]]]), (5,)"},
    {"_max_unpool2d(Tensor self, Tensor indices, int[] output_size) -> Tensor", TL_OP(unpool<2>), op::internal,
     "_max_unpool1d of images.", "randn(1, 1, 2, 2), tensor([[[[0, 5], [9, 14]]]]), (5, 4)"},
    {"_max_unpool3d(Tensor self, Tensor indices, int[] output_size) -> Tensor", TL_OP(unpool<3>), op::internal,
     "_max_unpool1d of volumes.", "randn(1, 1, 1, 2), tensor([[[[5, 11]]]]), (2, 2, 3)"},
};
#undef TL_MAX_POOL
#undef TL_MAX_POOL_WITH
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
