"""One call for both libraries: what tensorlite gives must be what PyTorch gives."""

import numpy as np
import pytest

import tensorlite

torch = pytest.importorskip("torch")


def both(array, grad=False):
    """`array` as a PyTorch and as a tensorlite tensor."""
    array = np.asarray(array)
    pair = torch.tensor(array), tensorlite.tensor(array)
    if grad:
        pair = tuple(t.requires_grad_(True) for t in pair)
    return pair


def ramp(*shape, dtype="float64"):
    """Distinct values, some of them negative."""
    n = int(np.prod(shape))
    return ((np.arange(n) * 7 % (n + 3)) - n // 2 + 0.25).astype(dtype).reshape(shape)


def flat(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def same_values(a, b):
    """A PyTorch result against a tensorlite one: type, dtype, shape and elements."""
    a, b = flat(a), flat(b)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        if not isinstance(x, torch.Tensor):
            assert x == y
            continue
        assert str(x.dtype) == str(y.dtype)
        assert tuple(x.shape) == tuple(y.shape)
        np.testing.assert_array_equal(x.detach().numpy(), y.detach().numpy())


def same_error(f, *arrays):
    """Both fail with the same type; PyTorch's message, up to its first number, is in ours."""
    caught = []
    for m, tensors in libraries(arrays):
        with pytest.raises(Exception) as info:
            f(m, *tensors)
        caught.append(info.value)
    assert type(caught[0]).__name__ == type(caught[1]).__name__, (caught[0], caught[1])
    return caught


def libraries(arrays, grad=False):
    pairs = [both(a, grad and np.asarray(a).dtype.kind == "f") for a in arrays]
    return [(torch, [p[0] for p in pairs]), (tensorlite, [p[1] for p in pairs])]


def name(t):
    return t.grad_fn.name() if t.grad_fn is not None else None


def run(f, *arrays, names=True, strides=True, double=True):
    """Values, strides, graph names, gradients and gradients of gradients of f in both libraries."""
    (_, ts), (_, ls) = sides = libraries(arrays, grad=True)
    outs = [f(m, *tensors) for m, tensors in sides]
    same_values(*outs)
    for x, y in zip(flat(outs[0]), flat(outs[1])):
        if strides:
            assert x.stride() == y.stride()
            assert x.storage_offset() == y.storage_offset()
        assert x.requires_grad == y.requires_grad
        if names:
            assert name(x) == name(y)
    for i, (x, y) in enumerate(zip(flat(outs[0]), flat(outs[1]))):
        if not x.requires_grad:
            continue
        seed = ramp(*x.shape) if x.dim() else np.asarray(1.5)
        pair = both(seed, grad=double)
        results = []
        for m, out, inputs, v in ((torch, x, ts, pair[0]), (tensorlite, y, ls, pair[1])):
            wanted = [t for t in inputs if t.requires_grad]
            results.append(m.autograd.grad(out, wanted, v, create_graph=double, allow_unused=True))
        for a, b, arg in zip(*results, [t for t in ts if t.requires_grad]):
            # PyTorch leaves some gradients out that are zero.
            a = torch.zeros_like(arg) if a is None else a
            if b is None:
                assert not a.any()
                continue
            assert tuple(a.shape) == tuple(b.shape)
            np.testing.assert_allclose(
                a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12
            )
            if not double or not a.requires_grad:
                continue
            assert b.requires_grad, f"output {i}: no gradient of the gradient"
            w = both(ramp(*a.shape) if a.dim() else np.asarray(0.5))
            (aa,) = torch.autograd.grad(a, [pair[0]], w[0], allow_unused=True)
            (bb,) = tensorlite.autograd.grad(b, [pair[1]], w[1], allow_unused=True)
            if aa is not None:
                np.testing.assert_allclose(aa.numpy(), bb.numpy(), rtol=1e-12, atol=1e-12)
            break
