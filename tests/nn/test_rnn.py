"""Recurrent layers, cells and packed sequences beside PyTorch's."""

import copy
import pickle

import pytest

import tensorlite
from sequence_helpers import total
from side_by_side import compare
from tensorlite import nn

LAYERS = [
    ("LSTM", (3, 4), {}),
    ("LSTM", (3, 4, 2), {"bidirectional": True, "batch_first": True}),
    ("LSTM", (3, 4, 2), {"proj_size": 2, "bidirectional": True}),
    ("LSTM", (3, 20), {"bias": False, "proj_size": 5}),
    ("GRU", (3, 4), {}),
    ("GRU", (3, 4, 3), {"bidirectional": True, "bias": False}),
    ("GRU", (3, 20), {"batch_first": True}),
    ("RNN", (3, 4), {}),
    ("RNN", (3, 4, 2, "relu"), {"bidirectional": True}),
    ("RNN", (3, 20), {"nonlinearity": "relu", "batch_first": True, "bias": False}),
]


def run_layer(T, name, args, kwargs, shape, with_state):
    m = getattr(T.nn, name)(*args, dtype=T.float64, **kwargs)
    x = T.randn(shape, dtype=T.float64, requires_grad=True)
    hx = None
    if with_state:
        n = m.num_layers * (2 if m.bidirectional else 1)
        batch = () if len(shape) == 2 else (shape[0] if m.batch_first else shape[1],)
        sizes = [(n, *batch, m.proj_size or m.hidden_size), (n, *batch, m.hidden_size)]
        states = [
            T.randn(s, dtype=T.float64, requires_grad=True)
            for s in sizes[: 2 if name == "LSTM" else 1]
        ]
        hx = tuple(states) if name == "LSTM" else states[0]
    y, state = m(x, hx)
    inputs = [x, *m.parameters()] + (states if with_state else [])
    first = T.autograd.grad(total(T, (y, state)), inputs, create_graph=True)
    second = T.autograd.grad(total(T, list(first)), inputs)
    return [repr(m), list(m.state_dict()), m.state_dict(), y, state, list(first), list(second)]


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("shape", [(5, 2, 3), (4, 3), (1, 1, 3)])
@pytest.mark.parametrize("name, args, kwargs", LAYERS)
def test_layers(name, args, kwargs, shape, with_state):
    compare(run_layer, name, args, kwargs, shape, with_state, tol=1e-9)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_float32_and_half(name):
    def run(T):
        m = getattr(T.nn, name)(10, 37, 2, bidirectional=True)
        x = T.randn(9, 5, 10, requires_grad=True)
        y, state = m(x)
        total(T, (y, state)).backward()
        return [y, state, x.grad, [p.grad for p in m.parameters()]]

    compare(run, tol=2e-5)

    m = getattr(nn, name)(3, 4)
    x = tensorlite.randn(5, 2, 3)
    y = m(x)[0]
    half = m.bfloat16()(x.bfloat16())[0]
    assert half.dtype == tensorlite.bfloat16
    assert (half.float() - y).abs().max() < 0.05


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_dropout_between_layers(name):
    def run(T):
        m = getattr(T.nn, name)(3, 4, 3, dropout=0.5)
        x = T.randn(5, 2, 3)
        return [m(x)[0], m.eval()(x)[0]]

    compare(run, tol=1e-5)


@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("name, args, kwargs", LAYERS)
def test_packed(name, args, kwargs, enforce_sorted):
    def run(T):
        rnn = T.nn.utils.rnn
        m = getattr(T.nn, name)(*args, dtype=T.float64, **kwargs)
        lengths = [5, 3, 3, 1] if enforce_sorted else [3, 1, 5, 3]
        parts = [T.randn(n, 3, dtype=T.float64, requires_grad=True) for n in lengths]
        n = m.num_layers * (2 if m.bidirectional else 1)
        h = T.randn(n, 4, m.proj_size or m.hidden_size, dtype=T.float64, requires_grad=True)
        c = T.randn(n, 4, m.hidden_size, dtype=T.float64, requires_grad=True)
        packed = rnn.pack_sequence(parts, enforce_sorted=enforce_sorted)
        y, state = m(packed, (h, c) if name == "LSTM" else h)
        padded, back = rnn.pad_packed_sequence(y, batch_first=True, padding_value=-1.0)
        inputs = [*parts, h, *m.parameters()]
        first = T.autograd.grad(total(T, (padded, state)), inputs, create_graph=True)
        second = T.autograd.grad(total(T, list(first)), inputs)
        without_state = m(packed)[0].data
        return [list(y), state, padded, back, list(first), list(second), without_state]

    compare(run, tol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell", "RNNCell"])
def test_cells(name, bias):
    def run(T):
        m = getattr(T.nn, name)(3, 4, bias=bias, dtype=T.float64)
        x = T.randn(2, 3, dtype=T.float64, requires_grad=True)
        h, c = (T.randn(2, 4, dtype=T.float64, requires_grad=True) for _ in range(2))
        lstm = name == "LSTMCell"
        y = m(x, (h, c) if lstm else h)
        inputs = [x, h, *m.parameters()] + ([c] if lstm else [])
        first = T.autograd.grad(total(T, y), inputs, create_graph=True)
        second = T.autograd.grad(total(T, list(first)), inputs)
        one = m(x[0], (h[0], c[0]) if lstm else h[0])
        return [repr(m), m.state_dict(), y, m(x), m(x[0]), one, list(first), list(second)]

    compare(run, tol=1e-9)
    compare(lambda T: repr(T.nn.RNNCell(2, 3, nonlinearity="relu")))


def test_padding():
    def run(T):
        rnn = T.nn.utils.rnn
        parts = [T.randn(n, 2) for n in (2, 4, 1)]
        padded = rnn.pad_sequence(parts, True, 0.5, "left")
        packed = rnn.pack_padded_sequence(
            rnn.pad_sequence(parts), T.tensor([2, 4, 1]), enforce_sorted=False
        )
        return [
            padded,
            rnn.pad_sequence(parts),
            list(packed),
            rnn.pad_packed_sequence(packed, total_length=6),
            rnn.unpack_sequence(packed),
            rnn.unpad_sequence(rnn.pad_sequence(parts), T.tensor([2, 4, 1])),
            packed.double().data,
            packed.to(T.float32) is packed,
            rnn.invert_permutation(T.tensor([2, 0, 1])),
            rnn.PackedSequence((T.ones(2), T.tensor([1, 1]))),
        ]

    compare(run)


def test_gradient_of_padding():
    parts = [
        tensorlite.randn(n, 2, dtype=tensorlite.float64, requires_grad=True) for n in (3, 0, 2)
    ]
    pad = nn.utils.rnn.pad_sequence
    assert tensorlite.autograd.gradcheck(lambda *p: pad(p), parts)
    assert tensorlite.autograd.gradcheck(lambda *p: pad(p, True, 1.0, "left"), parts)


BAD = {
    "dropout": lambda T: T.nn.LSTM(2, 3, dropout=2),
    "warning": lambda T: repr(T.nn.LSTM(2, 3, dropout=0.5)),
    "hidden": lambda T: T.nn.LSTM(2, 0),
    "proj": lambda T: T.nn.LSTM(2, 3, proj_size=3),
    "proj of gru": lambda T: T.nn.GRU(2, 3, proj_size=1),
    "type": lambda T: T.nn.GRU(2.0, 3),
    "bias": lambda T: T.nn.GRU(2, 3, bias=1),
    "nonlinearity": lambda T: T.nn.RNN(2, 3, nonlinearity="sin"),
    "features": lambda T: T.nn.LSTM(2, 3)(T.ones(4, 1, 5)),
    "dims": lambda T: T.nn.LSTM(2, 3)(T.ones(2)),
    "dims of gru": lambda T: T.nn.GRU(2, 3)(T.ones(2)),
    "dims of rnn": lambda T: T.nn.RNN(2, 3)(T.ones(2)),
    "dtype": lambda T: T.nn.LSTM(2, 3)(T.ones(4, 1, 2, dtype=T.float64)),
    "state": lambda T: T.nn.LSTM(2, 3)(T.ones(4, 1, 2), (T.ones(1, 2, 3), T.ones(1, 2, 3))),
    "state dims": lambda T: T.nn.LSTM(2, 3)(T.ones(4, 2), (T.ones(1, 1, 3), T.ones(1, 1, 3))),
    "gru state": lambda T: T.nn.GRU(2, 3)(T.ones(4, 1, 2), T.ones(1, 1, 4)),
    "gru dims": lambda T: T.nn.GRU(2, 3)(T.ones(4, 2), T.ones(1, 1, 4)),
    "no steps": lambda T: T.nn.GRU(2, 3)(T.ones(0, 1, 2)),
    "cell": lambda T: T.nn.LSTMCell(2, 3)(T.ones(1, 1, 2)),
    "cell state": lambda T: T.nn.GRUCell(2, 3)(T.ones(1, 2), T.ones(1, 1, 3)),
    "one state": lambda T: T.lstm(
        T.ones(1, 1, 2), [T.ones(1)], [], True, 1, 0, False, False, False
    ),
    "total_length": lambda T: T.nn.utils.rnn.pad_packed_sequence(
        T.nn.utils.rnn.pack_sequence([T.ones(3)]), total_length=2
    ),
    "unsorted": lambda T: T.nn.utils.rnn.pack_sequence([T.ones(1), T.ones(3)]),
    "empty": lambda T: T.nn.utils.rnn.pack_padded_sequence(T.ones(3, 1), T.tensor([0])),
    "side": lambda T: T.nn.utils.rnn.pad_sequence([T.ones(1)], padding_side="top"),
    "none": lambda T: T.nn.utils.rnn.pad_sequence(3),
}


@pytest.mark.parametrize("what", BAD)
def test_errors(what):
    def run(T):
        try:
            return BAD[what](T)
        except Exception as error:
            return [type(error).__name__, str(error).replace("torch.", "").split("\n")[0]]

    compare(run)


def test_bad_op_arguments():
    """What PyTorch leaves to chance is refused before anything is computed."""
    ones = tensorlite.ones
    weights = [ones(12, 2), ones(12, 3), ones(12), ones(12)]
    for params, hx in [
        (weights[:3], ()),
        ([ones(12, 5), *weights[1:]], ()),
        ([*weights[:3], ones(11)], ()),
        ([w.double() for w in weights], ()),
        (weights, (ones(1, 2, 3), ones(1, 1, 3))),
    ]:
        with pytest.raises(RuntimeError, match="lstm"):
            tensorlite.lstm(ones(4, 1, 2), hx, params, True, 1, 0.0, False, False, False)
    sizes = tensorlite.tensor([1, 2])
    with pytest.raises(RuntimeError, match="not increase"):
        tensorlite.lstm(ones(3, 2), sizes, (), weights, True, 1, 0.0, False, False)


def test_copies():
    for m in (nn.LSTM(3, 4, proj_size=2), nn.GRU(3, 4), nn.RNN(3, 4), nn.LSTMCell(3, 4)):
        x = tensorlite.randn(2, 3)
        for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
            assert repr(other) == repr(m)
            assert (other(x)[0] == m(x)[0]).all()
    m = nn.LSTM(3, 4)
    assert [len(w) for w in m.all_weights] == [4]
    assert m.all_weights[0][0] is m.weight_ih_l0


def test_same_bits_for_any_number_of_threads():
    before = tensorlite.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tensorlite.set_num_threads(threads)
            tensorlite.manual_seed(0)
            m = nn.LSTM(64, 128, 2, bidirectional=True)
            y, _ = m(tensorlite.randn(6, 64, 64))
            y.square().sum().backward()
            results.append([y.tolist(), [p.grad.tolist() for p in m.parameters()]])
    finally:
        tensorlite.set_num_threads(before)
    assert results[0] == results[1] == results[2]
