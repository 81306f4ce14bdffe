// The derivative of a convolution for its weight: dw[m, j] = Σ over images and outputs p of
// dy[m, p] * source[place(p) + offset[j]].
//
// Vectors run along the outputs: a tile of rows of dy by entries j is summed lane by lane over a stretch of
// an image, and the lanes are added at its end. Small images are gathered into columns first, as in conv.cpp,
// so that a stretch is a row of them. Work is cut by images into sums of their own, added in order, or by
// rows of the weight where that is large.
#include <algorithm>

#include "kernels/conv.h"
#include "kernels/conv_plan.h"

namespace tl::kernels {

namespace {

constexpr bool many_registers = vector_registers == 32;
constexpr int64_t columns_at_once = 512, sums_at_once = 120;

// Lines of `length` outputs: line (z, y) starts at dy + z * dy_step[0] + y * dy_step[1], and likewise in the
// source.
struct Lines {
  int64_t planes, rows, length;
  int64_t dy_step[2], source_step[2];
};

template <class T>
struct Sums {
  const T* dy;
  int64_t dy_row;
  const T* source;
  const int64_t* offset;  // of the first j of the tile
  int64_t valid;          // how many there are; the others repeat the last
  T* dw;
  int64_t dw_row;
};

template <class T, int Rows, int Columns>
void add_tile(const Sums<T>& t, const Lines& l) {
  constexpr int w = lanes<T>;
  Vec<T> sums[Rows][Columns] = {};
  int64_t offset[Columns];
  for (int q = 0; q < Columns; ++q) offset[q] = t.offset[std::min<int64_t>(q, t.valid - 1)];
  const Mask<T> mask = first<T>(l.length % w);
  for (int64_t z = 0; z < l.planes; ++z) {
    for (int64_t y = 0; y < l.rows; ++y) {
      const T* g = t.dy + z * l.dy_step[0] + y * l.dy_step[1];
      const T* s = t.source + z * l.source_step[0] + y * l.source_step[1];
      auto step = [&](auto read) {
        Vec<T> a[Rows];
        TL_UNROLL(16)
        for (int i = 0; i < Rows; ++i) a[i] = read(g + i * t.dy_row);
        TL_UNROLL(16)
        for (int q = 0; q < Columns; ++q) {
          const Vec<T> b = read(s + offset[q]);
          TL_UNROLL(16)
          for (int i = 0; i < Rows; ++i) sums[i][q] = fma(a[i], b, sums[i][q]);
        }
      };
      int64_t x = 0;
      for (; x + w <= l.length; x += w, g += w, s += w) step([](const T* p) { return load(p); });
      if (x < l.length) step([mask](const T* p) { return load(p, mask); });
    }
  }
  constexpr int count = Rows * Columns;
  T totals[count + 4];
  auto at = [&](int i) -> const Vec<T>& {
    return sums[std::min(i, count - 1) / Columns][std::min(i, count - 1) % Columns];
  };
  TL_UNROLL(16)
  for (int i = 0; i < count; i += 4) store(totals + i, sums_of_four<T>(at(i), at(i + 1), at(i + 2), at(i + 3)));
  for (int i = 0; i < Rows; ++i) {
    for (int64_t q = 0; q < t.valid; ++q) t.dw[i * t.dw_row + q] += totals[i * Columns + q];
  }
}

// Adds a stretch for rows [0, m) of dy and entries [0, n).
template <class T, int Columns>
void add_columns(Sums<T> t, const Lines& l, int64_t m, int64_t n) {
  for (int64_t j = 0; j < n; j += Columns, t.offset += Columns, t.dw += Columns) {
    t.valid = std::min<int64_t>(Columns, n - j);
    Sums<T> at = t;
    int64_t i = 0;
    auto rows = [&]<int Rows>(std::integral_constant<int, Rows>) {
      for (; i + Rows <= m; i += Rows, at.dy += Rows * at.dy_row, at.dw += Rows * at.dw_row)
        add_tile<T, Rows, Columns>(at, l);
    };
    if constexpr (many_registers) rows(std::integral_constant<int, 4>());
    rows(std::integral_constant<int, 2>());
    rows(std::integral_constant<int, 1>());
  }
}
template <class T>
void add(const Sums<T>& t, const Lines& l, int64_t m, int64_t n) {
  if constexpr (many_registers) {
    auto made = [n](int64_t c) { return (n + c - 1) / c * c; };
    if (made(6) <= made(5) && made(6) <= made(4)) return add_columns<T, 6>(t, l, m, n);
    if (made(5) < made(4)) return add_columns<T, 5>(t, l, m, n);
  }
  add_columns<T, 4>(t, l, m, n);
}

template <class T>
struct WeightJob {
  const Plan<T>& plan;
  const T* x;
  int64_t x_image;
  const T* dy;
  int64_t dy_image;
};

// A band of one image, or `images` whole ones: they are summed as planes of one.
template <class T>
void add_rows(const WeightJob<T>& job, int64_t n, int64_t images, int64_t band, int64_t m0, int64_t m1, T* dw,
              T* scratch) {
  const Plan<T>& p = job.plan;
  const int64_t begin = band * p.band, count = std::min(p.band, p.axis[p.band_axis].out - begin);
  const int64_t height = p.axis[1].out, width = p.axis[2].out, outputs = p.outputs();
  const T* source = p.source(job.x + n * job.x_image, begin, scratch);
  for (int64_t i = 1; p.staged && i < images; ++i) {
    p.source(job.x + (n + i) * job.x_image, 0, scratch + i * p.scratch_size());
  }
  const T* dy = job.dy + n * job.dy_image + m0 * outputs + begin * (p.band_axis == 0 ? height * width : width);
  Lines l{p.band_axis == 0 ? count : p.axis[0].out,
          p.band_axis == 1 ? count : height,
          width,
          {height * width, width},
          {p.place[0], p.place[1]}};
  if (images > 1) {
    l.planes = images;
    l.dy_step[0] = job.dy_image;
    l.source_step[0] = p.staged ? p.scratch_size() : job.x_image;
  }
  add(Sums<T>{dy, outputs, source, p.offset(), 0, dw, p.sums()}, l, m1 - m0, p.sums());
}

// The columns of several images.
template <class T>
void add_images(const WeightJob<T>& job, int64_t first_image, int64_t images, int64_t m0, int64_t m1, T* dw) {
  const Plan<T>& p = job.plan;
  const int64_t per_image = p.outputs(), columns = images * per_image, sums = p.sums(), size = p.scratch_size();
  constexpr int64_t wide = 2 * lanes<T>;
  const int64_t width = (columns + wide - 1) / wide * wide, m = m1 - m0;
  Scratch<T> staged(images * size), g(m * width);
  for (int64_t i = 0; p.staged && i < images; ++i)
    p.source(job.x + (first_image + i) * job.x_image, 0, staged.get() + i * size);
  for (int64_t i = 0; i < images; ++i) {
    const T* from = job.dy + (first_image + i) * job.dy_image + m0 * per_image;
    for (int64_t k = 0; k < m; ++k)
      Plan<T>::copy_run(from + k * per_image, g.get() + k * width + i * per_image, per_image);
  }
  const Columns<T> from{p, p.staged ? staged.get() : job.x + first_image * job.x_image, p.staged ? size : job.x_image};
  const int64_t blocks = (sums + sums_at_once - 1) / sums_at_once, most = (sums + blocks - 1) / blocks;
  Scratch<T> packed(most * width);
  Scratch<int64_t> offset(most);
  for (int64_t j = 0; j < most; ++j) offset[j] = j * width;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t j0 = sums * b / blocks, j1 = sums * (b + 1) / blocks;
    for (int64_t q = 0; q < columns; q += wide)
      from.pack(q, std::min(wide, columns - q), j0, j1, packed.get() + q, width);
    add(Sums<T>{g.get(), width, packed.get(), offset.get(), 0, dw + j0, sums}, Lines{1, 1, columns, {0, 0}, {0, 0}}, m,
        j1 - j0);
  }
}

template <class T>
void weight(const ConvShape& s, const T* x, const T* dy, T* dw) {
  Axis axes[3];
  Scratch<int64_t> shifts(s.kernel[0] + s.kernel[1] + s.kernel[2]);
  set_axes(s, axes, shifts.get());
  const int64_t all_taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  Scratch<int64_t> offset(s.in_channels * all_taps);
  const Plan<T> plan(axes, s.in_channels, offset.get(), true);
  const int64_t sums = plan.sums(), m = s.out_channels, outputs = plan.outputs(), in = plan.image_size();
  const int64_t size = s.groups * m * sums;
  std::memset(dw, 0, size_t(size) * sizeof(T));
  if (s.batch == 0 || outputs == 0 || size == 0) return;
  const bool columns = (plan.bands() == 1 || !plan.staged) && prefers_columns<T>(plan.axis[2].out, m);
  int64_t images = 1;
  if (columns) {
    images = std::clamp<int64_t>(columns_at_once / outputs, 1, s.batch);
  } else if (plan.bands() == 1 && plan.axis[0].out == 1) {  // long stretches, which stay in the L2
    const int64_t most = 600000 / int64_t(sizeof(T)) / std::max<int64_t>(1, plan.staged ? plan.scratch_size() : in);
    images = std::clamp<int64_t>(std::min(1024 / outputs, most), 1, s.batch);
  }
  const int64_t image_blocks = (s.batch + images - 1) / images, bands = columns ? 1 : plan.bands();
  const int64_t blocks = image_blocks * bands;
  // Pieces have sums of their own unless the groups or the rows of a large weight are pieces enough.
  const int64_t work = s.batch * outputs * sums * m;
  const bool by_images = size <= (1 << 18) && s.groups < 8;
  const int64_t pieces = by_images ? std::clamp<int64_t>(work / (2 * conv_work), 1, std::min<int64_t>(blocks, 8)) : 1;
  const int64_t cuts = by_images ? 1 : std::clamp<int64_t>(work / (8 * conv_work), 1, std::max<int64_t>(1, m / 64));
  Scratch<T> more((pieces - 1) * size);
  std::memset(more.get(), 0, size_t((pieces - 1) * size) * sizeof(T));
  const int64_t one = std::max<int64_t>(1, work / (pieces * cuts));
  parallel_for(pieces * s.groups * cuts, std::max<int64_t>(1, 2 * conv_work / one), [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(columns ? 0 : images * plan.scratch_size());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t cut = i % cuts, g = i / cuts % s.groups, piece = i / cuts / s.groups;
      const int64_t m0 = m * cut / cuts, m1 = m * (cut + 1) / cuts;
      T* to = (piece == 0 ? dw : more.get() + (piece - 1) * size) + (g * m + m0) * sums;
      const WeightJob<T> job{plan, x + g * in, s.groups * in, dy + g * m * outputs, s.groups * m * outputs};
      for (int64_t b = blocks * piece / pieces; b < blocks * (piece + 1) / pieces; ++b) {
        const int64_t n = b / bands * images, count = std::min(images, s.batch - n);
        if (columns) {
          add_images(job, n, count, m0, m1, to);
        } else {
          add_rows(job, n, count, b % bands, m0, m1, to, scratch.get());
        }
      }
    }
  });
  for (int64_t i = 1; i < pieces; ++i) {
    const T* TL_RESTRICT from = more.get() + (i - 1) * size;
    for (int64_t j = 0; j < size; ++j) dw[j] += from[j];
  }
}

void weight_impl(const ConvShape& s, const void* x, const void* dy, void* dw) {
  s.dtype == DType::Float64
      ? weight(s, static_cast<const double*>(x), static_cast<const double*>(dy), static_cast<double*>(dw))
      : weight(s, static_cast<const float*>(x), static_cast<const float*>(dy), static_cast<float*>(dw));
}

}  // namespace

TL_KERNEL(conv_weight, &weight_impl);

}  // namespace tl::kernels
