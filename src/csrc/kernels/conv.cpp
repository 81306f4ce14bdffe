// Convolution, and its derivative for the image (which is the transposed convolution).
//
// Both are the same sum, out[m, p] = Σ_j a[m, j] * source[place(p) + offset[j]], over the table that a Plan makes.
// The register tile is that of matrix products: rows of `a` by vectors of outputs, where a vector is read
// straight from the image. Rows of outputs that fill vectors badly (small images) are first gathered
// into full ones, over several images, a block of j at a time. The derivative with a stride is made in as many
// parts as the stride has residues: each is a convolution of stride 1 with those taps that meet it.
#include "kernels/conv.h"

#include <algorithm>

#include "kernels/conv_plan.h"

namespace tl::kernels {

namespace {

constexpr int tile_rows = vector_registers == 32 ? 8 : 6;

// Rows x Vectors of the outputs, of which vector v is read from base[v] and written to out[v].
template <class T>
struct Tile {
  const T* a;
  int64_t a_row, sums;
  const int64_t* offset;
  const T* const* base;
  T* const* out;
  int64_t out_row;
  const Mask<T>* mask;
  const T* bias;    // of the first row, or null
  bool accumulate;  // adds to what is there
};

template <class T, int Rows, int Vectors>
void run_tile(const Tile<T>& t) {
  Vec<T> sums[Rows][Vectors] = {};
  const T *rows[Rows], *base[Vectors];
  Mask<T> mask[Vectors];
  TL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) rows[i] = t.a + i * t.a_row;
  TL_UNROLL(16)
  for (int v = 0; v < Vectors; ++v) {
    base[v] = t.base[v];
    mask[v] = t.mask[v];
  }
  const int64_t n = t.sums;
  const int64_t* offset = t.offset;
  for (int64_t j = 0; j < n; ++j) {
    const int64_t o = offset[j];
    Vec<T> x[Vectors];
    TL_UNROLL(16)
    for (int v = 0; v < Vectors; ++v) x[v] = load(base[v] + o, mask[v]);
    TL_UNROLL(16)
    for (int i = 0; i < Rows; ++i) {
      const Vec<T> a = splat<T>(rows[i][j]);
      TL_UNROLL(16)
      for (int v = 0; v < Vectors; ++v) sums[i][v] = fma(a, x[v], sums[i][v]);
    }
  }
  TL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) {
    TL_UNROLL(16)
    for (int v = 0; v < Vectors; ++v) {
      T* out = t.out[v] + i * t.out_row;
      Vec<T> y = sums[i][v];
      if (t.bias != nullptr) y = y + splat<T>(t.bias[i]);
      if (t.accumulate) y = y + load(out, mask[v]);
      store(out, mask[v], y);
    }
  }
}

// Few rows take more vectors, so that there are sums enough to hide the latency of an addition.
template <int Rows>
constexpr int vectors_for = Rows <= (vector_registers == 32 ? 4 : 2) ? 4 : 2;
template <class T>
using TileFunction = void (*)(const Tile<T>&);
template <class T, int Vectors, size_t... I>
constexpr void fill_tiles(TileFunction<T>* to, std::index_sequence<I...>) {
  ((to[I + 1] = &run_tile<T, int(I) + 1, Vectors>), ...);
}
template <class T>
struct Tiles {
  TileFunction<T> one[tile_rows + 1] = {}, two[tile_rows + 1] = {}, four[tile_rows + 1] = {};
  constexpr Tiles() {
    fill_tiles<T, 1>(one, std::make_index_sequence<tile_rows>());
    fill_tiles<T, 2>(two, std::make_index_sequence<tile_rows>());
    fill_tiles<T, 4>(four, std::make_index_sequence<vector_registers == 32 ? 4 : 2>());
  }
};
template <class T>
constexpr Tiles<T> tiles{};

// The outputs of a convolution that are made together: all rows of `a` over a list of vectors.
constexpr int64_t group_vectors = 8;
template <class T>
struct Group {
  const T* base[group_vectors];
  T* out[group_vectors];
  Mask<T> mask[group_vectors];
  int64_t n = 0;

  void add(const T* from, T* to, int64_t count) {
    base[n] = from;
    out[n] = to;
    mask[n++] = first<T>(count);
  }
  void run(Tile<T> t, int64_t m) {
    const int64_t count = (m + tile_rows - 1) / tile_rows, height = m / count, higher = m % count;
    T* moved[group_vectors];
    for (int64_t v = 0; v < n; ++v) moved[v] = out[v];
    for (int64_t c = 0; c < count; ++c) {
      const int64_t rows = height + (c < higher ? 1 : 0);
      for (int64_t v = 0; v < n;) {
        t.base = base + v;
        t.out = moved + v;
        t.mask = mask + v;
        if (n - v >= 4 && tiles<T>.four[rows] != nullptr) {
          tiles<T>.four[rows](t);
          v += 4;
        } else if (n - v >= 2) {
          tiles<T>.two[rows](t);
          v += 2;
        } else {
          tiles<T>.one[rows](t);
          ++v;
        }
      }
      t.a += rows * t.a_row;
      if (t.bias != nullptr) t.bias += rows;
      for (int64_t v = 0; v < n; ++v) moved[v] += rows * t.out_row;
    }
    n = 0;
  }
};

// Where outputs go: element (m, z, y, x) of an image, whose first is `data`.
template <class T>
struct Target {
  T* data;
  int64_t row;      // from m to m + 1
  int64_t step[3];  // along z, y, x
  int64_t image;    // from an image to the next
};

// One convolution: m outputs an element from a[m x sums], for `batch` images that lie `image` apart.
template <class T>
struct Job {
  const Plan<T>& plan;
  const T* source;
  int64_t image;
  const T* a;
  int64_t m;
  const T* bias;
  Target<T> to;
};

// Rows of outputs as they lie.
template <class T>
void run_rows(const Job<T>& job, int64_t n, int64_t piece, T* scratch) {
  constexpr int w = lanes<T>;
  const Plan<T>& p = job.plan;
  const int64_t begin = piece * p.band, count = std::min(p.band, p.axis[p.band_axis].out - begin);
  const T* from = p.source(job.source + n * job.image, begin, scratch);
  const int64_t planes = p.band_axis == 0 ? count : p.axis[0].out, rows = p.band_axis == 1 ? count : p.axis[1].out;
  const int64_t width = p.axis[2].out;
  T* to = job.to.data + n * job.to.image + begin * job.to.step[p.band_axis];
  const bool direct = job.to.step[2] == 1;
  Scratch<T> made(direct ? 0 : job.m * group_vectors * w);
  Tile<T> t{job.a,   p.sums(), p.sums(), p.offset(), nullptr, nullptr, direct ? job.to.row : group_vectors * w,
            nullptr, job.bias, false};
  Group<T> group;
  T* spread[group_vectors];  // where made vectors go
  int64_t counts[group_vectors];
  auto finish = [&] {
    const int64_t vectors = group.n;
    group.run(t, job.m);
    if (direct) return;
    for (int64_t i = 0; i < job.m; ++i) {
      for (int64_t v = 0; v < vectors; ++v) {
        const T* in = made.get() + (i * group_vectors + v) * w;
        T* out = spread[v] + i * job.to.row;
        for (int64_t l = 0; l < counts[v]; ++l) out[l * job.to.step[2]] = in[l];
      }
    }
  };
  for (int64_t z = 0; z < planes; ++z) {
    for (int64_t y = 0; y < rows; ++y) {
      const T* line = from + z * p.place[0] + y * p.place[1];
      T* out = to + z * job.to.step[0] + y * job.to.step[1];
      for (int64_t x = 0; x < width; x += w) {
        if (group.n == group_vectors) finish();
        spread[group.n] = out + x * job.to.step[2];
        counts[group.n] = std::min<int64_t>(w, width - x);
        group.add(line + x, direct ? out + x : made.get() + group.n * w, counts[group.n]);
      }
    }
  }
  if (group.n > 0) finish();
}

// One row of `a`, as in a depthwise convolution: there is too little to do for lists of vectors. Four lines at
// once, for whole images whose outputs lie dense.
template <class T>
void run_line(const Job<T>& job, int64_t n, T* scratch) {
  constexpr int64_t w = lanes<T>, lines = 4;
  const Plan<T>& p = job.plan;
  const T* from = p.source(job.source + n * job.image, 0, scratch);
  T* to = job.to.data + n * job.to.image;
  const int64_t planes = p.axis[0].out, rows = p.axis[1].out, width = p.axis[2].out, sums = p.sums();
  const Vec<T> start = splat<T>(job.bias == nullptr ? T(0) : *job.bias);
  for (int64_t z = 0; z < planes; ++z) {
    for (int64_t y = 0; y < rows; y += lines) {
      const int64_t there = std::min(lines, rows - y);
      const T* line[lines];  // the last repeats
      for (int64_t i = 0; i < lines; ++i) line[i] = from + z * p.place[0] + (y + std::min(i, there - 1)) * p.place[1];
      T* out = to + (z * rows + y) * width;
      for (int64_t x = 0; x < width; x += w) {
        const Mask<T> mask = first<T>(std::min(w, width - x));
        Vec<T> made[lines];
        for (int i = 0; i < lines; ++i) made[i] = start;
        for (int64_t j = 0; j < sums; ++j) {
          const int64_t at = p.offset()[j] + x;
          const Vec<T> a = splat<T>(job.a[j]);
          TL_UNROLL(4)
          for (int i = 0; i < lines; ++i) made[i] = fma(a, load(line[i] + at, mask), made[i]);
        }
        for (int64_t i = 0; i < there; ++i) store(out + i * width + x, mask, made[i]);
      }
    }
  }
}

// Gathered columns of several images. A panel of them stays in the L1 while some rows of `a` pass by.
constexpr int64_t columns_at_once = 512, sums_at_once = 144, rows_at_once = 8 * tile_rows;
template <class T>
void run_columns(const Job<T>& job, int64_t first_image, int64_t images) {
  constexpr int64_t w = lanes<T>, wide = 2 * w;
  const Plan<T>& p = job.plan;
  const int64_t per_image = p.outputs(), columns = images * per_image, panels = (columns + wide - 1) / wide;
  const int64_t m = job.m, sums = p.sums(), size = p.scratch_size(), stride = panels * wide;
  Scratch<T> staged(images * size);
  if (p.staged) {
    parallel_for(images, std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(1, size)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        p.source(job.source + (first_image + i) * job.image, 0, staged.get() + i * size);
    });
  }
  const Columns<T> from{p, p.staged ? staged.get() : job.source + first_image * job.image, p.staged ? size : job.image};
  const int64_t blocks = std::max<int64_t>(1, (sums + sums_at_once - 1) / sums_at_once);
  const int64_t most = (sums + blocks - 1) / blocks;
  Scratch<T> packed(panels * wide * most), made(m * stride);
  Scratch<int64_t> offset(most);
  for (int64_t j = 0; j < most; ++j) offset[j] = j * wide;
  const int64_t bands = (m + rows_at_once - 1) / rows_at_once;
  const int64_t band_work = std::max<int64_t>(1, std::min(m, rows_at_once) * most * columns);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t j0 = sums * b / blocks, j1 = sums * (b + 1) / blocks;
    parallel_for(
        panels, std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(1, most * wide)), [&](int64_t begin, int64_t end) {
          for (int64_t q = begin; q < end; ++q) {
            from.pack(q * wide, std::min(wide, columns - q * wide), j0, j1, packed.get() + q * wide * most, wide);
          }
        });
    parallel_for(bands, std::max<int64_t>(1, conv_work / band_work), [&](int64_t begin, int64_t end) {
      for (int64_t band = begin; band < end; ++band) {
        const int64_t m0 = m * band / bands, m1 = m * (band + 1) / bands;
        const Tile<T> t{
            job.a + m0 * sums + j0, sums, j1 - j0, offset.get(), nullptr, nullptr, stride, nullptr, nullptr, b > 0};
        Group<T> group;
        for (int64_t q = 0; q < panels; ++q) {
          const T* panel = packed.get() + q * wide * most;
          group.add(panel, made.get() + m0 * stride + q * wide, w);
          group.add(panel + w, made.get() + m0 * stride + q * wide + w, w);
          group.run(t, m1 - m0);
        }
      }
    });
  }
  const int64_t depth = p.axis[0].out, height = p.axis[1].out, width = p.axis[2].out;
  const int64_t* step = job.to.step;
  const bool dense = step[2] == 1 && step[1] == width && step[0] == height * width;
  for (int64_t i = 0; i < images; ++i) {
    for (int64_t k = 0; k < m; ++k) {
      const T* in = made.get() + k * stride + i * per_image;
      T* out = job.to.data + (first_image + i) * job.to.image + k * job.to.row;
      const T add = job.bias == nullptr ? T(0) : job.bias[k];
      if (dense) {
        for (int64_t l = 0; l < per_image; ++l) out[l] = in[l] + add;
        continue;
      }
      for (int64_t z = 0; z < depth; ++z) {
        for (int64_t y = 0; y < height; ++y, in += width) {
          T* line = out + z * step[0] + y * step[1];
          for (int64_t x = 0; x < width; ++x) line[x * step[2]] = in[x] + add;
        }
      }
    }
  }
}

// `groups` jobs of one plan, group g given by `job_of(g)`.
template <class T, class F>
void run_jobs(const Plan<T>& p, int64_t batch, int64_t groups, int64_t m, F job_of) {
  const int64_t outputs = p.outputs(), sums = std::max<int64_t>(1, p.sums());
  if (outputs == 0 || batch == 0 || m == 0) return;
  if (p.bands() > 1 && p.staged ? false : prefers_columns<T>(p.axis[2].out, m)) {
    const int64_t images = std::clamp<int64_t>(columns_at_once / outputs, 1, batch);
    const int64_t blocks = (batch + images - 1) / images;
    const int64_t work = std::max<int64_t>(1, images * outputs * sums * m);
    parallel_for(groups * blocks, std::max<int64_t>(1, conv_work / work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first_image = i % blocks * images;
        run_columns(job_of(i / blocks), first_image, std::min(images, batch - first_image));
      }
    });
    return;
  }
  const int64_t bands = p.bands(), work = std::max<int64_t>(1, outputs * sums * m / bands);
  parallel_for(batch * groups * bands, std::max<int64_t>(1, conv_work / work), [&](int64_t begin, int64_t end) {
    Scratch<T> scratch(p.scratch_size());
    const bool line = m == 1 && bands == 1 && p.dense;
    for (int64_t i = begin; i < end; ++i) {
      if (line) {
        run_line(job_of(i % groups), i / groups, scratch.get());
        continue;
      }
      run_rows(job_of(i / bands % groups), i / bands / groups, i % bands, scratch.get());
    }
  });
}

// Few images are cut into bands, so that there are pieces of work.
int64_t wanted_bands(const ConvShape& s, int64_t work) {
  return s.batch * s.groups >= 8 ? 1 : std::clamp<int64_t>(work / (2 * conv_work), 1, 8);
}

template <class T>
void forward(const ConvShape& s, const T* x, const T* w, const T* bias, T* y) {
  Axis axes[3];
  Scratch<int64_t> shifts(s.kernel[0] + s.kernel[1] + s.kernel[2]);
  set_axes(s, axes, shifts.get());
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  Scratch<int64_t> offset(s.in_channels * taps);
  const int64_t out = s.out[0] * s.out[1] * s.out[2], all = out * s.in_channels * taps * s.out_channels;
  const Plan<T> plan(axes, s.in_channels, offset.get(), true, wanted_bands(s, all));
  const int64_t in = plan.image_size(), m = s.out_channels;
  run_jobs(plan, s.batch, s.groups, m, [&](int64_t g) {
    return Job<T>{plan,
                  x + g * in,
                  s.groups * in,
                  w + g * m * plan.sums(),
                  m,
                  bias == nullptr ? nullptr : bias + g * m,
                  {y + g * m * out, out, {s.out[1] * s.out[2], s.out[2], 1}, s.groups * m * out}};
  });
}

// The elements first + stride * i along an axis, and the taps that they meet.
void set_residue(const ConvShape& s, int d, int64_t first, Axis& a, int64_t* tap) {
  const int64_t stride = s.stride[d], pad = s.pad[d];
  a.size = s.out[d];
  a.out = (s.in[d] - first + stride - 1) / stride;
  a.step = 1;
  a.taps = 0;
  for (int64_t t = 0; t < s.kernel[d]; ++t) {
    const int64_t ahead = first + pad - t * s.dilation[d];
    if (ahead % stride != 0) continue;
    a.shift[a.taps] = ahead / stride;
    tap[a.taps++] = t;
  }
  a.bound();
}

template <class T>
void input_residue(const ConvShape& s, const int64_t (&first)[3], const T* dy, const T* w, const T* bias, T* dx) {
  Axis axes[3];
  const int64_t most = s.kernel[0] + s.kernel[1] + s.kernel[2];
  Scratch<int64_t> shifts(2 * most);
  int64_t *shift = shifts.get(), *taps[3];
  for (int d = 0; d < 3; ++d) {
    axes[d].shift = shift;
    taps[d] = shift + most;
    set_residue(s, d, first[d], axes[d], taps[d]);
    shift += s.kernel[d];
  }
  const int64_t n_taps = axes[0].taps * axes[1].taps * axes[2].taps, all_taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  Scratch<int64_t> offset(s.out_channels * n_taps);
  const bool dense = s.stride[0] == 1 && s.stride[1] == 1 && s.stride[2] == 1;
  const int64_t work = axes[0].out * axes[1].out * axes[2].out * s.out_channels * n_taps * s.in_channels;
  const Plan<T> plan(axes, s.out_channels, offset.get(), dense, wanted_bands(s, work));
  const int64_t sums = plan.sums(), m = s.in_channels;
  // w[k, c, t] as rows of c.
  Scratch<T> turned(s.groups * m * sums);
  for (int64_t g = 0; g < s.groups; ++g) {
    for (int64_t c = 0; c < m; ++c) {
      T* to = turned.get() + (g * m + c) * sums;
      for (int64_t k = 0; k < s.out_channels; ++k) {
        const T* from = w + ((g * s.out_channels + k) * m + c) * all_taps;
        for (int64_t i = 0; i < axes[0].taps; ++i) {
          for (int64_t j = 0; j < axes[1].taps; ++j) {
            const T* line = from + (taps[0][i] * s.kernel[1] + taps[1][j]) * s.kernel[2];
            for (int64_t l = 0; l < axes[2].taps; ++l) *to++ = line[taps[2][l]];
          }
        }
      }
    }
  }
  const int64_t in = s.in[0] * s.in[1] * s.in[2], out = plan.image_size();
  const int64_t rows = s.in[1] * s.in[2], start = first[0] * rows + first[1] * s.in[2] + first[2];
  run_jobs(plan, s.batch, s.groups, m, [&](int64_t g) {
    return Job<T>{
        plan,
        dy + g * out,
        s.groups * out,
        turned.get() + g * m * sums,
        m,
        bias == nullptr ? nullptr : bias + g * m,
        {dx + g * m * in + start, in, {s.stride[0] * rows, s.stride[1] * s.in[2], s.stride[2]}, s.groups * m * in}};
  });
}

template <class T>
void input(const ConvShape& s, const T* dy, const T* w, const T* bias, T* dx) {
  int64_t first[3];
  for (first[0] = 0; first[0] < std::min(s.stride[0], s.in[0]); ++first[0]) {
    for (first[1] = 0; first[1] < std::min(s.stride[1], s.in[1]); ++first[1]) {
      for (first[2] = 0; first[2] < std::min(s.stride[2], s.in[2]); ++first[2])
        input_residue(s, first, dy, w, bias, dx);
    }
  }
}

void forward_impl(const ConvShape& s, const void* x, const void* w, const void* bias, void* y) {
  s.dtype == DType::Float64 ? forward(s, static_cast<const double*>(x), static_cast<const double*>(w),
                                      static_cast<const double*>(bias), static_cast<double*>(y))
                            : forward(s, static_cast<const float*>(x), static_cast<const float*>(w),
                                      static_cast<const float*>(bias), static_cast<float*>(y));
}
void input_impl(const ConvShape& s, const void* dy, const void* w, const void* bias, void* dx) {
  s.dtype == DType::Float64 ? input(s, static_cast<const double*>(dy), static_cast<const double*>(w),
                                    static_cast<const double*>(bias), static_cast<double*>(dx))
                            : input(s, static_cast<const float*>(dy), static_cast<const float*>(w),
                                    static_cast<const float*>(bias), static_cast<float*>(dx));
}

}  // namespace

TL_KERNEL(conv_forward, &forward_impl);
TL_KERNEL(conv_input, &input_impl);

}  // namespace tl::kernels
