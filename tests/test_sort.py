"""Sorting, choosing, quantiles, distinct values, differences: beside PyTorch and NumPy."""

import numpy as np
import pytest

import tensorlite
from reduce_helpers import check, dtype_name, evaluate, pair, same_error, torch

rng = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def same_numbers():
    """Every test draws the same numbers, whichever ran before it."""
    rng.bit_generator.state = np.random.default_rng(5).bit_generator.state


DISTINCT = {
    "matrix": rng.permutation(12).reshape(3, 4) * 0.5 - 2,
    "3d": rng.permutation(24).reshape(2, 3, 4) * 0.25 - 2,
    "0d": np.array(1.5),
    "row": rng.permutation(5).reshape(1, 5) * 1.0,
    "long": rng.permutation(300).reshape(3, 100) * 1.0,
    "ints": rng.permutation(12).reshape(3, 4),
    "complex": rng.standard_normal((3, 4)) + 1j,
}
ORDERS = """
x.sort() | x.sort(0, True) | x.sort(stable=True, dim=0) | m.sort(x, -1, True) | x.sort(dim=0, stable=None)
x.argsort() | x.argsort(0, True) | x.argsort(stable=True) | x.msort() | x.topk(1) | x.topk(2, 0) | x.topk(3, -1, False)
x.topk(40) | x.topk(0) | x.topk(-1) | x.kthvalue(1) | x.kthvalue(2, 0, True) | x.kthvalue(50) | x.kthvalue(0)
x.median() | x.median(0) | x.median(-1, True) | x.nanmedian() | x.nanmedian(0) | x.mode() | x.mode(0, True)
x.sort(True) | x.sort(5) | x.topk(1, 5) | x.median(3) | x.mode(4) | x.kthvalue(1, 4)
""".replace("\n", " | ")
COMPOSED = """
x.diff() | x.diff(2, 0) | x.diff(1, -1, x, x) | x.diff(0) | x.diff(9) | m.diff(x, n=-1) | m.diff(x, 1, -1, m.zeros(1))
m.trapezoid(x) | m.trapz(x, dx=2, dim=0) | m.trapezoid(x, x, dim=0) | m.trapezoid(x, m.arange(x.shape[-1])) | m.trapezoid(x > 0)
m.cumulative_trapezoid(x) | m.cumulative_trapezoid(x, x) | m.cumulative_trapezoid(x, dx=0.5, dim=0)
m.cov(x) | m.cov(x, correction=0) | m.corrcoef(x) | m.cov(x > 0) | m.cov(x, fweights=m.ones(1))
m.cov(x, fweights=m.tensor([1, 2, 1, 3]), aweights=m.tensor([0.5, 1, 1, 2])) | m.cov(x, aweights=m.tensor([0.5, 1, 1, 2]))
x.quantile(0.5) | x.quantile(0.3, 0) | x.quantile(0.25, -1, True) | x.nanquantile(0.4) | x.nanquantile(0.4, -1)
x.quantile(0.3, -1, interpolation='lower') | x.quantile(0.3, -1, interpolation='higher')
x.quantile(0.3, -1, interpolation='midpoint') | x.quantile(0.3, -1, interpolation='nearest')
x.quantile(m.tensor([0.0, 0.3, 1.0], dtype=m.float64), 0) | x.quantile(m.tensor([0.3, 0.9], dtype=m.float64), -1, True)
x.quantile(m.tensor(0.3, dtype=m.float64)) | x.quantile(1.5) | x.quantile(m.tensor([1.5], dtype=m.float64))
x.quantile(m.tensor([[0.5]])) | x.quantile(m.tensor(0.5)) | x.quantile(0.5, 5) | x.quantile(0.5, interpolation='foo')
x.quantile([0.5]) | x.half().quantile(0.5)
""".replace("\n", " | ")


def expressions(table):
    return [e.strip() for e in table.split(" | ") if e.strip()]


def compare(expression, names):
    for x in DISTINCT.values():
        try:
            evaluate(expression, torch, x=torch.tensor(x))
        except Exception:
            same_error(expression, x)
        else:
            check(expression, x, tol=1e-9, names=names)


@pytest.mark.parametrize("expression", expressions(ORDERS))
def test_like_pytorch(expression):
    compare(expression, names=True)


@pytest.mark.parametrize("expression", expressions(COMPOSED))
def test_composed(expression):
    compare(expression, names=False)


def values_of(dtype, n, low=-40, high=40):
    if dtype == "bool":
        return rng.integers(0, 2, n) > 0
    if dtype == "uint8":
        low = 0
    a = rng.integers(low, high, n)
    if dtype.startswith("float"):
        a = a / 4
        if n > 3:
            a[rng.integers(0, n, 1 + n // 50)] = np.nan
            a[rng.integers(0, n, 1 + n // 50)] = -0.0
            a[rng.integers(0, n, 2)] = np.inf, -np.inf
    return a.astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_orders_of_many_and_equal_values(dtype):
    """Every size has its own algorithm; ties keep their order, NaN comes last."""
    for n in (1, 2, 17, 64, 65, 300, 5000, 20000):
        a = values_of(dtype, n)
        y = tensorlite.tensor(a)
        order = np.argsort(a, kind="stable")
        values, indices = y.sort()
        np.testing.assert_array_equal(indices.numpy(), order)
        np.testing.assert_array_equal(values.numpy(), a[order])
        down, at = y.sort(descending=True)
        theirs = torch.tensor(a).sort(descending=True, stable=True)
        np.testing.assert_array_equal(down.numpy(), theirs.values.numpy())
        np.testing.assert_array_equal(at.numpy(), theirs.indices.numpy())
        if dtype == "bool":
            continue
        for k in {1, min(n, 2), min(n, 7), min(n, 33), n // 10, n}:
            for largest in (True, False):
                v, i = y.topk(k, largest=largest)
                w = torch.tensor(a).topk(k, largest=largest).values
                np.testing.assert_array_equal(v.numpy(), w.numpy())
                np.testing.assert_array_equal(a[i.numpy()], v.numpy())
                assert len(set(i.tolist())) == k
        for k in {1, (n + 1) // 2, n}:
            v, i = y.kthvalue(k)
            assert same(v.item(), a[order[k - 1]].item()) and same(a[i.item()].item(), v.item())
        for f in ("median", "nanmedian"):
            v, i = getattr(y, f)(0)
            assert same(v.item(), getattr(torch.tensor(a), f)().item()) and same(
                a[i.item()].item(), v.item()
            )


def same(a, b):
    return a == b or (a != a and b != b)


@pytest.mark.parametrize("descending", [False, True])
def test_adversarial_orders(descending):
    n = 5000
    for a in (
        np.arange(n),
        np.arange(n)[::-1],
        np.zeros(n),
        np.arange(n) % 2,
        np.concatenate([np.arange(n), np.arange(n)[::-1]]),
    ):
        a = a.astype("float64")
        y = tensorlite.tensor(a.copy())
        for k in (1, 40, 400, len(a) // 2):
            want = np.sort(a)[::-1][:k] if descending else np.sort(a)[:k]
            np.testing.assert_array_equal(y.topk(k, largest=descending).values.numpy(), want)


def test_extreme_values():
    for dtype in ("int64", "int32", "uint8", "int8"):
        i = np.iinfo(dtype)
        a = np.array([i.max, i.min, 0, i.max, i.min], dtype)
        assert tensorlite.tensor(a).sort().values.tolist() == sorted(a.tolist())
    a = [float("inf"), -float("inf"), float("nan"), 1e-45, -1e-45, 0.0]
    for dtype in (tensorlite.float32, tensorlite.float64):
        assert tensorlite.tensor(a, dtype=dtype).argsort().tolist() == [1, 4, 5, 3, 0, 2]


def test_mode_of_ties():
    for v in ([3, 1, 1, 2, 2], [2, 2, 1, 1], [5, 1, 5, 1, 5], [1, 1, 1], [2, 1, 1, 2, 2, 1]):
        for dtype in ("int64", "float32", "bool"):
            x, y = pair(np.array(v, dtype))
            assert (x.mode().values.item(), x.mode().indices.item()) == (
                y.mode().values.item(),
                y.mode().indices.item(),
            )


@pytest.mark.parametrize("f", ["sort", "topk", "median", "mode", "kthvalue", "argsort", "quantile"])
def test_empty(f):
    argument = {"topk": "0, ", "kthvalue": "1, ", "quantile": "0.5, "}.get(f, "")
    for shape, dim in [((0,), 0), ((0, 3), 0), ((0, 3), 1)]:
        expression = f"x.{f}({argument}{dim})"
        try:
            evaluate(expression, torch, x=torch.ones(shape))
        except Exception:
            same_error(expression, np.ones(shape))
        else:
            check(expression, np.ones(shape), grads=1)
    check("x.median()", np.ones((0, 3)), grads=0)
    check("x.nanmedian()", np.ones((0, 3)), grads=0)


@pytest.mark.parametrize(
    "expression",
    [
        "m.unique(x)",
        "m.unique(x, return_inverse=True)",
        "m.unique(x, True, True, True)",
        "x.unique(return_counts=True)",
        "m.unique(x, sorted=False, return_counts=True)",
        "m.unique(x, return_inverse=True, return_counts=True, dim=0)",
        "m.unique(x, return_inverse=True, return_counts=True, dim=-1)",
        "m.unique_consecutive(x)",
        "m.unique_consecutive(x, return_inverse=True, return_counts=True)",
        "m.unique_consecutive(x, return_inverse=True, return_counts=True, dim=0)",
        "x.unique_consecutive(dim=-1, return_counts=True)",
    ],
)
def test_unique(expression):
    """Slices are compared as they lie with their own dim in front: the case differs in the second row first."""
    slices = np.array([[[2, 2], [1, 0]], [[0, 0], [2, 0]], [[2, 2], [1, 1]], [[1, 2], [2, 1]]])
    check(expression, slices, grads=0)
    for shape in [(7,), (6, 2), (0,), (0, 3), (3, 0), (), (4, 2, 2), (500,)]:
        for dtype in ("int64", "float32", "bool", "uint8"):
            a = np.asarray(rng.integers(0, 3, shape)).astype(dtype)
            try:
                evaluate(expression, torch, x=torch.tensor(a))
            except Exception:
                same_error(expression, a)
            else:
                check(expression, a, grads=0)
    if "dim" not in expression:  # by slices PyTorch's order breaks where there is a NaN
        check(expression, np.array([1.0, np.nan, np.nan, 1.0]), grads=0)


def test_unique_has_no_gradient():
    for lib in (torch, tensorlite):
        u = lib.tensor([1.0, 2.0, 1.0], requires_grad=True).unique()
        assert u.grad_fn.name() == "Unique2Backward0"
        with pytest.raises(
            NotImplementedError if lib is tensorlite else RuntimeError, match="_unique2"
        ):
            u.sum().backward()


@pytest.mark.parametrize(
    "expression, x",
    [
        ("m.bincount(x)", [1, 1, 3]),
        ("x.bincount(minlength=6)", [1, 1, 3]),
        ("m.bincount(x, m.tensor([0.5, 1, 2]))", [1, 1, 3]),
        ("m.bincount(x, m.tensor([1, 2, 3]))", [1, 1, 3]),
        ("m.bincount(x.to(m.int32))", [1, 1, 3]),
        ("m.bincount(x.long())", np.zeros(0)),
        ("m.bincount(x)", [-1]),
        ("m.bincount(x)", [1.0]),
        ("m.bincount(x)", [[1]]),
        ("m.bincount(x, minlength=-1)", [1]),
        ("m.bincount(x, m.tensor([1.0]))", [1, 2]),
        ("m.histc(x, bins=4, min=0, max=3)", [1.0, 2, 1]),
        ("m.histc(x, 4)", [1.0, 2, 1]),
        ("x.histc(3)", [1.0, 1.0]),
        ("x.histc()", rng.standard_normal(40)),
        ("x.histc(7, -1, 1)", rng.standard_normal((5, 8))),
        ("m.histc(x, bins=4)", [1, 2, 1]),
        ("m.histc(x, bins=0)", [1.0, 2, 1]),
        ("m.histc(x, bins=2, min=3, max=1)", [1.0, 2, 1]),
        ("m.histc(x, bins=2)", [1.0, np.nan]),
    ],
)
def test_counts(expression, x):
    x = np.array(x)
    try:
        evaluate(expression, torch, x=torch.tensor(x))
    except Exception:
        same_error(expression, x)
    else:
        check(expression, x, grads=0)


def test_out_and_names():
    x, y = pair(DISTINCT["matrix"])
    for lib, t in ((torch, x), (tensorlite, y)):
        values, indices = lib.empty(0, dtype=lib.float64), lib.empty(0, dtype=lib.int64)
        lib.sort(t, 0, out=(values, indices))
        assert dtype_name(values) == "float64" and values.shape == (3, 4)
        assert bool((values == t.sort(0).values).all())
    for call in (
        "x.sort()",
        "x.topk(2)",
        "x.kthvalue(1)",
        "x.median(0)",
        "x.nanmedian(0)",
        "x.mode()",
        "x.cummax(0)",
    ):
        ours = repr(evaluate(call, tensorlite, x=y)).replace("tensorlite", "torch")
        assert ours == repr(evaluate(call, torch, x=x))
