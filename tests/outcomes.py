"""What a call comes to, described so that two libraries can be compared: a value, or an error and its message."""

import warnings

import numpy as np
import pytest

import tensorlite

torch = pytest.importorskip("torch")


def describe(value):
    """Tensors as (dtype, shape, strides, requires_grad, values), containers item by item, others by repr."""
    if isinstance(value, (torch.Tensor, tensorlite.Tensor)):
        t = value.detach()
        values = t.tolist() if t.numel() < 10_000 else t.sum().item()
        return (
            plain(str(t.dtype)), tuple(t.shape), t.stride(), value.requires_grad, plain(repr(values))
        )  # fmt: skip
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.shape, value.strides, repr(value.tolist()))
    if type(value) in (list, tuple):
        return [describe(v) for v in value]
    if isinstance(value, dict):
        return {k: describe(v) for k, v in value.items()}
    return plain(repr(value))


def plain(text):
    return text.replace("tensorlite", "torch")


def outcome(f, m):
    """("ok", description, warnings) or (type of the error, its first line)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = f(m)
        except Exception as error:
            kinds = [k.__name__ for k in (MemoryError, NotImplementedError) if isinstance(error, k)]
            kind = type(error).__name__ if not kinds else kinds[0]
            return (kind, plain(str(error)).split("\n")[0])
        return ("ok", describe(value), [w.category.__name__ for w in caught])


def same_outcome(f, message=True, warns=True):
    """The same value (and with `warns` the kinds of warnings) from both libraries, or the same type of error.

    With `message` PyTorch's first line, up to its first punctuation that details follow, begins ours.
    """
    theirs, ours = outcome(f, torch), outcome(f, tensorlite)
    if theirs[0] == "ok" or ours[0] == "ok":
        if not warns:
            theirs, ours = theirs[:2], ours[:2]
        assert ours == theirs, f"\ntensorlite: {ours}\n   PyTorch: {theirs}"
        return
    assert ours[0] == theirs[0], f"\ntensorlite: {ours}\n   PyTorch: {theirs}"
    if message:
        assert ours[1].lower().startswith(beginning(theirs[1])), (
            f"\ntensorlite: {ours}\n   PyTorch: {theirs}"
        )


def beginning(text):
    """What a message says before it goes into details."""
    if "received an invalid combination of arguments" in text:
        return ""
    for stop in (" (position", ". Note", "; but", " Expected one of", ". The only"):
        text = text.split(stop)[0]
    return text.rstrip(" .").lower()
