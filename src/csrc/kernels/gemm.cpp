// Real matrix products.
//
// One register tile does most of the work: up to tile_rows x 2 vectors of C stay in registers while
// k runs, each step taking one row of B (two vectors) and one broadcast element per row of A.
// Broadcasts do not care how A lies in memory, so A is read in place, transposed or not, and B is
// where its rows are contiguous and it fits the L2: measured, that beats copies ("packing") up to
// 256 x 256. Copies serve B with contiguous columns, which is turned, and large operands, which are
// laid out in the order in which the tile reads them, so that neither cache sets nor pages
// conflict.
//
// Where contiguous rows of A meet contiguous columns of B (a layer's weight) vectors run along k
// instead, four columns at a time: nothing is turned, and no lane is wasted on few columns. Below
// some dozens of multiplications plain loops are fastest.
//
// Blocks of large products: block_m x block_k of A (64 KiB) stays in the L2 while panels of B,
// block_k x 2 vectors (up to 32 KiB), pass by, each read block_m / tile_rows times; block_k x
// block_n of B (2 MiB) stays in the L3. Longer blocks of k would save passes over C but push A out
// of small L2s. Work is cut into pieces by size alone, and each element of C is summed in one
// order.
#include "kernels/gemm.h"

#include <algorithm>

#include "core/allocator.h"
#include "core/parallel.h"
#include "kernels/gemm_other.h"
#include "kernels/vec.h"

namespace tl::kernels {

namespace {

constexpr int tile_rows = vector_registers == 32 ? 8 : 6;
template <class T>
constexpr int tile_columns = 2 * lanes<T>;
constexpr int64_t block_k = 256, block_m = 8 * tile_rows, block_n = 2048;
// One thread works alone below this number of multiplications; pieces of work are about as large.
constexpr int64_t parallel_work = int64_t(1) << 21;

// Where a tile's result goes, and what is added to it.
template <class T>
struct Target {
  T* c;
  int64_t c_row;
  const T* d;
  int64_t d_row, d_column;
  T alpha, beta;
  bool relu;

  Target at(int64_t i, int64_t j) const {
    Target t = *this;
    t.c += i * c_row + j;
    if (d != nullptr) t.d += i * d_row + j * d_column;
    return t;
  }
};

template <class T>
struct Problem {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, b_column;
  Target<T> out;

  // Multiplications; k may be beyond all bounds in an expanded operand.
  int64_t work() const { return m * n * std::min(k, int64_t(1) << 20); }
};

// Memory for packed operands: on the stack where little is needed.
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

 private:
  size_t bytes_;
  T* data_;
  alignas(64) char local_[16384];
};

// --- from sums to C ------------------------------------------------------------------------------

// C = alpha * sums + beta * D for a piece whose sums lie in memory.
template <class T>
[[gnu::noinline]] void finish(const T* sums, int64_t stride, int64_t rows, int64_t columns, const Target<T>& t) {
  constexpr int w = lanes<T>;
  const Vec<T> alpha = splat<T>(t.alpha), beta = splat<T>(t.beta), zero = splat<T>(0);
  for (int64_t i = 0; i < rows; ++i) {
    const T* d = t.d == nullptr ? nullptr : t.d + i * t.d_row;
    for (int64_t j = 0; j < columns; j += w) {
      const int64_t count = std::min<int64_t>(w, columns - j);
      const Mask<T> m = first<T>(count);
      Vec<T> v = load(sums + i * stride + j, m) * alpha;
      if (d != nullptr) {
        if (t.d_column == 1) {
          v = fma(beta, load(d + j, m), v);
        } else if (t.d_column == 0) {
          v = fma(beta, splat<T>(*d), v);
        } else {
          T spread[w] = {};
          for (int64_t l = 0; l < count; ++l) spread[l] = d[(j + l) * t.d_column];
          v = fma(beta, load(spread), v);
        }
      }
      if (t.relu) v = larger<T>(zero, v);
      T* c = t.c + i * t.c_row + j;
      if (count == w) {
        store(c, v);
      } else {
        store(c, m, v);
      }
    }
  }
}

// --- the register tile ---------------------------------------------------------------------------

// rows x (vectors * lanes) of C. The last vector holds `last` lanes; with PartLoads those of B
// beyond them are not to be read.
template <class T, int Rows, int Vectors, bool PartLoads>
void tile(const T* a, int64_t a_row, int64_t a_column, const T* b, int64_t b_row, int64_t k, int64_t last,
          const Target<T>& t) {
  constexpr int w = lanes<T>;
  const Mask<T> mask = first<T>(last);
  Vec<T> sums[Rows][Vectors] = {};
  const T* rows[Rows];
  TL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) rows[i] = a + i * a_row;
  int64_t at = 0;
  for (int64_t p = 0; p < k; ++p) {
    Vec<T> bs[Vectors];
    TL_UNROLL(16)
    for (int j = 0; j < Vectors; ++j) {
      bs[j] = PartLoads && j == Vectors - 1 ? load(b + j * w, mask) : load(b + j * w);
    }
    TL_UNROLL(16)
    for (int i = 0; i < Rows; ++i) {
      Vec<T> x = splat<T>(rows[i][at]);
      TL_UNROLL(16)
      for (int j = 0; j < Vectors; ++j) sums[i][j] = fma(x, bs[j], sums[i][j]);
    }
    at += a_column;
    b += b_row;
  }
  if (t.relu || (t.d != nullptr && t.d_column != 1)) {
    T spilled[Rows * Vectors * w];
    TL_UNROLL(16)
    for (int i = 0; i < Rows; ++i) {
      TL_UNROLL(16)
      for (int j = 0; j < Vectors; ++j) store(spilled + (i * Vectors + j) * w, sums[i][j]);
    }
    finish(spilled, Vectors * w, Rows, (Vectors - 1) * w + last, t);
    return;
  }
  const Vec<T> alpha = splat<T>(t.alpha), beta = splat<T>(t.beta);
  TL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) {
    TL_UNROLL(16)
    for (int j = 0; j < Vectors; ++j) {
      T* c = t.c + i * t.c_row + j * w;
      const int64_t at_d = i * t.d_row + j * w;
      Vec<T> v = sums[i][j] * alpha;
      if (j == Vectors - 1 && last != w) {
        if (t.d != nullptr) v = fma(beta, load(t.d + at_d, mask), v);
        store(c, mask, v);
      } else {
        if (t.d != nullptr) v = fma(beta, load(t.d + at_d), v);
        store(c, v);
      }
    }
  }
}

template <class T>
using TileFunction = void (*)(const T*, int64_t, int64_t, const T*, int64_t, int64_t, int64_t, const Target<T>&);
template <class T, int Vectors, bool PartLoads, size_t... I>
constexpr TileFunction<T> tile_of(int rows, std::index_sequence<I...>) {
  TileFunction<T> found = nullptr;
  ((int(I) + 1 == rows ? void(found = &tile<T, int(I) + 1, Vectors, PartLoads>) : void()), ...);
  return found;
}
template <class T>
struct TileTable {
  TileFunction<T> at[2][2][tile_rows + 1] = {};  // by partial loads, vectors - 1, rows
  constexpr TileTable() {
    constexpr std::make_index_sequence<tile_rows> all;
    for (int r = 1; r <= tile_rows; ++r) {
      // Masked loads cost nothing on AVX-512, so one version serves both.
      constexpr bool always = vector_bytes == 64;
      at[0][0][r] = tile_of<T, 1, always>(r, all);
      at[0][1][r] = tile_of<T, 2, always>(r, all);
      at[1][0][r] = tile_of<T, 1, true>(r, all);
      at[1][1][r] = tile_of<T, 2, true>(r, all);
    }
  }
};
template <class T>
constexpr TileTable<T> tiles{};

// All rows of one panel of at most tile_columns columns, in tiles of about equal height.
template <class T>
void panel(int64_t m, int64_t columns, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
           int64_t b_row, bool padded, const Target<T>& out) {
  constexpr int w = lanes<T>;
  const int vectors = columns > w ? 2 : 1;
  const int64_t last = columns - (vectors - 1) * w;
  const TileFunction<T>* table = tiles<T>.at[!padded && last != w][vectors - 1];
  int64_t count = (m + tile_rows - 1) / tile_rows;
  int64_t height = m / count, higher = m % count;
  Target<T> t = out;
  for (int64_t c = 0; c < count; ++c) {
    int64_t rows = height + (c < higher ? 1 : 0);
    table[rows](a, a_row, a_column, b, b_row, k, last, t);
    a += rows * a_row;
    t = t.at(rows, 0);
  }
}

// --- packing -------------------------------------------------------------------------------------

// N lines of contiguous elements as columns of `to`.
template <class T, int N>
void turn(const T* from, int64_t line, int64_t k, T* to, int64_t width) {
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) turn_lines<T, N>(from + p, line, to + p * width, width);
  for (; p < k; ++p) {
    for (int64_t l = 0; l < N; ++l) to[p * width + l] = from[l * line + p];
  }
}

template <class T, int N>
void copy_rows(const T* from, int64_t step, int64_t k, T* to, int64_t width) {
  for (int64_t p = 0; p < k; ++p) store(to + p * width, load<T, N>(from + p * step));
}

// Lays `count` lines of k elements out as k rows of `width` values, the missing ones zero. (A panel
// of B: lines are columns. A tile of A: lines are rows.)
template <class T>
void pack_lines(const T* from, int64_t line, int64_t step, int64_t count, int64_t k, int64_t width, T* to) {
  int64_t i = 0;  // lines done
  auto take = [&]<int N>(std::integral_constant<int, N>) {
    for (; i + N <= count; i += N) {
      if (step == 1) {
        turn<T, N>(from + i * line, line, k, to + i, width);
      } else {
        copy_rows<T, N>(from + i, step, k, to + i, width);
      }
    }
  };
  if (step == 1 || line == 1) {
    if constexpr (lanes<T> >= 16) take(std::integral_constant<int, 16>());
    if constexpr (lanes<T> >= 8) take(std::integral_constant<int, 8>());
    take(std::integral_constant<int, 4>());
  }
  if (i == width) return;
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t l = i; l < count; ++l) to[p * width + l] = from[l * line + p * step];
    for (int64_t l = count; l < width; ++l) to[p * width + l] = T(0);
  }
}

template <class T>
int64_t panel_width(int64_t columns) {
  return columns > lanes<T> ? tile_columns<T> : lanes<T>;
}

// --- blocked products ----------------------------------------------------------------------------

// B as it lies, all of k at once.
template <class T>
void rows_by_columns(const Problem<T>& p) {
  constexpr int64_t wide = tile_columns<T>;
  for (int64_t j = 0; j < p.n; j += wide) {
    panel(p.m, std::min(wide, p.n - j), p.k, p.a, p.a_row, p.a_column, p.b + j, p.b_row, false, p.out.at(0, j));
  }
}

template <class T>
void large(const Problem<T>& p) {
  constexpr int64_t wide = tile_columns<T>;
  // In place is fastest where B fits the L2 and A is read along its rows.
  const bool pack_b = p.b_column != 1 || (p.m > 4 * tile_rows && p.k * p.n * int64_t(sizeof(T)) > (1 << 18));
  const bool pack_a = p.a_column != 1 && p.n > wide && p.m * p.k * int64_t(sizeof(T)) > (1 << 20);
  const int64_t k_blocks = (p.k + block_k - 1) / block_k, most_k = (p.k + k_blocks - 1) / k_blocks;
  const int64_t bands = (p.m + block_m - 1) / block_m;
  for (int64_t j0 = 0; j0 < p.n; j0 += block_n) {
    const int64_t n = std::min(block_n, p.n - j0), panels = (n + wide - 1) / wide;
    // Pieces of C: bands of rows, cut along n where there are few. Then they share one packed A.
    const int64_t cuts = std::clamp<int64_t>(block_m * most_k * n / parallel_work, 1, std::max<int64_t>(1, 16 / bands));
    const bool share_a = pack_a && cuts > 1;
    Scratch<T> packed_b(pack_b ? panels * wide * most_k : 0), shared_a(share_a ? bands * block_m * most_k : 0);
    for (int64_t kb = 0; kb < k_blocks; ++kb) {
      const int64_t k0 = p.k * kb / k_blocks, k = p.k * (kb + 1) / k_blocks - k0;
      const T* b = p.b + k0 * p.b_row + j0 * p.b_column;
      if (pack_b) {
        parallel_for(panels, std::max<int64_t>(1, parallel_work / 8 / (wide * k)), [&](int64_t begin, int64_t end) {
          for (int64_t q = begin; q < end; ++q) {
            const int64_t columns = std::min(wide, n - q * wide);
            pack_lines(b + q * wide * p.b_column, p.b_column, p.b_row, columns, k, panel_width<T>(columns),
                       packed_b.get() + q * wide * k);
          }
        });
      }
      auto pack_band = [&](int64_t band, T* to) {
        const int64_t i0 = band * block_m, m = std::min(block_m, p.m - i0);
        const T* a = p.a + i0 * p.a_row + k0 * p.a_column;
        for (int64_t i = 0; i < m; i += tile_rows) {
          pack_lines(a + i * p.a_row, p.a_row, p.a_column, std::min<int64_t>(tile_rows, m - i), k, tile_rows,
                     to + i * k);
        }
      };
      if (share_a) {
        parallel_for(bands, std::max<int64_t>(1, parallel_work / 8 / (block_m * k)), [&](int64_t begin, int64_t end) {
          for (int64_t band = begin; band < end; ++band) pack_band(band, shared_a.get() + band * block_m * k);
        });
      }
      Target<T> out = p.out;
      if (kb > 0) {  // what the blocks before have left in C is added to
        out.d = out.c;
        out.d_row = out.c_row;
        out.d_column = 1;
        out.beta = 1;
      }
      out.relu = out.relu && kb == k_blocks - 1;
      out = out.at(0, j0);
      const int64_t per_cut = (panels + cuts - 1) / cuts;
      const int64_t piece_work = std::max<int64_t>(1, std::min(block_m, p.m) * k * std::min(n, per_cut * wide));
      parallel_for(bands * cuts, std::max<int64_t>(1, parallel_work / piece_work), [&](int64_t begin, int64_t end) {
        Scratch<T> own_a(pack_a && !share_a ? block_m * k : 0);
        for (int64_t piece = begin; piece < end; ++piece) {
          const int64_t band = piece / cuts, i0 = band * block_m, m = std::min(block_m, p.m - i0);
          const int64_t first_panel = piece % cuts * per_cut, end_panel = std::min(panels, first_panel + per_cut);
          if (pack_a && !share_a) pack_band(band, own_a.get());
          const T* packed_a = share_a ? shared_a.get() + band * block_m * k : own_a.get();
          for (int64_t q = first_panel; q < end_panel; ++q) {
            const int64_t j = q * wide, columns = std::min(wide, n - j);
            const T* bq = pack_b ? packed_b.get() + j * k : b + j;
            const int64_t b_row = pack_b ? panel_width<T>(columns) : p.b_row;
            if (!pack_a) {
              panel(m, columns, k, p.a + i0 * p.a_row + k0 * p.a_column, p.a_row, p.a_column, bq, b_row, pack_b,
                    out.at(i0, j));
              continue;
            }
            for (int64_t i = 0; i < m; i += tile_rows) {
              panel<T>(std::min<int64_t>(tile_rows, m - i), columns, k, packed_a + i * k, 1, tile_rows, bq, b_row,
                       pack_b, out.at(i0 + i, j));
            }
          }
        }
      });
    }
  }
}

// A small C of long sums (a weight's gradient over a large batch): the pieces of work are stretches of
// k, each into a C of its own, added up in order.
template <class T>
void split_sums(const Problem<T>& p) {
  const int64_t pieces = std::clamp<int64_t>(p.work() / (2 * parallel_work), 2, 16), size = p.m * p.n;
  Scratch<T> sums(pieces * size);
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t k0 = p.k * i / pieces;
      Problem<T> q = p;
      q.k = p.k * (i + 1) / pieces - k0;
      q.a += k0 * p.a_column;
      q.b += k0 * p.b_row;
      q.out = {sums.get() + i * size, p.n, nullptr, 0, 0, T(1), T(1), false};
      large(q);
    }
  });
  T* TL_RESTRICT total = sums.get();
  for (int64_t i = 1; i < pieces; ++i) {
    const T* TL_RESTRICT more = sums.get() + i * size;
    for (int64_t j = 0; j < size; ++j) total[j] += more[j];
  }
  finish(sums.get(), p.n, p.m, p.n, p.out);
}

// --- vectors along k -----------------------------------------------------------------------------

// Sums of Rows rows of A (contiguous) with four columns of B (contiguous), each row's given to
// `put`.
template <class T, int Rows, class Put>
TL_ALWAYS_INLINE void dots(const T* a, int64_t a_row, const T* b0, const T* b1, const T* b2, const T* b3, int64_t k,
                           Put put) {
  constexpr int w = lanes<T>;
  Vec<T> sums[Rows][4] = {};
  auto step = [&](auto read) {
    Vec<T> x[Rows];
    const Vec<T> y[4] = {read(b0), read(b1), read(b2), read(b3)};
    TL_UNROLL(8)
    for (int i = 0; i < Rows; ++i) x[i] = read(a + i * a_row);
    TL_UNROLL(4)
    for (int j = 0; j < 4; ++j) {
      TL_UNROLL(8)
      for (int i = 0; i < Rows; ++i) sums[i][j] = fma(x[i], y[j], sums[i][j]);
    }
  };
  int64_t p = 0;
  for (; p + w <= k; p += w) step([p](const T* q) { return load(q + p); });
  if (p < k) {
    const Mask<T> mask = first<T>(k - p);
    step([p, mask](const T* q) { return load(q + p, mask); });
  }
  TL_UNROLL(8)
  for (int i = 0; i < Rows; ++i) put(i, sums_of_four<T>(sums[i][0], sums[i][1], sums[i][2], sums[i][3]));
}

constexpr int dot_rows = vector_registers == 32 ? 4 : 2;

template <class T, int Rows>
void dot_band(const Problem<T>& p, int64_t i, int64_t j, int64_t n) {
  const Target<T> t = p.out.at(i, j);
  const T *a = p.a + i * p.a_row, *b = p.b + j * p.b_column;
  const int64_t step = p.b_column;
  int64_t l = 0;
  if (!t.relu && (t.d == nullptr || t.d_column == 1)) {
    const Vec<T, 4> alpha = splat<T, 4>(t.alpha), beta = splat<T, 4>(t.beta);
    for (; l + 4 <= n; l += 4, b += 4 * step) {
      dots<T, Rows>(a, p.a_row, b, b + step, b + 2 * step, b + 3 * step, p.k, [&](int row, const Vec<T, 4>& sums) {
        Vec<T, 4> v = sums * alpha;
        if (t.d != nullptr) v = fma(beta, load<T, 4>(t.d + row * t.d_row + l), v);
        store(t.c + row * t.c_row + l, v);
      });
    }
  }
  for (; l < n; l += 4, b += 4 * step) {
    T spilled[Rows * 4];
    const int64_t last = std::min<int64_t>(n - l, 4) - 1;  // repeats where there are no four
    dots<T, Rows>(a, p.a_row, b, b + std::min<int64_t>(last, 1) * step, b + std::min<int64_t>(last, 2) * step,
                  b + last * step, p.k, [&](int row, const Vec<T, 4>& sums) { store(spilled + row * 4, sums); });
    finish(spilled, 4, Rows, last + 1, t.at(0, l));
  }
}

// Needs a_column == 1 and b_row == 1. Columns of B are taken in blocks that stay in the L2 for all
// rows of A.
template <class T>
void dot_products(const Problem<T>& p) {
  const int64_t block = std::clamp<int64_t>((int64_t(1) << 18) / int64_t(sizeof(T)) / p.k, 16, 1024) & ~int64_t(3);
  const int64_t blocks = (p.n + block - 1) / block;
  const int64_t band = std::max<int64_t>(dot_rows, parallel_work / (std::min(block, p.n) * p.k) & ~int64_t(3));
  const int64_t bands = (p.m + band - 1) / band;
  const int64_t piece_work = std::min(band, p.m) * std::min(block, p.n) * p.k;
  parallel_for(blocks * bands, std::max<int64_t>(1, parallel_work / piece_work), [&](int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; ++q) {
      const int64_t j = q / bands * block, n = std::min(block, p.n - j);
      int64_t i = q % bands * band;
      const int64_t stop = std::min(i + band, p.m);
      for (; i + dot_rows <= stop; i += dot_rows) dot_band<T, dot_rows>(p, i, j, n);
      if (i + 2 <= stop) {
        dot_band<T, 2>(p, i, j, n);
        i += 2;
      }
      if (i < stop) dot_band<T, 1>(p, i, j, n);
    }
  });
}

// --- one row -------------------------------------------------------------------------------------

// A single row of A with rows of B that are contiguous: many columns at once, for B is read once
// only.
template <class T>
void row_product(const Problem<T>& p) {
  constexpr int64_t vectors = 8, w = lanes<T>, block = vectors * w;
  parallel_for((p.n + block - 1) / block, std::max<int64_t>(1, parallel_work / (block * p.k)),
               [&](int64_t begin, int64_t end) {
                 int64_t j = begin * block;
                 const int64_t stop = std::min(end * block, p.n);
                 for (; j + block <= stop; j += block) {
                   tile<T, 1, vectors, false>(p.a, 0, p.a_column, p.b + j, p.b_row, p.k, w, p.out.at(0, j));
                 }
                 for (; j < stop; j += 2 * w) {
                   panel<T>(1, std::min<int64_t>(2 * w, stop - j), p.k, p.a, 0, p.a_column, p.b + j, p.b_row, false,
                            p.out.at(0, j));
                 }
               });
}

// --- few products to a sum
// ------------------------------------------------------------------------

// k = K: C is written row after row as a stream, which is all the work there is.
template <class T, int K>
void thin_rows(const Problem<T>& p, int64_t begin, int64_t end) {
  constexpr int64_t w = lanes<T>;
  const Target<T>& t = p.out;
  const Vec<T> beta = splat<T>(t.beta);
  const Mask<T> mask = first<T>(p.n % w);
  for (int64_t i = begin; i < end; ++i) {
    T* c = t.c + i * t.c_row;
    const T* d = t.d == nullptr ? nullptr : t.d + i * t.d_row;
    Vec<T> x[K];
    for (int l = 0; l < K; ++l) x[l] = splat<T>(t.alpha * p.a[i * p.a_row + l * p.a_column]);
    auto sum = [&](auto read) {
      Vec<T> v = x[0] * read(p.b);
      TL_UNROLL(4)
      for (int l = 1; l < K; ++l) v = fma(x[l], read(p.b + l * p.b_row), v);
      return d == nullptr ? v : fma(beta, read(d), v);
    };
    int64_t j = 0;
    for (; j + w <= p.n; j += w) store(c + j, sum([j](const T* q) { return load(q + j); }));
    if (j < p.n) store(c + j, mask, sum([j, mask](const T* q) { return load(q + j, mask); }));
  }
}

constexpr int thin_k = 4;
template <class T>
void thin_product(const Problem<T>& p) {
  constexpr void (*rows[])(const Problem<T>&, int64_t, int64_t) = {thin_rows<T, 1>, thin_rows<T, 2>, thin_rows<T, 3>,
                                                                   thin_rows<T, thin_k>};
  parallel_for(p.m, std::max<int64_t>(1, parallel_work / 8 / p.n),
               [&](int64_t begin, int64_t end) { rows[p.k - 1](p, begin, end); });
}

// --- the choice ----------------------------------------------------------------------------------

template <class T>
void tiny(const Problem<T>& p) {
  const Target<T>& t = p.out;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      T sum = 0;
      const T* x = p.a + i * p.a_row;
      const T* y = p.b + j * p.b_column;
      for (int64_t l = 0; l < p.k; ++l) sum += x[l * p.a_column] * y[l * p.b_row];
      T v = t.alpha * sum;
      if (t.d != nullptr) v += t.beta * t.d[i * t.d_row + j * t.d_column];
      t.c[i * t.c_row + j] = t.relu && v < 0 ? T(0) : v;
    }
  }
}

// Are vectors along k the cheaper way for B with contiguous columns? They waste no lane on columns
// that are not there and spare the turn of B, but each sum ends with an addition across lanes. In
// thirds of a cycle, as measured.
template <class T>
bool prefers_dots(int64_t m, int64_t n, int64_t k) {
  constexpr int64_t w = lanes<T>;
  const int64_t steps = (k + w - 1) / w, fours = (n + 3) & ~int64_t(3), vectors = (n + w - 1) / w;
  const int64_t dot_cost = m * (fours * (3 * steps + 4) + 20);
  const int64_t tile_cost = m * (k * (vectors == 1 ? 4 : 3 * vectors) + 11) + n * k + 400;
  return dot_cost <= tile_cost;
}

template <class T>
void multiply(const Problem<T>& p) {
  const int64_t work = p.work();
  if (work <= 48) return tiny(p);  // k == 0 too: C = beta * D
  const bool rows_of_b = p.b_column == 1 || p.n == 1;
  if (p.m == 1 && rows_of_b) return row_product(p);
  const int64_t b_bytes = p.k * p.n * int64_t(sizeof(T));
  if (rows_of_b && p.k <= thin_k && p.n >= 4 * lanes<T> && !p.out.relu && (p.out.d == nullptr || p.out.d_column == 1)) {
    return thin_product(p);
  }
  if (rows_of_b) {
    if (work <= 4 * parallel_work && b_bytes <= (1 << 18)) return rows_by_columns<T>(p);
  } else if ((p.b_row == 1 || p.k == 1) && (p.m <= 16 || p.n <= 16 || work <= 4 * parallel_work) &&
             prefers_dots<T>(p.m, p.n, p.k)) {
    if (p.a_column == 1) return dot_products(p);
    if (p.m * p.k <= 16384) {
      Scratch<T> rows(p.m * p.k);
      Problem<T> q = p;
      for (int64_t i = 0; i < p.m; ++i) {
        for (int64_t l = 0; l < p.k; ++l) rows.get()[i * p.k + l] = p.a[i * p.a_row + l * p.a_column];
      }
      q.a = rows.get();
      q.a_row = p.k;
      q.a_column = 1;
      return dot_products(q);
    }
  }
  if (p.k >= 16 * block_k && p.m * p.n <= 128 * 128 && work >= 4 * parallel_work) return split_sums(p);
  large(p);
}

template <class T>
void gemm_real(const GemmArgs& g) {
  Problem<T> p;
  p.m = g.m;
  p.n = g.n;
  p.k = g.k;
  p.a_row = g.a_strides.row;
  p.a_column = g.a_strides.column;
  p.b_row = g.b_strides.row;
  p.b_column = g.b_strides.column;
  Target<T>& t = p.out;
  t.c_row = g.c_strides.row;
  t.d_row = g.d_strides.row;
  t.d_column = g.d_strides.column;
  t.alpha = g.alpha == nullptr ? T(1) : g.alpha->to<T>();
  t.beta = g.beta == nullptr ? T(1) : g.beta->to<T>();
  t.relu = g.relu;
  MatrixStrides c = g.c_strides;
  // C with contiguous columns, and a single column: the product of the transposes.
  const bool turned = (c.column != 1 && g.n > 1) || (g.n == 1 && g.m > 1 && c.row == 1);
  if (turned) {
    std::swap(p.m, p.n);
    std::swap(p.a_row, p.b_column);
    std::swap(p.a_column, p.b_row);
    t.c_row = c.column;
    std::swap(t.d_row, t.d_column);
  }
  auto one = [&g, turned](Problem<T>& q, int64_t i) {
    const T* a = static_cast<const T*>(g.a) + i * g.a_strides.batch;
    const T* b = static_cast<const T*>(g.b) + i * g.b_strides.batch;
    q.a = turned ? b : a;
    q.b = turned ? a : b;
    q.out.c = static_cast<T*>(g.c) + i * g.c_strides.batch;
    q.out.d = g.d == nullptr ? nullptr : static_cast<const T*>(g.d) + i * g.d_strides.batch;
    multiply(q);
  };
  if (g.batch == 1) return one(p, 0);
  const int64_t work = std::max<int64_t>(1, p.work());
  if (work > 2 * parallel_work) {
    for (int64_t i = 0; i < g.batch; ++i) one(p, i);
    return;
  }
  parallel_for(g.batch, std::max<int64_t>(1, parallel_work / work), [&](int64_t begin, int64_t end) {
    Problem<T> q = p;
    for (int64_t i = begin; i < end; ++i) one(q, i);
  });
}

void gemm_impl(const GemmArgs& g) {
  if (g.m == 0 || g.n == 0 || g.batch == 0) return;
  switch (g.dtype) {
    case DType::Float32:
      return gemm_real<float>(g);
    case DType::Float64:
      return gemm_real<double>(g);
    default:
      return gemm_other(g);
  }
}

}  // namespace

TL_KERNEL(gemm, &gemm_impl);

}  // namespace tl::kernels
