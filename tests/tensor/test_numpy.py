"""Tensors and NumPy: shared memory both ways, the array protocols, DLPack, buffers."""

import subprocess
import sys

import numpy as np
import pytest

import tensorlite
from outcomes import same_outcome

NUMPY = {
    "numpy": lambda m: m.tensor([[1.0, 2.0], [3.0, 4.0]]).numpy(),
    "numpy of all dtypes": lambda m: [
        m.ones(2, dtype=t).numpy()
        for t in (
            m.bool,
            m.uint8,
            m.int8,
            m.int16,
            m.int32,
            m.int64,
            m.float16,
            m.float64,
            m.complex64,
            m.complex128,
        )
    ],
    "numpy of bfloat16": lambda m: m.ones(2, dtype=m.bfloat16).numpy(),
    "numpy 0-d": lambda m: m.tensor(3.0).numpy(),
    "numpy transposed": lambda m: m.ones(2, 3).t().numpy(),
    "numpy strided": lambda m: m.arange(12).view(3, 4)[::2, 1:].numpy(),
    "numpy expanded": lambda m: m.ones(1, 3).expand(2, 3).numpy(),
    "numpy empty": lambda m: m.ones(0, 3).numpy().shape,
    "numpy of a leaf": lambda m: m.ones(2, requires_grad=True).numpy(),
    "numpy forced": lambda m: m.ones(2, requires_grad=True).numpy(force=True),
    "numpy of a result": lambda m: m.ones(2, requires_grad=True).clone().numpy(),
    "asarray": lambda m: np.asarray(m.ones(2)),
    "asarray of a leaf": lambda m: np.asarray(m.ones(2, requires_grad=True)),
    "array dtype": lambda m: np.array(m.ones(2), dtype=np.float64),
    "array of tensors": lambda m: np.array([m.tensor(1.0), m.tensor(2.0)]).dtype.kind,
    "add": lambda m: m.ones(2) + np.ones(2),
    "multiply by a NumPy number": lambda m: [
        m.ones(2) * np.float64(2),
        m.ones(2) * np.int64(3),
        m.ones(2) + np.float32(1),
    ],
    "NumPy number first": lambda m: np.float64(2) * m.ones(2),
    "ufunc": lambda m: np.sin(m.tensor([0.0, 1.0])),
    "ufunc of two": lambda m: np.add(m.ones(2), np.ones(2)),
    "ufunc bool": lambda m: np.isnan(m.ones(2)),
    "index by an array": lambda m: m.arange(5)[np.array([1, 3])],
    "index by a NumPy number": lambda m: m.arange(5)[np.int64(2)],
    "indices of an array": lambda m: np.arange(5)[m.tensor([1, 3])],
    "sizes": lambda m: m.zeros(np.int64(2), np.int32(3)),
    "fill": lambda m: m.zeros(2).fill_(np.float32(1.5)),
    "list of numbers": lambda m: m.tensor([np.float32(1), np.float64(2)]),
}


def test_arrays_as_operands():
    x, a = tensorlite.tensor([1.0, 2.0]), np.array([2.0, 2.0])
    for result, wanted in (
        (x + a, [3, 4]), (a + x, [3, 4]), (a * x, [2, 4]), (a - x, [1, 0]), (x / a, [0.5, 1]), (a**x, [2, 4]),
        (x == a, [False, True]), (a == x, [False, True]), (a > x, [True, False]), (x != a, [True, False]),
    ):  # fmt: skip
        assert isinstance(result, tensorlite.Tensor)
        assert result.tolist() == wanted
    leaf = tensorlite.ones(2, requires_grad=True)
    (leaf * a).sum().backward()
    assert leaf.grad.tolist() == [2, 2]
    assert (x == np.array(["a", "b"])) is False
    x += a
    assert x.tolist() == [3, 4]


@pytest.mark.parametrize("name", NUMPY)
def test_numpy(name):
    same_outcome(NUMPY[name], warns=False)


def test_memory_is_shared_both_ways():
    x = tensorlite.zeros(3)
    a = x.numpy()
    a[0] = 1
    x[1] = 2
    assert x.tolist() == [1, 2, 0]
    assert a.tolist() == [1, 2, 0]
    y = tensorlite.from_numpy(a)
    y[2] = 3
    assert x.tolist() == [1, 2, 3]
    assert a.flags.writeable


def test_an_array_keeps_the_memory():
    a = tensorlite.arange(1000.0).numpy()
    tensorlite.zeros(1000)  # would take the memory over
    assert a.sum() == 499500


def test_a_storage_with_an_array_is_not_moved():
    x = tensorlite.zeros(3)
    a = x.numpy()
    with pytest.raises(RuntimeError):
        x.resize_(10_000)
    assert a.tolist() == [0, 0, 0]


def test_array_protocols():
    x = tensorlite.tensor([[1, 2], [3, 4]])
    assert np.array(x, copy=True).tolist() == x.tolist()
    interface = x.__array_interface__
    assert interface["shape"] == (2, 2)
    assert interface["data"][0] == x.data_ptr()
    with pytest.raises(ValueError, match="copy"):
        x.__array__(dtype=np.float32, copy=False)
    assert not hasattr(tensorlite.ones(1, requires_grad=True), "__array_interface__")


def test_buffers():
    x = tensorlite.tensor([[1, 2], [3, 4]], dtype=tensorlite.int16)
    view = memoryview(x)
    assert (view.format, view.shape, view.strides) == ("h", (2, 2), (4, 2))
    view[1, 1] = 9
    assert x[1, 1].item() == 9
    assert bytes(memoryview(x)) == b"\1\0\2\0\3\0\x09\0"
    with pytest.raises(BufferError):
        memoryview(tensorlite.ones(2, requires_grad=True))
    with pytest.raises(BufferError):
        memoryview(tensorlite.ones(2, dtype=tensorlite.bfloat16))
    assert memoryview(x.t()).strides == (2, 4)


def test_dlpack():
    a = np.arange(6.0).reshape(2, 3)
    x = tensorlite.from_dlpack(a)
    x[0, 0] = 9
    assert a[0, 0] == 9
    assert x.dtype == tensorlite.float64
    b = np.from_dlpack(tensorlite.arange(4))
    assert b.tolist() == [0, 1, 2, 3]
    assert tensorlite.ones(2).__dlpack_device__() == (1, 0)
    assert tensorlite.from_dlpack(a.T).stride() == (1, 3)
    assert tensorlite.from_dlpack(tensorlite.tensor(True)).item() is True
    with pytest.raises(BufferError):
        tensorlite.ones(2, requires_grad=True).__dlpack__()
    capsule = tensorlite.ones(2).__dlpack__()
    tensorlite.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="only once"):
        tensorlite.from_dlpack(capsule)
    with pytest.raises(RuntimeError):
        tensorlite.from_dlpack(np.arange(3)[::-1])


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    for name in (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
    ):
        x = torch.ones(2, 3).to(getattr(torch, name)).t()
        y = tensorlite.from_dlpack(x)
        assert str(y.dtype) == str(x.dtype)
        assert y.tolist() == x.tolist()
        assert torch.from_dlpack(y).tolist() == x.tolist()


def test_numpy_is_imported_when_first_needed():
    code = (
        "import sys, tensorlite as m; x = m.tensor([1.0, 2.0]); m.nn.Linear(2, 1)(x); repr(x); x.tolist()\n"
        "heavy = {'numpy', 'inspect', 'dataclasses', 'pickle', 'zipfile', 'ast', 'json', 'unittest'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "x.numpy(); print('numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == ["[]", "True"]
