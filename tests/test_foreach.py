"""The _foreach_ functions beside PyTorch's."""

import pytest

import tensorlite
from side_by_side import compare, outcome, torch
from tensorlite import _foreach


def lists(T, count=3, grad=False, seed=0):
    T.manual_seed(seed)
    shapes = [(2, 3), (4,), ()]
    return [(T.rand(s, dtype=T.float64) * 0.8 + 0.1).requires_grad_(grad) for s in shapes[:count]]


def test_names():
    if torch is None:
        pytest.skip("torch is not installed")
    theirs = {n for n in dir(torch) if n.startswith("_foreach")}
    assert theirs == {n for n in dir(tensorlite) if n.startswith("_foreach")} - {"_foreach"}


def check_unary(T, name):
    out = [getattr(T, "_foreach_" + name)(lists(T))]
    tensors = lists(T)
    result = getattr(T, f"_foreach_{name}_")(tensors)
    grads = lists(T, grad=True)
    sum(t.sum() for t in getattr(T, "_foreach_" + name)(grads)).backward()
    out += [tensors, len(result) == 3, type(out[0]).__name__, [t.grad for t in grads]]
    return out


@pytest.mark.parametrize("name", _foreach._UNARY)
def test_unary(name):
    compare(check_unary, name, tol=1e-12)


def check_binary(T, name):
    f, f_ = getattr(T, "_foreach_" + name), getattr(T, f"_foreach_{name}_")
    others = lists(T, seed=1)
    operands = [0.5, 2, [0.5, 0.25, 2], others]
    if name in ("add", "mul", "div"):
        operands.append(T.tensor(0.5, dtype=T.float64))
    out = []
    for other in operands:
        out.append(f(lists(T), other))
        tensors = lists(T)
        f_(tensors, other)
        out.append(tensors)
    if name in ("add", "sub"):
        out.append(f(lists(T), others, alpha=2))
        tensors = lists(T)
        f_(tensors, others, alpha=0.5)
        out += [tensors, outcome(f, lists(T), 1, alpha=2)]
    if name == "pow":
        out.append(f(2.0, lists(T)))
    grads = lists(T, grad=True)
    sum(t.sum() for t in f(grads, others)).backward()
    out += [
        [t.grad for t in grads],
        outcome(f, lists(T), [1.0]),
        outcome(f, lists(T), others[:2]),
        outcome(f, [], 1.0),
        outcome(f, 3, 1.0),
    ]
    return out


@pytest.mark.parametrize("name", _foreach._SCALED + _foreach._BINARY)
def test_binary(name):
    compare(check_binary, name, tol=1e-12)


def check_pointwise(T, name):
    f, f_ = getattr(T, "_foreach_" + name), getattr(T, f"_foreach_{name}_")
    a, b = lists(T, seed=1), lists(T, seed=2)
    out = []
    for value in (2, 0.5, [1.0, 2.0, 3.0], T.tensor([1.0, 2.0, 3.0])):
        out.append(f(lists(T), a, b, value))
        tensors = lists(T)
        f_(tensors, a, b, value)
        out.append(tensors)
    out += [
        f(lists(T), a, b),
        f(lists(T), a, b, value=3),
        f(lists(T), a, b, scalars=[1, 2, 3]),
        outcome(f, lists(T), a, b, [1.0]),
        outcome(f, lists(T), a, b, T.ones(2)),
        outcome(f, lists(T), a[:1], b),
    ]
    return out


@pytest.mark.parametrize("name", _foreach._POINTWISE)
def test_pointwise(name):
    compare(check_pointwise, name, tol=1e-12)


def check_others(T):
    a, b = lists(T), lists(T, seed=1)
    out = [T._foreach_lerp(a, b, 0.3), T._foreach_lerp(a, b, lists(T, seed=2))]
    out += [T._foreach_lerp(a, b, [0.1, 0.2, 0.3]), outcome(T._foreach_lerp, a, b, [0.1])]
    T._foreach_lerp_(a, b, 0.3)
    out.append(T._foreach_clone(a))
    T._foreach_copy_(a, b)
    out.append(T._foreach_clone(a))
    out += [T._foreach_norm(a), T._foreach_norm(a, 1), T._foreach_norm(a, ord=float("inf"))]
    out += [T._foreach_powsum(a, 3.0), T._foreach_max(a)]
    m = T.arange(4.0).view(2, 2)
    out.append(T._foreach_mm([m, m], [m, m.t()]))
    T._foreach_zero_(a)
    return [*out, a, b]


def test_others():
    compare(check_others, tol=1e-12)
