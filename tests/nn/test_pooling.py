"""Poolings beside PyTorch: values, indices, gradients of both orders, modules, errors."""

import random

import numpy as np
import pytest

import tensorlite
from side_by_side import compare, outcome

try:
    import torch
except ImportError:
    torch = None


def random_call(seed):
    """The name of a pooling, the shape of its input and its arguments."""
    rnd = random.Random(seed)
    n = rnd.randint(1, 3)
    largest = rnd.choice([(14, 9, 6), (90, 45, 8)])[n - 1]
    shape = (rnd.randint(1, 3), rnd.randint(1, 3), *(rnd.randint(1, largest) for _ in range(n)))
    kind = rnd.choice(["max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool"])
    if kind.startswith("adaptive"):
        args = ([rnd.randint(1, 7) for _ in range(n)],)
        return f"{kind}{n}d", shape, args if kind.endswith("avg_pool") else (*args, True)
    kernel = [rnd.randint(1, 4) for _ in range(n)]
    stride = [rnd.randint(1, 4) for _ in range(n)] if rnd.random() < 0.8 else None
    padding = [rnd.randint(0, k // 2) for k in kernel]
    ceil_mode = rnd.random() < 0.5
    if kind == "max_pool":
        # Windows wholly outside the input, which dilation makes, crash PyTorch.
        dilation = [rnd.randint(1, 3) if s > 2 * k else 1 for s, k in zip(shape[2:], kernel)]
        return f"max_pool{n}d", shape, (kernel, stride, padding, dilation, ceil_mode, True)
    more = (rnd.random() < 0.5,)
    if n > 1:
        more += (rnd.choice([None, 3]),)
    return f"avg_pool{n}d", shape, (kernel, stride, padding, ceil_mode, *more)


@pytest.mark.skipif(torch is None, reason="torch is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block", range(6))
def test_random_poolings(block, dtype):
    for seed in range(block * 40, block * 40 + 40):
        name, shape, args = random_call(seed)
        values = np.random.default_rng(seed).integers(-4, 5, shape) / 4  # with ties
        results = []
        for lib in (tensorlite, torch):
            x = lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True)
            y = outcome(getattr(lib.nn.functional, name), x, *args)
            if isinstance(y, str):
                results.append(y)
                continue
            y, *index = y if isinstance(y, tuple) else (y,)
            (g,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
            (gg,) = lib.autograd.grad((g * g).sum(), x)
            results.append([t.detach().numpy() for t in (y, *index, g, gg)])
        ours, theirs = results
        if isinstance(ours, str) or isinstance(theirs, str):
            # PyTorch refuses padded windows larger than the input in this one alone.
            small = name == "avg_pool3d" and any(s < k for s, k in zip(shape[2:], args[0]))
            assert small or ours == theirs, (seed, name, shape, args)
            continue
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(
                a, b, rtol=1e-5, atol=1e-5, err_msg=str((seed, name, shape, args))
            )


def test_nan_and_infinities_in_maxima():
    def scenario(lib):
        x = lib.randn(2, 2, 9, 40)
        x[0, 0, 2, 3] = float("nan")
        x[0, 0, 2, 4] = float("nan")
        x[0, 1] = -float("inf")
        x[1, 0, 4, 4] = float("inf")
        F = lib.nn.functional
        result = []
        for y, i in (
            F.max_pool2d(x, 3, 2, 1, return_indices=True),
            F.max_pool2d(x, 2, return_indices=True),
            F.adaptive_max_pool2d(x, (3, 7), return_indices=True),
        ):
            result += [lib.nan_to_num(y, 99.0, 98.0, 97.0), i]
        return result

    compare(scenario)


def test_other_dtypes():
    def scenario(lib):
        F = lib.nn.functional
        x = lib.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6) % 11
        result = [
            *(F.max_pool2d(x.to(getattr(lib, d)), 2) for d in ("int64", "uint8", "int16")),
            F.avg_pool2d(x, 2),
            outcome(F.avg_pool2d, x.to(lib.uint8), 2),
            outcome(F.max_pool1d, x[0], 2),
            outcome(F.max_pool2d, x > 3, 2),
            outcome(F.adaptive_avg_pool2d, x, 2),
        ]
        for dtype in (lib.float16, lib.bfloat16):
            y = (x / 3).to(dtype)
            result += [F.max_pool2d(y, 3, 2, 1), F.avg_pool2d(y, 2), F.adaptive_avg_pool2d(y, 2)]
        return result

    compare(scenario, tol=1e-2)


MODULES = [
    ("MaxPool1d", (2,), {}),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "return_indices": True}),
    ("MaxPool3d", ((1, 2, 3),), {"ceil_mode": True}),
    ("AvgPool1d", (2,), {"padding": 1}),
    ("AvgPool2d", (3, 2), {"count_include_pad": False, "padding": 1}),
    ("AvgPool3d", (2,), {"divisor_override": 5}),
    ("LPPool1d", (2, 3), {}),
    ("LPPool2d", (3, 2), {"stride": 1}),
    ("LPPool3d", (1.5, 2), {"ceil_mode": True}),
    ("AdaptiveMaxPool1d", (3,), {"return_indices": True}),
    ("AdaptiveMaxPool2d", ((2, None),), {}),
    ("AdaptiveMaxPool3d", (2,), {}),
    ("AdaptiveAvgPool1d", (4,), {}),
    ("AdaptiveAvgPool2d", ((None, 3),), {}),
    ("AdaptiveAvgPool3d", ((1, 2, None),), {}),
    ("FractionalMaxPool2d", (2,), {"output_size": 3}),
    ("FractionalMaxPool2d", ((2, 3),), {"output_ratio": (0.5, 0.4), "return_indices": True}),
    ("FractionalMaxPool3d", (2,), {"output_ratio": 0.5}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), MODULES)
def test_modules(name, args, kwargs):
    def scenario(lib):
        m = getattr(lib.nn, name)(*args, **kwargs)
        n = int(name[-2])
        x = lib.rand(2, 3, *[7, 8, 7][:n], requires_grad=True)
        lib.manual_seed(3)
        y = m(x)
        y, *index = y if isinstance(y, tuple) else (y,)
        (g,) = lib.autograd.grad(y.pow(2).sum(), x)
        lib.manual_seed(3)
        unbatched = m(x[0].detach())
        return [repr(m), dict(m.state_dict()), y, *index, g, unbatched]

    compare(scenario, tol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling(n):
    def scenario(lib):
        nn, sizes = lib.nn, [6, 4, 8][:n]
        pool = getattr(nn, f"MaxPool{n}d")(2, return_indices=True)
        unpool = getattr(nn, f"MaxUnpool{n}d")(2)
        y, index = pool(lib.randn(2, 3, *sizes))
        y = y.detach().double().requires_grad_()
        z = unpool(y, index)
        (g,) = lib.autograd.grad(z.pow(3).sum(), y, create_graph=True)
        (gg,) = lib.autograd.grad(g.sum(), y)
        larger = unpool(y, index, output_size=[s + 1 for s in sizes])
        return [
            repr(unpool),
            z,
            g,
            gg,
            tuple(larger.shape),
            outcome(unpool, y, index, output_size=[99] * n),
            outcome(unpool, y, index.int()),
            outcome(unpool, y, index + 1000),
            outcome(unpool, y, index[:1]),
        ]

    compare(scenario, tol=1e-5)


def test_what_is_refused():
    def scenario(lib):
        F, r = lib.nn.functional, lib.randn
        x = r(1, 1, 4, 4)
        calls = [
            lambda: F.max_pool2d(r(4, 4), 2),
            lambda: F.max_pool2d(r(2, 0, 4, 4), 2),
            lambda: F.max_pool2d(r(0, 2, 4, 4), 2).shape == (0, 2, 2, 2),
            lambda: F.max_pool2d(x, 0),
            lambda: F.max_pool2d(x, 2, 0),
            lambda: F.max_pool2d(x, 2, 2, 2),
            lambda: F.max_pool2d(x, 2, 2, -1),
            lambda: F.max_pool2d(x, 2, dilation=0),
            lambda: F.max_pool2d(x, 5),
            lambda: F.max_pool2d(x, (2, 2, 2)),
            lambda: F.max_pool2d(x, 2, (1, 1, 1)),
            lambda: F.max_pool1d(r(4), 2),
            lambda: F.max_pool1d(r(1, 1, 4), 5),
            lambda: F.avg_pool2d(x, 2, divisor_override=0),
            lambda: F.avg_pool2d(x, 2, padding=2),
            lambda: F.avg_pool2d(x, 5),
            lambda: F.adaptive_avg_pool2d(x, -1),
            lambda: F.adaptive_avg_pool2d(r(1, 1, 0, 4), 2),
            lambda: F.adaptive_avg_pool2d(x, (2, 2, 2)),
            lambda: F.adaptive_avg_pool2d(x, 0).shape == (1, 1, 0, 0),
            lambda: F.fractional_max_pool2d(x, 2),
            lambda: F.fractional_max_pool2d(x, 4, output_size=3),
            lambda: lib.nn.FractionalMaxPool2d(2),
            lambda: lib.nn.FractionalMaxPool2d(2, output_size=2, output_ratio=0.5),
            lambda: lib.nn.FractionalMaxPool2d(2, output_ratio=1.5),
            lambda: F.max_pool2d(x.to(lib.complex64), 2),
        ]
        return [outcome(f) for f in calls]

    compare(scenario)


def test_windows_wholly_outside_leave_valid_indices():
    x = tensorlite.randn(1, 1, 1, 1, requires_grad=True)
    y, index = tensorlite.nn.functional.max_pool2d(
        x, 2, 1, padding=3, dilation=5, return_indices=True
    )
    assert index.min() >= 0
    assert index.max() == 0
    y.clamp(min=-1).sum().backward()


def test_sizes_beyond_all_bounds_are_errors():
    x = tensorlite.randn(1, 1, 4)
    F = tensorlite.nn.functional
    for f in (
        lambda: F.max_pool1d(x, 2**62),
        lambda: F.max_pool1d(x, 2, 2**62 + 1, 0, 2**62),
        lambda: F.avg_pool1d(x, 2**62, 1, 2**60),
        lambda: F.adaptive_avg_pool1d(x, 2**62),
    ):
        with pytest.raises((RuntimeError, MemoryError)):
            f()


def test_same_bits_for_every_number_of_threads():
    x = tensorlite.randn(9, 7, 40, 41, requires_grad=True)
    F = tensorlite.nn.functional
    before = tensorlite.get_num_threads()
    try:
        seen = []
        for threads in (1, 2, 5):
            tensorlite.set_num_threads(threads)
            for f in (
                lambda: F.max_pool2d(x, 3, 2, 1),
                lambda: F.avg_pool2d(x, 3, 2, 1),
                lambda: F.adaptive_avg_pool2d(x, 1),
            ):
                y = f()
                seen += [y.detach(), *tensorlite.autograd.grad((y * y).sum(), x)]
        for i, t in enumerate(seen):
            assert tensorlite.equal(t, seen[i % 6])
    finally:
        tensorlite.set_num_threads(before)
