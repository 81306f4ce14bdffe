// How convolutions read an image. Included by their kernels only.
//
// Along each axis output o reads, for every tap t, the position o * step + shift[t]. A piece of the image is
// first copied with its padding ("staged"), and where the step along rows is more than one, each row is
// dealt into its residues, so that neighbouring outputs always read neighbouring elements. Then one table
// of offsets, an entry for each channel and tap, describes the whole convolution: output p reads
// staged[place(p) + offset[j]]. Images that need neither are read where they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/allocator.h"
#include "core/parallel.h"
#include "kernels/conv.h"
#include "kernels/vec.h"

namespace tl::kernels {

namespace {

// Work pieces of a convolution hold about so many multiplications.
constexpr int64_t conv_work = int64_t(1) << 21;

// Memory that is on the stack where little is needed.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n) : bytes_(size_t(n) * sizeof(T)) {
    data_ = bytes_ <= sizeof local_ ? reinterpret_cast<T*>(local_) : static_cast<T*>(data_alloc(bytes_));
  }
  ~Scratch() {
    if (data_ != reinterpret_cast<T*>(local_)) data_free(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  T* get() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  size_t bytes_;
  T* data_;
  alignas(64) char local_[8192];
};

struct Axis {
  int64_t size = 1, out = 1, step = 1, taps = 1;
  int64_t* shift = nullptr;   // of each tap
  int64_t low = 0, high = 0;  // of the shifts

  void bound() {
    low = high = taps == 0 ? 0 : shift[0];
    for (int64_t t = 1; t < taps; ++t) {
      low = std::min(low, shift[t]);
      high = std::max(high, shift[t]);
    }
  }
  bool within() const { return low >= 0 && (out - 1) * step + high < size; }
};

template <class T>
class Plan {
 public:
  Axis axis[3];
  int64_t channels, taps;  // of a group; of a channel
  bool dense;
  int64_t place[3];  // how far outputs beside each other lie apart in what is read
  bool staged;
  int64_t band;  // outputs along `band_axis` that are done at a time
  int band_axis;

  // `dense_outputs`: they lie without gaps, so that axes may be merged. `pieces`: how many bands are wanted.
  Plan(const Axis (&axes)[3], int64_t channel_count, int64_t* offset, bool dense_outputs, int64_t pieces = 1)
      : channels(channel_count), dense(dense_outputs), offset_(offset) {
    for (int d = 0; d < 3; ++d) axis[d] = axes[d];
    if (dense) merge();
    taps = axis[0].taps * axis[1].taps * axis[2].taps;
    const Axis& x = axis[2];
    staged = !(axis[0].within() && axis[1].within() && x.within() && x.step == 1);
    band_axis = axis[0].out > 1 ? 0 : 1;
    band = std::max<int64_t>(1, axis[band_axis].out / pieces);
    if (staged) {
      set_row();
      // As much of the image as stays in the L2 with what it is multiplied by.
      const int64_t most = 400000 / int64_t(sizeof(T));
      while (band > 1 && staged_size(band) > most) band = (band + 1) / 2;
      rows_ = extent(1, band_axis == 1 ? band : axis[1].out);
      planes_ = extent(0, band_axis == 0 ? band : axis[0].out);
      row_ = slots_ * slot_width_;
      plane_ = rows_ * row_;
      channel_ = planes_ * plane_;
    } else {
      row_ = x.size;
      plane_ = row_ * axis[1].size;
      channel_ = plane_ * axis[0].size;
    }
    place[0] = axis[0].step * plane_;
    place[1] = axis[1].step * row_;
    place[2] = 1;
    fill_offsets();
  }

  int64_t outputs() const { return axis[0].out * axis[1].out * axis[2].out; }
  int64_t sums() const { return channels * taps; }
  int64_t bands() const { return (axis[band_axis].out + band - 1) / band; }
  int64_t image_size() const { return channels * axis[0].size * axis[1].size * axis[2].size; }
  int64_t scratch_size() const { return staged ? channels * channel_ : 0; }
  const int64_t* offset() const { return offset_; }

  // Where outputs from `first` of the band axis on are read: the image itself, or `scratch`.
  const T* source(const T* image, int64_t first, T* scratch) const {
    if (!staged) return image + first * place[band_axis];
    stage(image, first, scratch);
    return scratch;
  }

 private:
  // Axes that are read without a gap are one: a 1 x 1 kernel sees an image as a single row.
  void merge() {
    for (int d = 1; d >= 0; --d) {
      Axis &outer = axis[d], &x = axis[2];
      if (d == 0 && axis[1].out != 1) return;
      const bool plain = outer.taps == 1 && x.taps == 1 && outer.step == 1 && x.step == 1 && outer.shift[0] == 0 &&
                         x.shift[0] == 0 && outer.out == outer.size && x.out == x.size;
      if (!plain || (d == 0 && !(axis[1].size == 1 && axis[1].taps == 1 && axis[1].shift[0] == 0))) return;
      x.size *= outer.size;
      x.out = x.size;
      outer.size = outer.out = 1;
    }
  }
  int64_t extent(int d, int64_t out) const { return (out - 1) * axis[d].step + axis[d].high - axis[d].low + 1; }
  int64_t staged_size(int64_t n) const {
    const int64_t planes = extent(0, band_axis == 0 ? n : axis[0].out),
                  rows = extent(1, band_axis == 1 ? n : axis[1].out);
    return channels * planes * rows * slots_ * slot_width_;
  }
  // One slot of a row for each residue that some tap reads.
  void set_row() {
    const Axis& x = axis[2];
    int64_t farthest = 0;
    slots_ = 0;
    for (int64_t t = 0; t < x.taps; ++t) {
      farthest = std::max(farthest, (x.shift[t] - x.low) / x.step);
      bool seen = false;
      for (int64_t u = 0; u < t; ++u) seen = seen || (x.shift[u] - x.shift[t]) % x.step == 0;
      if (!seen) ++slots_;
    }
    slots_ = std::max<int64_t>(slots_, 1);
    slot_width_ = x.out + farthest;
    for (int64_t i = 0; i < std::min(slots_, kept_slots); ++i) slot_[i] = find_slot(i);
  }
  int64_t slot_of(int64_t tap) const {  // the residues in the order of their first taps
    const Axis& x = axis[2];
    int64_t slot = 0;
    for (int64_t t = 0; t < tap; ++t) {
      if ((x.shift[t] - x.shift[tap]) % x.step == 0) return slot_of(t);
      bool seen = false;
      for (int64_t u = 0; u < t; ++u) seen = seen || (x.shift[u] - x.shift[t]) % x.step == 0;
      if (!seen) ++slot;
    }
    return slot;
  }
  void fill_offsets() {
    int64_t* to = offset_;
    for (int64_t i = 0; i < axis[0].taps; ++i) {
      for (int64_t j = 0; j < axis[1].taps; ++j) {
        for (int64_t k = 0; k < axis[2].taps; ++k) {
          const Axis& x = axis[2];
          if (staged) {
            const int64_t at = x.shift[k] - x.low;
            *to++ = (axis[0].shift[i] - axis[0].low) * plane_ + (axis[1].shift[j] - axis[1].low) * row_ +
                    slot_of(k) * slot_width_ + at / x.step;
          } else {
            *to++ = axis[0].shift[i] * plane_ + axis[1].shift[j] * row_ + x.shift[k];
          }
        }
      }
    }
    for (int64_t c = 1; c < channels; ++c) {
      for (int64_t t = 0; t < taps; ++t) *to++ = c * channel_ + offset_[t];
    }
  }

  void stage(const T* image, int64_t first, T* to) const {
    const Axis &z = axis[0], &y = axis[1], &x = axis[2];
    const int64_t z0 = z.low + (band_axis == 0 ? first * z.step : 0),
                  y0 = y.low + (band_axis == 1 ? first * y.step : 0);
    const int64_t most = axis[band_axis].out - first;  // the last band may be smaller
    const int64_t planes = band_axis == 0 ? extent(0, std::min(band, most)) : planes_;
    const int64_t rows = band_axis == 1 ? extent(1, std::min(band, most)) : rows_;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < planes; ++i) {
        const int64_t zi = z0 + i;
        T* row = to + c * channel_ + i * plane_;
        if (zi < 0 || zi >= z.size) {
          std::memset(row, 0, size_t(rows * row_) * sizeof(T));
          continue;
        }
        const T* from = image + (c * z.size + zi) * y.size * x.size;
        const int64_t above = std::clamp<int64_t>(-y0, 0, rows), below = std::clamp<int64_t>(y.size - y0, above, rows);
        if (above > 0) std::memset(row, 0, size_t(above * row_) * sizeof(T));
        for (int64_t j = above; j < below; ++j) stage_row(from + (y0 + j) * x.size, row + j * row_);
        if (below < rows) std::memset(row + below * row_, 0, size_t((rows - below) * row_) * sizeof(T));
      }
    }
  }
  // Where the elements of a slot of a row come from: in[left], …, in[right - 1], `step` apart; zeros around.
  struct Slot {
    int64_t start, left, right;
  };
  Slot find_slot(int64_t slot) const {
    const Axis& x = axis[2];
    int64_t t = 0;
    while (t < x.taps && slot_of(t) != slot) ++t;
    if (t == x.taps) return {0, 0, 0};  // no taps at all
    const int64_t start = x.low + (x.shift[t] - x.low) % x.step;
    const int64_t left = start >= 0 ? 0 : std::min(slot_width_, (-start + x.step - 1) / x.step);
    const int64_t stop = start >= x.size ? 0 : (x.size - start + x.step - 1) / x.step;
    return {start, left, std::clamp(stop, left, slot_width_)};
  }
  void stage_row(const T* from, T* to) const {
    constexpr int64_t w = lanes<T>;
    const int64_t step = axis[2].step, width = slot_width_;
    for (int64_t i = 0; i < slots_; ++i, to += width) {
      const Slot s = i < kept_slots ? slot_[i] : find_slot(i);
      const T* in = from + s.start;
      const int64_t count = s.right - s.left;
      if (step == 1 && width <= w) {  // the stores overlap: in order
        const Mask<T> all = first<T>(width), some = first<T>(count);
        store(to, all, splat<T>(0));
        store(to + s.left, some, load(in + s.left, some));
        continue;
      }
      T* TL_RESTRICT out = to;
      for (int64_t l = 0; l < s.left; ++l) out[l] = 0;
      if (step == 1) {
        copy_run(in + s.left, out + s.left, count);
      } else if (step == 2) {
        for (int64_t l = s.left; l < s.right; ++l) out[l] = in[2 * l];
      } else {
        for (int64_t l = s.left; l < s.right; ++l) out[l] = in[l * step];
      }
      for (int64_t l = s.right; l < width; ++l) out[l] = 0;
    }
  }

 public:
  static void copy_run(const T* from, T* to, int64_t n) {
    constexpr int w = lanes<T>;
    int64_t i = 0;
    for (; i + w <= n; i += w) store(to + i, load(from + i));
    if (i < n) store(to + i, first<T>(n - i), load(from + i, first<T>(n - i)));
  }

 private:
  static constexpr int64_t kept_slots = 4;
  Slot slot_[kept_slots];
  int64_t* offset_;
  int64_t row_ = 0, plane_ = 0, channel_ = 0;
  int64_t slots_ = 1, slot_width_ = 0, rows_ = 1, planes_ = 1;
};

// --- several small images at once ----------------------------------------------------------------

// The outputs of `images` images as columns, `wide` of them a panel: panel q holds for every sum j a row of
// `wide` elements.
template <class T>
struct Columns {
  const Plan<T>& plan;
  const T* sources;  // the images as they are read, one after the other
  int64_t source_size;

  // One panel from column `begin` on, sums [j0, j1); rows of `to` are `width` apart.
  void pack(int64_t begin, int64_t count, int64_t j0, int64_t j1, T* to, int64_t width) const {
    constexpr int w = lanes<T>;
    struct Run {
      const T* from;
      int64_t at, n;
    } runs[2 * w];
    const Axis &y = plan.axis[1], &x = plan.axis[2];
    const int64_t per_image = plan.outputs();
    int64_t n_runs = 0;
    for (int64_t at = 0; at < count;) {
      const int64_t column = begin + at, image = column / per_image, p = column % per_image;
      const int64_t ox = p % x.out, oy = p / x.out % y.out, oz = p / x.out / y.out;
      const int64_t n = std::min({x.out - ox, count - at, int64_t(w)});
      runs[n_runs++] = {sources + image * source_size + oz * plan.place[0] + oy * plan.place[1] + ox, at, n};
      at += n;
    }
    const int64_t* offset = plan.offset();
    for (int64_t j = j0; j < j1; ++j, to += width) {
      const int64_t o = offset[j];
      for (int64_t r = 0; r < n_runs; ++r) {
        const Run& run = runs[r];
        const T* from = run.from + o;
        T* out = to + run.at;
        if (run.n == w) {
          store(out, load(from));
        } else if (run.n == 8) {
          store(out, load<T, 8>(from));
        } else if (run.n == 4) {
          store(out, load<T, 4>(from));
        } else if (run.n == 2) {
          store(out, load<T, 2>(from));
        } else if (run.n == 1) {
          *out = *from;
        } else {
          store(out, first<T>(run.n), load(from, first<T>(run.n)));
        }
      }
    }
  }
};

// Is it cheaper to bring outputs together in full vectors first? Rows of `out` outputs, of which `m` are made
// from the same element; a copied piece of a row costs as much as some products.
template <class T>
bool prefers_columns(int64_t out, int64_t m) {
  constexpr int64_t w = lanes<T>, copy = 7;
  const int64_t vectors = (out + w - 1) / w;
  return vectors * m * w > out * m + copy * (vectors * w + w / 2);
}

inline void set_axes(const ConvShape& s, Axis (&axes)[3], int64_t* shifts) {
  for (int d = 0; d < 3; ++d) {
    Axis& a = axes[d];
    a.size = s.in[d];
    a.out = s.out[d];
    a.step = s.stride[d];
    a.taps = s.kernel[d];
    a.shift = shifts;
    for (int64_t t = 0; t < a.taps; ++t) a.shift[t] = t * s.dilation[d] - s.pad[d];
    a.bound();
    shifts += a.taps;
  }
}

}  // namespace

}  // namespace tl::kernels
