// Sequences of unequal length: padded to one, or packed, the rows of one step after those of another.
#include <cstring>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/registry.h"

namespace tl {

namespace {

// Copies the rows that are there between `padded` (steps, batch, …) and `packed`, both contiguous.
void copy_steps(const Tensor& padded, const Tensor& packed, const Tensor& batch_sizes, bool pack) {
  const int64_t* n = batch_sizes.data<int64_t>();
  const int64_t steps = batch_sizes.numel();
  const size_t step = size_t(padded->dims[0]) == 0 ? 0 : padded.nbytes() / size_t(padded->dims[0]);
  const size_t row = padded->dims[1] == 0 ? 0 : step / size_t(padded->dims[1]);
  char* from = packed.bytes();
  for (int64_t t = 0; t < steps; ++t) {
    const size_t bytes = size_t(n[t]) * row;
    char* at = padded.bytes() + size_t(t) * step;
    if (bytes > 0) pack ? std::memcpy(from, at, bytes) : std::memcpy(at, from, bytes);
    from += bytes;
  }
}

Tensor unpacked(const Tensor& data, const Tensor& batch_sizes, int64_t steps, int64_t batch, const Scalar& padding);

Tensor packed(const Tensor& padded, const Tensor& batch_sizes) {
  Dims sizes(padded.sizes());
  sizes.erase(0);
  sizes[0] = 0;
  for (int64_t t = 0; t < batch_sizes.numel(); ++t) sizes[0] += batch_sizes.data<int64_t>()[t];
  Tensor data = empty(sizes, padded.dtype());
  copy_steps(dense_values(padded, padded.sizes(), padded.dtype()), data, batch_sizes, true);
  if (needs_grad(padded)) {
    record(data, "PackPaddedSequenceBackward0:result1", inputs(padded), saves(batch_sizes),
           [steps = padded->dims[0], batch = padded->dims[1]](Backward& b) {
             b[0] = unpacked(b.grad(), b.saved(0), steps, batch, 0);
           });
  }
  return data;
}

Tensor unpacked(const Tensor& data, const Tensor& batch_sizes, int64_t steps, int64_t batch, const Scalar& padding) {
  Dims sizes(data.sizes());
  sizes[0] = batch;
  sizes.insert(0, steps);
  Tensor padded = full(sizes, padding, data.dtype());
  copy_steps(padded, dense_values(data, data.sizes(), data.dtype()), batch_sizes, false);
  if (needs_grad(data)) {
    record(padded, "CopySlices", inputs(data), saves(batch_sizes),
           [](Backward& b) { b[0] = packed(b.grad(), b.saved(0)); });
  }
  return padded;
}

std::vector<Tensor> pack_padded_sequence(const Tensor& input, const Tensor& lengths, bool batch_first) {
  TL_CHECK(input.numel() > 0, "Cannot pack empty tensors.");
  TL_CHECK(input.dim() >= 2, "pack_padded_sequence: expected an input of at least 2 dims, got ", Shape{input.sizes()});
  Tensor x = batch_first ? transpose(input, 0, 1) : input;
  TL_CHECK(lengths.dim() == 1 && lengths->dims[0] == x->dims[1],
           "Expected `len(lengths)` to be equal to batch_size, "
           "but got ",
           lengths.numel(), " (batch_size=", x->dims[1], ")");
  Tensor all = as_index(lengths);
  const int64_t* n = all.data<int64_t>();
  const int64_t batch = x->dims[1];
  for (int64_t i = 0; i < batch; ++i) {
    TL_CHECK(n[i] > 0,
             "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0");
    TL_CHECK(i == 0 || n[i] <= n[i - 1],
             "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
             "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
             "do not need ONNX exportability.");
  }
  TL_CHECK(n[0] <= x->dims[0], "Expected sequence length to be at most the number of steps, ", x->dims[0], ", but got ",
           n[0]);
  Tensor batch_sizes = empty(Dims{n[0]}, DType::Int64);
  int64_t alive = batch;
  for (int64_t t = 0; t < n[0]; ++t) {
    while (n[alive - 1] <= t) --alive;
    batch_sizes.data<int64_t>()[t] = alive;
  }
  return {packed(x, batch_sizes), batch_sizes};
}

std::vector<Tensor> pad_packed_sequence(const Tensor& data, const Tensor& batch_sizes, bool batch_first,
                                        const Scalar& padding_value, int64_t total_length) {
  TL_CHECK(batch_sizes.dim() == 1 && batch_sizes.dtype() == DType::Int64 && batch_sizes.numel() > 0,
           "pad_packed_sequence: batch_sizes must be a vector of int64 that is not empty");
  TL_CHECK(data.dim() >= 1, "pad_packed_sequence: expected data of at least 1 dim");
  Tensor sizes = contiguous(batch_sizes);
  const int64_t* n = sizes.data<int64_t>();
  const int64_t steps = sizes.numel();
  int64_t rows = 0;
  for (int64_t t = 0; t < steps; ++t) {
    TL_CHECK(n[t] > 0 && (t == 0 || n[t] <= n[t - 1]) && n[t] <= data->dims[0],
             "pad_packed_sequence: batch_sizes must be positive and not increase");
    rows += n[t];
  }
  TL_CHECK(rows == data->dims[0], "pad_packed_sequence: batch_sizes add up to ", rows, ", but there are ",
           data->dims[0], " rows of data");
  TL_CHECK(total_length <= 0 || total_length >= steps,
           "Expected total_length to be at least the length of the longest sequence in input, but got total_length=",
           total_length, " and max sequence length being ", steps);
  Tensor lengths = empty(Dims{n[0]}, DType::Int64);
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t i = t + 1 < steps ? n[t + 1] : 0; i < n[t]; ++i) lengths.data<int64_t>()[i] = t + 1;
  }
  Tensor padded = unpacked(data, sizes, total_length > 0 ? total_length : steps, n[0], padding_value);
  return {batch_first ? transpose(padded, 0, 1) : padded, lengths};
}

Tensor pad_sequence(const std::vector<Tensor>& sequences, bool batch_first, const Scalar& padding_value,
                    std::string_view padding_side) {
  TL_CHECK(!sequences.empty(), "received an empty list of sequences");
  TL_CHECK(padding_side == "left" || padding_side == "right",
           "Expected padding_side to be one of left or right, but got ", padding_side, ".");
  const bool left = padding_side == "left";
  const Tensor& first = sequences[0];
  int64_t longest = 0;
  for (const Tensor& t : sequences) {
    TL_CHECK(t.dim() >= 1 && first.dim() == t.dim() && equal(t.sizes().subspan(1), first.sizes().subspan(1)),
             "pad_sequence: expected sequences that differ in their first dim only, got ", Shape{first.sizes()},
             " and ", Shape{t.sizes()});
    longest = std::max(longest, t->dims[0]);
  }
  const int64_t n = int64_t(sequences.size());
  Dims sizes(first.sizes());
  sizes[0] = batch_first ? longest : n;
  sizes.insert(0, batch_first ? n : longest);
  Tensor out = full(sizes, padding_value, first.dtype());
  auto place = [batch_first, left, longest](const Tensor& t, int64_t i, int64_t length) {
    return narrow(select(t, batch_first ? 0 : 1, i), 0, left ? longest - length : 0, length);
  };
  {
    NoGradGuard no_grad;
    for (int64_t i = 0; i < n; ++i) copy_values(place(out, i, sequences[size_t(i)]->dims[0]), sequences[size_t(i)]);
  }
  if (any_needs_grad(sequences)) {
    Dims lengths;
    for (const Tensor& t : sequences) lengths.push_back(t->dims[0]);
    record(out, "CopySlices", inputs(sequences), saves({}), [place, lengths](Backward& b) {
      for (uint32_t i = 0; i < b.num_outputs(); ++i) {
        if (b.needs(i)) b[i] = place(b.grad(), int64_t(i), lengths[i]);
      }
    });
  }
  return out;
}

const OpRecord records[] = {
    {"pad_sequence(Tensor[] sequences, bool batch_first=False, Scalar padding_value=0.0, str padding_side='right') -> "
     "Tensor",
     TL_OP(pad_sequence), op::internal,
     "Stacks tensors whose first dims differ, padded to the longest. See nn.utils.rnn.pad_sequence.",
     "[randn(3, 2), randn(1, 2)] | [randn(1), randn(2), randn(0)], True, 1.5, 'left'"},
    {"_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)",
     TL_OP(pack_padded_sequence), op::function,
     "The rows of sequences that are really there, step after step, and how many each step has. The lengths must not "
     "increase. See nn.utils.rnn.pack_padded_sequence.",
     "randn(4, 3, 2), tensor([4, 2, 1]), False | randn(3, 4, 2), tensor([3, 2, 2]), True"},
    {"_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) "
     "-> (Tensor, Tensor)",
     TL_OP(pad_packed_sequence), op::function,
     "The inverse of _pack_padded_sequence: sequences padded with a value, to `total_length` where that is positive, "
     "and their lengths.",
     "randn(7, 2), tensor([3, 2, 1, 1]), False, 0, 0 | randn(7, 2), tensor([3, 2, 2]), True, 1.5, 5"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
