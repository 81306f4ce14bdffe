"""Factories beside PyTorch's: values, dtypes, keywords, out=, errors."""

import pytest

import tensorlite
from outcomes import same_outcome

INF, NAN = float("inf"), float("nan")

FACTORIES = {
    "zeros": lambda m: m.zeros(2, 3),
    "zeros tuple": lambda m: m.zeros((2, 3)),
    "zeros list": lambda m: m.zeros([2, 3]),
    "zeros Size": lambda m: m.zeros(m.Size([2])),
    "zeros size=": lambda m: m.zeros(size=(2,)),
    "zeros ()": lambda m: m.zeros(()),
    "zeros 0": lambda m: m.zeros(0, 2),
    "zeros of a tensor": lambda m: m.zeros(m.tensor(3)),
    "zeros of tensors": lambda m: m.zeros(m.tensor(3), 2),
    "zeros keywords": lambda m: m.zeros(
        2, dtype=m.int8, layout=m.strided, device="cpu", pin_memory=False, requires_grad=False
    ),
    "zeros device": lambda m: m.zeros(2, device=m.device("cpu")),
    "zeros leaf": lambda m: m.zeros(2, requires_grad=True),
    "zeros leaf of ints": lambda m: m.zeros(2, dtype=m.int64, requires_grad=True),
    "zeros dtype float": lambda m: m.zeros(2, dtype=float),
    "zeros dtype None": lambda m: m.zeros(2, dtype=None),
    "ones": lambda m: m.ones(2, 3),
    "ones bool": lambda m: m.ones(2, dtype=m.bool),
    "ones complex": lambda m: m.ones(2, dtype=m.complex64),
    "ones half": lambda m: m.ones(2, dtype=m.float16),
    "ones int": lambda m: m.ones(2, dtype=int),
    "full": lambda m: m.full((2, 2), 1.5),
    "full int": lambda m: m.full((2,), 3),
    "full bool": lambda m: m.full((2,), True),
    "full complex": lambda m: m.full((2,), 1 + 2j),
    "full tensor": lambda m: m.full((2,), m.tensor(3)),
    "full dtype": lambda m: m.full((2,), 2.7, dtype=m.int32),
    "full wraps": lambda m: m.full((2,), -1, dtype=m.uint8),
    "full inf": lambda m: m.full((2,), INF, dtype=m.float16),
    "full ()": lambda m: m.full((), 2),
    "empty shape": lambda m: m.empty(2, 3).shape,
    "empty dtype": lambda m: m.empty(2, dtype=m.int16).dtype,
    "empty channels_last": lambda m: m.empty(2, 3, 4, 5, memory_format=m.channels_last).stride(),
    "empty channels_last_3d": lambda m: m.empty(
        1, 2, 3, 4, 5, memory_format=m.channels_last_3d
    ).stride(),
    "empty channels_last of 3-d": lambda m: m.empty(2, 3, 4, memory_format=m.channels_last),
    "empty_strided": lambda m: m.empty_strided((2, 3), (1, 2)).stride(),
    "empty_strided mismatch": lambda m: m.empty_strided((2, 3), (1,)),
    "arange": lambda m: m.arange(5),
    "arange float": lambda m: m.arange(2.5),
    "arange bounds": lambda m: m.arange(1, 5),
    "arange step": lambda m: m.arange(0, 1, 0.25),
    "arange down": lambda m: m.arange(5, 0, -2),
    "arange negative": lambda m: m.arange(-3, 3),
    "arange keywords": lambda m: m.arange(start=1, end=6, step=2),
    "arange end=": lambda m: m.arange(end=3),
    "arange dtype": lambda m: m.arange(3, dtype=m.float64),
    "arange half": lambda m: m.arange(3, dtype=m.float16),
    "arange uint8": lambda m: m.arange(3, dtype=m.uint8),
    "arange cut": lambda m: m.arange(0.5, 4.5, dtype=m.int64),
    "arange empty": lambda m: m.arange(0),
    "arange equal": lambda m: m.arange(2, 2),
    "arange tensors": lambda m: m.arange(m.tensor(1), m.tensor(4)),
    "arange bool": lambda m: m.arange(True),
    "arange large": lambda m: m.arange(2**62, 2**62 + 3),
    "arange fraction": lambda m: m.arange(0, 0.35, 0.05, dtype=m.float64).shape,
    "range": lambda m: m.range(0, 4),
    "range step": lambda m: m.range(1, 2, 0.25),
    "linspace": lambda m: m.linspace(0, 1, 5),
    "linspace one": lambda m: m.linspace(3, 5, 1),
    "linspace none": lambda m: m.linspace(3, 5, 0),
    "linspace int": lambda m: m.linspace(0, 10, 4, dtype=m.int64),
    "linspace down": lambda m: m.linspace(5, -5, 11, dtype=m.float64),
    "linspace complex": lambda m: m.linspace(0, 1j, 3),
    "linspace keywords": lambda m: m.linspace(start=0, end=2, steps=3),
    "logspace": lambda m: m.logspace(0, 2, 3),
    "logspace base": lambda m: m.logspace(0, 4, 5, base=2),
    "eye": lambda m: m.eye(3),
    "eye wide": lambda m: m.eye(2, 3),
    "eye tall": lambda m: m.eye(3, 2, dtype=m.int64),
    "eye empty": lambda m: m.eye(0),
    "scalar_tensor": lambda m: m.scalar_tensor(3),
    "scalar_tensor dtype": lambda m: m.scalar_tensor(3, dtype=m.int64),
    "complex": lambda m: m.complex(m.tensor([1.0, 2.0]), m.tensor([3.0, 4.0])),
    "complex broadcast": lambda m: m.complex(m.ones(2, 1), m.zeros(3)).shape,
    "complex of ints": lambda m: m.complex(m.tensor([1]), m.tensor([2])),
    "complex mixed": lambda m: m.complex(m.ones(1), m.ones(1, dtype=m.float64)),
    "polar": lambda m: m.polar(m.tensor([1.0]), m.tensor([0.0])),
    "zeros_like": lambda m: m.zeros_like(m.ones(2, 3)),
    "zeros_like transposed": lambda m: m.zeros_like(m.ones(2, 3).t()),
    "zeros_like expanded": lambda m: m.zeros_like(m.ones(2, 1).expand(2, 3)),
    "zeros_like dtype": lambda m: m.zeros_like(m.ones(2), dtype=m.int64),
    "zeros_like format": lambda m: m.zeros_like(
        m.ones(2, 3).t(), memory_format=m.contiguous_format
    ),
    "zeros_like channels_last": lambda m: m.zeros_like(
        m.ones(1, 2, 3, 4), memory_format=m.channels_last
    ),
    "ones_like": lambda m: m.ones_like(m.tensor([1, 2])),
    "ones_like leaf": lambda m: m.ones_like(m.ones(2), requires_grad=True),
    "ones_like of leaf": lambda m: m.ones_like(m.ones(2, requires_grad=True)),
    "full_like": lambda m: m.full_like(m.ones(2), 7),
    "full_like int": lambda m: m.full_like(m.tensor([1]), 2.9),
    "empty_like": lambda m: m.empty_like(m.ones(2, 3, 4).permute(2, 0, 1)).stride(),
    "empty_like gaps": lambda m: m.empty_like(m.ones(4, 6)[::2, ::3]).stride(),
    "new_zeros": lambda m: m.ones(1, dtype=m.int8).new_zeros(2, 3),
    "new_zeros tuple": lambda m: m.ones(1).new_zeros((2,)),
    "new_ones": lambda m: m.ones(1).new_ones(2, dtype=m.int64),
    "new_full": lambda m: m.ones(1).new_full((2,), 7),
    "new_empty": lambda m: m.ones(1, dtype=m.bool).new_empty(2).dtype,
    "new_empty_strided": lambda m: m.ones(1).new_empty_strided((2, 2), (1, 2)).stride(),
    "new_tensor": lambda m: m.ones(1).new_tensor([1, 2]),
    "new_tensor dtype": lambda m: m.ones(1).new_tensor([1, 2], dtype=m.int8),
    "new_tensor of tensor": lambda m: m.ones(1).new_tensor(m.tensor([1, 2])),
    "new_zeros leaf": lambda m: m.ones(1).new_zeros(2, requires_grad=True),
    "tril_indices": lambda m: m.tril_indices(3, 3),
    "triu_indices": lambda m: m.triu_indices(3, 2, 1),
}

OUT = {
    "same": lambda m: m.zeros(3, out=m.ones(3)),
    "other dtype": lambda m: m.zeros(3, out=m.ones(3, dtype=m.int32)),
    "other shape": lambda m: m.zeros(3, out=m.ones(2)),
    "wrong dtype=": lambda m: m.zeros(3, out=m.ones(3, dtype=m.int32), dtype=m.int64),
    "leaf": lambda m: m.zeros(3, out=m.ones(3), requires_grad=True),
    "arange": lambda m: m.arange(3, out=m.ones(3)),
    "full": lambda m: m.full((2,), 1.5, out=m.ones(2, dtype=m.int64)),
    "linspace": lambda m: m.linspace(0, 1, 3, out=m.ones(3, dtype=m.float64)),
    "eye": lambda m: m.eye(2, out=m.ones(0)),
    "None": lambda m: m.ones(2, out=None),
    "itself": lambda m: [(x := m.empty(3)), m.ones(3, out=x) is x],
    "strided": lambda m: [(x := m.zeros(4)), m.ones(2, out=x[::2])][0],
}

ERRORS = {
    "size str": lambda m: m.zeros("a"),
    "size None": lambda m: m.zeros(None),
    "size missing": lambda m: m.zeros(),
    "size float": lambda m: m.zeros(2.0),
    "size bool": lambda m: m.zeros(True),
    "dtype str": lambda m: m.zeros(2, dtype="float32"),
    "unknown keyword": lambda m: m.ones(2, foo=1),
    "fill None": lambda m: m.full((2,), None),
    "fill str": lambda m: m.full((2,), "a"),
    "overflow": lambda m: m.zeros(2**62, 2**62),
    "overflow of bytes": lambda m: m.zeros(2**62),
    "pinned": lambda m: m.zeros(3, pin_memory=True),
    "cuda": lambda m: m.zeros(3, device="cuda"),
    "cuda object": lambda m: m.zeros(3, device=m.device("cuda:0")),
    "ordinal": lambda m: m.zeros(3, device=0),
    "step 0": lambda m: m.arange(0, 5, 0),
    "step sign": lambda m: m.arange(5, 0),
    "range nan": lambda m: m.arange(NAN),
    "range inf": lambda m: m.arange(INF),
    "range huge": lambda m: m.arange(1e30),
    "range bool": lambda m: m.arange(3, dtype=m.bool),
    "range complex": lambda m: m.arange(3, dtype=m.complex64),
    "steps": lambda m: m.linspace(0, 1, -1),
    "steps float": lambda m: m.linspace(0, 1, 2.0),
    "eye": lambda m: m.eye(-1),
    "eye m": lambda m: m.eye(2, -1),
    "value too large": lambda m: m.full((2,), 1e40),
    "value too large for half": lambda m: m.full((2,), 1e5, dtype=m.float16),
    "value too large for byte": lambda m: m.full((2,), 300, dtype=m.uint8),
    "nan as int": lambda m: m.full((2,), NAN, dtype=m.int64),
    "inf as int": lambda m: m.full((2,), INF, dtype=m.int32),
    "complex as real": lambda m: m.full((2,), 1j, dtype=m.float32),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_factories(name):
    same_outcome(FACTORIES[name])


@pytest.mark.parametrize("name", OUT)
def test_out(name):
    same_outcome(OUT[name])


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    same_outcome(ERRORS[name])


def test_element_of_wrong_type_in_a_size():
    for size in ((2, "a"), (2, 2.0), (None,), (2**70,)):
        with pytest.raises((TypeError, ValueError)):
            tensorlite.zeros(size)
        with pytest.raises((TypeError, ValueError)):
            tensorlite.zeros(*size)


def test_negative_size():
    for make in (tensorlite.zeros, tensorlite.empty, tensorlite.ones, tensorlite.Tensor):
        with pytest.raises(RuntimeError, match=r"negative dimension -1: \[2, -1\]"):
            make(2, -1)


@pytest.mark.parametrize("size", [10**15, 2**58])
def test_memory_that_cannot_be_had(size):
    for make in (tensorlite.empty, tensorlite.zeros, tensorlite.ones):
        with pytest.raises(MemoryError):
            make(size, dtype=tensorlite.int8)
    with pytest.raises(RuntimeError):  # which it is too, as in PyTorch
        tensorlite.empty(size)
    assert issubclass(tensorlite.OutOfMemoryError, (RuntimeError, MemoryError))
    assert tensorlite.zeros(2).tolist() == [0, 0]


def test_empty_of_huge_extent():
    x = tensorlite.empty(0, 2**62)
    assert x.numel() == 0
    with pytest.raises(RuntimeError):
        tensorlite.empty_strided((2, 2), (2**62, 1))
    with pytest.raises(RuntimeError):
        tensorlite.zeros(2**40, 2**40, 0, 2**40)


def test_default_dtype():
    def f(m):
        m.set_default_dtype(m.float64)
        try:
            return [
                m.zeros(1), m.arange(1.0), m.tensor(1.5), m.tensor([1, 2.0]), m.tensor(1j), m.full((1,), 2.0), m.linspace(0, 1, 2),
                m.get_default_dtype(), m.Tensor([1]), m.scalar_tensor(1), m.eye(1),
            ]  # fmt: skip
        finally:
            m.set_default_dtype(m.float32)

    same_outcome(f)
    same_outcome(lambda m: m.set_default_dtype(m.int32))
    same_outcome(lambda m: m.set_default_dtype("f"))
    same_outcome(lambda m: m.set_default_tensor_type("torch.LongTensor"))


def test_many_dims():
    assert tensorlite.zeros([1] * 64).dim() == 64
    with pytest.raises(RuntimeError, match="64"):
        tensorlite.zeros([1] * 65)
