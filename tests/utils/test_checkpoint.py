"""utils.checkpoint beside PyTorch's: values, gradients, random numbers, contexts, errors, memory."""

import contextlib
import gc
import weakref
from importlib import import_module

import pytest

import tensorlite
from side_by_side import compare, outcome


def checkpoint_of(T):
    return import_module(T.__name__ + ".utils.checkpoint")


def net(T):
    T.manual_seed(0)
    return T.nn.Sequential(
        T.nn.Linear(3, 5), T.nn.Tanh(), T.nn.Dropout(0.5), T.nn.Linear(5, 3), T.nn.Sigmoid()
    ).double()


def data(T, grad=True):
    return T.linspace(-1, 1, 6, dtype=T.float64).view(2, 3).requires_grad_(grad)


def check_gradients(T, reentrant, preserve):
    c = checkpoint_of(T)
    m, x = net(T), data(T)
    calls = []

    def f(x, scale):
        calls.append(T.is_grad_enabled())
        return m(x) * scale, x + 1

    T.manual_seed(1)
    y, z = c.checkpoint(f, x, 2, use_reentrant=reentrant, preserve_rng_state=preserve)
    after = T.rand(2)
    (y**2).sum().backward()
    out = [y, z, after, T.rand(2), calls]
    if preserve:
        out += [x.grad, [p.grad for p in m.parameters()]]
    return out


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("preserve", [True, False])
def test_gradients(reentrant, preserve):
    compare(check_gradients, reentrant, preserve, tol=1e-12)


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_as_without(reentrant):
    c = checkpoint_of(tensorlite)
    results = []
    for use in (False, True):
        m, x = net(tensorlite), data(tensorlite)
        tensorlite.manual_seed(1)
        y = c.checkpoint(m, x, use_reentrant=reentrant) if use else m(x)
        y = m(y)
        y.sum().backward()
        results.append([y.tolist(), x.grad.tolist(), [p.grad.tolist() for p in m.parameters()]])
    assert results[0] == results[1]


def check_sequential(T, reentrant, segments):
    c = checkpoint_of(T)
    m, x = net(T).eval(), data(T)
    y = c.checkpoint_sequential(m, segments, x, use_reentrant=reentrant)
    y.sum().backward()
    out = [y, x.grad, [p.grad for p in m.parameters()]]
    y = c.checkpoint_sequential([T.sin, T.cos, T.exp], 2, x, use_reentrant=reentrant)
    out += [y, outcome(c.checkpoint_sequential, m, 2, x, use_reentrant=reentrant, other=1)]
    return out


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_sequential(reentrant, segments):
    compare(check_sequential, reentrant, segments, tol=1e-12)


def check_without_reentrance(T):
    c = checkpoint_of(T)
    m, x = net(T).eval(), data(T)
    out = []

    def f(x, *, power=1, holder=None):
        return {"y": [m(x) ** power], "n": 3}

    # Keyword arguments, nested results, inputs=, autograd.grad, two backwards, a second derivative.
    y = c.checkpoint(f, x, use_reentrant=False, power=2)["y"][0]
    out += T.autograd.grad(y.sum(), [x, m[0].weight], retain_graph=True)
    out += T.autograd.grad(y.sum(), [x], create_graph=True)
    y.sum().backward(inputs=[x], retain_graph=True)
    y.sum().backward()
    out += [x.grad, [p.grad for p in m.parameters()]]

    def g(x):
        return (x.exp() * x.sin()).sum()

    x = data(T)
    (first,) = T.autograd.grad(c.checkpoint(g, x, use_reentrant=False), x, create_graph=True)
    out += [first, T.autograd.grad((first**2).sum(), x)]

    # Inputs without gradients, parameters within; without grad mode; in-place on the argument.
    x = data(T, grad=False)
    m.zero_grad()
    c.checkpoint(m, x, use_reentrant=False).sum().backward()
    out += [p.grad for p in m.parameters()]
    with T.no_grad():
        y = c.checkpoint(m, x, use_reentrant=False)
    out.append(y.requires_grad)
    z = data(T) * 1
    y = c.checkpoint(lambda z: z.sin() * z, z, use_reentrant=False)
    z.mul_(2)
    return [*out, outcome(y.sum().backward)]


def test_without_reentrance():
    compare(check_without_reentrance, tol=1e-12)


def check_nested(T):
    c = checkpoint_of(T)
    m, x = net(T), data(T)
    calls = []

    def inner(x):
        calls.append("inner")
        return m(x)

    def outer(x):
        calls.append("outer")
        y = c.checkpoint(inner, x.sin(), use_reentrant=False)
        return c.checkpoint(inner, y.cos(), use_reentrant=False).exp()

    T.manual_seed(3)
    y = c.checkpoint(outer, x, use_reentrant=False)
    y.sum().backward()
    return [y, x.grad, [p.grad for p in m.parameters()], calls.count("outer")]


def test_nested():
    compare(check_nested, tol=1e-12)


def check_contexts(T):
    c = checkpoint_of(T)
    log = []

    @contextlib.contextmanager
    def note(name):
        log.append("enter " + name)
        yield
        log.append("exit " + name)

    x = data(T)
    options = {"use_reentrant": False, "context_fn": lambda: (note("forward"), note("again"))}
    c.checkpoint(lambda x: x.sin().exp(), x, early_stop=False, **options).sum().backward()
    with T.no_grad():
        c.checkpoint(T.sin, x, **options)
    return log


def test_contexts():
    compare(check_contexts)


def check_early_stop(T, how):
    c = checkpoint_of(T)
    calls = []

    def f(x):
        y = x.sin().exp()
        calls.append(1)
        return y

    x = data(T)
    with contextlib.ExitStack() as stack:
        if how == "context":
            stack.enter_context(c.set_checkpoint_early_stop(False))
        y = c.checkpoint(f, x, use_reentrant=False, early_stop=how != "argument")
    y.sum().backward()
    return [len(calls), x.grad]


@pytest.mark.parametrize("how", ["default", "argument", "context"])
def test_early_stop(how):
    compare(check_early_stop, how, tol=1e-12)


def check_errors(T):
    c = checkpoint_of(T)
    x = data(T)
    out = []

    def changing(*steps, **options):
        turn = iter(steps)
        y = c.checkpoint(lambda x: next(turn)(x), x, use_reentrant=False, **options)
        try:
            y.sum().backward()
            return "fine"
        except RuntimeError as error:
            return [type(error).__name__, str(error).split("\n")[0]]

    more, less = (lambda x: x.sin().cos().exp()), (lambda x: x.exp())
    other = lambda x: x[:1].exp()
    out += [changing(less, more), changing(more, less), changing(less, other)]
    out += [changing(less, other, determinism_check="none", early_stop=False)]
    out += [changing(less, more, early_stop=False)]
    plain = data(T, grad=False)
    for call in (
        lambda: c.checkpoint(T.sin, x, use_reentrant=True, other=1),
        lambda: c.checkpoint(T.sin, x, use_reentrant=True, debug=True),
        lambda: c.checkpoint(T.sin, x, use_reentrant=True, context_fn=lambda: None),
        lambda: c.checkpoint(T.sin, x, use_reentrant=False, determinism_check="x"),
        lambda: c.checkpoint(T.sin, x, use_reentrant=False, debug=True, context_fn=abs),
        lambda: c.checkpoint(T.sin, x),
        lambda: c.checkpoint_sequential([T.sin, T.cos], 2, x),
        lambda: c.checkpoint(T.sin, plain, use_reentrant=True).requires_grad,
        lambda: c.checkpoint(lambda x: x.detach(), x, use_reentrant=True).sum().backward(),
        lambda: T.autograd.grad(c.checkpoint(T.sin, x, use_reentrant=True).sum(), x),
        lambda: c.checkpoint(T.sin, x, use_reentrant=True).sum().backward(inputs=[x]),
        lambda: c.checkpoint(T.sin, x, use_reentrant=True).sum().backward(),
        lambda: c.checkpoint(lambda x: 1 / 0, x, use_reentrant=False),
        lambda: c.detach_variable([x]),
    ):
        out.append(outcome(call))
    y = (x * 2).sin()
    out.append(c.detach_variable((y, 3))[0].requires_grad)
    return out


def test_errors():
    compare(check_errors)


@pytest.mark.parametrize("reentrant", [True, False])
def test_activations_are_not_kept(reentrant):
    c = checkpoint_of(tensorlite)
    inside = []

    def f(x):
        y = x.sin()
        z = y.exp()
        inside.append(weakref.ref(y))
        return z.cos()

    x = data(tensorlite)
    y = c.checkpoint(f, x, use_reentrant=reentrant)
    gc.collect()
    assert [r() for r in inside] == [None]
    y.sum().backward()
    expected = data(tensorlite)
    f(expected).sum().backward()
    assert x.grad.tolist() == expected.grad.tolist()
