"""The Transformer and its layers beside PyTorch's."""

import pytest

import tensorlite
from sequence_helpers import total
from side_by_side import compare

LAYERS = [
    {},
    {"batch_first": True, "activation": "gelu"},
    {"norm_first": True, "bias": False},
]


def state_of(m):
    return [repr(m), m.state_dict()]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kwargs", LAYERS)
@pytest.mark.parametrize("shape", [(4, 3, 8), (4, 8)])
def test_layers(kwargs, shape, training):
    def run(T):
        encoder = T.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, dtype=T.float64, **kwargs)
        decoder = T.nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, dtype=T.float64, **kwargs)
        encoder.train(training)
        decoder.train(training)
        x, m = (T.randn(shape, dtype=T.float64, requires_grad=True) for _ in range(2))
        steps = shape[1] if len(shape) == 3 and kwargs.get("batch_first") else shape[0]
        mask = T.nn.Transformer.generate_square_subsequent_mask(steps, dtype=T.float64)
        y = encoder(x, mask, is_causal=True)
        z = decoder(x, m, tgt_mask=mask, memory_mask=T.zeros(steps, steps, dtype=T.bool))
        inputs = [x, m, *encoder.parameters(), *decoder.parameters()]
        grads = T.autograd.grad(total(T, [y, z]), inputs)
        return [state_of(encoder), state_of(decoder), y, z, list(grads)]

    compare(run, tol=1e-9)


def test_dropout():
    def run(T):
        m = T.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.5)
        return m(T.randn(4, 3, 8))

    compare(run, tol=1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer(batch_first):
    def run(T):
        m = T.nn.Transformer(8, 2, 2, 2, 12, 0.0, batch_first=batch_first, dtype=T.float64)
        source, target = (3, 5, 8), (3, 4, 8)
        if not batch_first:
            source, target = (5, 3, 8), (4, 3, 8)
        x = T.randn(source, dtype=T.float64, requires_grad=True)
        y = T.randn(target, dtype=T.float64, requires_grad=True)
        padding = T.zeros(3, 5, dtype=T.bool)
        padding[1, 3:] = True
        masks = {
            "tgt_mask": m.generate_square_subsequent_mask(4, dtype=T.float64),
            "src_key_padding_mask": padding,
            "memory_key_padding_mask": padding,
        }
        z = m(x, y, **masks)
        grads = T.autograd.grad(total(T, z), [x, y, *m.parameters()])
        return [state_of(m), z, list(grads)]

    compare(run, tol=1e-9)


@pytest.mark.parametrize("left_aligned", [True, False])
def test_padding_in_inference(left_aligned):
    def run(T):
        layer = T.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        m = T.nn.TransformerEncoder(layer, 2, T.nn.LayerNorm(8)).eval()
        x = T.randn(3, 5, 8)
        padding = T.zeros(3, 5, dtype=T.bool)
        padding[0, 2:] = True
        padding[1, 4 if left_aligned else 1] = True
        with T.no_grad():
            return [m(x, src_key_padding_mask=padding), m(x)]

    compare(run, tol=1e-5, warns=False)


BAD = {
    "activation": lambda T: T.nn.TransformerEncoderLayer(4, 2, activation="sin"),
    "batch": lambda T: T.nn.Transformer(4, 2, 1, 1, 4)(T.ones(2, 3, 4), T.ones(2, 2, 4)),
    "features": lambda T: T.nn.Transformer(4, 2, 1, 1, 4)(T.ones(2, 3, 5), T.ones(2, 3, 5)),
    "heads": lambda T: T.nn.TransformerDecoderLayer(5, 2),
}


@pytest.mark.parametrize("what", BAD)
def test_errors(what):
    def run(T):
        try:
            return BAD[what](T)
        except Exception as error:
            return [type(error).__name__, str(error)]

    compare(run)


def test_state_goes_both_ways():
    torch = pytest.importorskip("torch")
    make = lambda T: T.nn.TransformerDecoderLayer(8, 2, 12)
    ours, theirs = make(tensorlite), make(torch)
    state = {k: torch.tensor(v.tolist()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    state = {k: tensorlite.tensor(v.tolist()) for k, v in theirs.state_dict().items()}
    other = make(tensorlite)
    other.load_state_dict(state)
    x = tensorlite.randn(3, 2, 8)
    assert (other.eval()(x, x) == ours.eval()(x, x)).all()
