// pad: a constant around a tensor, or its own values reflected, repeated or wrapped.
#include <algorithm>

#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// `pads` counts from the last dim: [before, after] of it, then of the one in front. Negative pads
// cut.
Tensor constant_pad_nd(const Tensor& self, IntView pads, const Scalar& value) {
  TL_CHECK(pads.size() % 2 == 0, "Padding length must be divisible by 2");
  size_t n = size_t(self.dim()), padded = pads.size() / 2;
  TL_CHECK(padded <= n,
           "Padding length should be less than or equal to two times the input dimension but got "
           "padding length ",
           pads.size(), " and input of dimension ", n);
  Dims sizes(self.sizes());
  for (size_t k = 0; k < padded; ++k) {
    int64_t& size = sizes[n - 1 - k];
    int64_t before = pads[2 * k], after = pads[2 * k + 1], old = size;
    int64_t cut = (before < 0 ? before : 0) + (after < 0 ? after : 0);
    TL_CHECK(old + cut >= 0, "pad(): dim ", n - 1 - k, " of size ", old, " cannot be cut by ", before, " and ", after);
    TL_CHECK(!__builtin_add_overflow(size, before, &size) && !__builtin_add_overflow(size, after, &size),
             "pad(): the size overflows: ", Shape{self.sizes()}, " padded by ", Shape{pads});
    TL_CHECK(size >= 0, "The input size ", old, ", plus negative padding ", before, " and ", after,
             " resulted in a negative output size, which is invalid. Check dimension ", n - 1 - k, " of your input.");
  }
  Tensor out = full(sizes, value, self.dtype());
  {
    NoGradGuard no_grad;
    Tensor from = detach(self), to = detach(out);
    for (size_t k = 0; k < padded; ++k) {
      int64_t d = int64_t(n - 1 - k), before = pads[2 * k], after = pads[2 * k + 1];
      int64_t cut_front = std::max<int64_t>(0, -before), cut_back = std::max<int64_t>(0, -after);
      from = narrow(from, d, cut_front, from.sizes()[size_t(d)] - cut_front - cut_back);
      to = narrow(to, d, std::max<int64_t>(0, before), from.sizes()[size_t(d)]);
    }
    copy_values(to, from);
  }
  if (needs_grad(self)) {
    record(out, "ConstantPadNdBackward0", inputs(self), saves(), [pads = Dims(pads)](Backward& b) {
      Dims back(pads);
      for (int64_t& p : back) p = -p;
      b[0] = constant_pad_nd(b.grad(), back, 0);
    });
  }
  return out;
}

enum class Mode { reflect, replicate, circular };

Tensor pad_dim(const Tensor& self, int64_t dim, int64_t before, int64_t after, Mode mode) {
  int64_t size = self.sizes()[size_t(dim)], total = before + size + after;
  if (mode == Mode::reflect) {
    TL_CHECK(before < size && after < size,
             "Padding size should be less than the corresponding input dimension, but got: padding (", before, ", ",
             after, ") at dimension ", dim, " of input ", Shape{self.sizes()});
  } else if (mode == Mode::circular) {
    TL_CHECK(before <= size && after <= size, "Padding value causes wrapping around more than once.");
    TL_CHECK(before >= 0 || after >= 0 || total >= 0, "Negative padding value is resulting in an empty dimension");
  }
  TL_CHECK(size > 0 || total == 0, "pad(): Expected dim ", dim, " of size 0 not to be padded, for an input of shape ",
           Shape{self.sizes()});
  TL_CHECK(total >= 1, "pad(): dim ", dim, " of size ", size, " padded by ", before, " and ", after, " leaves nothing");
  Tensor index = empty(Dims{total}, DType::Int64);
  int64_t* to = index.data<int64_t>();
  for (int64_t i = 0; i < total; ++i) {
    int64_t at = i - before;
    if (mode == Mode::reflect) {
      at = at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
    } else if (mode == Mode::replicate) {
      at = std::clamp<int64_t>(at, 0, size - 1);
    } else {
      at = (at % size + size) % size;
    }
    to[i] = at;
  }
  return index_select(self, dim, index);
}

Tensor pad(const Tensor& self, IntView pads, std::string_view mode_name, std::optional<double> value) {
  TL_CHECK(pads.size() % 2 == 0, "Padding length must be divisible by 2");
  if (mode_name == "constant") {
    double v = value.value_or(0);
    return constant_pad_nd(self, pads, is_integral_or_bool(self.dtype()) ? Scalar(convert<int64_t>(v)) : Scalar(v));
  }
  TL_CHECK(!value || *value == 0, "Padding mode \"", mode_name, "\" doesn't take in value argument");
  size_t n = size_t(self.dim()), padded = pads.size() / 2;
  TL_CHECK_NOTIMPL(padded >= 1 && padded <= 3 && (n == padded + 1 || n == padded + 2), "Padding size ", pads.size(),
                   " is not supported for ", n,
                   "D input tensor.\nSupported combinations for non-constant padding:\n"
                   "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
                   "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
                   "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)");
  TL_CHECK_NOTIMPL(mode_name == "reflect" || mode_name == "replicate" || mode_name == "circular",
                   "Unrecognised padding mode ", mode_name);
  Mode mode = mode_name == "reflect" ? Mode::reflect : mode_name == "replicate" ? Mode::replicate : Mode::circular;
  Tensor out = self;
  for (size_t k = 0; k < padded; ++k) {
    if (pads[2 * k] != 0 || pads[2 * k + 1] != 0)
      out = pad_dim(out, int64_t(n - 1 - k), pads[2 * k], pads[2 * k + 1], mode);
  }
  return out.is_same(self) ? clone(self) : out;
}

const OpRecord records[] = {
    {"constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor", TL_OP(constant_pad_nd), op::function,
     "The tensor with `value` around it: pad[0] before and pad[1] after its last dim, pad[2] and "
     "pad[3] in the dim in front, and "
     "so on. Negative pads cut.",
     "randn(3, 4), (1, 2) | randn(4, 3).t(), (1, 0, 2, 1), 3.5 | randn(3, 4), (-1, 2, 0, -1) | "
     "randn(0, 2), (1, 1, 1, 0)"},
    {"pad(Tensor input, int[] pad, str mode='constant', float? value=None) -> Tensor", TL_OP(pad), op::internal,
     "constant_pad_nd, or with mode 'reflect', 'replicate' or 'circular' the tensor's own values "
     "around it.",
     "randn(3, 4), (1, 2) | randn(3, 4), (1, 2, 1, 1), 'constant', 2.0 | randn(2, 3, 4), (2, 1), "
     "'reflect' | "
     "randn(2, 3, 4), (5, 1), 'replicate' | randn(2, 3, 4), (1, 2, 1, 0), 'circular'"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
