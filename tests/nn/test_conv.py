"""Convolutions beside PyTorch: values, gradients of both orders, modules, errors, threads."""

import random

import numpy as np
import pytest

import tensorlite
from side_by_side import compare, outcome

try:
    import torch
except ImportError:
    torch = None

CONVS = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


def random_case(seed):
    """A convolution of random kind: how it is made, and what of."""
    rnd = random.Random(seed)
    dims = rnd.randint(1, 3)
    groups = rnd.choice([1, 1, 1, 2, 3])
    c, k = groups * rnd.randint(1, 5), groups * rnd.randint(1, 9)
    largest = rnd.choice([(12, 9, 6), (70, 40, 10)])[dims - 1]
    kernel = [rnd.randint(1, 4) for _ in range(dims)]
    stride = [rnd.randint(1, 3) for _ in range(dims)]
    padding = [rnd.randint(0, 3) for _ in range(dims)]
    dilation = [rnd.randint(1, 3) for _ in range(dims)]
    transposed = rnd.random() < 0.4
    more = [rnd.randint(0, max(s, d) - 1) if transposed else 0 for s, d in zip(stride, dilation)]
    weight = (c, k // groups, *kernel) if transposed else (k, c // groups, *kernel)
    image = (rnd.randint(1, 4), c, *(rnd.randint(1, largest) for _ in range(dims)))
    bias = rnd.random() < 0.5
    return (
        image,
        weight,
        k if bias else None,
        (
            stride,
            padding,
            dilation,
            transposed,
            more,
            groups,
        ),
    )


@pytest.mark.skipif(torch is None, reason="torch is not installed")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("block", range(8))
def test_random_convolutions(block, dtype):
    for seed in range(block * 25, block * 25 + 25):
        image, weight, bias, args = random_case(seed)
        rng = np.random.default_rng(seed)
        arrays = [rng.standard_normal(image), rng.standard_normal(weight)]
        if bias is not None:
            arrays.append(rng.standard_normal(bias))
        results = []
        for lib in (tensorlite, torch):
            tensors = [lib.tensor(a, dtype=getattr(lib, dtype), requires_grad=True) for a in arrays]
            operands = tensors if bias is not None else [*tensors, None]
            y = outcome(lib.convolution, *operands, *args)
            if isinstance(y, str):
                results.append(y)
                continue
            cotangent = lib.tensor(
                np.random.default_rng(1).standard_normal(tuple(y.shape)), dtype=y.dtype
            )
            grads = lib.autograd.grad((y * cotangent).sum(), tensors)
            results.append([t.detach().numpy() for t in (y, *grads)])
        ours, theirs = results
        if isinstance(ours, str) or isinstance(theirs, str):
            # PyTorch makes an empty result in one of its two types where the size comes to 0.
            assert ours == theirs or theirs[0].size == 0, (seed, args)
            continue
        tol = 2e-5 if dtype == "float32" else 1e-12
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=0, atol=tol * max(1, np.abs(b).max()))


@pytest.mark.parametrize(
    ("image", "weight", "args"),
    [
        ((2, 16, 8, 8), (24, 16, 3, 3), (1, 1)),  # gathered over images
        ((3, 300, 4, 4), (70, 300, 3, 3), (1, 1)),  # in blocks of the sums
        ((1, 64, 40, 40), (70, 64, 3, 3), (1, 1)),  # in bands
        ((1, 3, 70, 70), (20, 3, 7, 7), (2, 3)),
        ((2, 40, 20, 20), (40, 1, 3, 3), (1, 1, 1, 40)),  # depthwise
        ((2, 40, 20, 20), (80, 1, 5, 5), (2, 2, 1, 40)),
        ((5, 96, 7, 7), (33, 96, 1, 1), (1, 0)),
        ((5, 96, 7, 7), (33, 96, 1, 1), (2, 0)),
        ((9, 6, 14, 14), (16, 6, 5, 5), ()),
    ],
)
def test_larger_convolutions(image, weight, args):
    def scenario(lib):
        rng = np.random.default_rng(0)
        x, w, b = (
            lib.tensor(rng.standard_normal(s), requires_grad=True)
            for s in (image, weight, weight[:1])
        )
        y = lib.nn.functional.conv2d(x, w, b, *args)
        gx, gw, gb = lib.autograd.grad((y * y).sum(), [x, w, b], create_graph=True)
        second = lib.autograd.grad((gx * gx).sum() + (gw * gw).sum(), [x, w, b])
        return [
            type(gx.grad_fn).__name__,
            *(t.detach().reshape(-1)[::97] for t in (y, gx, gw, gb, *second)),
        ]

    compare(scenario, tol=1e-9)


def test_same_bits_for_every_number_of_threads():
    cases = [
        ((4, 32, 16, 16), (48, 32, 3, 3), {"padding": 1}),
        ((6, 64, 8, 8), (64, 64, 3, 3), {"padding": 1}),
        ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        ((8, 16, 24, 24), (16, 1, 3, 3), {"groups": 16}),
    ]
    before = tensorlite.get_num_threads()
    try:
        for image, weight, kwargs in cases:
            tensorlite.manual_seed(0)
            x = tensorlite.randn(image, requires_grad=True)
            w = tensorlite.randn(weight, requires_grad=True)
            seen = []
            for threads in (1, 2, 5):
                tensorlite.set_num_threads(threads)
                y = tensorlite.conv2d(x, w, **kwargs)
                seen.append([y.detach(), *tensorlite.autograd.grad((y * y).sum(), [x, w])])
            for other in seen[1:]:
                assert all(tensorlite.equal(a, b) for a, b in zip(seen[0], other))
    finally:
        tensorlite.set_num_threads(before)


@pytest.mark.parametrize("name", CONVS)
def test_modules(name):
    def scenario(lib):
        dims = int(name[-2])
        m = getattr(lib.nn, name)(4, 6, 3, stride=2, padding=1, groups=2)
        x = lib.randn(2, 4, *[7] * dims, requires_grad=True)
        y = m(x)
        y.pow(2).sum().backward()
        unbatched = m(x[0].detach())
        fresh = getattr(lib.nn, name)(4, 6, 3, stride=2, padding=1, groups=2, bias=False)
        loaded = outcome(fresh.load_state_dict, m.state_dict(), strict=False)
        return [
            repr(m),
            repr(fresh),
            m.state_dict(),
            y,
            x.grad,
            m.weight.grad,
            m.bias.grad,
            unbatched,
            repr(loaded),
            fresh.weight,
        ]

    compare(scenario, tol=2e-5)


def test_module_arguments_and_reprs():
    def scenario(lib):
        nn = lib.nn
        modules = [
            nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(1, 2)),
            nn.Conv2d(2, 4, 3, padding="same", bias=False),
            nn.Conv1d(2, 4, 4, padding="valid", padding_mode="circular"),
            nn.ConvTranspose2d(2, 4, 3, 2, 1, output_padding=1, dilation=2, groups=2),
            nn.LazyConv2d(4, 3),
            nn.LazyConvTranspose1d(4, 3),
            nn.Conv2d(3, 6, 3, dtype=lib.float64),
        ]
        return [(repr(m), [repr(p.dtype) for p in m.parameters()]) for m in modules]

    compare(scenario)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same", "valid"])
def test_padding_modes(mode, padding):
    def scenario(lib):
        m = lib.nn.Conv2d(2, 3, 3, padding=padding, padding_mode=mode)
        x = lib.randn(2, 2, 5, 6, requires_grad=True)
        y = m(x)
        y.pow(2).sum().backward()
        return [repr(m), y, x.grad, m.weight.grad, m._reversed_padding_repeated_twice]

    compare(scenario, tol=1e-5)


def test_output_size_of_a_transposed_convolution():
    def scenario(lib):
        m = lib.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
        x = lib.randn(1, 2, 5, 5)
        return [
            m(x, output_size=(10, 9)),
            m(x, output_size=[1, 3, 9, 10]).shape == (1, 3, 9, 10),
            m(x[0], output_size=(10, 10)).shape == (3, 10, 10),
            outcome(m, x, output_size=(11, 9)),
            outcome(m, x, output_size=(9,)),
        ]

    compare(scenario, tol=1e-5)


def test_lazy_forms():
    def scenario(lib):
        result = []
        for name in CONVS:
            m = getattr(lib.nn, "Lazy" + name)(4, 2, groups=2)
            dims = int(name[-2])
            y = m(lib.randn(2, 6, *[5] * dims))
            result += [repr(m), type(m).__name__, m.weight, m.bias, y]
            result.append(outcome(getattr(lib.nn, "Lazy" + name)(4, 2), lib.randn(3)))
        full, lazy = lib.nn.Conv2d(3, 4, 3), lib.nn.LazyConv2d(4, 3)
        lazy.load_state_dict(full.state_dict())
        x = lib.randn(1, 3, 5, 5)
        return [*result, bool((lazy(x) == full(x)).all())]

    compare(scenario, tol=1e-5)


def test_other_dtypes():
    def scenario(lib):
        F = lib.nn.functional
        result = []
        x, w = (
            lib.arange(2 * 3 * 5 * 5).reshape(2, 3, 5, 5),
            lib.arange(4 * 3 * 9).reshape(4, 3, 3, 3),
        )
        for dtype in ("int64", "int32", "int16", "uint8", "int8"):
            dtype = getattr(lib, dtype)
            result.append(F.conv2d(x.to(dtype), w.to(dtype), None, 2, 1))
        result.append(F.conv_transpose2d(x, w[:3], None, 2, 1))
        for dtype, tol in ((lib.float16, 2e-2), (lib.bfloat16, 1e-1)):
            a, b = lib.randn(2, 3, 6, 6).to(dtype), lib.randn(4, 3, 3, 3).to(dtype)
            y = F.conv2d(a, b)
            result += [
                y.dtype,
                (y.float() - F.conv2d(a.float(), b.float())).abs().max().item() < tol,
            ]
        a = lib.randn(2, 3, 6, dtype=lib.complex128, requires_grad=True)
        b = lib.randn(4, 3, 3, dtype=lib.complex128, requires_grad=True)
        c = lib.randn(4, dtype=lib.complex128, requires_grad=True)
        y = F.conv1d(a, b, c, 2, 1)
        y.abs().sum().backward()
        real = [lib.view_as_real(t.detach()) for t in (y, a.grad, b.grad, c.grad)]
        return [*result, *real]

    compare(scenario, tol=1e-9)


def test_channels_last_stays():
    def scenario(lib):
        x = lib.randn(2, 3, 5, 6).to(memory_format=lib.channels_last).requires_grad_()
        y = lib.nn.functional.conv2d(x, lib.randn(4, 3, 3, 3), padding=1)
        y.pow(2).sum().backward()
        return [y.stride(), y, x.grad]

    compare(scenario, tol=1e-5)


def test_what_is_refused():
    def scenario(lib):
        F, r = lib.nn.functional, lib.randn
        x, w = r(1, 2, 4, 4), r(2, 2, 3, 3)
        calls = [
            lambda: F.conv2d(x, r(2, 1, 3, 3)),
            lambda: F.conv2d(x, r(3, 1, 3, 3), groups=2),
            lambda: F.conv2d(r(1, 2, 2, 2), w),
            lambda: F.conv2d(r(4, 4), w),
            lambda: F.conv2d(r(1, 1, 2, 4, 4), w),
            lambda: F.conv2d(x, r(2, 2, 3)),
            lambda: F.conv2d(x, w, r(3)),
            lambda: F.conv2d(x, w, r(2, 1)),
            lambda: F.conv2d(x, w, stride=0),
            lambda: F.conv2d(x, w, padding=-1),
            lambda: F.conv2d(x, w, dilation=0),
            lambda: F.conv2d(x, w, groups=0),
            lambda: F.conv2d(x, w, stride=(1, 2, 3)),
            lambda: F.conv2d(x, w, padding="full"),
            lambda: F.conv2d(x, w, padding="same", stride=2),
            lambda: F.conv2d(x, r(2, 2, 0, 3)),
            lambda: F.conv2d(x, r(0, 2, 3, 3)),
            lambda: F.conv2d(r(1, 2, 0, 4), w, padding=2),
            lambda: F.conv2d(x, w.double()),
            lambda: F.conv2d(x, w, r(2).double()),
            lambda: F.conv2d(x > 0, w > 0),
            lambda: F.conv_transpose2d(x, w, stride=2, output_padding=2),
            lambda: F.conv_transpose2d(x, w, stride=2, output_padding=-1),
            lambda: F.conv_transpose2d(x, r(3, 3, 3, 3)),
            lambda: F.conv_transpose2d(x, w, padding=5),
            lambda: lib.convolution(r(2, 4, 4), w, None, [1], [0], [1], False, [0], 1),
            lambda: lib.nn.Conv2d(3, 4, 3, groups=2),
            lambda: lib.nn.Conv2d(4, 3, 3, groups=2),
            lambda: lib.nn.Conv2d(4, 4, 3, groups=0),
            lambda: lib.nn.Conv2d(4, 4, 3, padding="full"),
            lambda: lib.nn.Conv2d(4, 4, 3, padding="same", stride=2),
            lambda: lib.nn.Conv2d(4, 4, 3, padding_mode="mirror"),
            lambda: lib.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
        ]
        return [outcome(f) for f in calls]

    compare(scenario)


def test_sizes_beyond_all_bounds_are_errors():
    x, w = tensorlite.randn(1, 1, 4), tensorlite.randn(1, 1, 3)
    big = 2**62
    for f in (
        lambda: tensorlite.conv1d(x, w, None, 1, big),
        lambda: tensorlite.conv1d(x, w, None, 1, 2**41, 2**41),
        lambda: tensorlite.conv_transpose1d(x, w, None, big),
        lambda: tensorlite.conv_transpose1d(x, w, None, 2**39),
    ):
        with pytest.raises((RuntimeError, MemoryError)):
            f()
    assert tensorlite.conv1d(x, w, None, big // 2**23).shape == (1, 1, 1)


def test_only_what_backward_reads_is_saved():
    x, w = tensorlite.randn(1, 2, 5, 5), tensorlite.randn(3, 2, 3, 3, requires_grad=True)
    y = tensorlite.conv2d(x, w)
    assert y.grad_fn._saved_input is not None
    assert y.grad_fn._saved_weight is None
