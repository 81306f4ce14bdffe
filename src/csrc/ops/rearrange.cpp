// pixel_shuffle and its inverse, channel_shuffle: moves between channels and space, made of views.
#include "ops/ops.h"
#include "ops/registry.h"

namespace tl {

namespace {

Tensor pixel_shuffle(const Tensor& self, int64_t factor) {
  TL_CHECK(self.dim() >= 3, "pixel_shuffle expects input to have at least 3 dimensions, but got input with ",
           self.dim(), " dimension(s)");
  TL_CHECK(factor > 0, "pixel_shuffle expects a positive upscale_factor, but got ", factor);
  IntView sizes = self.sizes();
  size_t n = sizes.size() - 3;
  TL_CHECK(factor < (int64_t(1) << 31) && sizes[n] % (factor * factor) == 0,
           "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
           "input.size(-3)=",
           sizes[n], " is not divisible by ", factor, " * ", factor);
  int64_t channels = sizes[n] / (factor * factor), h = sizes[n + 1], w = sizes[n + 2];
  Dims split(sizes.subspan(0, n)), order, joined(sizes.subspan(0, n));
  for (int64_t v : {channels, factor, factor, h, w}) split.push_back(v);
  for (int64_t d = 0; d < int64_t(n); ++d) order.push_back(d);
  for (int64_t v : {0, 3, 1, 4, 2}) order.push_back(int64_t(n) + v);
  for (int64_t v : {channels, h * factor, w * factor}) joined.push_back(v);
  return reshape(contiguous(permute(reshape(self, split), order)), joined);
}

Tensor pixel_unshuffle(const Tensor& self, int64_t factor) {
  TL_CHECK(self.dim() >= 3, "pixel_unshuffle expects input to have at least 3 dimensions, but got input with ",
           self.dim(), " dimension(s)");
  TL_CHECK(factor > 0, "pixel_unshuffle expects a positive downscale_factor, but got ", factor);
  IntView sizes = self.sizes();
  int64_t product = 0;
  size_t n = sizes.size() - 3;
  int64_t channels = sizes[n], h = sizes[n + 1], w = sizes[n + 2];
  TL_CHECK(h % factor == 0,
           "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=", h,
           " is not divisible by ", factor);
  TL_CHECK(w % factor == 0, "pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)=", w,
           " is not divisible by ", factor);
  TL_CHECK(!__builtin_mul_overflow(factor, factor, &product) && !__builtin_mul_overflow(channels, product, &product),
           "pixel_unshuffle: ", channels, " channels times the square of ", factor, " overflow");
  Dims split(sizes.subspan(0, n)), order, joined(sizes.subspan(0, n));
  for (int64_t v : {channels, h / factor, factor, w / factor, factor}) split.push_back(v);
  for (int64_t d = 0; d < int64_t(n); ++d) order.push_back(d);
  for (int64_t v : {0, 2, 4, 1, 3}) order.push_back(int64_t(n) + v);
  for (int64_t v : {product, h / factor, w / factor}) joined.push_back(v);
  return reshape(contiguous(permute(reshape(self, split), order)), joined);
}

Tensor channel_shuffle(const Tensor& self, int64_t groups) {
  TL_CHECK(self.dim() >= 3, "channel_shuffle expects input with > 2 dims, but got input with sizes ",
           Shape{self.sizes()});
  TL_CHECK(groups > 0, "Number of groups to divide channels in must be positive. Value of groups:", groups);
  IntView sizes = self.sizes();
  TL_CHECK(sizes[1] % groups == 0, "Number of channels must be divisible by groups. Got ", sizes[1], " channels and ",
           groups, " groups.");
  Dims split{sizes[0], groups, sizes[1] / groups};
  for (int64_t v : sizes.subspan(2)) split.push_back(v);
  return reshape(contiguous(transpose(reshape(self, split), 1, 2)), sizes);
}

const OpRecord records[] = {
    {"pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", TL_OP(pixel_shuffle), op::function,
     "(*, C r², H, W) as (*, C, H r, W r): each position's r² channels become a square of r by r. Shi et al., 2016.",
     "randn(8, 2, 3), 2 | randn(2, 9, 1, 2), 3 | randn(4, 2, 0), 2"},
    {"pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", TL_OP(pixel_unshuffle), op::function,
     "The inverse of pixel_shuffle.", "randn(2, 4, 6), 2 | randn(2, 1, 3, 6), 3"},
    {"channel_shuffle(Tensor self, int groups) -> Tensor", TL_OP(channel_shuffle), op::function,
     "The channels, in groups of neighbours, dealt out in turn: the transpose of (groups, C / groups). Zhang et al., "
     "2017.",
     "randn(2, 6, 3), 2 | randn(1, 4, 2, 2), 4 | randn(0, 4, 2), 2"},
    {"native_channel_shuffle(Tensor self, int groups) -> Tensor", TL_OP(channel_shuffle), op::function,
     "channel_shuffle.", "randn(2, 6, 3), 3"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
