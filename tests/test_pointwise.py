"""Pointwise ops beside PyTorch: values, dtypes, strides, gradients, errors; accuracy of the functions."""

import math
import warnings

import numpy as np
import pytest

import tensorlite as tl

torch = pytest.importorskip("torch")

REAL = ["float32", "float64", "float16", "bfloat16"]
INTEGER = ["uint8", "int8", "int16", "int32", "int64"]
COMPLEX = ["complex64", "complex128"]
ALL = ["bool", *INTEGER, *REAL, *COMPLEX]
# Relative error that rounding explains.
TOLERANCE = {
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float32": 2e-6,
    "complex64": 4e-6,
    "float64": 1e-11,
    "complex128": 1e-11,
}


def make(shape, dtype, seed=0, low=-4.0, high=4.0):
    """The same values in both libraries, exact in every dtype."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        t = torch.tensor(rng.random(shape) < 0.5)
    elif dtype in INTEGER:
        t = torch.tensor(rng.integers(0 if dtype == "uint8" else -9, 10, shape)).to(
            getattr(torch, dtype)
        )
    else:
        values = torch.tensor(rng.uniform(low, high, shape)).to(torch.bfloat16).double()
        if dtype in COMPLEX:
            imag = torch.tensor(rng.uniform(low, high, shape)).to(torch.bfloat16).double()
            values = torch.complex(values, imag)
        t = values.to(getattr(torch, dtype))
    return t, ours(t)


def ours(t):
    wide = {"float16": torch.float64, "bfloat16": torch.float64, "complex64": torch.complex128}
    name = str(t.dtype).split(".")[1]
    return tl.tensor(t.to(wide.get(name, t.dtype)).numpy()).to(getattr(tl, name))


def array(t):
    t = t.detach()
    name = str(t.dtype)
    if name.endswith("float16"):
        t = t.double()
    return t.numpy()


def same(expected, got, tolerance=None):
    assert isinstance(got, tl.Tensor) == isinstance(expected, torch.Tensor)
    if not isinstance(expected, torch.Tensor):
        assert type(expected) is type(got) and expected == got
        return
    assert str(expected.dtype) == str(got.dtype)
    assert tuple(expected.shape) == tuple(got.shape)
    name = str(expected.dtype).split(".")[1]
    tol = TOLERANCE.get(name, 0) if tolerance is None else tolerance
    np.testing.assert_allclose(array(got), array(expected), rtol=tol, atol=tol, equal_nan=True)


def attempt(f, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(*args), None
        except Exception as error:
            return None, error


def both(f, theirs, mine, tolerance=None):
    """Runs f on both; the same result, or the same kind of error."""
    expected, failed = attempt(f, torch, *theirs)
    got, failure = attempt(f, tl, *mine)
    if failed is not None or failure is not None:
        assert type(failed) is type(failure), f"PyTorch: {failed!r}\ntensorlite: {failure!r}"
        return None, None
    same(expected, got, tolerance)
    return expected, got


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


# --- gradients --------------------------------------------------------------------------------------

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


# --- accuracy ---------------------------------------------------------------------------------------

ULPS = {  # of float32, against float64
    "exp": 1.0,
    "exp2": 1.2,
    "expm1": 1.5,
    "log": 1.0,
    "log1p": 1.4,
    "log2": 0.6,
    "log10": 0.6,
    "tanh": 1.4,
    "sigmoid": 2.4,
    "sinh": 0.6,
    "cosh": 0.6,
    "asinh": 0.6,
    "acosh": 0.6,
    "atanh": 0.6,
    "erf": 1.4,
    "erfc": 0.6,
    "sin": 1.7,
    "cos": 1.7,
    "tan": 0.6,
    "asin": 0.6,
    "acos": 0.6,
    "atan": 0.6,
    "sqrt": 0.6,
    "rsqrt": 1.6,
}


@pytest.fixture(scope="module")
def floats():
    """Every 20011th float32: all magnitudes, both signs, subnormals too."""
    bits = np.arange(0, 2**32, 20011, dtype=np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    return values[np.isfinite(values)]


@pytest.mark.parametrize("name", ULPS)
def test_accuracy(name, floats):
    got = getattr(tl, name)(tl.tensor(floats)).numpy()
    exact = getattr(torch, name)(torch.tensor(floats).double()).numpy()
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    # Where the exact value rounds to infinity the largest float32 is as good.
    nan = np.isnan(rounded)
    assert np.isnan(got[nan]).all()
    infinite = np.isinf(rounded)
    assert (np.abs(got[infinite]) >= 3.4e38).all()
    finite = ~nan & ~infinite
    _, exponent = np.frexp(np.maximum(np.abs(rounded[finite]), np.float32(1e-45)))
    ulp = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    error = np.abs(got[finite].astype(np.float64) - exact[finite]) / ulp
    assert error.max() <= ULPS[name], f"{error.max():.3f} ulp at {floats[finite][error.argmax()]!r}"


def test_accuracy_of_powers():
    rng = np.random.default_rng(0)
    base = np.exp(rng.uniform(-20, 20, 20000)).astype(np.float32)
    power = rng.uniform(-4, 4, 20000).astype(np.float32)
    got = tl.pow(tl.tensor(base), tl.tensor(power)).numpy().astype(np.float64)
    exact = np.power(base.astype(np.float64), power.astype(np.float64))
    normal = (exact > 1.2e-38) & (exact < 3.4e38)
    assert (
        np.abs(got - exact)[normal] <= 0.51 * np.spacing(exact[normal].astype(np.float32))
    ).all()
    y, x = rng.normal(size=(2, 20000)).astype(np.float32)
    got = tl.atan2(tl.tensor(y), tl.tensor(x)).numpy().astype(np.float64)
    exact = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    assert (np.abs(got - exact) <= 0.51 * np.spacing(np.abs(exact).astype(np.float32))).all()
