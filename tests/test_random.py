"""Random numbers beside PyTorch's: after the same seed the same numbers, and the streams stand at
the same point afterwards."""

import copy
import pickle
import threading

import numpy as np
import pytest

import tensorlite
from side_by_side import compare, outcome

torch = pytest.importorskip("torch")

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTS = ["uint8", "int8", "int16", "int32", "int64"]
REALS = FLOATS + INTS
SIZES = [0, 1, 2, 3, 8, 15, 16, 17, 31, 33, 100, 625, 5000]


def values(t):
    """As NumPy's largest type of the kind, so that no bit is lost."""
    t = t.detach()
    return np.array(t.tolist(), dtype=complex if t.is_complex() else None)


def state(lib):
    return np.array(lib.get_rng_state().tolist(), dtype=np.uint8)


# The spare normal value, which is the result of functions: compared within their accuracy.
SPARE = slice(24 + 8 * 624 + 8, 24 + 8 * 624 + 16)


def same_stream(seed=11, tol=0.0):
    """A check for draws: `f(lib)` gives the same in both libraries, and leaves the same state."""

    def check(f):
        results = []
        for lib in (torch, tensorlite):
            lib.manual_seed(seed)
            results.append((f(lib), state(lib)))
        (a, state_a), (b, state_b) = results
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype) == str(b.dtype).replace("tensorlite", "torch")
        assert a.stride() == b.stride()
        x, y = values(a), values(b)
        if tol == 0:
            np.testing.assert_array_equal(x, y)
        else:
            np.testing.assert_allclose(x, y, rtol=tol, atol=tol)
        spare_a, spare_b = state_a[SPARE].view("f8"), state_b[SPARE].view("f8")
        np.testing.assert_allclose(spare_a, spare_b, rtol=1e-14, atol=1e-15)
        state_a[SPARE] = state_b[SPARE] = 0
        np.testing.assert_array_equal(state_a, state_b)

    return check


def dt(lib, name):
    return getattr(lib, name)


# --- factories ---


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", SIZES)
def test_rand_and_randn(n, dtype):
    same_stream()(lambda T: T.rand(n, dtype=dt(T, dtype)))
    same_stream(tol=1e-6)(lambda T: T.randn(n, dtype=dt(T, dtype)))
    # A spare normal value and an odd position are carried along.
    same_stream(tol=1e-6)(lambda T: (T.rand(3), T.randn(3), T.randn(n, dtype=dt(T, dtype)))[2])


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100])
def test_complex(n, dtype):
    same_stream()(lambda T: T.rand(n, dtype=dt(T, dtype)))
    same_stream(tol=1e-6)(lambda T: T.randn(n, dtype=dt(T, dtype)))
    same_stream(tol=1e-6)(lambda T: T.zeros(n, 2, dtype=dt(T, dtype)).t().normal_(1.0, 3.0))


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**40 + 3, 2**64 - 1, -1, -(2**63)])
def test_seeds(seed):
    same_stream(seed)(lambda T: T.rand(700))
    same_stream(seed, 1e-6)(lambda T: T.randn(5))


RANGES = [
    1,
    2,
    3,
    10,
    255,
    256,
    1000,
    2**16,
    2**28 - 1,
    2**28,
    2**28 + 1,
    2**31,
    2**32,
    2**40,
    2**62,
]


@pytest.mark.parametrize("high", RANGES)
def test_randint(high):
    for n in (0, 1, 17, 1000):
        same_stream()(lambda T: T.randint(high, (n,)))
        same_stream()(lambda T: T.randint(-high, high, (n,)))
        same_stream()(lambda T: T.randint(low=high, high=high + 7, size=(n, 2)))


@pytest.mark.parametrize("dtype", REALS)
def test_randint_dtypes(dtype):
    same_stream()(lambda T: T.randint(100, (40,), dtype=dt(T, dtype)))
    same_stream()(lambda T: T.randint(3, 7, (5, 8), dtype=dt(T, dtype)))
    same_stream()(lambda T: T.randint(2, (50,), dtype=T.bool))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 100, 1000])
def test_randperm(n):
    same_stream()(lambda T: T.randperm(n))
    for dtype in ("int16", "int32", "float32", "float64", "float16"):
        same_stream()(lambda T: T.randperm(n, dtype=dt(T, dtype)))
    same_stream()(lambda T: T.randperm(n, out=T.empty(n, 2)[:, 0]))


def test_likes():
    for make in (
        lambda T: T.ones(3, 4),
        lambda T: T.ones(5, 4).t(),
        lambda T: T.ones(3, 1).expand(3, 4),
        lambda T: T.ones(4, 6)[:, ::2],
        lambda T: T.ones(()),
        lambda T: T.ones(0, 3),
    ):
        same_stream()(lambda T: T.rand_like(make(T)))
        same_stream(tol=1e-6)(lambda T: T.randn_like(make(T)))
        same_stream()(lambda T: T.randint_like(make(T), 9))
        same_stream()(lambda T: T.randint_like(make(T), -3, 9))
        same_stream()(lambda T: T.randint_like(make(T), T.tensor(9)))
        same_stream()(lambda T: T.rand_like(make(T), dtype=T.float64))
        same_stream()(lambda T: T.rand_like(make(T), memory_format=T.contiguous_format))


def test_out():
    same_stream()(lambda T: T.rand(3, 4, out=T.empty(3, 4, dtype=T.float64)))
    same_stream()(lambda T: T.rand(3, 4, out=T.empty(4, 3).t()))
    same_stream(tol=1e-6)(lambda T: T.randn(5, 4, out=T.empty(4, 5).t()))
    same_stream(tol=1e-6)(lambda T: T.randn(5, 4, out=T.empty(2)))
    same_stream()(lambda T: T.randint(9, (3, 4), out=T.empty(4, 3).t()))
    same_stream(tol=1e-6)(lambda T: T.normal(1.0, 2.0, (5, 4), out=T.empty(4, 5).t()))
    out = tensorlite.empty(3)
    assert tensorlite.rand(3, out=out) is out


def check_keywords(T):
    g = T.Generator().manual_seed(3)
    a = T.rand(2, generator=g, requires_grad=True, device="cpu", layout=T.strided)
    b = T.randn((2,), generator=None, dtype=T.float64, pin_memory=False)
    return [
        a,
        a.requires_grad,
        a.is_leaf,
        b,
        b.requires_grad,
        T.rand(()).shape,
        T.rand(size=(2, 1)).shape,
        T.rand([2, 3]).shape,
        T.randint(5, size=(2,), generator=g),
        T.randn(2, requires_grad=True).grad_fn is None,
        T.normal(0.0, 1.0, (2,), requires_grad=True).requires_grad,
    ]


def test_keywords():
    compare(check_keywords)


# --- in place ---

LAYOUTS = {
    "plain": lambda T, d: T.zeros(5, 7, dtype=d),
    "few": lambda T, d: T.zeros(3, 4, dtype=d),
    "transposed": lambda T, d: T.zeros(7, 5, dtype=d).t(),
    "columns": lambda T, d: T.zeros(6, 8, dtype=d)[:, 1:7:2],
    "part": lambda T, d: T.zeros(60, dtype=d)[7:40],
    "permuted": lambda T, d: T.zeros(3, 4, 5, dtype=d).permute(2, 0, 1)[:, 1:],
    "many": lambda T, d: T.zeros(40, 40, dtype=d)[:, ::2],
    "empty": lambda T, d: T.zeros(0, 3, dtype=d),
    "0-d": lambda T, d: T.zeros((), dtype=d),
}
FLOAT_DRAWS = {
    "uniform": (0, lambda t: t.uniform_()),
    "uniform_ab": (0, lambda t: t.uniform_(-1.37, 2.71)),
    "uniform_57": (0, lambda t: t.uniform_(5, 7)),
    "uniform_11": (0, lambda t: t.uniform_(1, 1)),
    "normal": (1e-6, lambda t: t.normal_()),
    "normal_ms": (1e-6, lambda t: t.normal_(-1.5, 2.5)),
    "normal_0": (0, lambda t: t.normal_(2, 0)),
    "exponential": (1e-6, lambda t: t.exponential_()),
    "exponential_l": (1e-6, lambda t: t.exponential_(1.7)),
    "cauchy": (1e-5, lambda t: t.cauchy_(0.3, 1.2)),
    "log_normal": (1e-6, lambda t: t.log_normal_(0.3, 0.8)),
}
DRAWS = {
    "random": lambda t: t.random_(),
    "random_to": lambda t: t.random_(100),
    "random_from_to": lambda t: t.random_(3, 90),
    "bernoulli": lambda t: t.bernoulli_(),
    "bernoulli_p": lambda t: t.bernoulli_(0.3),
    "geometric": lambda t: t.geometric_(0.3),
}


def draw(make, call, dtype):
    """The whole memory is compared, and not only the view."""

    def run(T):
        t = make(T, dt(T, dtype))
        assert call(t) is t
        base = t._base
        return t if base is None else base

    return run


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_inplace_floats(layout, dtype):
    for tol, call in FLOAT_DRAWS.values():
        same_stream(tol=tol)(draw(LAYOUTS[layout], call, dtype))


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_inplace_reals(layout, dtype):
    for call in DRAWS.values():
        same_stream()(draw(LAYOUTS[layout], call, dtype))


def test_inplace_bools():
    for make in LAYOUTS.values():
        for call in (lambda t: t.random_(), lambda t: t.bernoulli_(0.6), lambda t: t.random_(0, 2)):
            same_stream()(draw(make, call, "bool"))


def test_uniform_at_the_end_of_its_range():
    # What rounds up to the end becomes the beginning.
    same_stream()(lambda T: T.empty(4000).uniform_(1, 1 + 2**-22))
    same_stream()(lambda T: T.empty(4000, dtype=T.float64).uniform_(1, 1 + 2**-51))
    same_stream()(lambda T: T.rand(20000, dtype=T.bfloat16))
    same_stream()(lambda T: T.rand(40000, dtype=T.float16))
    same_stream()(lambda T: T.empty(100).uniform_(-1e38, 1e38))


BOUNDS = [
    (0, 2**8 + 100),
    (-(2**8) - 77, 2**9 + 3),
    (2**11 - 3, 2**12 + 5),
    (2**24, 2**24 + 2**10),
    (2**24 + 1, 2**25 - 1),
    (-(2**25) - 1, -(2**24) - 1),
    (2**53 + 1, 2**53 + 999),
    (-(2**40), 2**40 + 1),
    (-(2**63), 2**63 - 1),
    (5, None),
    (-5, None),
    (2**24 + 1, None),
    (2**60, None),
    (-(2**63), None),
]


@pytest.mark.parametrize("dtype", REALS)
def test_random_bounds(dtype):
    def check(T):
        out = []
        for low, high in BOUNDS:
            t = T.zeros(20, dtype=dt(T, dtype))
            out.append(outcome(t.random_, low, high))
            if high is not None and low < 0:
                out.append(outcome(t.random_, high))
            out.append(T.rand(()))
        return out

    compare(check, warns=False, tol=0)


def test_random_warns_of_integers_that_floats_skip():
    def check(T):
        T.zeros(2).random_(2**24 + 9, 2**25)
        T.randint(2**30, (2,), dtype=T.float32)

    with pytest.warns(UserWarning, match="out of bounds"):
        check(tensorlite)


# --- from tensors ---


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_of_tensors(dtype):
    def p(T):
        return T.linspace(0, 1, 60, dtype=T.float64).to(dt(T, dtype)).reshape(6, 10)

    same_stream()(lambda T: T.bernoulli(p(T)))
    same_stream()(lambda T: T.bernoulli(p(T).t()))
    same_stream()(lambda T: T.bernoulli(p(T)[:, ::3]))
    same_stream()(lambda T: T.bernoulli(p(T), 0.25))
    same_stream()(lambda T: p(T).bernoulli(0.25))
    same_stream()(lambda T: T.bernoulli(p(T), out=T.empty(0, dtype=T.int32)))
    for other in ["bool", *REALS]:
        same_stream()(lambda T: T.zeros(6, 10, dtype=dt(T, other)).bernoulli_(p(T)))
        same_stream()(lambda T: T.zeros(10, 6, dtype=dt(T, other)).t().bernoulli_(p(T)[0]))
    same_stream()(lambda T: T.zeros(3, 4).bernoulli_(T.tensor(0.3, dtype=dt(T, dtype))))


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_of_tensors(dtype):
    tol = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-6)

    def make(T, *shape):
        n = int(np.prod(shape))
        return (T.arange(n, dtype=T.float64) / (n + 1)).to(dt(T, dtype)).reshape(shape)

    for shape in ((3,), (5, 4), (0, 2), ()):
        check = same_stream(tol=tol)
        check(lambda T: T.normal(make(T, *shape), make(T, *shape)))
        check(lambda T: T.normal(make(T, *shape), 2.0))
        check(lambda T: T.normal(make(T, *shape)))
        check(lambda T: T.normal(1.5, make(T, *shape)))
        check(lambda T: T.normal(1.5, 0.5, shape, dtype=dt(T, dtype)))
    check(lambda T: T.normal(make(T, 3, 1), make(T, 4)))
    check(lambda T: T.normal(make(T, 4, 5).t(), make(T, 5, 4)))
    check(lambda T: T.normal(make(T, 4, 5).t(), make(T, 5, 4), out=T.empty(4, 5).t()))
    check(lambda T: T.normal(make(T, 4, 5), make(T, 4, 5).double()))


@pytest.mark.parametrize("dtype", FLOATS)
def test_poisson(dtype):
    def rates(T):
        r = T.tensor([0.0, 0.01, 0.5, 3.0, 9.9, 10.0, 10.1, 25.0, 100.0, 1000.0], dtype=T.float64)
        return r.to(dt(T, dtype)).repeat(8, 1)

    same_stream()(lambda T: T.poisson(rates(T)))
    same_stream()(lambda T: T.poisson(rates(T).t()))
    same_stream()(lambda T: T.poisson(rates(T)[:0]))
    same_stream()(lambda T: T.poisson(rates(T)[0], T.Generator().manual_seed(5)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial(dtype):
    def weights(T, *shape):
        n = int(np.prod(shape))
        w = [(i * 7 % 11 + (i % 3 > 0)) / 8 for i in range(n)]
        return T.tensor(w, dtype=dt(T, dtype)).reshape(shape)

    for shape in ((4,), (3, 5), (2, 300)):
        same_stream()(lambda T: T.multinomial(weights(T, *shape), 40, True))
        same_stream()(lambda T: T.multinomial(weights(T, *shape), 1))
        same_stream()(lambda T: T.multinomial(weights(T, *shape), 1, True))
    if dtype in ("float32", "float64"):  # halves have ties, which PyTorch breaks at will
        for shape in ((4,), (3, 5), (2, 300)):
            same_stream()(lambda T: T.multinomial(weights(T, *shape), 2))
            same_stream()(lambda T: weights(T, *shape).multinomial(3, replacement=False))
    same_stream()(lambda T: T.multinomial(weights(T, 5, 3).t(), 2))
    same_stream()(lambda T: T.multinomial(weights(T, 0, 3), 2))
    same_stream()(lambda T: T.multinomial(weights(T, 4), 2, out=T.empty(0, dtype=T.int64)))


# --- dropout ---

DROPOUTS = ["dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout(name, dtype):
    tol = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-6)

    def x(T):
        return (T.arange(60, dtype=T.float64) / 7 - 4).to(dt(T, dtype)).reshape(3, 5, 4)

    check = same_stream(tol=tol)
    for p in (0.0, 0.2, 0.5, 1.0):
        check(lambda T: getattr(T, name)(x(T), p, True))
        check(lambda T: getattr(T, name)(x(T).transpose(0, 2), p, True))
        check(lambda T: getattr(T, name)(x(T)[:, :0], p, True))
        check(lambda T: getattr(T, name)(x(T), p, False))
        check(lambda T: getattr(T, name + "_")(x(T), p, True))
    if "feature" not in name:
        check(lambda T: getattr(T, name)(x(T)[0, 0, 0], 0.5, True))
        check(lambda T: getattr(T, name)(x(T)[:, :1].expand(3, 5, 4), 0.5, True))


def check_dropout_gradients(T, name):
    out = []
    for p in (0.0, 0.4, 1.0):
        x = (T.arange(60, dtype=T.float64) / 7 - 4).reshape(3, 5, 4).requires_grad_()
        for y in (getattr(T, name)(x, p, True), getattr(T, name + "_")(x * 2, p, True)):
            out += [y, y.grad_fn.name() if y.grad_fn is not None else None, y is x]
            g = T.autograd.grad((y * y).sum(), x, create_graph=True)[0]
            out += [g, T.autograd.grad((g * g).sum(), x)[0]]
    return out


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_gradients(name):
    compare(check_dropout_gradients, name, tol=1e-9)


def check_native_dropout(T):
    out = []
    for p, train in ((0.3, True), (0.3, False), (0.0, True), (1.0, True)):
        x = (T.arange(60, dtype=T.float64) / 7 - 4).reshape(15, 4).requires_grad_()
        y, mask = T.native_dropout(x, p, train)
        out += [y, mask, y.grad_fn.name(), mask.requires_grad]
        g = T.autograd.grad((y * y).sum(), x, create_graph=True)[0]
        out += [g, T.autograd.grad((g * g).sum(), x)[0]]
    return out


def test_native_dropout():
    compare(check_native_dropout, tol=1e-9)


# --- gradients ---


def check_gradients(T):
    out = []

    def look(y, *xs):
        out.extend([y.requires_grad, y.grad_fn.name(), y._version])
        out.extend(T.autograd.grad(y.sum(), xs, allow_unused=True))

    def fresh(*shape, dtype=None):
        x = T.full(shape or (3, 2), 0.5, dtype=dtype).requires_grad_()
        return x, x * 1

    for f in (
        lambda y: y.uniform_(),
        lambda y: y.normal_(),
        lambda y: y.random_(),
        lambda y: y.random_(5),
        lambda y: y.random_(2, 5),
        lambda y: y.random_(2, None),
        lambda y: y.bernoulli_(),
        lambda y: y.bernoulli_(T.full((3, 2), 0.3)),
        lambda y: y.exponential_(),
        lambda y: y.geometric_(0.5),
        lambda y: y.cauchy_(),
        lambda y: y.log_normal_(),
        lambda y: T.bernoulli(y),
        lambda y: T.poisson(y),
        lambda y: T.normal(y),
        lambda y: T.normal(y, 2.0),
        lambda y: T.normal(0.0, y),
    ):
        x, y = fresh()
        result = f(y)
        out.extend([result.requires_grad, result.grad_fn.name()])
        out.append(T.autograd.grad(result.sum(), x)[0])
    x, y = fresh(3, 1)
    x2, y2 = fresh(4)
    r = T.normal(y, y2)
    out.extend([r.grad_fn.name(), *T.autograd.grad(r.sum(), (x, x2))])
    x, y = fresh(4)
    z = T.zeros(3, 4).bernoulli_(y)
    out.extend([z.grad_fn.name(), T.autograd.grad(z.sum(), x)[0]])
    x, y = fresh()
    z = T.bernoulli(y, 0.3)
    out.extend([z.requires_grad, z.grad_fn.name(), outcome(z.sum().backward)])
    out.extend([T.multinomial(y, 2).requires_grad, T.rand_like(y).requires_grad])
    # A view takes its base along.
    x, y = fresh()
    y[0].normal_()
    out.extend([y.grad_fn.name(), T.autograd.grad(y.sum(), x)[0]])
    return out


def test_gradients():
    compare(check_gradients, tol=1e-6, warns=False)


# --- errors ---


def check_errors(T):
    nan, inf = float("nan"), float("inf")
    one, whole, cplx = T.ones(3), T.ones(3, dtype=T.int64), T.ones(3, dtype=T.complex64)
    leaf = T.ones(3, requires_grad=True)
    wide = T.ones(3, 1).expand(3, 4)
    calls = []
    for t in (one, whole, cplx, wide, leaf, T.ones(3, dtype=T.bool)):
        calls += [
            (t.uniform_, 2, 1),
            (t.uniform_, nan, 1),
            (t.uniform_, 0, inf),
            (t.uniform_, -3e38, 3e38),
            (t.uniform_,),
            (t.normal_, 0, -1),
            (t.normal_, 0, nan),
            (t.normal_,),
            (t.bernoulli_, 1.5),
            (t.bernoulli_, -0.1),
            (t.bernoulli_, nan),
            (t.bernoulli_,),
            (t.bernoulli_, T.full((3,), 2.0)),
            (t.bernoulli_, T.full((3,), nan)),
            (t.bernoulli_, whole),
            (t.bernoulli_, T.ones(2)),
            (t.exponential_, 0),
            (t.exponential_, -1),
            (t.exponential_,),
            (t.geometric_, 0),
            (t.geometric_, 1),
            (t.geometric_, 0.5),
            (t.geometric_,),
            (t.cauchy_, 0, 0),
            (t.cauchy_,),
            (t.log_normal_, 0, 0),
            (t.log_normal_,),
            (t.random_, 0),
            (t.random_, 7, 3),
            (t.random_, 2.5),
            (t.random_, "a"),
            (t.random_,),
            (T.bernoulli, t),
            (T.bernoulli, t * 2),
            (T.bernoulli, t, 1.5),
            (T.poisson, t * -1),
            (T.poisson, t * nan),
            (T.multinomial, t, 0),
            (T.multinomial, t, -1),
            (T.multinomial, t, 4),
            (T.multinomial, t * -1, 2),
            (T.multinomial, t * -1, 2, True),
            (T.multinomial, t * 0, 2),
            (T.multinomial, t * 0, 2, True),
            (T.multinomial, t * nan, 2, True),
            (T.multinomial, t * inf, 2),
            (T.dropout, t, 1.5, True),
            (T.dropout, t, nan, False),
            (T.dropout_, t, 0.5, True),
            (T.feature_dropout, t[:, None], 0.5, True),
            (T.alpha_dropout, t, -0.1, True),
        ]
    calls += [
        (T.rand,),
        (T.rand, None),
        (T.rand, "a"),
        (T.rand, 2.0),
        (T.rand, -1),
        (T.rand, (2, -1)),
        (T.rand, 2**62),
        (T.rand, 2**40, 2**40),
        (T.randint, 3),
        (T.randint, 0, (3,)),
        (T.randint, 3.5, (3,)),
        (T.randint, 3, None),
        (T.randint, nan, (3,)),
        (T.randint, 5, 3, (2,)),
        (T.randint, 2, (-3,)),
        (T.randint, 2**64, (3,)),
        (T.randperm, -1),
        (T.randperm, 2.0),
        (T.randperm, None),
        (T.randint_like, one, 0),
        (T.randint_like, one, T.tensor([4])),
        (T.rand_like, whole),
        (T.randn_like, whole),
        (T.normal, one, -1.0),
        (T.normal, one, -one),
        (T.normal, 0.0, one * nan),
        (T.normal, 0.0, cplx),
        (T.normal, whole),
        (T.normal, 0.0, -1.0, (2,)),
        (T.normal, 0.0, 1.0),
        (T.normal, T.ones(3), T.ones(4)),
        (T.multinomial, T.tensor(1.0), 1),
        (T.multinomial, T.ones(2, 3, 4), 1),
        (T.multinomial, T.ones(0), 1),
        (T.multinomial, T.ones(0), 1, True),
        (T.feature_dropout, one, 0.5, True),
        (T.feature_alpha_dropout, one, 0.5, True),
    ]
    out = []
    for f, *args in calls:
        got = outcome(f, *args)
        what = [a if isinstance(a, (int, float, str)) else type(a).__name__ for a in args]
        out.append([f.__name__, *what, got if isinstance(got, str) else "passes"])
    for f, kwargs in (
        (T.rand, {"dtype": T.int64}),
        (T.randn, {"dtype": T.bool}),
        (T.rand, {"dtype": "float"}),
        (T.rand, {"generator": 3}),
        (T.rand, {"out": T.empty(3, dtype=T.float64), "dtype": T.float32}),
        (T.rand, {"out": T.empty(3, requires_grad=True)}),
        (T.rand, {"out": T.empty(1).expand(3)}),
        (T.rand, {"out": T.empty(3, dtype=T.int64)}),
        (T.rand, {"layout": T.sparse_coo}),
        (T.rand, {"pin_memory": True}),
        (T.rand, {"nothing": 1}),
        (T.rand, {"requires_grad": 3}),
        (lambda n, **k: T.randint(300, (n,), **k), {"dtype": T.uint8}),
        (lambda n, **k: T.randint(3, (n,), **k), {"dtype": T.complex64}),
        (lambda n, **k: T.randint(3, (n,), **k), {"requires_grad": True}),
        (lambda n, **k: T.randperm(400, **k), {"dtype": T.uint8}),
        (lambda n, **k: T.randperm(3000, **k), {"dtype": T.float16}),
        (lambda n, **k: T.randperm(3, **k), {"dtype": T.bool}),
        (lambda n, **k: T.multinomial(T.ones(3), 2, **k), {"out": T.empty(2)}),
    ):
        got = outcome(f, 3, **kwargs)
        out.append(got if isinstance(got, str) else "passes")
    return out


def test_errors():
    compare(check_errors, warns=False, tol=10)


def test_failed_draws_take_nothing_from_the_stream():
    tensorlite.manual_seed(0)
    before = state(tensorlite)
    t = tensorlite.ones(3)
    for call in (
        lambda: t.bernoulli_(tensorlite.tensor([0.5, 0.5, 2.0])),
        lambda: tensorlite.poisson(tensorlite.tensor([1.0, -1.0])),
        lambda: tensorlite.normal(t, -t),
        lambda: tensorlite.multinomial(-t, 2),
        lambda: t.uniform_(2, 1),
        lambda: tensorlite.rand(-1),
    ):
        with pytest.raises(RuntimeError):
            call()
    np.testing.assert_array_equal(before, state(tensorlite))
    assert t.tolist() == [1, 1, 1]


# --- generators ---


def check_generator(T):
    g = T.Generator()
    out = [g.initial_seed(), str(g.device), g.manual_seed(5) is g, g.initial_seed()]
    T.randn(3, generator=g)
    s = g.get_state()
    out += [s.dtype, s.shape, T.rand(3, generator=g), T.randn(1, generator=g)]
    g.set_state(s)
    out += [T.rand(3, generator=g), T.randn(1, generator=g)]
    c = g.clone_state()
    out += [T.randn(3, generator=g), T.randn(3, generator=c), c is g]
    for other in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        out += [other.initial_seed(), T.randn(5, generator=other)]
    out.append(T.randn(5, generator=g))
    T.manual_seed(3)
    out += [T.initial_seed(), T.default_generator.initial_seed(), T.rand(1)]
    out += [T.rand(1, generator=T.default_generator), T.get_rng_state().shape]
    s = T.get_rng_state()
    a = T.rand(2)
    T.set_rng_state(s)
    out += [a, T.rand(2), T.random.get_rng_state().dtype]
    with T.random.fork_rng():
        out.append(T.rand(2))
    out.append(T.rand(2))
    with T.random.fork_rng(enabled=False):
        out.append(T.rand(2))
    out.append(T.rand(2))
    with T.random.fork_rng(devices=[]):
        T.manual_seed(1)
    out.append(T.initial_seed())
    for seed in (-1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 1.5, True, None, "a", 2**70):
        out += [outcome(lambda s: T.Generator().manual_seed(s).initial_seed(), seed)]
        out += [outcome(lambda s: T.manual_seed(s).initial_seed(), seed)]
    out += [T.manual_seed(T.tensor(4)).initial_seed()]
    for bad in (T.zeros(10, dtype=T.uint8), T.zeros(5056), T.zeros(5056, dtype=T.uint8), 3, None):
        out.append(outcome(g.set_state, bad))
    out += [outcome(g.get_offset), outcome(g.set_offset, 3), outcome(T.Generator, "meta")]
    out += [T.rand(2, generator=g), T.Generator("cpu").initial_seed()]
    out += [T.Generator(device=T.device("cpu")).initial_seed()]
    return out


def test_generator():
    compare(check_generator, warns=False)


def test_seed_draws_from_the_system():
    g = tensorlite.Generator()
    a, b = g.seed(), g.seed()
    assert a != b
    assert g.initial_seed() == b
    assert tensorlite.seed() == tensorlite.initial_seed()


@pytest.mark.parametrize("used", [0, 1, 623, 624, 625])
def test_states_are_exchanged(used):
    """A state of PyTorch's is one of ours, and the other way round."""
    theirs, ours = torch.Generator().manual_seed(9), tensorlite.Generator()
    torch.empty(used, dtype=torch.int32).random_(generator=theirs)
    torch.randn(3, generator=theirs)
    ours.set_state(tensorlite.from_numpy(theirs.get_state().numpy()))
    np.testing.assert_array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
    a, b = torch.randn(7, generator=theirs), tensorlite.randn(7, generator=ours)
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    theirs.set_state(torch.from_numpy(ours.get_state().numpy()))
    a, b = torch.rand(700, generator=theirs), tensorlite.rand(700, generator=ours)
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_generator_is_a_type():
    class Mine(tensorlite.Generator):
        pass

    g = Mine().manual_seed(3)
    g.name = "mine"
    assert (
        tensorlite.rand(1, generator=g).item()
        == tensorlite.rand(1, generator=tensorlite.Generator().manual_seed(3)).item()
    )
    with pytest.raises(AttributeError):
        tensorlite.Generator().name = 1


def test_threads_share_a_generator():
    """Draws of several threads never mix within a tensor: together they are the one stream."""
    n, rounds, workers = 50_000, 6, 3
    g = tensorlite.Generator().manual_seed(1)
    results = []

    def work():
        for _ in range(rounds):
            results.append(tensorlite.rand(n, generator=g).numpy())

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    g.manual_seed(1)
    expected = [tensorlite.rand(n, generator=g).numpy() for _ in range(rounds * workers)]
    assert sorted(r.tobytes() for r in results) == sorted(e.tobytes() for e in expected)


def test_same_numbers_for_any_number_of_threads():
    def draw():
        tensorlite.manual_seed(0)
        return [
            tensorlite.rand(200_000).numpy(),
            tensorlite.randn(200_000).numpy(),
            tensorlite.dropout(tensorlite.ones(200_000), 0.3, True).numpy(),
            tensorlite.randperm(200_000).numpy(),
        ]

    before = tensorlite.get_num_threads()
    try:
        tensorlite.set_num_threads(1)
        one = draw()
        tensorlite.set_num_threads(4)
        four = draw()
    finally:
        tensorlite.set_num_threads(before)
    for a, b in zip(one, four):
        np.testing.assert_array_equal(a, b)


def test_moments():
    """That the numbers are what they are called, without PyTorch's word for it."""
    tensorlite.manual_seed(0)
    x = tensorlite.randn(200_000).numpy()
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    x = tensorlite.empty(200_000).exponential_(2.0).numpy()
    assert abs(x.mean() - 0.5) < 0.01
    x = tensorlite.dropout(tensorlite.ones(200_000), 0.25, True).numpy()
    assert abs(x.mean() - 1) < 0.01
    assert set(np.unique(x)) == {np.float32(0), np.float32(1 / 0.75)}
