"""Pointwise ops beside PyTorch: values, dtypes, strides, errors."""

import math
import warnings

import numpy as np
import pytest

import tensorlite as tl
from pointwise_helpers import (
    ALL,
    COMPLEX,
    array,
    both,
    make,
    ours,
    same,
)

torch = pytest.importorskip("torch")

# --- one operand ------------------------------------------------------------------------------------

UNARY = (
    "abs absolute neg negative sign sgn signbit square reciprocal sqrt rsqrt exp exp2 expm1 log log2 log10 "
    "log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh arcsin arccos arctan arcsinh arccosh "
    "arctanh sigmoid logit sinc erf erfc erfinv lgamma digamma floor ceil trunc fix round frac isnan isinf "
    "isfinite isposinf isneginf isreal logical_not bitwise_not angle deg2rad rad2deg relu nan_to_num positive "
    "conj_physical"
).split()
# PyTorch's own errors here are larger than the usual tolerance.
LOOSE = {"digamma", "lgamma", "erfinv", "sinc", "logit", "tan", "acosh", "log2", "log10", "sinh"}


@pytest.mark.parametrize("name", UNARY)
def test_unary_dtypes(name):
    for dtype in ALL:
        # Logarithms and roots of complex numbers are compared away from their cuts.
        x, y = make((3, 7), dtype, low=0.1 if dtype in COMPLEX else -4.0)
        tolerance = 2e-2 if "float16" in dtype else 2e-5 if name in LOOSE else None
        both(lambda m, t: getattr(m, name)(t), [x], [y], tolerance)
        both(lambda m, t: getattr(t, name)(), [x], [y], tolerance)
        if hasattr(torch.Tensor, name + "_"):
            both(lambda m, t: getattr(t.clone(), name + "_")(), [x], [y], tolerance)


@pytest.mark.parametrize("name", UNARY)
def test_unary_special_values(name):
    values = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.5,
        math.inf,
        -math.inf,
        math.nan,
        1e-40,
        3e38,
        -3e38,
        1e7,
        0.1,
    ]
    for dtype in ("float32", "float64"):
        x = torch.tensor(values, dtype=getattr(torch, dtype))
        if name in ("sin", "cos", "tan", "sinc") and dtype == "float32":
            x = x[x.abs() != 3e38]  # PyTorch's vector code is inexact there
        expected, got = both(
            lambda m, t: getattr(m, name)(t), [x], [ours(x)], 1e-4 if name in LOOSE else None
        )
        if (
            expected is not None
            and expected.dtype.is_floating_point
            and name not in ("frac", "erfinv")
        ):
            zeros = array(expected) == 0
            assert (np.signbit(array(expected))[zeros] == np.signbit(array(got))[zeros]).all()


LAYOUTS = {
    "contiguous": lambda t: t,
    "transposed": lambda t: t.transpose(0, 1),
    "sliced": lambda t: t[:, ::2],
    "row of a wide one": lambda t: t[1:, 1:-1],
    "expanded": lambda t: t[:1].expand(5, t.shape[1]),
    "empty": lambda t: t[:0],
    "0-d": lambda t: t[0, 0],
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "complex64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, dtype):
    view = LAYOUTS[layout]
    for shape in ((4, 9), (40, 70), (300, 3)):
        x, y = make(shape, dtype)
        for f in (
            lambda m, t: -t,
            lambda m, t: t * 2,
            lambda m, t: m.square(t),
            lambda m, t: t == t,
        ):
            expected, got = both(f, [view(x)], [view(y)])
            assert expected.stride() == got.stride()


# --- two operands -----------------------------------------------------------------------------------

OPERATORS = {
    "+": lambda m, a, b: a + b,
    "-": lambda m, a, b: a - b,
    "*": lambda m, a, b: a * b,
    "/": lambda m, a, b: a / b,
    "//": lambda m, a, b: a // b,
    "%": lambda m, a, b: a % b,
    "**": lambda m, a, b: a**b,
    "&": lambda m, a, b: a & b,
    "|": lambda m, a, b: a | b,
    "^": lambda m, a, b: a ^ b,
    "<<": lambda m, a, b: a << b,
    ">>": lambda m, a, b: a >> b,
    "==": lambda m, a, b: a == b,
    "!=": lambda m, a, b: a != b,
    "<": lambda m, a, b: a < b,
    "<=": lambda m, a, b: a <= b,
    ">": lambda m, a, b: a > b,
    ">=": lambda m, a, b: a >= b,
}
FUNCTIONS = (
    "add sub mul div true_divide floor_divide remainder fmod pow atan2 maximum minimum fmax fmin hypot "
    "logaddexp logaddexp2 xlogy copysign ldexp logical_and logical_or logical_xor bitwise_and bitwise_or "
    "bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm eq ne lt le gt ge greater less_equal not_equal "
    "subtract multiply divide float_power arctan2 rsub"
).split()


def positive(t):
    return t.abs() + 1 if t.dtype not in (torch.bool, tl.bool) else t | True


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_promote(op):
    f = OPERATORS[op]
    for first in ALL:
        for second in ALL:
            if (
                "**" in op
                and (first in COMPLEX or second in COMPLEX)
                and "float16" in first + second
            ):
                continue
            x, y = make((2, 5), first, 1)
            v, w = make((2, 5), second, 2)
            # Divisors and exponents that every dtype has.
            v, w = positive(v), positive(w)
            # float16 results of PyTorch's complex kernels are rounded more than once.
            tolerance = 2e-2 if "float16" in first + second else 1e-4 if op in ("**", "%") else None
            both(f, [x, v], [y, w], tolerance)


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_with_numbers(op):
    f = OPERATORS[op]
    for dtype in ALL:
        x, y = make((3, 4), dtype, 1)
        for number in (2, 3.0, True, 2 + 1j):
            if isinstance(number, complex) and dtype == "float16":
                continue  # complex32, which tensorlite has not
            if (
                op == "**"
                and isinstance(number, complex)
                and dtype not in ("complex128", "float64")
            ):
                continue
            tolerance = 2e-2 if "float16" in dtype else 1e-5 if op in ("**", "%") else None
            both(lambda m, t: f(m, t, number), [x], [y], tolerance)
            if op != "**" or dtype not in ("bool", "uint8", "int8", "int16", "int32"):
                both(lambda m, t: f(m, number, t), [positive(x)], [positive(y)], tolerance)
        zero = torch.tensor(3.0, dtype=torch.float64), tl.tensor(3.0, dtype=tl.float64)
        both(f, [x, zero[0]], [y, zero[1]], 2e-2 if "float16" in dtype else 1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_two(name):
    for dtype in ("float32", "float64", "bfloat16", "int64", "uint8", "bool", "complex64"):
        x, y = make((3, 1, 4), dtype, 1)
        v, w = make((5, 4), dtype, 2)
        v, w = positive(v), positive(w)
        tolerance = (
            3e-2
            if dtype == "bfloat16"
            else 1e-4
            if name in ("pow", "remainder", "fmod", "float_power")
            else None
        )
        both(lambda m, a, b: getattr(m, name)(a, b), [x, v], [y, w], tolerance)
        if hasattr(torch.Tensor, name + "_"):
            both(
                lambda m, a, b: getattr(a.clone(), name + "_")(b),
                [x[:, 0], v[0]],
                [y[:, 0], w[0]],
                tolerance,
            )
            # A result that is larger than self, and one of another kind.
            both(lambda m, a, b: getattr(a.clone(), name + "_")(b), [x[:, 0], v], [y[:, 0], w])
            both(
                lambda m, a, b: getattr(a.clone(), name + "_")(b),
                [x, v[0].double()],
                [y, w[0].double()],
                tolerance or 1e-5,
            )


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (4,)),
        ((3, 1), (1, 4)),
        ((2, 1, 3), (4, 1)),
        ((), (3,)),
        ((0, 3), (1, 3)),
        ((70, 5), (70, 1)),
    ],
)
def test_broadcast(shapes):
    x, y = make(shapes[0], "float32", 1)
    v, w = make(shapes[1], "float32", 2)
    for f in (
        lambda m, a, b: a + b,
        lambda m, a, b: b - a,
        lambda m, a, b: m.where(a > 0, a, b),
        lambda m, a, b: m.maximum(a, b),
    ):
        expected, got = both(f, [x, v], [y, w])
        assert expected.stride() == got.stride()
    for view in (
        lambda t: t.transpose(0, -1) if t.dim() else t,
        lambda t: t.flip(0) if t.dim() else t,
    ):
        both(lambda m, a, b: view(a * b) + (a * b).sum(), [x, v], [y, w])


def test_memory_order_of_results():
    a, b = make((4, 6, 5), "float32")
    c, d = make((5, 6, 4), "float32")
    cases = [
        lambda m, x, y: x.permute(2, 0, 1) + 1,
        lambda m, x, y: x.permute(2, 1, 0) + y,
        lambda m, x, y: y + x.permute(2, 1, 0),
        lambda m, x, y: x[:, ::2].permute(1, 2, 0) * 2,
        lambda m, x, y: x[:1].permute(2, 1, 0) + y,
        lambda m, x, y: x.permute(2, 1, 0) + y[0, 0],
        lambda m, x, y: m.where(x.permute(2, 1, 0) > 0, y, x.permute(2, 1, 0)),
        lambda m, x, y: x.expand(3, 4, 6, 5).permute(3, 1, 0, 2) + 1,
        lambda m, x, y: x[:, :1].permute(2, 1, 0) * 3,
    ]
    for f in cases:
        expected, got = both(f, [a, c], [b, d])
        assert expected.stride() == got.stride()


def test_integer_arithmetic():
    low, high = -(2**63), 2**63 - 1
    x = torch.tensor([low, high, -7, 7, 0, 1, -1])
    y = tl.tensor(x.numpy())
    for f in (
        lambda m, t: t + t,
        lambda m, t: t * 3,
        lambda m, t: -t,
        lambda m, t: abs(t),
        lambda m, t: t // -1,
        lambda m, t: t % -1,
        lambda m, t: t // 2,
        lambda m, t: t % 3,
        lambda m, t: t // -3,
        lambda m, t: t % -3,
        lambda m, t: m.fmod(t, -3),
        lambda m, t: m.div(t, -3, rounding_mode="trunc"),
        lambda m, t: t << 65,
        lambda m, t: t >> 65,
        lambda m, t: t << 1,
        lambda m, t: t >> 1,
        lambda m, t: t**2,
        lambda m, t: t**3,
        lambda m, t: t**0,
        lambda m, t: m.gcd(t, t),
        lambda m, t: t // 0,
        lambda m, t: t % 0,
        lambda m, t: m.fmod(t, 0),
        lambda m, t: t / 0,
        lambda m, t: t**-1,
        lambda m, t: t ** m.tensor([-1]),
        lambda m, t: t.to(m.int8) + 300,
        lambda m, t: t.to(m.uint8) - 1,
        lambda m, t: t.to(m.int8) == 300 - 1,
        lambda m, t: t.to(m.int32) * 2**31,
        lambda m, t: t.to(m.int16) << 15,
        lambda m, t: ~t.to(m.uint8),
        lambda m, t: t.clone().add_(1.5),
        lambda m, t: t.clone().div_(2),
        lambda m, t: t.clone().mul_(True),
        lambda m, t: (t > 0) - (t > 1),
        lambda m, t: (t > 0) - 1,
        lambda m, t: 1 - (t > 0),
        lambda m, t: -(t > 0),
        lambda m, t: +(t > 0),
        lambda m, t: (t > 0) + (t > 1),
        lambda m, t: (t > 0) * (t > 1),
        lambda m, t: (t > 0) / (t > -100),
    ):
        both(f, [x], [y])


def test_division_by_zero_and_signs():
    values = [7.5, -7.5, 0.0, math.inf, -math.inf, math.nan, 1e30]
    for dtype in ("float32", "float64"):
        x = torch.tensor(values, dtype=getattr(torch, dtype))
        for d in (2.0, -2.0, 0.3, 0.0, math.inf, -math.inf, math.nan):
            both(lambda m, t: t // d, [x], [ours(x)])
            both(lambda m, t: t / d, [x], [ours(x)])
            both(lambda m, t: m.div(t, d, rounding_mode="trunc"), [x], [ours(x)])
            both(lambda m, t: t**d, [x], [ours(x)], 1e-5)
            both(lambda m, t: d**t, [x], [ours(x)], 1e-5)
            if d != 0.3:
                both(lambda m, t: t % d, [x], [ours(x)])
                both(lambda m, t: m.fmod(t, d), [x], [ours(x)])
    for f in (
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "copysign",
        "atan2",
        "hypot",
        "logaddexp",
        "logaddexp2",
        "xlogy",
        "nextafter",
    ):
        a, b = torch.meshgrid(x, x, indexing="ij")
        both(lambda m, s, t: getattr(m, f)(s, t), [a, b], [ours(a), ours(b)])


# --- three operands and parameters ------------------------------------------------------------------

X, Y, W = "float32", "float32", "float32"
CASES = {
    "add alpha": lambda m, x, y: m.add(x, y, alpha=0.5),
    "sub alpha": lambda m, x, y: m.sub(x, y, alpha=2),
    "rsub alpha": lambda m, x, y: m.rsub(x, y, alpha=2),
    "add number alpha": lambda m, x, y: m.add(x, 3, alpha=0.5),
    "where": lambda m, x, y: m.where(x > 0, x, y),
    "where number": lambda m, x, y: m.where(x > 0, x, 2.5),
    "where method": lambda m, x, y: x.where(x > y, -1),
    "where kinds": lambda m, x, y: m.where(x > 0, x.double(), y.half()),
    "where numbers": lambda m, x, y: m.where(x > 0, 1, 2.5),
    "where ints": lambda m, x, y: m.where(x > 0, 1, 2),
    "where condition": lambda m, x, y: m.where(x, x, y),
    "clamp": lambda m, x, y: x.clamp(-1, 1),
    "clamp min": lambda m, x, y: x.clamp(min=0.3),
    "clamp max": lambda m, x, y: x.clamp(max=0.3),
    "clamp crossed": lambda m, x, y: x.clamp(1, 0),
    "clamp nan": lambda m, x, y: x.clamp(0, math.nan),
    "clamp none": lambda m, x, y: x.clamp(),
    "clamp tensors": lambda m, x, y: x.clamp(y - 1, y + 1),
    "clamp min tensor": lambda m, x, y: x.clamp(y),
    "clamp max tensor": lambda m, x, y: x.clamp(max=y[0]),
    "clip": lambda m, x, y: m.clip(x, 0, 1),
    "clamp_min": lambda m, x, y: x.clamp_min(0.2),
    "clamp_max": lambda m, x, y: m.clamp_max(x, y),
    "clamp_": lambda m, x, y: x.clone().clamp_(-1, 1),
    "clamp_ tensors": lambda m, x, y: x.clone().clamp_(y, y + 1),
    "clamp int": lambda m, x, y: x.int().clamp(0.5),
    "clamp bool": lambda m, x, y: (x > 0).clamp(0, 1),
    "lerp": lambda m, x, y: x.lerp(y, 0.3),
    "lerp tensor": lambda m, x, y: m.lerp(x, y, m.sigmoid(x)),
    "lerp_": lambda m, x, y: x.clone().lerp_(y, 0.8),
    "lerp kinds": lambda m, x, y: x.lerp(y.double(), 0.5),
    "lerp ints": lambda m, x, y: x.int().lerp(y.int(), 0.5),
    "addcmul": lambda m, x, y: m.addcmul(x, x, y, value=0.5),
    "addcmul_": lambda m, x, y: x.clone().addcmul_(y, y, value=2),
    "addcmul ints": lambda m, x, y: x.int().addcmul(y.int(), y.int(), value=2),
    "addcdiv": lambda m, x, y: m.addcdiv(x, x, y, value=0.5),
    "addcdiv_": lambda m, x, y: x.clone().addcdiv_(y, y[0]),
    "addcdiv ints": lambda m, x, y: x.addcdiv(y.int(), y.int()),
    "old add": lambda m, x, y: x.add(0.5, y),
    "old add_": lambda m, x, y: x.clone().add_(-0.1, y),
    "old addcmul_": lambda m, x, y: x.clone().addcmul_(0.5, y, y),
    "old addcdiv": lambda m, x, y: m.addcdiv(x, 0.5, y, y),
    "momentum": lambda m, x, y: x.clone().mul_(0.9).add_(1 - 0.1, y),
    "logit eps": lambda m, x, y: m.logit(m.sigmoid(x), 0.2),
    "nan_to_num": lambda m, x, y: m.nan_to_num(x / (x > 0), 1.0, 2.0, 3.0),
    "round decimals": lambda m, x, y: m.round(x, decimals=1),
    "round tens": lambda m, x, y: m.round(x * 100, decimals=-2),
    "polygamma": lambda m, x, y: m.polygamma(2, x.abs() + 0.5),
    "polygamma method": lambda m, x, y: (x.abs() + 0.5).polygamma(1),
    "div floor": lambda m, x, y: m.div(x, y, rounding_mode="floor"),
    "div mode": lambda m, x, y: m.div(x, y, rounding_mode="up"),
    "isclose": lambda m, x, y: m.isclose(x, x + 1e-6),
    "isclose kinds": lambda m, x, y: m.isclose(x, x.int()),
    "isclose nan": lambda m, x, y: m.isclose(x / 0 * 0, x / 0 * 0, equal_nan=True),
    "allclose": lambda m, x, y: m.allclose(x, y),
    "equal": lambda m, x, y: m.equal(x, x.clone()),
    "equal shapes": lambda m, x, y: x.equal(y[0]),
    "heaviside": lambda m, x, y: m.heaviside(x, y),
    "heaviside kinds": lambda m, x, y: m.heaviside(x, y.int()),
    "nextafter": lambda m, x, y: m.nextafter(x, y),
    "alpha float for ints": lambda m, x, y: m.add(x.int(), y.int(), alpha=1.5),
    "alpha bool": lambda m, x, y: m.add(x, y, alpha=True),
    "alpha complex": lambda m, x, y: m.add(x, y, alpha=1j),
    "None": lambda m, x, y: x + None,
    "text": lambda m, x, y: x * "a",
    "shapes": lambda m, x, y: x + y[:, :2],
    "bits of floats": lambda m, x, y: x & y,
    "invert": lambda m, x, y: ~x,
    "complex order": lambda m, x, y: m.complex(x, y) < 1,
    "complex maximum": lambda m, x, y: m.maximum(m.complex(x, y), y),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(name):
    x, y = make((3, 5), "float32", 1)
    v, w = make((3, 5), "float32", 2)
    both(CASES[name], [x, v], [y, w], 2e-5 if name in ("polygamma", "polygamma method") else None)


# --- in place and out= ------------------------------------------------------------------------------


def test_in_place_checks():
    cases = [
        lambda m: m.ones(3, requires_grad=True).add_(1),
        lambda m: m.ones(3).expand(2, 3).add_(1),
        lambda m: m.ones(3).add_(m.ones(2, 3)),
        lambda m: m.ones(()).add_(m.ones(1)),
        lambda m: m.arange(3).mul_(1.5),
        lambda m: m.arange(3).exp_(),
        lambda m: m.ones(3).mul_(1j),
        lambda m: (lambda t: t.add_(t[0]))(m.ones(2, 3)),
        lambda m: (lambda t: t[1:].add_(t[:-1]))(m.ones(5)),
        lambda m: (lambda t: t.add_(t))(m.ones(5)),
        lambda m: (lambda t: t.t().add_(t))(m.arange(9.0).reshape(3, 3)),
        lambda m: (lambda t: t[::2].add_(t[1::2]))(m.arange(10.0)),
        lambda m: m.ones(3).gt_(0),
        lambda m: m.ones(3).eq_(m.arange(3)),
        lambda m: m.ones(3).logical_not_(),
        lambda m: m.arange(3).bitwise_and_(2.5),
        lambda m: m.ones(3).half().add_(m.ones(3)),
        lambda m: m.ones(3).add_(m.ones(3).double()),
        lambda m: m.ones(3, dtype=m.float64).sub_(m.ones(3)),
        lambda m: m.ones(3, dtype=m.complex64).abs_(),
    ]
    for f in cases:
        both(f, [], [])
    t = tl.ones(3)
    assert t.add_(1) is t and t._version == 1
    t.mul_(2).sub_(t).exp_().clamp_(0, 1).pow_(2).neg_()
    assert t._version == 7
    before = t.tolist()
    with pytest.raises(RuntimeError):
        t.add_(tl.ones(2, 3))
    assert t.tolist() == before and t._version == 7


def test_saved_tensors_are_guarded():
    for f in (lambda x: x.exp(), lambda x: x.tanh(), lambda x: x.sigmoid()):
        x = tl.ones(3, requires_grad=True)
        y = f(x)
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
    x = tl.ones(3, requires_grad=True)
    h = x * 2
    y = h * h
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_out():
    x, y = make((3, 4), "float32", 1)
    for f in (
        lambda m, t: m.add(t, 1, out=m.empty(3, 4)),
        lambda m, t: m.exp(t, out=m.empty(0)),
        lambda m, t: m.mul(t, t, out=m.empty(3, 4, dtype=m.float64)),
        lambda m, t: m.gt(t, 0, out=m.empty(3, 4)),
        lambda m, t: m.gt(t, 0, out=m.empty(3, 4, dtype=m.bool)),
        lambda m, t: m.add(t, 1, out=m.empty(3, 4, dtype=m.int64)),
        lambda m, t: m.where(t > 0, t, -t, out=m.empty(3, 4)),
        lambda m, t: m.clamp(t, 0, 1, out=m.empty(4, 3).t()),
        lambda m, t: m.sin(t, out=t.clone()),
    ):
        both(f, [x], [y])
    out = tl.empty(3, 4)
    assert tl.add(y, 1, out=out) is out


def test_old_argument_order_warns_once():
    x = tl.ones(3)
    tl.subtract(x, 2, tl.ones(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tl.subtract(x, 2, tl.ones(3)).tolist() == [-1.0] * 3


# --- size and threads -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3, 15, 16, 17, 31, 64, 65, 255, 513, 4097, 70001, 300007])
def test_sizes(n):
    x = np.linspace(-3, 3, n).astype(np.float32)
    t, p = tl.tensor(x), torch.tensor(x)
    for f in (
        lambda m, v: v * 2.5,
        lambda m, v: v + v,
        lambda m, v: m.exp(v),
        lambda m, v: v > 0.5,
        lambda m, v: m.where(v > 0, v, 1),
    ):
        same(f(torch, p), f(tl, t))
    same(p.double() * p, t.double() * t)
    same(p.half() * 3, t.half() * 3)


def test_any_number_of_threads():
    x = tl.linspace(-5, 5, 400_001)
    before = tl.get_num_threads()
    try:
        results = []
        for n in (1, 2, 3):
            tl.set_num_threads(n)
            results.append([x.tanh().numpy(), (x * x).numpy(), x.reshape(-1, 1)[::2].exp().numpy()])
        for other in results[1:]:
            for a, b in zip(results[0], other):
                assert (a == b).all()
    finally:
        tl.set_num_threads(before)
