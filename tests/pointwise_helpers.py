"""The same tensors in both libraries, and what pointwise ops make of them."""

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
