#include "ops/matmul.h"
#include "ops/rnn_layer.h"

namespace tl {

using kernels::RnnMode;

namespace {

struct State {
  Tensor h, c;
};

// One step of rows x from the state before.
State step(const RnnSpec& spec, const Tensor& from_input, const State& before, const Tensor* p) {
  const int64_t n = spec.hidden;
  const Tensor bias = spec.has_biases ? p[3] : Tensor();
  Tensor from_state = linear(before.h, p[1], bias);
  auto gate = [n](const Tensor& t, int64_t i) { return narrow(t, 1, i * n, n); };
  switch (spec.mode) {
    case RnnMode::tanh:
      return {tanh(add(from_input, from_state)), {}};
    case RnnMode::relu:
      return {relu(add(from_input, from_state)), {}};
    case RnnMode::gru: {
      Tensor r = sigmoid(add(gate(from_input, 0), gate(from_state, 0)));
      Tensor z = sigmoid(add(gate(from_input, 1), gate(from_state, 1)));
      Tensor m = tanh(add(gate(from_input, 2), mul(r, gate(from_state, 2))));
      return {add(m, mul(z, sub(before.h, m))), {}};
    }
    default: {
      Tensor g = add(from_input, from_state);
      Tensor c = add(mul(sigmoid(gate(g, 1)), before.c), mul(sigmoid(gate(g, 0)), tanh(gate(g, 2))));
      Tensor h = mul(sigmoid(gate(g, 3)), tanh(c));
      return {spec.projects ? linear(h, p[spec.params() - 1], Tensor()) : h, c};
    }
  }
}

Tensor first_rows(const Tensor& t, int64_t n) { return t.defined() ? narrow(t, 0, 0, n) : t; }
// The rows of `t`, and those of `initial` that come after them up to n.
Tensor joined_by(const Tensor& t, const Tensor& initial, int64_t n) {
  if (!t.defined() || t->dims[0] == n) return t;
  return cat({t, narrow(initial, 0, t->dims[0], n - t->dims[0])}, 0);
}

}  // namespace

RnnState rnn_layer_composed(const RnnSpec& spec, const Tensor& x, const Tensor& h0, const Tensor& c0,
                            std::span<const Tensor> params, const Tensor& batch_sizes) {
  const RnnSteps steps(spec, batch_sizes);
  const bool is_lstm = spec.mode == RnnMode::lstm;
  std::vector<Tensor> ys, hs, cs;
  Tensor rows_of_x = reshape(x, Dims{spec.rows, spec.input});
  auto part = [](const Tensor& t, int64_t d) { return t.dim() == 3 ? select(t, 0, d) : t; };
  for (int d = 0; d < spec.directions; ++d) {
    const Tensor* p = params.data() + size_t(d) * spec.params();
    Tensor from_input = linear(rows_of_x, p[0], spec.has_biases ? p[2] : Tensor());
    State initial;
    initial.h = h0.defined() ? part(h0, d) : zeros(Dims{spec.batch, spec.output}, x.dtype());
    if (is_lstm) initial.c = c0.defined() ? part(c0, d) : zeros(Dims{spec.batch, spec.hidden}, x.dtype());
    std::vector<Tensor> rows(size_t(steps.count)), last_h, last_c;
    State s;
    for (int64_t i = 0; i < steps.count; ++i) {
      const int64_t t = d == 1 ? steps.count - 1 - i : i, n = steps.size(t);
      if (i == 0) {
        s = {first_rows(initial.h, n), first_rows(initial.c, n)};
      } else if (d == 0 && s.h->dims[0] > n) {  // some sequences have ended
        const int64_t ended = s.h->dims[0] - n;
        last_h.push_back(narrow(s.h, 0, n, ended));
        if (is_lstm) last_c.push_back(narrow(s.c, 0, n, ended));
        s = {first_rows(s.h, n), first_rows(s.c, n)};
      } else {
        s = {joined_by(s.h, initial.h, n), joined_by(s.c, initial.c, n)};
      }
      s = step(spec, narrow(from_input, 0, steps.offset(t), n), s, p);
      rows[size_t(t)] = s.h;
    }
    last_h.push_back(s.h);
    if (is_lstm) last_c.push_back(s.c);
    auto joined = [](std::vector<Tensor>& parts) {  // the sequences that ended last come first
      std::vector<Tensor> ordered(parts.rbegin(), parts.rend());
      return cat(ordered, 0);
    };
    ys.push_back(cat(rows, 0));
    hs.push_back(joined(last_h));
    if (is_lstm) cs.push_back(joined(last_c));
  }
  Tensor y = cat(ys, 1);
  if (spec.cell) return {y, {}, is_lstm ? cs[0] : Tensor()};
  if (!spec.packed) y = reshape(y, Dims{spec.steps, spec.batch, spec.directions * spec.output});
  return {y, stack(hs, 0), is_lstm ? stack(cs, 0) : Tensor()};
}

}  // namespace tl
