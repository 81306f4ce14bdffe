"""The same values from both libraries within a tolerance, or the same type of error."""

import warnings

import pytest

import tensorlite
from side_by_side import plain, same

torch = pytest.importorskip("torch")


def _outcome(f, m):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ("ok", plain(f(m)))
        except Exception as error:
            kind = type(error).__name__
            return (kind, plain(str(error)).split("\n")[0])


def alike(f, tol=1e-6):
    """Runs `f(torch)` and `f(tensorlite)`."""
    theirs, ours = _outcome(f, torch), _outcome(f, tensorlite)
    text = f"\ntensorlite: {ours}\n   PyTorch: {theirs}"
    assert theirs[0] == ours[0], text
    assert theirs[0] != "ok" or same(ours[1], theirs[1], tol), text
