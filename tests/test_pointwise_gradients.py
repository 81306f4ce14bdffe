"""Gradients of pointwise ops beside PyTorch, at both orders."""

import numpy as np
import pytest

import tensorlite as tl
from pointwise_helpers import make

torch = pytest.importorskip("torch")

GRADIENTS = {
    **{
        n: (lambda n: lambda m, f, x, y: getattr(m, n)(x))(n)
        for n in "abs neg exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh sigmoid sinc erf erfc square sign floor "
        "frac relu deg2rad sgn angle nan_to_num reciprocal positive".split()
    },
    **{
        n + " of positive": (lambda n: lambda m, f, x, y: getattr(m, n)(x.abs() + 1.2))(n)
        for n in "log log2 log10 log1p sqrt rsqrt lgamma digamma acosh".split()
    },
    **{
        n + " of small": (lambda n: lambda m, f, x, y: getattr(m, n)(x / 8))(n)
        for n in "asin acos atanh erfinv".split()
    },
    "logit": lambda m, f, x, y: m.logit(m.sigmoid(x)),
    "logit eps": lambda m, f, x, y: m.logit(m.sigmoid(x), 0.2),
    "round decimals": lambda m, f, x, y: m.round(x, decimals=1) * x,
    "polygamma": lambda m, f, x, y: m.polygamma(1, x.abs() + 1),
    "+": lambda m, f, x, y: x + y,
    "-": lambda m, f, x, y: x - y,
    "*": lambda m, f, x, y: x * y,
    "/": lambda m, f, x, y: x / y,
    "x*x": lambda m, f, x, y: x * x,
    "x*2": lambda m, f, x, y: x * 2,
    "2/x": lambda m, f, x, y: 2 / x,
    "x/2": lambda m, f, x, y: x / 2,
    "1-x": lambda m, f, x, y: 1 - x,
    "x-1": lambda m, f, x, y: x - 1,
    "-x": lambda m, f, x, y: -x,
    "x**2": lambda m, f, x, y: x**2,
    "x**3": lambda m, f, x, y: x**3,
    "x**0": lambda m, f, x, y: x**0,
    "x**-1.5": lambda m, f, x, y: (x.abs() + 0.1) ** -1.5,
    "2**x": lambda m, f, x, y: 2**x,
    "x**y": lambda m, f, x, y: (x.abs() + 0.1) ** y,
    "0**y": lambda m, f, x, y: (x * 0) ** (y.abs() + 1),
    "x//y": lambda m, f, x, y: m.div(x, y, rounding_mode="floor") * y,
    "add alpha": lambda m, f, x, y: m.add(x, y, alpha=0.5),
    "sub alpha": lambda m, f, x, y: m.sub(x, y, alpha=0.5),
    "rsub": lambda m, f, x, y: m.rsub(x, y, alpha=2),
    "mixed dtypes": lambda m, f, x, y: x * y.float(),
    "remainder": lambda m, f, x, y: m.remainder(x, y),
    "remainder number": lambda m, f, x, y: x % 0.7,
    "fmod": lambda m, f, x, y: m.fmod(x, y),
    "fmod number": lambda m, f, x, y: m.fmod(x, 0.7),
    "atan2": lambda m, f, x, y: m.atan2(x, y),
    "maximum": lambda m, f, x, y: m.maximum(x, y),
    "maximum tie": lambda m, f, x, y: m.maximum(x, x.detach()),
    "minimum": lambda m, f, x, y: m.minimum(x, y),
    "fmax": lambda m, f, x, y: m.fmax(x, y),
    "fmin": lambda m, f, x, y: m.fmin(x, y),
    "hypot": lambda m, f, x, y: m.hypot(x, y),
    "logaddexp": lambda m, f, x, y: m.logaddexp(x, y),
    "logaddexp2": lambda m, f, x, y: m.logaddexp2(x, y),
    "xlogy": lambda m, f, x, y: m.xlogy(x, y.abs() + 0.1),
    "xlogy number": lambda m, f, x, y: m.xlogy(x, 2.5),
    "copysign": lambda m, f, x, y: m.copysign(x, y),
    "copysign number": lambda m, f, x, y: m.copysign(x, -2),
    "ldexp": lambda m, f, x, y: m.ldexp(x, y),
    "where": lambda m, f, x, y: m.where(x > 0, x, y),
    "where number": lambda m, f, x, y: m.where(x > 0, x, 1.0),
    "clamp": lambda m, f, x, y: x.clamp(-1, 1),
    "clamp min": lambda m, f, x, y: x.clamp(min=0.1),
    "clamp tensors": lambda m, f, x, y: x.clamp(y - 1, y + 1),
    "clamp crossed": lambda m, f, x, y: x.clamp(y + 1, y - 1),
    "clamp_min": lambda m, f, x, y: x.clamp_min(0.1),
    "clamp_max": lambda m, f, x, y: x.clamp_max(y),
    "lerp": lambda m, f, x, y: m.lerp(x, y, 0.3),
    "lerp tensor": lambda m, f, x, y: m.lerp(x, y, x * y),
    "addcmul": lambda m, f, x, y: m.addcmul(x, x, y, value=0.5),
    "addcdiv": lambda m, f, x, y: m.addcdiv(x, x, y, value=0.5),
    "float_power": lambda m, f, x, y: m.float_power(x.abs() + 0.1, 1.5),
    "gelu": lambda m, f, x, y: f.gelu(x),
    "gelu tanh": lambda m, f, x, y: f.gelu(x, approximate="tanh"),
    "silu": lambda m, f, x, y: f.silu(x),
    "mish": lambda m, f, x, y: f.mish(x),
    "relu6": lambda m, f, x, y: f.relu6(x),
    "elu": lambda m, f, x, y: f.elu(x, 1.5),
    "selu": lambda m, f, x, y: m.selu(x),
    "celu": lambda m, f, x, y: f.celu(x, 1.5),
    "leaky_relu": lambda m, f, x, y: f.leaky_relu(x, 0.2),
    "hardtanh": lambda m, f, x, y: f.hardtanh(x, -0.5, 0.7),
    "hardsigmoid": lambda m, f, x, y: f.hardsigmoid(x),
    "hardswish": lambda m, f, x, y: f.hardswish(x),
    "hardshrink": lambda m, f, x, y: f.hardshrink(x),
    "softshrink": lambda m, f, x, y: f.softshrink(x),
    "softplus": lambda m, f, x, y: f.softplus(x, 2.0, 3.0),
    "threshold": lambda m, f, x, y: f.threshold(x, 0.1, 2.0),
    "logsigmoid": lambda m, f, x, y: f.logsigmoid(x),
    "glu": lambda m, f, x, y: f.glu(x),
    "glu 0": lambda m, f, x, y: f.glu(x, 0),
    "prelu": lambda m, f, x, y: f.prelu(x, y[0]),
    "prelu one": lambda m, f, x, y: f.prelu(x, y[0, :1]),
    "rrelu": lambda m, f, x, y: f.rrelu(x, 0.1, 0.4),
}
IN_PLACE = {
    "exp_": lambda m, f, x, y: x.clone().exp_(),
    "sin_": lambda m, f, x, y: x.clone().sin_(),
    "sigmoid_": lambda m, f, x, y: x.clone().sigmoid_(),
    "relu_": lambda m, f, x, y: m.relu_(x.clone()),
    "neg_": lambda m, f, x, y: x.clone().neg_(),
    "sign_": lambda m, f, x, y: x.clone().sign_() * x,
    "add_": lambda m, f, x, y: x.clone().add_(y),
    "add_ alpha": lambda m, f, x, y: x.clone().add_(y, alpha=2),
    "add_ number": lambda m, f, x, y: x.clone().add_(2),
    "sub_": lambda m, f, x, y: x.clone().sub_(y, alpha=2),
    "mul_": lambda m, f, x, y: x.clone().mul_(y),
    "mul_ of a constant": lambda m, f, x, y: x.detach().clone().mul_(y),
    "mul_ number": lambda m, f, x, y: x.clone().mul_(2),
    "div_": lambda m, f, x, y: x.clone().div_(y),
    "div_ number": lambda m, f, x, y: x.clone().div_(2),
    "div_ floor": lambda m, f, x, y: x.clone().div_(y, rounding_mode="floor") * x,
    "pow_": lambda m, f, x, y: x.clone().pow_(3),
    "pow_ tensor": lambda m, f, x, y: (x.abs() + 0.1).pow_(y),
    "fmod_": lambda m, f, x, y: x.clone().fmod_(y),
    "remainder_": lambda m, f, x, y: x.clone().remainder_(y),
    "atan2_": lambda m, f, x, y: x.clone().atan2_(y),
    "hypot_": lambda m, f, x, y: x.clone().hypot_(y),
    "xlogy_": lambda m, f, x, y: x.clone().xlogy_(y.abs() + 0.1),
    "copysign_": lambda m, f, x, y: x.clone().copysign_(y),
    "clamp_": lambda m, f, x, y: x.clone().clamp_(-1, 1),
    "clamp_ tensors": lambda m, f, x, y: x.clone().clamp_(y - 1, y + 1),
    "lerp_": lambda m, f, x, y: x.clone().lerp_(y, 0.3),
    "addcmul_": lambda m, f, x, y: x.clone().addcmul_(x, y, value=0.5),
    "addcdiv_": lambda m, f, x, y: x.clone().addcdiv_(x, y),
    "elu_": lambda m, f, x, y: f.elu(x.clone(), inplace=True),
    "leaky_relu_": lambda m, f, x, y: f.leaky_relu(x.clone(), 0.2, inplace=True),
    "hardtanh_": lambda m, f, x, y: f.hardtanh(x.clone(), inplace=True),
    "silu_": lambda m, f, x, y: f.silu(x.clone(), inplace=True),
    "threshold_": lambda m, f, x, y: f.threshold(x.clone(), 0.1, 2.0, inplace=True),
    "on a view": lambda m, f, x, y: _on_view(x, lambda v: v.mul_(2).add_(1)),
    "in float32": lambda m, f, x, y: x.clone().mul_(y.float()),
}
# PyTorch saves the result where it can; with a slope that is not negative both are right.
RENAMED = {"elu_", "leaky_relu_", "threshold_"}
# PyTorch has no second derivative, or none where the slope is constant.
NO_SECOND = {"hardsigmoid"}


def _on_view(x, f):
    base = x.clone()
    f(base[1])
    return base


@pytest.mark.parametrize("name", [*GRADIENTS, *IN_PLACE])
def test_gradients(name):
    f = GRADIENTS.get(name) or IN_PLACE[name]
    x, _ = make((4, 6), "float64", 3)
    y, _ = make((4, 6), "float64", 4, low=0.3)
    seed, _ = make((4, 6), "float64", 5)
    results = []
    for m in (torch, tl):
        a, b = (m.tensor(t.numpy()).requires_grad_() for t in (x, y))
        out = f(m, m.nn.functional, a, b)
        weight = m.tensor(seed.numpy())[tuple(slice(n) for n in out.shape)].to(out.dtype)
        first = m.autograd.grad(out, [a, b], weight, create_graph=True, allow_unused=True)
        used = [g for g in first if g is not None and g.requires_grad]
        second = [None, None]
        if used and name not in NO_SECOND:
            total = sum((g.sin() * weight.sum()).sum() for g in used)
            second = m.autograd.grad(total, [a, b], allow_unused=True)
        results.append((out, first, second, out.grad_fn.name() if out.grad_fn else None))
    (out, first, second, node), (mine, my_first, my_second, my_node) = results
    np.testing.assert_allclose(mine.detach().numpy(), out.detach().numpy(), rtol=1e-7, atol=1e-7)
    if name not in RENAMED:
        assert my_node == node
    for theirs, got in zip((*first, *second), (*my_first, *my_second)):
        theirs = np.zeros(x.shape) if theirs is None else theirs.numpy(force=True)
        got = np.zeros(x.shape) if got is None else got.detach().numpy()
        np.testing.assert_allclose(got, theirs, rtol=1e-7, atol=1e-7)


def test_complex_gradients():
    x, _ = make((3, 4), "complex128", 3, low=0.3)
    y, _ = make((3, 4), "complex128", 4, low=0.3)
    r, _ = make((3, 4), "float64", 5, low=0.3)
    cases = [
        *(
            (lambda n: lambda m, a, b, c: getattr(m, n)(a))(n)
            for n in "exp log sin cos tan sqrt rsqrt tanh sigmoid abs angle sgn square reciprocal sinh cosh asin acos atan asinh acosh atanh log1p expm1 log2 log10 neg".split()
        ),
        lambda m, a, b, c: a * b,
        lambda m, a, b, c: a / b,
        lambda m, a, b, c: a + b * c,
        lambda m, a, b, c: a * c,
        lambda m, a, b, c: c / a,
        lambda m, a, b, c: a**2,
        lambda m, a, b, c: a**b,
        lambda m, a, b, c: a * (2 + 1j),
        lambda m, a, b, c: m.addcmul(a, b, c, value=0.5),
        lambda m, a, b, c: m.addcdiv(a, b, c),
        lambda m, a, b, c: m.where(c > 2, a, b),
        lambda m, a, b, c: m.lerp(a, b, 0.3),
        lambda m, a, b, c: m.add(a, b, alpha=1j),
    ]
    for f in cases:
        results = []
        for m in (torch, tl):
            a, b, c = (m.tensor(t.numpy()).requires_grad_() for t in (x, y, r))
            out = f(m, a, b, c)
            grads = m.autograd.grad(out, [a, b, c], m.ones_like(out), allow_unused=True)
            results.append([out, *grads])
        for theirs, got in zip(*results):
            assert (theirs is None) == (got is None)
            if theirs is not None:
                np.testing.assert_allclose(
                    got.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-8
                )


def test_gradients_through_broadcasts():
    for shapes in (((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3,)), ((2, 3, 4), (3, 1))):
        x, _ = make(shapes[0], "float64", 1)
        y, _ = make(shapes[1], "float64", 2, low=0.5)
        for f in (
            lambda m, a, b: a + b,
            lambda m, a, b: a * b,
            lambda m, a, b: a / b,
            lambda m, a, b: m.where(a > 0, a, b),
            lambda m, a, b: m.maximum(a, b),
            lambda m, a, b: m.atan2(a, b),
        ):
            grads = []
            for m in (torch, tl):
                a, b = (m.tensor(t.numpy()).requires_grad_() for t in (x, y))
                (f(m, a, b) ** 2).sum().backward()
                grads.append([a.grad.numpy(), b.grad.numpy()])
            np.testing.assert_allclose(grads[1][0], grads[0][0], rtol=1e-12)
            np.testing.assert_allclose(grads[1][1], grads[0][1], rtol=1e-12)


def test_logit_outside_its_domain():
    def grad(m):
        x = m.tensor([-1.0, 0.5, 2.0, 0.0, 1.0], requires_grad=True)
        m.logit(x).sum().backward()
        return x.grad.numpy()

    np.testing.assert_array_equal(grad(tl), grad(torch))
