"""Runs one scenario on tensorlite and on PyTorch, and compares what it returns."""

import math
import warnings

import pytest

import tensorlite

try:
    import torch
except ImportError:
    torch = None


def plain(value):
    """Tensors as (dtype, shape, values), containers as lists and dicts, names without their
    package."""
    if hasattr(value, "detach") and hasattr(value, "tolist"):
        value = value.detach()
        return (plain(str(value.dtype)), tuple(value.shape), value.tolist())
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, str):
        return value.replace("tensorlite", "torch")
    if isinstance(value, (bool, int, float, type(None))):
        return value
    return plain(repr(value))


def same(a, b, tol):
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y, tol) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[k], b[k], tol) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        if a == b or (math.isnan(a) and math.isnan(b)):
            return True
        return abs(a - b) <= tol * max(1, abs(a), abs(b))
    return type(a) is type(b) and a == b


def run(scenario, lib, *args):
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = plain(scenario(lib, *args))
    return result, [(w.category.__name__, plain(str(w.message))) for w in caught]


def compare(scenario, *args, tol=1e-6, warns=True):
    """The same result (within ``tol``) and, if ``warns``, the same warnings on both."""
    ours, our_warnings = run(scenario, tensorlite, *args)
    if torch is None:
        pytest.skip("torch is not installed: ran without a comparison")
    theirs, their_warnings = run(scenario, torch, *args)
    if isinstance(ours, list) and isinstance(theirs, list):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=False)):
            assert same(a, b, tol), f"item {i}\ntensorlite: {a}\n   PyTorch: {b}"
    assert same(ours, theirs, tol), f"\ntensorlite: {ours}\n   PyTorch: {theirs}"
    if warns:
        assert our_warnings == their_warnings


def outcome(f, *args, **kwargs):
    """What a call returns, or the type of what it raises."""
    try:
        return f(*args, **kwargs)
    except Exception as error:
        return "raises " + type(error).__name__
