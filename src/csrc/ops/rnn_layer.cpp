// Forward: one product gives what the input contributes to the gates at all steps; each step then is one
// product with the state and one pass over the gates (kernels/rnn.h). Backward: the steps in reverse
// fill the gradients of the gates, and one product over all steps each gives those of the weights and
// of the input.
#include "ops/rnn_layer.h"

#include <algorithm>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/gemm.h"
#include "ops/index_plan.h"
#include "ops/recompute.h"

namespace tl {

using kernels::RnnMode;

RnnSteps::RnnSteps(const RnnSpec& spec, const Tensor& batch_sizes) : count(spec.steps), offsets(size_t(count) + 1) {
  for (int64_t t = 0; t < count; ++t) {
    offsets[size_t(t) + 1] = offsets[size_t(t)] + (spec.packed ? batch_sizes.data<int64_t>()[t] : spec.batch);
  }
}

namespace {

// Rows of a matrix that are `stride` elements apart.
struct Rows {
  char* p = nullptr;
  int64_t stride = 0;
  int64_t item = 4;
  Rows() = default;
  Rows(const Tensor& t, int64_t stride) : stride(stride) {
    if (!t.defined()) return;
    p = t.bytes();
    item = int64_t(item_size(t.dtype()));
  }
  explicit operator bool() const { return p != nullptr; }
  void* row(int64_t r) const { return p == nullptr ? nullptr : p + r * stride * item; }
  Rows from(int64_t r, int64_t column = 0) const {
    Rows x = *this;
    if (p != nullptr) x.p += (r * stride + column) * item;
    return x;
  }
};

// C (m x n) = A (m x k) B + D, where B is a matrix that lies as its strides say.
void multiply(DType dtype, int64_t m, int64_t n, int64_t k, const Rows& a, const void* b, int64_t b_row,
              int64_t b_column, const Rows& c, const Rows& d = {}) {
  kernels::GemmArgs g;
  g.dtype = dtype;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = a.p;
  g.a_strides = {0, a.stride, 1};
  g.b = b;
  g.b_strides = {0, b_row, b_column};
  g.c = c.p;
  g.c_strides = {0, c.stride, 1};
  g.d = d.p;
  g.d_strides = {0, d.stride, 1};
  kernels::gemm(g);
}
// C (m x n) = Aᵀ B (+ C) with A of k rows of m and B of k rows of n.
void multiply_turned(DType dtype, int64_t m, int64_t n, int64_t k, const Rows& a, const Rows& b, const Rows& c,
                     bool adds) {
  kernels::GemmArgs g;
  g.dtype = dtype;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = a.p;
  g.a_strides = {0, 1, a.stride};
  g.b = b.p;
  g.b_strides = {0, b.stride, 1};
  g.c = c.p;
  g.c_strides = {0, c.stride, 1};
  g.d = adds ? c.p : nullptr;
  g.d_strides = {0, c.stride, 1};
  kernels::gemm(g);
}

Tensor values(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

// The weights of one direction.
struct Weights {
  Tensor ih, hh, b_ih, b_hh, hr;
  Weights(const RnnSpec& spec, const Tensor* p)
      : ih(values(p[0])), hh(values(p[1])), hr(spec.projects ? values(p[spec.params() - 1]) : Tensor()) {
    if (!spec.has_biases) return;
    b_ih = values(p[2]);
    b_hh = values(p[3]);
  }
};

// What is added to the product with the input: both biases, but for the last gate of a gru, whose second
// one is added inside.
Tensor joint_bias(const RnnSpec& spec, const Weights& w) {
  if (!spec.has_biases) return {};
  if (spec.mode != RnnMode::gru) return add(w.b_ih, w.b_hh);
  Tensor bias = clone(w.b_ih);
  add_(narrow(bias, 0, 0, 2 * spec.hidden), narrow(w.b_hh, 0, 0, 2 * spec.hidden));
  return bias;
}

// Some 32k gates a piece.
template <class F>
void rows_in_parallel(const RnnSpec& spec, int64_t rows, F&& f) {
  parallel_for(rows, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, spec.hidden * spec.gates())), f);
}

// The states of one direction; those of a cell have no dim for it.
Tensor part(const Tensor& t, int64_t index) { return t.defined() && t.dim() == 3 ? select(t, 0, index) : t; }

// --- forward -------------------------------------------------------------------------------------

// What a direction keeps for its gradient.
struct Workspace {
  Tensor gates, cells;
};

struct ForwardPass {
  const RnnSpec& spec;
  const RnnSteps& steps;
  DType dtype;
  bool reverse;
  Rows y, gates, cells, h0, c0;
  Rows from_state;  // gru
  Rows raw;         // the state before its projection
  const void *hh = nullptr, *hr = nullptr, *state_bias = nullptr;
  int64_t hh_row = 0, hh_column = 0;

  void piece(const RnnSteps::Piece& p) const {
    const bool begins = p.previous < 0, is_gru = spec.mode == RnnMode::gru;
    const Rows state = begins ? h0.from(p.state) : y.from(p.previous);
    const Rows before = is_gru ? state : begins ? c0.from(p.state) : cells.from(p.previous);
    const Rows g = gates.from(p.row), next = y.from(p.row), cell = cells.from(p.row), out = raw ? raw : next;
    if (state) {
      const int64_t wide = spec.gates() * spec.hidden;
      multiply(dtype, p.n, wide, spec.output, state, hh, hh_row, hh_column, is_gru ? from_state : g,
               is_gru ? Rows() : g);
    }
    rows_in_parallel(spec, p.n, [&](int64_t begin, int64_t end) {
      kernels::RnnStep s{};
      s.mode = spec.mode;
      s.rows = end - begin;
      s.n = spec.hidden;
      s.gates = g.row(begin);
      s.gates_stride = g.stride;
      s.from_state = state ? from_state.row(begin) : nullptr;
      s.state_bias = state_bias;
      s.previous = before.row(begin);
      s.previous_stride = before.stride;
      s.cell = cell.row(begin);
      s.cell_stride = cell.stride;
      s.out = out.row(begin);
      s.out_stride = out.stride;
      kernels::rnn_step(dtype, s);
    });
    if (raw) multiply(dtype, p.n, spec.output, spec.hidden, raw, hr, 1, spec.hidden, next);
  }
  void run() const {
    for (int64_t i = 0; i < steps.count; ++i) {
      steps.pieces(reverse ? steps.count - 1 - i : i, reverse, [&](const RnnSteps::Piece& p) { piece(p); });
    }
  }
  // The states after each sequence's last step, from rows of all steps into rows of the batch.
  void take_last(int64_t width, const Rows& from, const Rows& to) const {
    auto take = [&](int64_t row, int64_t n, int64_t state) {
      for (int64_t i = 0; i < n; ++i) std::memcpy(to.row(state + i), from.row(row + i), size_t(width * to.item));
    };
    if (reverse) return take(0, steps.size(0), 0);
    for (int64_t t = 0; t < steps.count; ++t) {
      const int64_t goes_on = steps.size(t + 1);
      take(steps.offset(t) + goes_on, steps.size(t) - goes_on, goes_on);
    }
  }
};

RnnState forward(const RnnSpec& spec, const Tensor& x, const Tensor& h0, const Tensor& c0,
                 std::span<const Tensor> params, const RnnSteps& steps, Workspace* kept) {
  const DType dtype = x.dtype();
  const int64_t wide = spec.gates() * spec.hidden, y_stride = spec.directions * spec.output;
  const bool is_lstm = spec.mode == RnnMode::lstm, is_gru = spec.mode == RnnMode::gru;
  RnnState s;
  if (spec.cell) {
    s.y = empty(Dims{spec.rows, y_stride}, dtype);
    if (is_lstm) s.c = empty(Dims{spec.batch, spec.hidden}, dtype);
  } else {
    s.y = spec.packed ? empty(Dims{spec.rows, y_stride}, dtype) : empty(Dims{spec.steps, spec.batch, y_stride}, dtype);
    s.h = empty(Dims{spec.directions, spec.batch, spec.output}, dtype);
    if (is_lstm) s.c = empty(Dims{spec.directions, spec.batch, spec.hidden}, dtype);
  }
  Tensor first_h = values(h0), first_c = values(c0), input = values(x);
  for (int d = 0; d < spec.directions; ++d) {
    Weights w(spec, params.data() + size_t(d) * spec.params());
    Tensor bias = joint_bias(spec, w), from_state, raw;
    ForwardPass pass{spec, steps, dtype, d == 1, Rows(s.y, y_stride).from(0, d * spec.output), {}, {}, {}, {}, {}, {}};
    pass.gates = pass.y;  // computed in place, where there is one gate
    if (is_lstm || is_gru) {
      kept[d].gates = empty(Dims{spec.rows, wide}, dtype);
      kept[d].cells = empty(Dims{spec.rows, spec.hidden}, dtype);
      pass.gates = Rows(kept[d].gates, wide);
      pass.cells = Rows(kept[d].cells, spec.hidden);
    }
    if (is_gru) pass.from_state = Rows(from_state = empty(Dims{spec.batch, wide}, dtype), wide);
    if (is_gru && spec.has_biases) {
      pass.state_bias = w.b_hh.bytes() + 2 * spec.hidden * int64_t(item_size(dtype));
    }
    if (spec.projects) {
      pass.raw = Rows(raw = empty(Dims{spec.batch, spec.hidden}, dtype), spec.hidden);
      pass.hr = w.hr->data();
    }
    pass.h0 = Rows(part(first_h, d), spec.output);
    pass.c0 = Rows(part(first_c, d), spec.hidden);
    multiply(dtype, spec.rows, wide, spec.input, Rows(input, spec.input), w.ih->data(), 1, spec.input, pass.gates,
             Rows(bias, 0));
    pass.hh_row = 1;
    pass.hh_column = spec.output;
    // Where it is read often, rows of the transpose are read faster.
    if (spec.batch >= 4 && steps.count >= 4) {
      w.hh = contiguous(transpose(w.hh, 0, 1));
      pass.hh_row = wide;
      pass.hh_column = 1;
    }
    pass.hh = w.hh->data();
    pass.run();
    if (!spec.cell) pass.take_last(spec.output, pass.y, Rows(part(s.h, d), spec.output));
    if (is_lstm) pass.take_last(spec.hidden, pass.cells, Rows(part(s.c, d), spec.hidden));
  }
  return s;
}

// --- backward ------------------------------------------------------------------------------------

struct BackwardPass {
  const RnnSpec& spec;
  const RnnSteps& steps;
  DType dtype;
  bool reverse;
  Weights w;
  Workspace kept;
  Tensor grad_y;  // this direction's columns, or undefined
  Tensor dh, dc;  // of the states, a batch of rows: in the end those of the initial ones
  Rows y, gates, cells, h0, c0;
  Tensor grad_gates, grad_from_state, grad_projected;
  Tensor zero_row;  // stands in where there are no states or gradients

  void run() {
    for (int64_t i = 0; i < steps.count; ++i) step(reverse ? i : steps.count - 1 - i);
  }

  void step(int64_t t) {
    const int64_t at = steps.offset(t), n = steps.size(t), wide = spec.gates() * spec.hidden;
    const bool is_gru = spec.mode == RnnMode::gru;
    Rows incoming = Rows(grad_y, spec.directions * spec.output).from(at);
    Tensor behind = spec.projects ? before_projection(at, n) : dh;
    if (spec.projects || !incoming) incoming = Rows(zero_row, 0);
    const Rows d_state(behind, spec.hidden), d_cell(dc, spec.hidden), dg = Rows(grad_gates, wide).from(at);
    const Rows ds = is_gru ? Rows(grad_from_state, wide).from(at) : dg;
    const Rows &states = is_gru ? y : cells, &initial = is_gru ? h0 : c0;
    steps.pieces(t, reverse, [&](const RnnSteps::Piece& p) {
      const int64_t skip = p.row - at;  // rows of this step before the piece
      Rows before = p.previous < 0 ? initial.from(p.state) : states.from(p.previous);
      if (!before) before = Rows(zero_row, 0);
      rows_in_parallel(spec, p.n, [&](int64_t begin, int64_t end) {
        kernels::RnnStepGrad s{};
        s.mode = spec.mode;
        s.rows = end - begin;
        s.n = spec.hidden;
        s.gates = gates.row(p.row + begin);
        s.gates_stride = gates.stride;
        s.previous = before.row(begin);
        s.previous_stride = before.stride;
        s.cell = cells.row(p.row + begin);
        s.cell_stride = cells.stride;
        s.out = y.row(p.row + begin);
        s.out_stride = y.stride;
        s.grad_out = incoming.row(skip + begin);
        s.grad_out_stride = incoming.stride;
        s.grad_state = d_state.row(skip + begin);
        s.grad_cell = d_cell.row(skip + begin);
        s.grad_gates = dg.row(skip + begin);
        s.grad_from_state = ds.row(skip + begin);
        kernels::rnn_step_grad(dtype, s);
      });
    });
    const Rows to(dh, spec.output);
    multiply(dtype, n, spec.output, wide, ds, w.hh->data(), spec.output, 1, to, is_gru ? to : Rows());
  }

  // The gradient of a projected state, from outside and behind, is kept for that of the projection.
  Tensor before_projection(int64_t at, int64_t n) {
    Tensor total = narrow(grad_projected, 0, at, n), raw = empty(Dims{n, spec.hidden}, dtype);
    copy_values(total, narrow(dh, 0, 0, n));
    if (grad_y.defined()) add_(total, narrow(grad_y, 0, at, n));
    multiply(dtype, n, spec.hidden, spec.output, Rows(total, spec.output), w.hr->data(), spec.hidden, 1,
             Rows(raw, spec.hidden));
    return raw;
  }

  // The states before all rows of a packed batch: what the gradient of w_hh is a product with.
  Tensor states_before() const {
    Tensor all = empty(Dims{spec.rows, spec.output}, dtype);
    const Rows to(all, spec.output);
    const size_t bytes = size_t(spec.output) * item_size(dtype);
    for (int64_t t = 0; t < steps.count; ++t) {
      steps.pieces(t, reverse, [&](const RnnSteps::Piece& p) {
        for (int64_t i = 0; i < p.n; ++i) {
          const void* from = p.previous >= 0 ? y.row(p.previous + i) : h0.row(p.state + i);
          from != nullptr ? std::memcpy(to.row(p.row + i), from, bytes) : std::memset(to.row(p.row + i), 0, bytes);
        }
      });
    }
    return all;
  }
  Tensor grad_hh() const {
    const int64_t wide = spec.gates() * spec.hidden, n = spec.batch;
    Tensor dw = empty(Dims{wide, spec.output}, dtype);
    const Rows to(dw, spec.output);
    const Rows ds(spec.mode == RnnMode::gru ? grad_from_state : grad_gates, wide);
    if (spec.packed) {
      Tensor before = states_before();
      multiply_turned(dtype, wide, spec.output, spec.rows, ds, Rows(before, spec.output), to, false);
      return dw;
    }
    // All but the first step have their states in y, one step off.
    const int64_t rest = spec.rows - n;
    multiply_turned(dtype, wide, spec.output, rest, reverse ? ds : ds.from(n), reverse ? y.from(n) : y, to, false);
    if (h0) multiply_turned(dtype, wide, spec.output, n, reverse ? ds.from(rest) : ds, h0, to, true);
    return dw;
  }
  Tensor grad_hr() const {
    Tensor raw = mul(narrow(kept.gates, 1, 3 * spec.hidden, spec.hidden), tanh(kept.cells));
    Tensor dw = empty(Dims{spec.output, spec.hidden}, dtype);
    multiply_turned(dtype, spec.output, spec.hidden, spec.rows, Rows(grad_projected, spec.output),
                    Rows(raw, spec.hidden), Rows(dw, spec.hidden), false);
    return dw;
  }
};

// Where the layer's inputs and what it keeps are among the saved tensors.
struct Slots {
  size_t params, y, kept, sizes;
  explicit Slots(const RnnSpec& spec)
      : params(3),
        y(3 + spec.params() * size_t(spec.directions)),
        kept(y + 1),
        sizes(kept + 2 * size_t(spec.directions)) {}
};

Tensor grad_of_state(const Tensor& grad, int d, int64_t batch, int64_t width, DType dtype) {
  return grad.defined() ? clone(contiguous(part(grad, d))) : zeros(Dims{batch, width}, dtype);
}

void layer_backward(Backward& b, const RnnSpec& spec) {
  const Slots at(spec);
  std::vector<Tensor> in;
  for (size_t i = 0; i < at.y; ++i) in.push_back(b.has_saved(uint32_t(i)) ? b.saved(uint32_t(i)) : Tensor());
  Tensor batch_sizes = spec.packed ? b.saved(uint32_t(at.sizes)) : Tensor();
  Tensor grads[3];
  for (uint32_t i = 0; i < b.num_grads() && i < 3; ++i) grads[i] = b.grad(i);
  if (needs_grad(grads[0], grads[1], grads[2]) || any_needs_grad(in)) {
    return backward_by_recomputing(b, in, [&](const std::vector<Tensor>& x) {
      RnnState s = rnn_layer_composed(spec, x[0], x[1], x[2], std::span(x).subspan(at.params), batch_sizes);
      return std::vector<Tensor>{s.y, s.h, s.c};
    });
  }
  const RnnSteps steps(spec, batch_sizes);
  const DType dtype = in[0].dtype();
  const int64_t wide = spec.gates() * spec.hidden, y_stride = spec.directions * spec.output;
  Tensor x = values(in[0]), y = b.saved(uint32_t(at.y)), h0 = values(in[1]), c0 = values(in[2]);
  Tensor grad_y = values(grads[0]);
  if (grad_y.defined()) grad_y = view(grad_y, Dims{spec.rows, y_stride});
  for (uint32_t i : {1u, 2u}) {
    if (b.needs(i)) b[i] = empty(in[i].sizes(), dtype);
  }
  for (int d = 0; d < spec.directions; ++d) {
    const size_t first = at.params + size_t(d) * spec.params();
    const bool is_gru = spec.mode == RnnMode::gru;
    BackwardPass pass{spec, steps, dtype, d == 1, Weights(spec, in.data() + first), {}, {}, {}, {}, {}, {}, {}, {}, {},
                      {},   {},    {},    {}};
    const size_t kept = at.kept + 2 * size_t(d);
    if (spec.gates() > 1) pass.kept = {b.saved(uint32_t(kept)), b.saved(uint32_t(kept + 1))};
    if (grad_y.defined()) pass.grad_y = narrow(grad_y, 1, d * spec.output, spec.output);
    pass.dh = grad_of_state(grads[1], d, spec.batch, spec.output, dtype);
    if (spec.mode == RnnMode::lstm) pass.dc = grad_of_state(grads[2], d, spec.batch, spec.hidden, dtype);
    pass.y = Rows(y, y_stride).from(0, d * spec.output);
    pass.gates = Rows(pass.kept.gates, wide);
    pass.cells = Rows(pass.kept.cells, spec.hidden);
    pass.h0 = Rows(part(h0, d), spec.output);
    pass.c0 = Rows(part(c0, d), spec.hidden);
    pass.grad_gates = empty(Dims{spec.rows, wide}, dtype);
    if (is_gru) pass.grad_from_state = empty(Dims{spec.rows, wide}, dtype);
    if (spec.projects) pass.grad_projected = empty(Dims{spec.rows, spec.output}, dtype);
    pass.zero_row = zeros(Dims{std::max(spec.hidden, spec.output)}, dtype);
    pass.run();

    const Rows dg(pass.grad_gates, wide);
    if (b.needs(0)) {
      if (d == 0) b[0] = empty(x.sizes(), dtype);
      const Rows to(b[0], spec.input);
      multiply(dtype, spec.rows, spec.input, wide, dg, pass.w.ih->data(), spec.input, 1, to, d == 0 ? Rows() : to);
    }
    if (b.needs(1)) copy_values(part(b[1], d), pass.dh);
    if (b.needs(2)) copy_values(part(b[2], d), pass.dc);
    auto wants = [&](size_t i) { return b.needs(uint32_t(first + i)); };
    auto give = [&](size_t i, Tensor t) { b[uint32_t(first + i)] = std::move(t); };
    if (wants(0)) {
      Tensor dw = empty(pass.w.ih.sizes(), dtype);
      multiply_turned(dtype, wide, spec.input, spec.rows, dg, Rows(x, spec.input), Rows(dw, spec.input), false);
      give(0, dw);
    }
    if (wants(1)) give(1, pass.grad_hh());
    if (spec.has_biases && (wants(2) || wants(3))) {
      auto column_sums = [&](const Tensor& t) {
        Tensor sums = empty(Dims{wide}, dtype);
        kernels::sum_rows(dtype, t->data(), wide, spec.rows, wide, sums->data());
        return sums;
      };
      Tensor sums = column_sums(pass.grad_gates);
      if (wants(3)) give(3, is_gru ? column_sums(pass.grad_from_state) : wants(2) ? clone(sums) : sums);
      if (wants(2)) give(2, sums);
    }
    if (spec.projects && wants(spec.params() - 1)) give(spec.params() - 1, pass.grad_hr());
  }
}

}  // namespace

namespace {

// PyTorch's names for the last step of what it does.
const char* label_of(const RnnSpec& spec) {
  switch (spec.mode) {
    case RnnMode::tanh:
      return spec.cell ? "TanhBackward0" : "StackBackward0";
    case RnnMode::relu:
      return spec.cell ? "ReluBackward0" : "StackBackward0";
    case RnnMode::gru:
      return spec.cell ? "AddBackward0" : "StackBackward0";
    default:
      return spec.cell ? "MulBackward0" : "MkldnnRnnLayerBackward0";
  }
}

}  // namespace

RnnState rnn_layer(const RnnSpec& spec, const Tensor& x, const Tensor& h0, const Tensor& c0,
                   std::span<const Tensor> params, const Tensor& batch_sizes) {
  std::vector<Tensor> in{x, h0, c0};
  in.insert(in.end(), params.begin(), params.end());
  Workspace kept[2];
  RnnState s;
  {
    NoGradGuard no_grad;
    s = forward(spec, x, h0, c0, params, RnnSteps(spec, batch_sizes), kept);
  }
  if (any_needs_grad(in)) {
    std::vector<SaveSpec> saved;
    for (const Tensor& t : in) saved.push_back(input(t));
    saved.push_back(output(s.y));
    for (int d = 0; d < spec.directions; ++d) {
      saved.push_back(input(kept[d].gates));
      saved.push_back(input(kept[d].cells));
    }
    saved.push_back(input(batch_sizes));
    const Tensor outs[] = {s.y, s.h, s.c};
    record_outputs(std::span(outs, s.c.defined() ? 3 : 2), label_of(spec), inputs(in), saves(saved),
                   [spec](Backward& b) { layer_backward(b, spec); });
  }
  return s;
}

}  // namespace tl
