// Recurrent networks and their cells: what they check, and layers upon layers (rnn_layer.cpp).
#include "autograd/record.h"
#include "ops/dropout.h"
#include "ops/loss.h"
#include "ops/registry.h"
#include "ops/rnn_layer.h"

namespace tl {

namespace {

using kernels::RnnMode;

struct Mode {
  const char* name;
  RnnMode mode;
};
constexpr Mode lstm_mode{"lstm", RnnMode::lstm}, gru_mode{"gru", RnnMode::gru}, tanh_mode{"rnn_tanh", RnnMode::tanh},
    relu_mode{"rnn_relu", RnnMode::relu};

struct Network {
  const Mode& mode;
  bool has_biases;
  int64_t layers;
  double dropout;
  bool train, bidirectional, batch_first;
};

void check_dtypes(const char* name, const Tensor& input, std::span<const Tensor> others) {
  TL_CHECK(is_floating(input.dtype()), name, ": expected an input of a floating dtype, but got ",
           dtype_name(input.dtype()));
  for (const Tensor& t : others) {
    TL_CHECK(!t.defined() || t.dtype() == input.dtype(), name,
             ": input, states and parameters must have the same dtype, but got ", dtype_name(input.dtype()), " and ",
             t.defined() ? dtype_name(t.dtype()) : "");
  }
}

void check_shape(const char* name, const char* what, const Tensor& t, IntView sizes) {
  TL_CHECK(!t.defined() || equal(t.sizes(), sizes), name, ": expected ", what, " of shape ", Shape{sizes}, ", got ",
           t.defined() ? t.sizes() : IntView());
}

// What the parameters of one layer (of one direction) say about its sizes, checked.
void check_params(const char* name, const RnnSpec& spec, std::span<const Tensor> p) {
  const int64_t wide = spec.gates() * spec.hidden;
  check_shape(name, "input weights", p[0], Dims{wide, spec.input});
  check_shape(name, "state weights", p[1], Dims{wide, spec.output});
  if (spec.has_biases) {
    check_shape(name, "an input bias", p[2], Dims{wide});
    check_shape(name, "a state bias", p[3], Dims{wide});
  }
  if (spec.projects) check_shape(name, "projection weights", p.back(), Dims{spec.output, spec.hidden});
}

// Half types are computed as float32.
struct AsComputed {
  DType given, compute;
  explicit AsComputed(DType dtype) : given(dtype), compute(loss_compute_dtype(dtype)) {}
  Tensor operator()(const Tensor& t) const { return t.defined() && given != compute ? to_dtype(t, compute) : t; }
  Tensor back(const Tensor& t) const { return t.defined() && given != compute ? to_dtype(t, given) : t; }
};

// x as rnn_layer takes it; h0, c0: (layers * directions, batch, …) or undefined.
RnnState run(const Network& net, RnnSpec spec, Tensor x, const Tensor& h0, const Tensor& c0,
             const std::vector<Tensor>& params, const Tensor& batch_sizes) {
  const char* name = net.mode.name;
  TL_CHECK(net.layers > 0, name, ": expected at least one layer, got ", net.layers);
  check_dtypes(name, x, params);
  check_dtypes(name, x, std::vector{h0, c0});
  spec.mode = net.mode.mode;
  spec.has_biases = net.has_biases;
  spec.directions = net.bidirectional ? 2 : 1;
  const int64_t states = net.layers * spec.directions;
  const bool is_lstm = spec.mode == RnnMode::lstm;
  const size_t plain = size_t(states) * (net.has_biases ? 4 : 2);
  spec.projects = is_lstm && params.size() == plain + size_t(states);
  TL_CHECK(params.size() == plain || spec.projects, name, ": expected ", plain, " parameters, got ", params.size());
  TL_CHECK(params[0].dim() == 2 && params[1].dim() == 2, name, ": weights must be matrices");
  spec.hidden = params[0]->dims[0] / spec.gates();
  spec.output = params[1]->dims[1];
  TL_CHECK(spec.projects || spec.output == spec.hidden, name, ": expected state weights with ", spec.hidden,
           " columns, got ", spec.output);
  check_shape(name, "initial states", h0, Dims{states, spec.batch, spec.output});
  check_shape(name, "initial cells", c0, Dims{states, spec.batch, spec.hidden});
  const size_t per_layer = spec.params() * size_t(spec.directions);
  const int64_t width = x->dims[x.dim() - 1];
  for (int64_t l = 0; l < net.layers; ++l) {
    spec.input = l == 0 ? width : spec.directions * spec.output;
    for (int d = 0; d < spec.directions; ++d) {
      check_params(name, spec,
                   std::span(params).subspan(size_t(l) * per_layer + size_t(d) * spec.params(), spec.params()));
    }
  }
  const AsComputed computed(x.dtype());
  std::vector<Tensor> converted;
  std::span<const Tensor> all = params;
  if (computed.given != computed.compute) {
    for (const Tensor& p : params) converted.push_back(computed(p));
    all = converted;
  }
  x = computed(x);
  Tensor all_h = computed(h0), all_c = computed(c0);
  std::vector<Tensor> hs, cs;
  RnnState s;
  for (int64_t l = 0; l < net.layers; ++l) {
    spec.input = x->dims[x.dim() - 1];
    auto of_layer = [&](const Tensor& t) {
      return !t.defined() || net.layers == 1 ? t : narrow(t, 0, l * spec.directions, spec.directions);
    };
    s = rnn_layer(spec, x, of_layer(all_h), of_layer(all_c), all.subspan(size_t(l) * per_layer, per_layer),
                  batch_sizes);
    x = s.y;
    if (l + 1 < net.layers && net.train && net.dropout > 0) x = dropout(x, net.dropout, true);
    hs.push_back(s.h);
    if (is_lstm) cs.push_back(s.c);
  }
  if (net.layers > 1) {
    s.h = cat(hs, 0);
    if (is_lstm) s.c = cat(cs, 0);
  }
  return {computed.back(s.y), computed.back(s.h), computed.back(s.c)};
}

RnnState run_padded(const Network& net, const Tensor& input, const Tensor& h0, const Tensor& c0,
                    const std::vector<Tensor>& params) {
  TL_CHECK(input.dim() == 3, net.mode.name, ": expected an input of 3 dims, got ", Shape{input.sizes()});
  Tensor x = net.batch_first ? transpose(input, 0, 1) : input;
  RnnSpec spec{net.mode.mode};
  spec.steps = x->dims[0];
  spec.batch = x->dims[1];
  spec.rows = spec.steps * spec.batch;
  TL_CHECK(spec.steps > 0, "Expected sequence length to be larger than 0 in RNN");
  RnnState s = run(net, spec, x, h0, c0, params, {});
  if (net.batch_first) s.y = transpose(s.y, 0, 1);
  return s;
}

RnnState run_packed(const Network& net, const Tensor& data, const Tensor& batch_sizes, const Tensor& h0,
                    const Tensor& c0, const std::vector<Tensor>& params) {
  const char* name = net.mode.name;
  TL_CHECK(data.dim() == 2, name, ": expected packed data of 2 dims, got ", Shape{data.sizes()});
  TL_CHECK(batch_sizes.dim() == 1 && batch_sizes.dtype() == DType::Int64 && batch_sizes.numel() > 0, name,
           ": batch_sizes must be a vector of int64 that is not empty");
  Tensor sizes = contiguous(batch_sizes);
  const int64_t* n = sizes.data<int64_t>();
  RnnSpec spec{net.mode.mode};
  spec.packed = true;
  spec.steps = sizes.numel();
  spec.batch = n[0];
  spec.rows = 0;
  for (int64_t t = 0; t < spec.steps; ++t) {
    TL_CHECK(n[t] > 0 && (t == 0 || n[t] <= n[t - 1]) && n[t] <= data->dims[0], name,
             ": batch_sizes must be positive and not increase");
    spec.rows += n[t];
  }
  TL_CHECK(spec.rows == data->dims[0], name, ": batch_sizes add up to ", spec.rows, ", but there are ", data->dims[0],
           " rows of data");
  return run(net, spec, data, h0, c0, params, sizes);
}

// --- as PyTorch names them -------------------------------------------------------------------------

void check_states(const std::vector<Tensor>& hx) {
  TL_CHECK(hx.empty() || hx.size() == 2, "lstm expects two hidden states");
}
Tensor state_of(const std::vector<Tensor>& hx, size_t i) { return hx.empty() ? Tensor() : hx[i]; }

std::vector<Tensor> lstm(const Tensor& input, const std::vector<Tensor>& hx, const std::vector<Tensor>& params,
                         bool has_biases, int64_t num_layers, double dropout, bool train, bool bidirectional,
                         bool batch_first) {
  check_states(hx);
  RnnState s = run_padded({lstm_mode, has_biases, num_layers, dropout, train, bidirectional, batch_first}, input,
                          state_of(hx, 0), state_of(hx, 1), params);
  return {s.y, s.h, s.c};
}
std::vector<Tensor> lstm_packed(const Tensor& data, const Tensor& batch_sizes, const std::vector<Tensor>& hx,
                                const std::vector<Tensor>& params, bool has_biases, int64_t num_layers, double dropout,
                                bool train, bool bidirectional) {
  check_states(hx);
  RnnState s = run_packed({lstm_mode, has_biases, num_layers, dropout, train, bidirectional, false}, data, batch_sizes,
                          state_of(hx, 0), state_of(hx, 1), params);
  return {s.y, s.h, s.c};
}
template <const Mode& mode>
std::vector<Tensor> padded(const Tensor& input, const Tensor& hx, const std::vector<Tensor>& params, bool has_biases,
                           int64_t num_layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  RnnState s =
      run_padded({mode, has_biases, num_layers, dropout, train, bidirectional, batch_first}, input, hx, {}, params);
  return {s.y, s.h};
}
template <const Mode& mode>
std::vector<Tensor> packed(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                           const std::vector<Tensor>& params, bool has_biases, int64_t num_layers, double dropout,
                           bool train, bool bidirectional) {
  RnnState s = run_packed({mode, has_biases, num_layers, dropout, train, bidirectional, false}, data, batch_sizes, hx,
                          {}, params);
  return {s.y, s.h};
}

// --- cells -------------------------------------------------------------------------------------------

RnnState run_cell(const Mode& mode, const Tensor& input, const Tensor& h0, const Tensor& c0, const Tensor& w_ih,
                  const Tensor& w_hh, Tensor b_ih, Tensor b_hh) {
  static constexpr const char* suffix = "_cell";
  const std::string name = std::string(mode.name) + suffix;
  TL_CHECK(input.dim() == 2 && w_ih.dim() == 2 && w_hh.dim() == 2 && h0.dim() == 2, name,
           ": expected matrices as input, states and weights, got ", Shape{input.sizes()}, ", ", Shape{h0.sizes()},
           ", ", Shape{w_ih.sizes()}, " and ", Shape{w_hh.sizes()});
  RnnSpec spec{mode.mode};
  spec.cell = true;
  spec.rows = spec.batch = input->dims[0];
  spec.input = input->dims[1];
  spec.output = spec.hidden = w_hh->dims[1];
  TL_CHECK(spec.input == w_ih->dims[1], "input has inconsistent input_size: got ", spec.input, " expected ",
           w_ih->dims[1]);
  for (const Tensor* t : {&h0, &c0}) {
    if (!t->defined()) continue;
    TL_CHECK(t->dim() == 2 && (*t)->dims[0] == spec.batch, "Input batch size ", spec.batch,
             " doesn't match hidden0 batch size ", t->dim() > 0 ? (*t)->dims[0] : 0);
    TL_CHECK((*t)->dims[1] == spec.hidden, "hidden0 has inconsistent hidden_size: got ", (*t)->dims[1], ", expected ",
             spec.hidden);
  }
  spec.has_biases = b_ih.defined() || b_hh.defined();
  if (spec.has_biases) {
    const Dims wide{spec.gates() * spec.hidden};
    if (!b_ih.defined()) b_ih = zeros(wide, input.dtype());
    if (!b_hh.defined()) b_hh = zeros(wide, input.dtype());
  }
  const Tensor params[] = {w_ih, w_hh, b_ih, b_hh};
  const Tensor states[] = {h0, c0};
  std::span<const Tensor> used(params, spec.params());
  check_params(name.c_str(), spec, used);
  check_dtypes(name.c_str(), input, used);
  check_dtypes(name.c_str(), input, states);
  const AsComputed computed(input.dtype());
  if (computed.given == computed.compute) return rnn_layer(spec, input, h0, c0, used, {});
  const Tensor converted[] = {computed(w_ih), computed(w_hh), computed(b_ih), computed(b_hh)};
  RnnState s = rnn_layer(spec, computed(input), computed(h0), computed(c0), std::span(converted, spec.params()), {});
  return {computed.back(s.y), {}, computed.back(s.c)};
}

std::vector<Tensor> lstm_cell(const Tensor& input, const std::vector<Tensor>& hx, const Tensor& w_ih,
                              const Tensor& w_hh, const Tensor& b_ih, const Tensor& b_hh) {
  TL_CHECK(hx.size() == 2, "lstm_cell expects two hidden states");
  RnnState s = run_cell(lstm_mode, input, hx[0], hx[1], w_ih, w_hh, b_ih, b_hh);
  return {s.y, s.c};
}
template <const Mode& mode>
Tensor cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
            const Tensor& b_hh) {
  return run_cell(mode, input, hx, {}, w_ih, w_hh, b_ih, b_hh).y;
}

#define TL_PADDED                                                                                            \
  ", Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool " \
  "batch_first)"
#define TL_PACKED ", Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional)"
#define TL_CELL ", Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None)"
#define TL_PACKED_DOC                                                                                             \
  "The same for sequences of unequal length: `data` holds the rows of all steps, step t the next batch_sizes[t] " \
  "of them, the longest sequences first."
// Parameters for inputs of 3 and states of 2.
#define TL_ROWS(n) "randn(" #n ", 3), randn(" #n ", 2), randn(" #n "), randn(" #n ")"
#define TL_STATE(n) "randn(" #n ", 2, 2)"
#define TL_RNN(name, mode, n, doc) \
  {name "(Tensor input, Tensor? hx" TL_PADDED " -> (Tensor, Tensor)", TL_OP(padded<mode>), op::function, doc,        \
   "randn(4, 2, 3), " TL_STATE(1) ", [" TL_ROWS(n) "], True, 1, 0., False, False, False | "                         \
   "randn(2, 4, 3), " TL_STATE(2) ", [" TL_ROWS(n) ", " TL_ROWS(n) "], True, 1, 0., False, True, True | "            \
   "randn(3, 2, 3), " TL_STATE(2) ", [randn(" #n ", 3), randn(" #n ", 2), randn(" #n ", 2), randn(" #n               \
   ", 2)], False, 2, 0., True, False, False"},                                                                       \
  {                                                                                                                  \
    name "(Tensor data, Tensor batch_sizes, Tensor? hx" TL_PACKED " -> (Tensor, Tensor)", TL_OP(packed<mode>),       \
        op::function, TL_PACKED_DOC,                                                                                 \
        "randn(6, 3), tensor([3, 2, 1]), randn(2, 3, 2), [" TL_ROWS(n) ", " TL_ROWS(n) "], True, 1, 0., False, True" \
  }
#define TL_RNN_CELL(name, mode, n, doc)                                                        \
  {name "(Tensor input, Tensor hx" TL_CELL " -> Tensor", TL_OP(cell<mode>), op::function, doc, \
   "randn(4, 3), randn(4, 2), " TL_ROWS(n) " | randn(1, 3), randn(1, 2), randn(" #n ", 3), randn(" #n ", 2)"}

const OpRecord records[] = {
    {"lstm(Tensor input, Tensor[] hx" TL_PADDED " -> (Tensor, Tensor, Tensor)", TL_OP(lstm), op::function,
     "Layers of long short-term memory over whole sequences: the outputs of all steps, and the last states and cells. "
     "`input` is (steps, batch, features), `hx` the initial states and cells, each (layers * directions, batch, "
     "units); `params` are w_ih, w_hh, b_ih, b_hh (and w_hr, a projection of the state) of each layer and direction. "
     "Hochreiter and Schmidhuber, 1997.",
     "randn(4, 2, 3), (" TL_STATE(1) ", " TL_STATE(1) "), [" TL_ROWS(
         8) "], True, 1, 0., False, False, False | "
            "randn(2, 4, 3), (" TL_STATE(2) ", " TL_STATE(2) "), [" TL_ROWS(8) ", " TL_ROWS(
                8) "], True, 1, 0., False, True, "
                   "True | randn(3, 2, 3), (randn(1, 2, 1), " TL_STATE(
                       1) "), [randn(8, 3), randn(8, 1), randn(1, 2)], False, 1, "
                          "0., False, False, False | randn(3, 2, 3), (" TL_STATE(2) ", " TL_STATE(2) "), [" TL_ROWS(
                              8) ", randn(8, 2), "
                                 "randn(8, 2), randn(8), randn(8)], True, 2, 0., True, False, False"},
    {"lstm(Tensor data, Tensor batch_sizes, Tensor[] hx" TL_PACKED " -> (Tensor, Tensor, Tensor)", TL_OP(lstm_packed),
     op::function, TL_PACKED_DOC,
     "randn(6, 3), tensor([3, 2, 1]), (randn(2, 3, 2), randn(2, 3, 2)), [" TL_ROWS(8) ", " TL_ROWS(
         8) "], True, 1, "
            "0., False, True"},
    TL_RNN("gru", gru_mode, 6,
           "Layers of gated recurrent units over whole sequences, see lstm. Cho et al., 2014; the state's part of the "
           "candidate is gated after its product and bias."),
    TL_RNN("rnn_tanh", tanh_mode, 2,
           "Layers of Elman networks, h' = tanh(w_ih x + b_ih + w_hh h + b_hh), over whole sequences, see lstm."),
    TL_RNN("rnn_relu", relu_mode, 2, "rnn_tanh with relu instead."),
    {"lstm_cell(Tensor input, Tensor[] hx" TL_CELL " -> (Tensor, Tensor)", TL_OP(lstm_cell), op::function,
     "One step of an lstm: the new state and cell from `input` (batch, features) and `hx`, the old ones.",
     "randn(4, 3), (randn(4, 2), randn(4, 2)), " TL_ROWS(8) " | randn(1, 3), (randn(1, 2), randn(1, 2)), randn(8, 3), "
                                                            "randn(8, 2)"},
    TL_RNN_CELL("gru_cell", gru_mode, 6, "One step of a gru: the new state from `input` (batch, features) and `hx`."),
    TL_RNN_CELL("rnn_tanh_cell", tanh_mode, 2, "One step of rnn_tanh: the new state from `input` and `hx`."),
    TL_RNN_CELL("rnn_relu_cell", relu_mode, 2, "One step of rnn_relu: the new state from `input` and `hx`."),
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
