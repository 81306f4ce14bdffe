"""One expression on both libraries: results, gradients and gradients of gradients must agree."""

import warnings

import numpy as np
import pytest

import tensorlite

torch = pytest.importorskip("torch")


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def pair(array, grad=False):
    array = np.array(array)
    out = torch.tensor(array), tensorlite.tensor(array)
    return [t.requires_grad_(True) for t in out] if grad else list(out)


def evaluate(expression, m, **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(expression, {"m": m, "inf": float("inf"), **names})


def dtype_name(t):
    return str(t.dtype).split(".")[-1]


def close(theirs, ours, tol):
    assert tuple(theirs.shape) == tuple(ours.shape)
    assert dtype_name(theirs) == dtype_name(ours)
    a, b = theirs.detach().resolve_conj(), ours.detach()
    if dtype_name(theirs) == "bfloat16":
        a, b = a.float(), b.float()
    if dtype_name(theirs) in ("float32", "complex64"):
        tol = max(tol, 2e-6)
    np.testing.assert_allclose(b.numpy(), a.numpy(force=True), rtol=tol, atol=tol)


def weights(t, seed):
    r = np.random.default_rng(seed)
    w = r.standard_normal(tuple(t.shape))
    if t.dtype.is_complex:
        w = w + 1j * r.standard_normal(tuple(t.shape))
    return np.asarray(w).astype(dtype_name(t))


def check(expression, x, *, tol=1e-10, names=True, grads=2, **more):
    """Compares `expression` of x (and whatever `more` names) in values, dtypes, graph names, and
    `grads` orders of gradients with respect to x."""
    x = np.asarray(x)
    grad = grads > 0 and x.dtype.kind in "fc"
    tx, lx = pair(x, grad)
    extra = {k: pair(v) for k, v in more.items()}
    theirs = listed(evaluate(expression, torch, x=tx, **{k: v[0] for k, v in extra.items()}))
    ours = listed(evaluate(expression, tensorlite, x=lx, **{k: v[1] for k, v in extra.items()}))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        close(a, b, tol)
        assert a.requires_grad == b.requires_grad
        if names and a.grad_fn is not None:
            assert a.grad_fn.name() == b.grad_fn.name()
    pairs = [(a, b) for a, b in zip(theirs, ours) if a.requires_grad]
    if not pairs:
        return
    seeds = [pair(weights(a, i), grads > 1) for i, (a, b) in enumerate(pairs)]
    double = grads > 1
    (tg,) = torch.autograd.grad(
        [a for a, _ in pairs], [tx], [s[0] for s in seeds], create_graph=double
    )
    (lg,) = tensorlite.autograd.grad(
        [b for _, b in pairs], [lx], [s[1] for s in seeds], create_graph=double
    )
    close(tg, lg, tol)
    if not double or not tg.requires_grad:
        return
    w = pair(weights(tg, 7))
    wanted = [[tx] + [s[0] for s in seeds], [lx] + [s[1] for s in seeds]]
    tgg = torch.autograd.grad([tg], wanted[0], [w[0]], allow_unused=True)
    lgg = tensorlite.autograd.grad([lg], wanted[1], [w[1]], allow_unused=True)
    for a, b in zip(tgg, lgg):
        if a is None or b is None:
            assert (a is None or not a.any()) and (b is None or not bool(b.any()))
        else:
            close(a, b, tol * 10)


def same_error(expression, x, **more):
    """Both raise the same type of error; returns their messages."""
    caught = []
    for side, m in enumerate((torch, tensorlite)):
        names = {k: pair(v)[side] for k, v in more.items()}
        with pytest.raises(Exception) as info:
            evaluate(expression, m, x=pair(x)[side], **names)
        caught.append(info.value)
    assert type(caught[0]).__name__ == type(caught[1]).__name__, caught
    return str(caught[0]), str(caught[1])
