"""The rounding of the float32 functions, against float64."""

import numpy as np
import pytest

import tensorlite as tl

torch = pytest.importorskip("torch")

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
