"""nn.init beside PyTorch's: the same streams give the same weights."""

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn

CALLS = [
    ("uniform_", (3, 4), (-1.0, 2.0), {}),
    ("normal_", (5, 4), (1.0, 2.0), {}),
    ("trunc_normal_", (4, 5), (), {}),
    ("trunc_normal_", (4, 5), (1.0, 2.0, -1.0, 3.0), {}),
    ("trunc_normal_", (4, 5), (0.0, 1.0, -0.2, 0.1), {}),
    ("trunc_normal_", (30,), (0.0, 1.0, 1.0, 2.0), {}),
    ("trunc_normal_", (30,), (1.0, 2.0, -3.0, -1.0), {}),
    ("constant_", (3,), (0.3,), {}),
    ("ones_", (2, 2), (), {}),
    ("zeros_", (2, 2), (), {}),
    ("eye_", (2, 3), (), {}),
    ("dirac_", (4, 2, 3), (2,), {}),
    ("dirac_", (2, 3, 3, 2), (), {}),
    ("dirac_", (2, 3, 3, 2, 1), (), {}),
    ("xavier_uniform_", (3, 4), (), {"gain": 2.0}),
    ("xavier_normal_", (3, 4, 2), (), {}),
    ("kaiming_uniform_", (3, 4), (), {"a": 0.5}),
    ("kaiming_uniform_", (3, 4), (), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (3, 4), (), {"nonlinearity": "tanh"}),
    ("kaiming_normal_", (0, 4), (), {}),
    ("orthogonal_", (3, 5), (), {}),
    ("orthogonal_", (5, 2, 2), (2.0,), {}),
    ("sparse_", (5, 3), (0.4,), {"std": 1.0}),
    # The old names.
    ("uniform", (3, 4), (), {}),
    ("normal", (3, 4), (), {}),
    ("xavier_uniform", (3, 4), (), {}),
    ("constant", (3, 4), (2,), {}),
]


def check_call(T, name, shape, args, kwargs):
    w = T.nn.Parameter(T.full(shape, 9.0))
    result = getattr(T.nn.init, name)(w, *args, **kwargs)
    return [result is w, w, w.requires_grad, w.grad_fn is None]


@pytest.mark.parametrize("name, shape, args, kwargs", CALLS)
def test_call(name, shape, args, kwargs):
    compare(check_call, name, shape, args, kwargs, tol=1e-5)


DRAWS = [
    ("uniform_", (-1.0, 2.0)),
    ("normal_", (1.0, 2.0)),
    ("trunc_normal_", ()),
    ("trunc_normal_", (0.0, 1.0, -0.2, 0.1)),
    ("trunc_normal_", (1.0, 2.0, -3.0, -1.0)),
    ("xavier_uniform_", (2.0,)),
    ("xavier_normal_", ()),
    ("kaiming_uniform_", (0.5,)),
    ("kaiming_normal_", ()),
    ("sparse_", (0.4,)),
]


def check_draw(T, name, args, dtype, layout):
    d = getattr(T, dtype)
    w = {
        "plain": lambda: T.zeros(5, 7, dtype=d),
        "transposed": lambda: T.zeros(7, 5, dtype=d).t(),
        "columns": lambda: T.zeros(6, 8, dtype=d)[:, ::2],
        "empty": lambda: T.zeros(0, 3, dtype=d),
    }[layout]()
    result = outcome(getattr(T.nn.init, name), w, *args)
    return [result if isinstance(result, str) else "done", w, T.rand(2)]


@pytest.mark.parametrize("layout", ["plain", "transposed", "columns", "empty"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name, args", DRAWS)
def test_draws(name, args, dtype, layout):
    """The streams are consumed alike, whatever the dtype and the layout."""
    tol = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-9)
    compare(check_draw, name, args, dtype, layout, tol=tol)


def check_generator(T):
    g = T.Generator()
    g.manual_seed(5)
    w = T.zeros(3, 4)
    out = []
    for name in ("uniform_", "normal_", "xavier_uniform_", "kaiming_normal_", "trunc_normal_"):
        out.append(getattr(T.nn.init, name)(w, generator=g).tolist())
    return out


def test_generator():
    compare(check_generator, tol=1e-5)


def check_gains_and_errors(T):
    i = T.nn.init
    names = "linear conv1d conv_transpose3d sigmoid tanh relu leaky_relu selu nothing".split()
    out = [outcome(i.calculate_gain, n) for n in names]
    out += [outcome(i.calculate_gain, "leaky_relu", p) for p in (0.2, 1, True, "a")]
    v = T.ones(3)
    out += [
        outcome(f, v)
        for f in (i.eye_, i.dirac_, i.xavier_uniform_, i.kaiming_normal_, i.orthogonal_)
    ]
    out += [
        outcome(i.sparse_, v, 0.2),
        outcome(i.dirac_, T.ones(3, 2, 3), 2),
        outcome(i.kaiming_uniform_, T.ones(3, 2), mode="x"),
        outcome(i.kaiming_uniform_, T.ones(3, 2), nonlinearity="x"),
        i._calculate_fan_in_and_fan_out(T.ones(2, 3, 4, 5)),
        i._calculate_correct_fan(T.ones(2, 3), "fan_out"),
    ]
    i.trunc_normal_(v, mean=9.0)
    return out


def test_gains_and_errors():
    compare(check_gains_and_errors)


def test_orthogonal_is_orthogonal():
    w = nn.init.orthogonal_(tensorlite.empty(4, 7))
    assert tensorlite.allclose(w @ w.t(), tensorlite.eye(4), atol=1e-5)


def check_layers(T):
    nn = T.nn
    layers = [
        nn.Linear(3, 4),
        nn.Linear(3, 4, bias=False, dtype=T.float64),
        nn.Bilinear(2, 3, 4),
        nn.Embedding(5, 3, padding_idx=2),
        nn.LayerNorm((2, 3)),
        nn.LayerNorm(3, elementwise_affine=False),
        nn.PReLU(3, init=0.1),
    ]
    return [layer.state_dict() for layer in layers] + [layers[-1].weight.dtype]


def test_layers_begin_like_pytorchs():
    compare(check_layers, tol=1e-5)


def test_trunc_normal_far_out():
    w = nn.init.trunc_normal_(tensorlite.empty(2000), 0.0, 1.0, 1.5, 100.0)
    assert w.min() >= 1.5
    # The mean of a standard normal value above 1.5.
    assert abs(w.mean().item() - 1.9387) < 0.03
