"""What tensors print as, character for character PyTorch's."""

import math

import pytest

import tensorlite

torch = pytest.importorskip("torch")


def values(m):
    """Tensors of every kind that prints in a way of its own, by name."""
    t, inf, nan = m.tensor, float("inf"), float("nan")

    def ramp(*shape, divisor=1):
        n = math.prod(shape)
        return t([(i + 1) / divisor for i in range(n)]).reshape(shape)

    return {
        "0-d": t(1.5),
        "0-d integer value": t(3.0),
        "0-d long": t(3),
        "0-d bool": t(True),
        "0-d complex": t(1 + 2j),
        "0-d half": t(1.5, dtype=m.float16),
        "0-d bfloat16": t(0.1, dtype=m.bfloat16),
        "0-d inf": t(inf),
        "0-d nan": t(nan),
        "0-d small": t(1e-7),
        "0-d large": t(1e10),
        "0-d negative zero": t(-0.0),
        "1-d": t([1.0, 2.5, -3.25]),
        "whole": t([1.0, 2.0, -30.0]),
        "whole with zero": t([0.0, 0.0]),
        "whole large": t([1e5, 2e6]),
        "whole too large": t([1e9, 1.0]),
        "small": t([1e-5, 1.0]),
        "very small": t([1e-20, 1e-21]),
        "ratio": t([0.001, 10.5]),
        "ratio at limit": t([0.001, 1.0]),
        "ratio whole": t([1.0, 2000.0]),
        "ratio whole at limit": t([1.0, 1000.0]),
        "nan among": t([nan, 1.0, 2.0]),
        "inf among": t([inf, -inf, 1.5]),
        "nan only": t([nan, nan]),
        "nan and zero": t([nan, 0.0, -inf]),
        "inf and small": t([inf, 1e-6]),
        "negative zero": t([-0.0, 1.0]),
        "float64": t([1.0, 2.5], dtype=m.float64),
        "float64 third": t([1 / 3, 2 / 3], dtype=m.float64),
        "float16": t([1.0, 0.1, 65504.0], dtype=m.float16),
        "bfloat16": t([1.0, 0.1, 300.0], dtype=m.bfloat16),
        "int64": t([1, -20, 300]),
        "int32": t([1, -20, 300], dtype=m.int32),
        "int16": t([1, 2], dtype=m.int16),
        "int8": t([1, -2], dtype=m.int8),
        "uint8": t([1, 200], dtype=m.uint8),
        "bool": t([True, False]),
        "bool matrix": t([[True, False], [False, False]]),
        "complex64": t([1 + 2j, -3.5 - 4j]),
        "complex whole": t([1 + 2j, -3 - 4j]),
        "complex128": t([1 + 2j], dtype=m.complex128),
        "complex inf": t([complex(inf, -inf), complex(nan, 1)]),
        "complex small": t([1e-6 + 1j, 2 + 3j]),
        "complex matrix": t([[1 + 2j, 3 - 4j], [0j, 1j]]),
        "empty": t([]),
        "empty long": t([], dtype=m.int64),
        "empty bool": t([], dtype=m.bool),
        "empty matrix": m.zeros(0, 3),
        "empty matrix long": m.zeros(0, 3, dtype=m.int64),
        "empty inner": m.zeros(2, 0),
        "empty 3-d": m.zeros(2, 0, 3),
        "matrix": ramp(2, 3, divisor=7),
        "3-d": ramp(2, 2, 3),
        "4-d": ramp(2, 1, 2, 3),
        "column": ramp(3, 1),
        "long line": ramp(30),
        "long line fractions": ramp(40, divisor=7),
        "long line of ints": m.arange(60),
        "long line of bools": t([i % 3 == 0 for i in range(60)]),
        "wide matrix": ramp(3, 30),
        "at threshold": ramp(1000),
        "summary": ramp(1001),
        "summary fractions": ramp(2000, divisor=3),
        "summary ints": m.arange(5000),
        "summary matrix": ramp(40, 50),
        "summary narrow": ramp(600, 2),
        "summary short": ramp(2, 600),
        "summary six": ramp(6, 400),
        "summary seven": ramp(7, 400),
        "summary 3-d": ramp(10, 11, 12),
        "summary 4-d": ramp(3, 8, 7, 9),
        "summary complex": t([i * (1 - 2j) for i in range(1200)]),
        "transposed": ramp(3, 4).t(),
        "expanded": t([1.0, 2.0]).expand(3, 2),
        "strided": ramp(10)[::3],
        "requires_grad": t([1.0, 2.0], requires_grad=True),
        "requires_grad 0-d": t(1.0, requires_grad=True),
        "requires_grad double": t([1.0], dtype=m.float64, requires_grad=True),
        "requires_grad empty": m.zeros(0, requires_grad=True),
        "grad_fn": t([1.0, 2.0], requires_grad=True).clone(),
        "grad_fn half": t([1.0, 2.0], requires_grad=True).half(),
        "grad_fn view": t([[1.0, 2.0]], requires_grad=True).t(),
        "grad_fn written": m.zeros(3).copy_(t([1.0, 2.0, 3.0], requires_grad=True)),
        "grad_fn long": ramp(25).requires_grad_().t().clone(),
        "grad_fn wrapped": ramp(13).requires_grad_().clone(),
        "parameter": m.nn.Parameter(t([1.0, 2.0])),
        "parameter frozen": m.nn.Parameter(t([1.0, 2.0]), requires_grad=False),
        "parameter matrix": m.nn.Parameter(ramp(2, 3)),
        "parameter 0-d": m.nn.Parameter(t(1.5)),
        "parameter half": m.nn.Parameter(t([1.5], dtype=m.float16)),
    }


NAMES = list(values(torch))


@pytest.mark.parametrize("name", NAMES)
def test_repr(name):
    assert repr(values(tensorlite)[name]) == repr(values(torch)[name])


OPTIONS = [
    {"precision": 2},
    {"precision": 8},
    {"precision": 0},
    {"edgeitems": 1, "threshold": 5},
    {"edgeitems": 0, "threshold": 5},
    {"linewidth": 40},
    {"linewidth": 200},
    {"linewidth": 5},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "full", "precision": 2},
    {"profile": "default"},
    {"threshold": float("inf")},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_set_printoptions(options):
    ours, theirs = values(tensorlite), values(torch)
    try:
        torch.set_printoptions(**options)
        tensorlite.set_printoptions(**options)
        for name in NAMES:
            assert repr(ours[name]) == repr(theirs[name]), name
    finally:
        torch.set_printoptions(profile="default")
        tensorlite.set_printoptions(profile="default")


def test_random_values():
    generator = torch.Generator().manual_seed(0)
    for trial in range(150):
        shape = [int(n) for n in torch.randint(0, 9, (trial % 4,), generator=generator)]
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        x *= 10.0 ** torch.randint(-7, 9, (), generator=generator).item()
        if trial % 3 == 0:
            x = x.round()
        if trial % 5 == 0 and x.numel():
            x.view(-1)[0] = [float("inf"), float("nan"), 0.0, -0.0][trial % 4]
        for dtype in ("float64", "float32", "float16", "bfloat16", "int64", "int16"):
            a = x.to(getattr(torch, dtype))
            b = tensorlite.tensor(x.tolist(), dtype=tensorlite.float64).reshape(shape)
            b = b.to(getattr(tensorlite, dtype))
            assert repr(a) == repr(b)


def test_default_dtype():
    for lib in (torch, tensorlite):
        lib.set_default_dtype(lib.float64)
    try:
        for make in (
            lambda m: m.tensor([1.0, 2.5]),
            lambda m: m.tensor([1.0], dtype=m.float32),
            lambda m: m.tensor([1.0 + 2j]),
            lambda m: m.tensor([1.0 + 2j], dtype=m.complex64),
            lambda m: m.tensor([], dtype=m.float32),
        ):
            assert repr(make(torch)) == repr(make(tensorlite))
    finally:
        for lib in (torch, tensorlite):
            lib.set_default_dtype(lib.float32)


def test_get_printoptions():
    for lib in (torch, tensorlite):
        lib.set_printoptions(precision=3, sci_mode=True)
    try:
        if hasattr(torch, "get_printoptions"):
            assert tensorlite.get_printoptions() == torch.get_printoptions()
    finally:
        for lib in (torch, tensorlite):
            lib.set_printoptions(profile="default")
    assert tensorlite.get_printoptions()["sci_mode"] is None


def test_format_and_str():
    for m in (torch, tensorlite):
        assert f"{m.tensor(1.23456):.2f}" == "1.23"
        assert f"{m.tensor(7):5d}" == "    7"
        assert str(m.tensor([1, 2])) == "tensor([1, 2])"
        assert f"{m.tensor([1, 2])}" == "tensor([1, 2])"
        with pytest.raises(TypeError):
            f"{m.tensor([1, 2]):.2f}"


def test_subclass_and_failing_history():
    class Named(tensorlite.Tensor):
        pass

    class TorchNamed(torch.Tensor):
        pass

    ours = tensorlite.tensor([1.0, 2.0]).as_subclass(Named)
    theirs = torch.tensor([1.0, 2.0]).as_subclass(TorchNamed)
    assert repr(ours) == repr(theirs).replace("TorchNamed", "Named")
