// scaled_dot_product_attention: softmax(q kᵀ scale + mask) v.
//
// Scores are computed a tile at a time, some rows of q by some of k, and go into the result at once:
// running peaks and sums of each row make the softmax ("online"). The matrix of all scores never
// exists. Backward computes the tiles again from the logarithms of the sums. Dao et al., 2022.
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/gemm.h"
#include "ops/dropout.h"
#include "ops/loss.h"
#include "ops/matmul.h"
#include "ops/recompute.h"
#include "ops/registry.h"

namespace tl {

namespace {

constexpr int64_t tile_rows = 64, tile_columns = 256;

// The matrices of a batch: where each one is, and its rows.
struct Matrices {
  char* data = nullptr;
  std::vector<int64_t> at;  // bytes
  int64_t row = 0, column = 0, item = 0;

  Matrices() = default;
  // `batch` are the broadcast dims in front of the last two.
  Matrices(const Tensor& t, IntView batch) {
    if (!t.defined()) return;
    item = int64_t(item_size(t.dtype()));
    data = t.bytes();
    const int64_t n = t.dim();
    row = t->dims[n - 2] == 1 ? 0 : t->dims[2 * n - 2];
    column = t->dims[n - 1] == 1 ? 0 : t->dims[2 * n - 1];
    at.push_back(0);
    for (size_t d = 0; d < batch.size(); ++d) {
      const int64_t own = int64_t(d) - (int64_t(batch.size()) - (n - 2));
      const int64_t step = own < 0 || t->dims[own] == 1 ? 0 : t->dims[n + own] * item;
      std::vector<int64_t> more;
      more.reserve(at.size() * size_t(batch[d]));
      for (int64_t base : at) {
        for (int64_t i = 0; i < batch[d]; ++i) more.push_back(base + i * step);
      }
      at = std::move(more);
    }
  }
  explicit operator bool() const { return data != nullptr; }
  char* rows(int64_t b, int64_t r, int64_t c = 0) const { return data + at[size_t(b)] + (r * row + c * column) * item; }
};

struct Spec {
  DType dtype;
  Dims batch;
  int64_t matrices, rows, columns, width, value_width;
  double scale;
  bool causal;
  bool mask_is_bool;

  // Columns that some of rows [i, i + n) see.
  int64_t seen(int64_t i, int64_t n) const { return causal ? std::min(columns, i + n) : columns; }
};

struct Factor {
  const void* p;
  int64_t row, column;
};
Factor plain_rows(const Matrices& m, int64_t b, int64_t r) { return {m.rows(b, r), m.row, m.column}; }
Factor turned_rows(const Matrices& m, int64_t b, int64_t r) { return {m.rows(b, r), m.column, m.row}; }

void multiply(DType dtype, int64_t m, int64_t n, int64_t k, const Factor& a, const Factor& b, void* c, int64_t c_row,
              const Scalar* alpha, bool adds) {
  kernels::GemmArgs g;
  g.dtype = dtype;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = a.p;
  g.a_strides = {0, a.row, a.column};
  g.b = b.p;
  g.b_strides = {0, b.row, b.column};
  g.c = c;
  g.c_strides = {0, c_row, 1};
  g.d = adds ? c : nullptr;
  g.d_strides = {0, c_row, 1};
  g.alpha = alpha;
  kernels::gemm(g);
}

kernels::ScoreTile tile_of(const Spec& s, const Matrices& mask, int64_t b, int64_t i, int64_t rows, int64_t j,
                           int64_t columns, void* scores) {
  kernels::ScoreTile t{};
  t.scores = scores;
  t.rows = rows;
  t.columns = columns;
  t.stride = tile_columns;
  if (mask) {
    t.mask = mask.rows(b, i, j);
    t.mask_row = mask.row;
    t.mask_column = mask.column;
    t.mask_is_bool = s.mask_is_bool;
  }
  t.causal = s.causal;
  t.seen = i - j + 1;
  return t;
}

// Contiguous in its last dim, as results are laid out: heads, dim -3, inside rows, dim -2, where there is a batch.
Tensor empty_result(IntView batch, int64_t rows, int64_t width, DType dtype) {
  Dims sizes(batch);
  sizes.push_back(rows);
  sizes.push_back(width);
  if (batch.size() < 2) return empty(sizes, dtype);
  Dims strides(contiguous_strides(sizes));
  const size_t n = sizes.size();
  strides[n - 2] = batch.back() * width;
  strides[n - 3] = width;
  return empty_strided(sizes, strides, dtype);
}

int64_t grain_of(const Spec& s, int64_t rows) {
  const int64_t work = rows * s.columns * (s.width + s.value_width);
  return std::max<int64_t>(1, (int64_t(1) << 21) / std::max<int64_t>(1, work));
}

void fill_state(DType dtype, void* peaks, void* sums) {
  for (int64_t i = 0; i < tile_rows; ++i) {
    if (dtype == DType::Float64) {
      static_cast<double*>(peaks)[i] = -INFINITY;
      static_cast<double*>(sums)[i] = 0;
    } else {
      static_cast<float*>(peaks)[i] = -INFINITY;
      static_cast<float*>(sums)[i] = 0;
    }
  }
}

// Gives the result and the logarithms of the rows' sums.
std::pair<Tensor, Tensor> forward(const Spec& s, const Tensor& q, const Tensor& k, const Tensor& v,
                                  const Tensor& mask) {
  Tensor out = empty_result(s.batch, s.rows, s.value_width, s.dtype);
  Tensor log_sums = empty(Dims{s.matrices, s.rows}, s.dtype);
  const Matrices mq(q, s.batch), mk(k, s.batch), mv(v, s.batch), mm(mask, s.batch), mo(out, s.batch);
  const int64_t o_row = out->dims[2 * out.dim() - 2], bands = (s.rows + tile_rows - 1) / tile_rows;
  const Scalar scale(s.scale);
  parallel_for(s.matrices * bands, grain_of(s, tile_rows), [&](int64_t begin, int64_t end) {
    Tensor scores = empty(Dims{tile_rows, tile_columns}, s.dtype), state = empty(Dims{3, tile_rows}, s.dtype);
    char* peaks = state.bytes();
    char *sums = peaks + state.nbytes() / 3, *factors = sums + state.nbytes() / 3;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t b = item / bands, i = item % bands * tile_rows, rows = std::min(tile_rows, s.rows - i);
      fill_state(s.dtype, peaks, sums);
      char* o = mo.rows(b, 0) + i * o_row * mo.item;
      const int64_t seen = s.seen(i, rows);
      for (int64_t j = 0; j < seen; j += tile_columns) {
        const int64_t columns = std::min(tile_columns, seen - j);
        multiply(s.dtype, rows, columns, s.width, plain_rows(mq, b, i), turned_rows(mk, b, j), scores.bytes(),
                 tile_columns, &scale, false);
        kernels::attention_softmax(s.dtype, tile_of(s, mm, b, i, rows, j, columns, scores.bytes()), peaks, sums,
                                   factors);
        if (j > 0) kernels::scale_rows(s.dtype, o, o_row, rows, s.value_width, factors);
        multiply(s.dtype, rows, s.value_width, columns, {scores.bytes(), tile_columns, 1}, plain_rows(mv, b, j), o,
                 o_row, nullptr, j > 0);
      }
      kernels::attention_finish(s.dtype, rows, peaks, sums, factors, log_sums.bytes() + (b * s.rows + i) * mo.item);
      kernels::scale_rows(s.dtype, o, o_row, rows, s.value_width, factors);
    }
  });
  return {out, log_sums};
}

struct Gradients {
  Tensor q, k, v;
};

// One piece of work is a matrix of the batch: its rows of k and v collect from all rows of q in order.
Gradients backward(const Spec& s, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                   const Tensor& out, const Tensor& log_sums, const Tensor& grad) {
  Gradients g{empty_result(s.batch, s.rows, s.width, s.dtype), empty_result(s.batch, s.columns, s.width, s.dtype),
              empty_result(s.batch, s.columns, s.value_width, s.dtype)};
  if (s.causal && s.columns > s.rows) {  // the last columns are seen by nobody
    zero_(g.k);
    zero_(g.v);
  }
  const Matrices mq(q, s.batch), mk(k, s.batch), mv(v, s.batch), mm(mask, s.batch), mo(out, s.batch), mg(grad, s.batch),
      dq(g.q, s.batch), dk(g.k, s.batch), dv(g.v, s.batch);
  auto stride_of = [](const Tensor& t) { return t->dims[2 * t.dim() - 2]; };
  const int64_t q_row = stride_of(g.q), k_row = stride_of(g.k), v_row = stride_of(g.v), item = mo.item;
  const int64_t bands = (s.rows + tile_rows - 1) / tile_rows;
  const Scalar scale(s.scale);
  parallel_for(s.matrices, grain_of(s, 2 * s.rows), [&](int64_t begin, int64_t end) {
    Tensor scores = empty(Dims{2, tile_rows, tile_columns}, s.dtype), dots = empty(Dims{tile_rows}, s.dtype);
    char *p = scores.bytes(), *d = p + scores.nbytes() / 2;
    for (int64_t b = begin; b < end; ++b) {
      for (int64_t band = bands - 1; band >= 0; --band) {  // the last rows see all columns, and write first
        const int64_t i = band * tile_rows, rows = std::min(tile_rows, s.rows - i), seen = s.seen(i, rows);
        const bool adds = band + 1 < bands;
        kernels::dot_rows(s.dtype, mg.rows(b, i), mg.row, mo.rows(b, i), mo.row, rows, s.value_width, dots.bytes());
        for (int64_t j = 0; j < seen; j += tile_columns) {
          const int64_t columns = std::min(tile_columns, seen - j);
          const Factor turned_p{p, 1, tile_columns};
          const Factor turned_d{d, 1, tile_columns};
          multiply(s.dtype, rows, columns, s.width, plain_rows(mq, b, i), turned_rows(mk, b, j), p, tile_columns,
                   &scale, false);
          kernels::attention_probabilities(s.dtype, tile_of(s, mm, b, i, rows, j, columns, p),
                                           log_sums.bytes() + (b * s.rows + i) * item);
          multiply(s.dtype, columns, s.value_width, rows, turned_p, plain_rows(mg, b, i),
                   dv.rows(b, 0) + j * v_row * item, v_row, nullptr, adds);
          multiply(s.dtype, rows, columns, s.value_width, plain_rows(mg, b, i), turned_rows(mv, b, j), d, tile_columns,
                   nullptr, false);
          kernels::attention_grad_scores(s.dtype, d, p, tile_columns, rows, columns, dots.bytes());
          multiply(s.dtype, rows, s.width, columns, {d, tile_columns, 1}, plain_rows(mk, b, j),
                   dq.rows(b, 0) + i * q_row * item, q_row, &scale, j > 0);
          multiply(s.dtype, columns, s.width, rows, turned_d, plain_rows(mq, b, i), dk.rows(b, 0) + j * k_row * item,
                   k_row, &scale, adds);
        }
      }
    }
  });
  return g;
}

// --- by differentiable ops -----------------------------------------------------------------------

Tensor causal_mask(int64_t rows, int64_t columns) {
  NoGradGuard no_grad;
  Tensor i = reshape(arange(0, rows, 1, DType::Int64), Dims{rows, 1});
  return ge(i, arange(0, columns, 1, DType::Int64));
}

// Rows that see nothing give zeros.
Tensor safe_softmax(const Tensor& scores) {
  if (scores->dims[scores.dim() - 1] == 0) return scores;
  Tensor hidden;
  {
    NoGradGuard no_grad;
    hidden = eq(amax(scores, Dims{-1}, true), Scalar(-INFINITY));
  }
  Tensor zero = scalar_tensor(0.0, scores.dtype());
  Tensor p = softmax(masked_fill(scores, hidden, zero), -1);
  return masked_fill(p, hidden, zero);
}

Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal, double scale,
                double dropout_p) {
  const double root = std::sqrt(std::abs(scale));
  Tensor x = mul(q, Scalar(scale < 0 ? -root : root)), y = mul(k, Scalar(root));
  Tensor scores = product(x, plain, y, turned);
  Tensor seen = causal ? causal_mask(q->dims[q.dim() - 2], k->dims[k.dim() - 2]) : mask;
  if (seen.defined()) {
    if (seen.dtype() == DType::Bool) {
      scores = masked_fill(scores, logical_not(seen), scalar_tensor(-INFINITY, scores.dtype()));
    } else {
      scores = add(scores, seen);
    }
  }
  Tensor p = safe_softmax(scores);
  if (dropout_p > 0) p = dropout(p, dropout_p, true);
  return product(p, plain, v, plain);
}

Tensor fused(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& given_mask, bool causal, double scale) {
  Tensor out, log_sums, mask = given_mask;
  Spec s;
  s.dtype = q.dtype();
  s.batch =
      broadcast_shapes(broadcast_shapes(q.sizes().first(size_t(q.dim() - 2)), k.sizes().first(size_t(k.dim() - 2))),
                       v.sizes().first(size_t(v.dim() - 2)));
  s.matrices = checked_numel(s.batch);
  s.rows = q->dims[q.dim() - 2];
  s.columns = k->dims[k.dim() - 2];
  s.width = q->dims[q.dim() - 1];
  s.value_width = v->dims[v.dim() - 1];
  s.scale = scale;
  s.causal = causal;
  s.mask_is_bool = false;
  auto ready = [](const Tensor& t) {
    return t->dims[2 * t.dim() - 1] == 1 || t->dims[t.dim() - 1] == 1 ? t : contiguous(t);
  };
  {
    NoGradGuard no_grad;
    if (mask.defined()) {
      s.mask_is_bool = mask.dtype() == DType::Bool;
      while (mask.dim() < 2) mask = unsqueeze(mask, 0);
      mask = ready(mask);
    }
    std::tie(out, log_sums) = forward(s, ready(q), ready(k), ready(v), mask);
  }
  if (needs_grad(q, k, v)) {
    record(out, "ScaledDotProductFlashAttentionForCpuBackward0:query,key,value,output", inputs(q, k, v),
           saves(q, k, v, output(out), log_sums, mask), [s, ready](Backward& b) {
             const Tensor in[] = {b.saved(0), b.saved(1), b.saved(2)};
             Tensor mask = b.has_saved(5) ? b.saved(5) : Tensor();
             if (needs_grad(b.grad(), in[0], in[1], in[2])) {
               return backward_by_recomputing(b, in, [&](const std::vector<Tensor>& x) {
                 return std::vector{composed(x[0], x[1], x[2], mask, s.causal, s.scale, 0)};
               });
             }
             Gradients g =
                 backward(s, ready(in[0]), ready(in[1]), ready(in[2]), mask, b.saved(3), b.saved(4), ready(b.grad()));
             if (b.needs(0)) b[0] = sum_to_size(g.q, in[0].sizes());
             if (b.needs(1)) b[1] = sum_to_size(g.k, in[1].sizes());
             if (b.needs(2)) b[2] = sum_to_size(g.v, in[2].sizes());
           });
  }
  return out;
}

// --- the op --------------------------------------------------------------------------------------

void check(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, double dropout_p, bool causal) {
  const char* name = "scaled_dot_product_attention";
  TL_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
           "Expected query, key, and value to have the same dtype, but got query.dtype: ", dtype_name(q.dtype()),
           " key.dtype: ", dtype_name(k.dtype()), " and value.dtype: ", dtype_name(v.dtype()), " instead.");
  TL_CHECK(is_floating(q.dtype()), name, ": expected floating dtypes, but got ", dtype_name(q.dtype()));
  TL_CHECK(q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2,
           "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ", q.dim(),
           ", key.dim: ", k.dim(), " and value.dim: ", v.dim(), " instead.");
  TL_CHECK(q->dims[q.dim() - 1] == k->dims[k.dim() - 1] && k->dims[k.dim() - 2] == v->dims[v.dim() - 2], name,
           ": the shapes of query, key and value do not fit: ", Shape{q.sizes()}, ", ", Shape{k.sizes()}, ", ",
           Shape{v.sizes()});
  TL_CHECK(dropout_p >= 0 && dropout_p <= 1, "dropout probability has to be between 0 and 1, but got ", dropout_p);
  if (!mask.defined()) return;
  TL_CHECK(!causal, name, ": Explicit attn_mask should not be set when is_causal=True");
  TL_CHECK(mask.dtype() == DType::Bool || mask.dtype() == q.dtype() || mask.dtype() == DType::Float32,
           "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
           dtype_name(mask.dtype()), " and  query.dtype: ", dtype_name(q.dtype()), " instead.");
}

// Heads of q in groups that share a head of k and v: (…, heads, L, E) as (…, groups, heads / groups, L, E).
Tensor grouped(const Tensor& q, int64_t groups, bool splits) {
  Dims sizes(q.sizes());
  const size_t at = sizes.size() - 3;
  sizes.insert(at, splits ? groups : sizes[at]);
  sizes[at + 1] = splits ? sizes[at + 1] / groups : 1;
  return reshape(q, sizes);
}

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const Tensor& attn_mask, double dropout_p, bool is_causal,
                                    std::optional<double> scale, bool enable_gqa) {
  check(query, key, value, attn_mask, dropout_p, is_causal);
  const DType given = query.dtype(), dtype = loss_compute_dtype(given);
  Tensor q = to_dtype(query, dtype), k = to_dtype(key, dtype), v = to_dtype(value, dtype), mask = attn_mask;
  if (mask.defined() && mask.dtype() != DType::Bool) mask = to_dtype(mask, dtype);
  const bool groups = enable_gqa && q.dim() >= 3 && k.dim() >= 3 && v.dim() >= 3 &&
                      (q->dims[q.dim() - 3] != k->dims[k.dim() - 3] || q->dims[q.dim() - 3] != v->dims[v.dim() - 3]);
  const int64_t heads = q.dim() >= 3 ? q->dims[q.dim() - 3] : 1;
  if (groups) {
    const int64_t n = k->dims[k.dim() - 3];
    TL_CHECK(n > 0 && n == v->dims[v.dim() - 3] && heads % n == 0,
             "scaled_dot_product_attention: the number of heads of key and value (", n, " and ", v->dims[v.dim() - 3],
             ") must divide that of query (", heads, ")");
    q = grouped(q, n, true);
    k = grouped(k, n, false);
    v = grouped(v, n, false);
    if (mask.defined() && mask.dim() >= 3) mask = grouped(mask, n, mask->dims[mask.dim() - 3] == heads);
  }
  const int64_t rows = q->dims[q.dim() - 2], columns = k->dims[k.dim() - 2], width = q->dims[q.dim() - 1];
  IntView batch_q = q.sizes().first(size_t(q.dim() - 2));
  Dims scores = broadcast_shapes(broadcast_shapes(batch_q, k.sizes().first(size_t(k.dim() - 2))),
                                 v.sizes().first(size_t(v.dim() - 2)));
  scores.push_back(rows);
  scores.push_back(columns);
  bool widened = false;  // a mask may have more dims than the rest
  if (mask.defined()) {
    Dims all = broadcast_shapes(scores, mask.sizes());
    TL_CHECK(all[all.size() - 2] == rows && all[all.size() - 1] == columns,
             "scaled_dot_product_attention: attn_mask of shape ", Shape{attn_mask.sizes()},
             " does not broadcast to scores of shape ", Shape{scores});
    widened = !(all == scores);
  }
  const double factor = scale.value_or(1 / std::sqrt(double(std::max<int64_t>(1, width))));
  const bool tiles = dropout_p == 0 && !widened && !(mask.defined() && needs_grad(mask)) && rows > 0 && columns > 0 &&
                     width > 0 && v->dims[v.dim() - 1] > 0;
  Tensor out = tiles ? fused(q, k, v, mask, is_causal, factor) : composed(q, k, v, mask, is_causal, factor, dropout_p);
  if (groups) {
    Dims sizes(out.sizes());
    sizes.erase(sizes.size() - 3);
    sizes[sizes.size() - 3] = heads;
    out = reshape(out, sizes);
  }
  return to_dtype(out, given);
}

const OpRecord records[] = {
    {"scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
     "dropout_p=0.0, "
     "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
     TL_OP(scaled_dot_product_attention), op::internal,
     "softmax(query @ key.T * scale + mask) @ value over the last two dims, those in front broadcast. A bool "
     "`attn_mask` "
     "tells what is seen, a float one is added; with `is_causal` position i sees the first i + 1 keys. `scale` is "
     "1 / sqrt(width) by default. Rows that see nothing give zeros. With `enable_gqa` heads (dim -3) of query share "
     "those "
     "of key and value in groups. Vaswani et al., 2017; computed in tiles, Dao et al., 2022.",
     "randn(2, 3, 5, 4), randn(2, 3, 6, 4), randn(2, 3, 6, 2) | randn(5, 4), randn(5, 4), randn(5, 4), None, 0.0, True "
     "| "
     "randn(2, 5, 3, 4).transpose(1, 2), randn(2, 6, 3, 4).transpose(1, 2), randn(2, 6, 3, 4).transpose(1, 2), "
     "randn(5, 6) | randn(3, 5, 4), randn(3, 6, 4), randn(3, 6, 4), randn(5, 6) > 0, scale=0.3 | "
     "randn(1, 4, 5, 4), randn(1, 2, 5, 4), randn(1, 2, 5, 4), is_causal=True, enable_gqa=True"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
