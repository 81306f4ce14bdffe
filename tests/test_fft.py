"""torch.fft, stft and the windows beside PyTorch."""

import warnings

import numpy as np
import pytest

import tensorlite
from tensorlite.autograd import gradcheck, gradgradcheck

torch = pytest.importorskip("torch")

REAL = [
    "fft",
    "ifft",
    "rfft",
    "ihfft",
    "fft2",
    "ifft2",
    "rfft2",
    "ihfft2",
    "fftn",
    "rfftn",
    "ihfftn",
]
COMPLEX = [
    "fft",
    "ifft",
    "irfft",
    "hfft",
    "fft2",
    "irfft2",
    "hfft2",
    "fftn",
    "ifftn",
    "irfftn",
    "hfftn",
]
CALLS = [("real", n) for n in REAL] + [("complex", n) for n in COMPLEX]


def numbers(kind, *shape, single=False, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape)
    if kind == "complex":
        a = a + 1j * rng.standard_normal(shape)
    if single:
        a = a.astype("complex64" if kind == "complex" else "float32")
    return tensorlite.tensor(a), torch.tensor(a)


def close(ours, theirs, tol=1e-10):
    assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().resolve_conj().numpy(), rtol=tol, atol=tol
    )


def options(name):
    """Sizes, dims and norms for a function of one dim, two, or more."""
    if name.endswith(("2", "n")):
        sizes = [{}, {"s": (3, 7)}, {"s": (6, 3), "dim": (0, -1)}, {"dim": (1, 0)}]
        if name.endswith("n"):
            sizes += [{"s": (5,)}, {"dim": 1}]
    else:
        sizes = [{}, {"n": 4}, {"n": 9, "dim": 0}, {"n": 7}, {"dim": 1}]
    norms = [None, "ortho", "forward", "backward"]
    return [{**s, "norm": norms[i % 4]} for i, s in enumerate(sizes * 2)]


@pytest.mark.parametrize(("kind", "name"), CALLS)
def test_values(kind, name):
    for k in options(name):
        a, b = numbers(kind, 4, 5, 6)
        close(getattr(tensorlite.fft, name)(a, **k), getattr(torch.fft, name)(b, **k))
        a, b = numbers(kind, 6, 5, 4, single=True)
        a, b = a.permute(2, 1, 0), b.permute(2, 1, 0)
        close(getattr(tensorlite.fft, name)(a, **k), getattr(torch.fft, name)(b, **k), 1e-4)


@pytest.mark.parametrize(("kind", "name"), CALLS)
def test_gradients(kind, name):
    for k in options(name)[:4]:
        grads = []
        for x, m in zip(numbers(kind, 3, 5, 4), (tensorlite, torch)):
            x.requires_grad_()
            y = getattr(m.fft, name)(x, **k)
            (g,) = m.autograd.grad((y.abs() ** 3).sum(), x, create_graph=True)
            (h,) = m.autograd.grad((g.abs() ** 3).sum(), x)
            grads.append((g, h))
        for ours, theirs in zip(*grads):
            close(ours, theirs, 1e-7)


def test_second_gradients():
    a = numbers("real", 3, 4)[0].requires_grad_()
    c = numbers("complex", 3, 4)[0].requires_grad_()
    for f in (tensorlite.fft.rfft, lambda x: tensorlite.fft.rfftn(x, (4, 5))):
        assert gradcheck(f, (a,))
        assert gradgradcheck(f, (a,))
    for f in (tensorlite.fft.irfft, lambda x: tensorlite.fft.hfft2(x, norm="ortho")):
        assert gradcheck(f, (c,))
        assert gradgradcheck(f, (c,))


SAME = {
    "integers": lambda m: m.fft.fft(m.arange(6)),
    "fftfreq": lambda m: m.fft.fftfreq(5, 0.5),
    "fftfreq even": lambda m: m.fft.fftfreq(6, dtype=m.float64),
    "fftfreq of nothing": lambda m: m.fft.fftfreq(0),
    "rfftfreq": lambda m: m.fft.rfftfreq(7, 2.0),
    "fftshift": lambda m: m.fft.fftshift(m.arange(15.0).reshape(3, 5)),
    "fftshift dim": lambda m: m.fft.fftshift(m.arange(15.0).reshape(3, 5), dim=1),
    "ifftshift": lambda m: m.fft.ifftshift(m.arange(15.0).reshape(3, 5), dim=(0, 1)),
    "out": lambda m: m.fft.fft(m.arange(6.0), out=m.zeros(0, dtype=m.complex64)),
    "0-d": lambda m: m.fft.fftn(m.ones(())),
    "keeps size": lambda m: m.fft.fftn(m.ones(2, 2), s=(-1, 3)),
}


@pytest.mark.parametrize("name", SAME)
def test_same(name):
    close(SAME[name](tensorlite), SAME[name](torch), 1e-6)


ERRORS = {
    "half": lambda m: m.fft.fft(m.ones(4).half()),
    "no points": lambda m: m.fft.fft(m.ones(3), 0),
    "empty": lambda m: m.fft.fft(m.ones(0)),
    "0-d": lambda m: m.fft.fft(m.ones(())),
    "norm": lambda m: m.fft.fft(m.ones(3), norm="x"),
    "complex": lambda m: m.fft.rfft(m.ones(3) + 1j),
    "too many sizes": lambda m: m.fft.fftn(m.ones(3, 3), s=(1, 2, 3)),
    "sizes and dims": lambda m: m.fft.fftn(m.ones(3, 3), s=(1, 2), dim=(0,)),
    "dims": lambda m: m.fft.fft2(m.ones(3)),
    "dim": lambda m: m.fft.fft(m.ones(3), dim=2),
    "the same dim": lambda m: m.fft.fftn(m.ones(3, 3), dim=(0, 0)),
    "one frequency": lambda m: m.fft.irfft(m.ones(1)),
    "integer frequencies": lambda m: m.fft.fftfreq(5, dtype=m.int64),
    "real out": lambda m: m.fft.fft(m.ones(3), out=m.zeros(3)),
    "return_complex": lambda m: m.stft(m.ones(100), 16, window=m.ones(16)),
    "hop": lambda m: m.stft(m.ones(100), 16, 0, window=m.ones(16), return_complex=True),
    "no complex": lambda m: m.istft(m.ones(9, 4, 2), 16, window=m.ones(16)),
    "negative window": lambda m: m.hann_window(-1),
    "zero window": lambda m: m.istft(m.ones(9, 4) + 0j, 16, window=m.zeros(16)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raised = []
    for m in (tensorlite, torch):
        with pytest.raises((RuntimeError, IndexError)) as e:
            ERRORS[name](m)
        raised.append(e.type)
    assert raised[0] is raised[1]


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", [0, 1, 2, 5, 16])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("hann_window", ()),
        ("hamming_window", ()),
        ("hamming_window", (0.5, 0.4)),
        ("blackman_window", ()),
        ("bartlett_window", ()),
        ("kaiser_window", ()),
        ("kaiser_window", (3.0,)),
    ],
)
def test_windows(name, args, length, periodic):
    for dtype in ("float32", "float64", "float16"):
        ours, theirs = (
            getattr(m, name)(length, periodic, *args, dtype=getattr(m, dtype))
            for m in (tensorlite, torch)
        )
        close(ours, theirs, {"float32": 2e-6, "float64": 1e-12, "float16": 2e-3}[dtype])


@pytest.mark.parametrize(
    "k",
    [
        {},
        {"hop_length": 5},
        {"win_length": 10},
        {"normalized": True},
        {"onesided": False},
        {"center": False},
        {"pad_mode": "constant"},
    ],
    ids=str,
)
def test_stft_and_back(k):
    results = []
    for x, m in zip(numbers("real", 2, 100), (tensorlite, torch)):
        x.requires_grad_()
        window = m.hann_window(k.get("win_length", 16), dtype=m.float64) + 0.1
        y = m.stft(x, 16, window=window, return_complex=True, **k)
        (g,) = m.autograd.grad((y.abs() ** 2).sum(), x, create_graph=True)
        back = {a: v for a, v in k.items() if a != "pad_mode"}
        z = m.istft(y, 16, window=window, length=90 if k.get("center", True) else None, **back)
        (h,) = m.autograd.grad((z**3).sum(), x)
        results.append((y, g, z, h))
    for ours, theirs in zip(*results):
        close(ours, theirs, 1e-8)


def test_stft_warns_and_gives_parts():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        y = tensorlite.ones(100).stft(16, return_complex=False)
    assert y.shape == (9, 26, 2)
    assert len(seen) == 2
