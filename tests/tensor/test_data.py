"""tensor(), as_tensor(), asarray(), frombuffer() and the typed constructors over all kinds of Python data."""

import array
import collections
import decimal
import fractions

import numpy as np
import pytest

import tensorlite
from outcomes import same_outcome


class Index:
    def __index__(self):
        return 3


class Float:
    def __float__(self):
        return 2.5


class Sequence:
    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i > 2:
            raise IndexError
        return i * 1.5


class BadSequence(Sequence):
    def __getitem__(self, i):
        raise KeyError("x")


INF, NAN = float("inf"), float("nan")
GRID = np.arange(24).reshape(2, 3, 4)
RECURSIVE: list = []
RECURSIVE.append(RECURSIVE)

# Data, and the name of a dtype or None.
DATA = {
    "int": (1, None),
    "float": (1.5, None),
    "bool": (True, None),
    "complex": (1j, None),
    "empty": ([], None),
    "empty rows": ([[], []], None),
    "empty row": ([[]], None),
    "tuple": ((), None),
    "nested": ([[1, 2], [3, 4]], None),
    "tuples in lists": (([1, 2], (3, 4)), None),
    "int and float": ([1, 2.5], None),
    "bool and int": ([True, 2], None),
    "bool and float": ([True, 2.5], None),
    "int and complex": ([1, 2j], None),
    "bools": ([True, False], None),
    "ragged": ([[1, 2], [3]], None),
    "ragged number": ([[1, 2], 3], None),
    "ragged list": ([1, [2]], None),
    "ragged list float": ([1.0, [2]], None),
    "ragged empty": ([[], [1]], None),
    "ragged to empty": ([[1], []], None),
    "ragged deep": ([[[1, 2], [3, 4]], [[1, 2], [3]]], None),
    "None": (None, None),
    "list of None": ([None], None),
    "None among numbers": ([1, None], None),
    "None as float": ([None], "float32"),
    "str": ("abc", None),
    "list of str": (["a"], None),
    "str among numbers": ([1, "a"], None),
    "str as float": (["1"], "float32"),
    "bytes": (b"abc", None),
    "dict": ({"a": 1}, None),
    "set": ({1, 2}, None),
    "range": (range(4), None),
    "empty range": (range(0), None),
    "ranges": ([range(3), range(3)], None),
    "deque": (collections.deque([1, 2]), None),
    "namedtuple": (collections.namedtuple("P", "x y")(1, 2), None),
    "object": (object(), None),
    "list of objects": ([object()], None),
    "recursive": (RECURSIVE, None),
    "recursive below": ([1, RECURSIVE], None),
    "2**63": (2**63, None),
    "list of 2**63": ([2**63], None),
    "-2**63": (-(2**63), None),
    "-2**63-1": (-(2**63) - 1, None),
    "2**70 and float": ([2**70, 1.0], None),
    "2**70 as float": (2**70, "float32"),
    "2**70 as complex": ([2**70], "complex64"),
    "10**400 as float": (10**400, "float64"),
    "300 as int8": (300, "int8"),
    "-1 as uint8": (-1, "uint8"),
    "256 as uint8": ([256], "uint8"),
    "2**31 as int32": ([2**31], "int32"),
    "float as int": (2.7, "int64"),
    "negative float as int": ([-2.7], "int32"),
    "nan as int": (NAN, "int64"),
    "inf as int": ([INF], "int32"),
    "1e30 as int": (1e30, "int64"),
    "floats as bool": ([0.5, 0.0, -0.0, NAN], "bool"),
    "complex as float": (1j, "float32"),
    "real complex as float": (1 + 0j, "float32"),
    "complex as int": ([1j], "int64"),
    "float as complex": (1.5, "complex64"),
    "int as complex": ([1], "complex128"),
    "as half": ([1e5, 65519, 65520], "float16"),
    "as bfloat16": ([1e39, 0.1], "bfloat16"),
    "1e39": ([1e39], None),
    "index": (Index(), None),
    "list of index": ([Index()], None),
    "index as float": ([Index()], "float32"),
    "index as int": ([Index()], "int64"),
    "float object": (Float(), None),
    "float object as float": ([Float()], "float32"),
    "float object as int": ([Float()], "int64"),
    "fraction": (fractions.Fraction(1, 2), None),
    "fraction as float": ([fractions.Fraction(1, 2)], "float32"),
    "decimal": (decimal.Decimal("1.5"), None),
    "decimal as float": ([decimal.Decimal(1)], "float32"),
    "sequence": (Sequence(), None),
    "bad sequence": (BadSequence(), None),
    "array.array": (array.array("i", [1, 2]), None),
    "array.array of floats": (array.array("d", [1, 2]), None),
    "bytearray": (bytearray(b"ab"), None),
    "memoryview": (memoryview(b"ab"), None),
    "np.float64": (np.float64(1.5), None),
    "np.float32": (np.float32(1.5), None),
    "np.float16": (np.float16(1.5), None),
    "np.int8": (np.int8(3), None),
    "np.uint8": (np.uint8(3), None),
    "np.bool": (np.bool_(True), None),
    "np.complex64": (np.complex64(1j), None),
    "list of np.float64": ([np.float64(1.5)], None),
    "list of np.float32": ([np.float32(1.5), 1], None),
    "list of np.int8": ([np.int8(3)], None),
    "np.int8 and int": ([np.int8(3), 4], None),
    "list of np.bool": ([np.bool_(True)], None),
    "list of np.complex64": ([np.complex64(1j)], None),
    "list of np.float16": ([np.float16(1.5)], None),
    "np.float32 as int": ([np.float32(1.5)], "int64"),
    "array": (GRID, None),
    "array 0-d": (np.array(3.5), None),
    "array transposed": (GRID.T, None),
    "array strided": (GRID[:, ::2], None),
    "array of bools": (GRID > 3, None),
    "array of complex64": (GRID.astype("c8"), None),
    "array of halves": (GRID.astype("f2"), None),
    "array of objects": (np.array([1, "a"], dtype=object), None),
    "array of str": (np.array(["a"]), None),
    "array big-endian": (GRID.astype(">i4"), None),
    "array of long doubles": (GRID.astype("longdouble"), None),
    "array of dates": (np.array(["2020-01-01"], dtype="M8[D]"), None),
    "array of structures": (np.zeros(2, dtype=[("a", "i4")]), None),
    "array read-only": (np.broadcast_to(np.arange(3), (2, 3)), None),
    "array as float": (GRID, "float32"),
    "array as int8": (GRID * 100, "int8"),
    "list of arrays": ([np.arange(3), np.arange(3)], None),
    "list of ragged arrays": ([np.arange(3), np.arange(2)], None),
    "array and list": ([np.arange(3), [1, 2, 3]], None),
    "list and array": ([[1, 2, 3], np.arange(3)], None),
    "lists of arrays": ([[np.arange(2.0)], [np.arange(2.0)]], None),
}

FUNCTIONS = {
    "tensors": lambda m: m.tensor([m.tensor(1), m.tensor(2)]),
    "float tensors": lambda m: m.tensor([m.tensor(1.5), 2]),
    "1-d tensors": lambda m: m.tensor([m.tensor([1]), m.tensor([2])]),
    "longer tensors": lambda m: m.tensor([m.tensor([1, 2]), m.tensor([2, 3])]),
    "longer float tensors": lambda m: m.tensor([m.tensor([1.0, 2]), m.tensor([2.0, 3])]),
    "leaf tensors": lambda m: m.tensor([m.tensor(1.0, requires_grad=True)]),
    "tensor": lambda m: m.tensor(m.tensor([1, 2])),
    "tensor as float": lambda m: m.tensor(m.tensor([1, 2]), dtype=m.float64),
    "tensor with history": lambda m: m.tensor(m.ones(2, requires_grad=True).clone()),
    "leaf": lambda m: m.tensor([1.0], requires_grad=True),
    "leaf of ints": lambda m: m.tensor([1], requires_grad=True),
    "device": lambda m: m.tensor([1], device="cpu"),
    "device object": lambda m: m.tensor([1], device=m.device("cpu")),
    "cuda": lambda m: m.tensor([1], device="cuda"),
    "no device": lambda m: m.tensor([1], device="nowhere"),
    "pinned": lambda m: m.tensor([1], pin_memory=True),
    "data=": lambda m: m.tensor(data=[1]),
    "nothing": lambda m: m.tensor(),
    "two": lambda m: m.tensor([1], m.float32),
    "unknown": lambda m: m.tensor([1], foo=1),
    "dtype float": lambda m: m.tensor([1], dtype=float),
    "dtype int": lambda m: m.tensor([1.5], dtype=int),
    "dtype str": lambda m: m.tensor([1], dtype="float32"),
    "dtype of NumPy": lambda m: m.tensor([1], dtype=np.float32),
    "generator": lambda m: m.tensor(i for i in range(3)),
    "as_tensor list": lambda m: m.as_tensor([1, 2]),
    "as_tensor number": lambda m: m.as_tensor(1.5),
    "as_tensor str": lambda m: m.as_tensor("a"),
    "as_tensor None": lambda m: m.as_tensor(None),
    "as_tensor array": lambda m: m.as_tensor(GRID),
    "as_tensor array, dtype": lambda m: m.as_tensor(GRID, dtype=m.float32),
    "as_tensor positional dtype": lambda m: m.as_tensor(GRID, m.float32),
    "tensor empty array": lambda m: m.tensor(np.zeros((0, 2))).shape,
    "as_tensor negative strides": lambda m: m.as_tensor(GRID[::-1]),
    "as_tensor tensor, dtype": lambda m: m.as_tensor(m.tensor([1]), dtype=m.float32),
    "as_tensor with history": lambda m: m.as_tensor(m.ones(2, requires_grad=True), dtype=m.float64),
    "as_tensor device": lambda m: m.as_tensor([1], device="cpu"),
    "asarray list": lambda m: m.asarray([1, 2.0]),
    "asarray array": lambda m: m.asarray(GRID),
    "asarray copy": lambda m: m.asarray(GRID, copy=True),
    "asarray dtype": lambda m: m.asarray(GRID, dtype=m.float32),
    "asarray dtype, no copy": lambda m: m.asarray(GRID, dtype=m.float32, copy=False),
    "asarray list, no copy": lambda m: m.asarray([1], copy=False),
    "asarray tensor": lambda m: m.asarray(m.tensor([1.0])),
    "asarray number": lambda m: m.asarray(3),
    "asarray None": lambda m: m.asarray(None),
    "asarray leaf": lambda m: m.asarray([1.0], requires_grad=True),
    "asarray buffer": lambda m: m.asarray(bytearray(8), dtype=m.int32),
    "from_numpy": lambda m: m.from_numpy(GRID.copy()),
    "from_numpy list": lambda m: m.from_numpy([1]),
    "from_numpy scalar": lambda m: m.from_numpy(np.float32(1)),
    "from_numpy 0-d": lambda m: m.from_numpy(np.array(2.0)),
    "from_numpy empty": lambda m: m.from_numpy(np.zeros((0, 2))).shape,
    "from_numpy transposed": lambda m: m.from_numpy(GRID.T),
    "from_numpy strided": lambda m: m.from_numpy(GRID[:, ::2]),
    "from_numpy negative strides": lambda m: m.from_numpy(GRID[::-1]),
    "from_numpy odd strides": lambda m: m.from_numpy(
        np.zeros(3, dtype=[("a", "i4"), ("b", "i2")])["a"]
    ),
    "from_numpy big-endian": lambda m: m.from_numpy(GRID.astype(">i4")),
    "from_numpy str": lambda m: m.from_numpy(np.array(["a"])),
    "from_numpy objects": lambda m: m.from_numpy(np.array([object()])),
    "frombuffer": lambda m: m.frombuffer(bytearray(b"\1\0\0\0\2\0\0\0"), dtype=m.int32),
    "frombuffer part": lambda m: m.frombuffer(bytearray(8), dtype=m.int32, count=1, offset=4),
    "frombuffer empty": lambda m: m.frombuffer(bytearray(0), dtype=m.int32),
    "frombuffer odd": lambda m: m.frombuffer(bytearray(7), dtype=m.int32),
    "frombuffer offset": lambda m: m.frombuffer(bytearray(8), dtype=m.int32, offset=9),
    "frombuffer count": lambda m: m.frombuffer(bytearray(8), dtype=m.int32, count=3),
    "frombuffer no dtype": lambda m: m.frombuffer(bytearray(8)),
    "frombuffer list": lambda m: m.frombuffer([1], dtype=m.int32),
    "frombuffer leaf": lambda m: m.frombuffer(bytearray(4), dtype=m.float32, requires_grad=True),
    "scalar_tensor": lambda m: m.scalar_tensor(3.0, requires_grad=True),
}

LEGACY = {
    "Tensor": lambda m: m.Tensor().shape,
    "sizes": lambda m: m.Tensor(2, 3).shape,
    "Size": lambda m: m.Tensor(m.Size([2])).shape,
    "tuple is data": lambda m: m.Tensor((2, 3)),
    "list": lambda m: m.Tensor([[1, 2], [3, 4]]),
    "array": lambda m: m.Tensor(GRID),
    "range": lambda m: m.Tensor(range(3)),
    "tensor": lambda m: m.Tensor(m.tensor(3)),
    "tensor of doubles": lambda m: m.Tensor(m.ones(2, dtype=m.float64)),
    "size=": lambda m: m.Tensor(size=(2,)).shape,
    "data=": lambda m: m.Tensor(data=[1]),
    "device=": lambda m: m.Tensor(device="cpu").shape,
    "float": lambda m: m.Tensor(3.5),
    "str": lambda m: m.Tensor("a"),
    "None": lambda m: m.Tensor(None),
    "bool": lambda m: m.Tensor(True),
    "bad size": lambda m: m.Tensor(2, "a"),
    "list and size": lambda m: m.Tensor([1], 2),
    "negative": lambda m: m.Tensor(-1),
    "ragged": lambda m: m.Tensor([[1, 2], [3]]),
    "unknown": lambda m: m.Tensor(requires_grad=True),
    "FloatTensor": lambda m: m.FloatTensor([1, 2]),
    "FloatTensor sizes": lambda m: m.FloatTensor(2, 3).shape,
    "DoubleTensor": lambda m: m.DoubleTensor([1, 2]),
    "HalfTensor": lambda m: m.HalfTensor([1, 2]),
    "BFloat16Tensor": lambda m: m.BFloat16Tensor([1, 2]),
    "LongTensor": lambda m: m.LongTensor([1, 0, 1]),
    "LongTensor of floats": lambda m: m.LongTensor([1.7]),
    "LongTensor of a tensor": lambda m: m.LongTensor(m.tensor([1, 2])),
    "LongTensor of a float tensor": lambda m: m.LongTensor(m.ones(2)),
    "IntTensor": lambda m: m.IntTensor([1]),
    "ShortTensor": lambda m: m.ShortTensor([1]),
    "CharTensor": lambda m: m.CharTensor([1]),
    "ByteTensor": lambda m: m.ByteTensor([1]),
    "ByteTensor overflow": lambda m: m.ByteTensor([300]),
    "BoolTensor": lambda m: m.BoolTensor([1, 0]),
    "new": lambda m: m.ones(2).new().shape,
    "new sizes": lambda m: m.ones(2).new(2, 2).shape,
    "new Size": lambda m: m.ones(2).new(m.Size([4])).shape,
    "new data": lambda m: m.ones(2, dtype=m.int64).new([1.5]),
    "new tensor": lambda m: m.ones(2).new(m.zeros(3)),
    "isinstance": lambda m: [
        isinstance(m.ones(1), m.FloatTensor), isinstance(m.ones(1), m.LongTensor), isinstance(3, m.FloatTensor),
    ],
    "class attributes": lambda m: [
        m.FloatTensor.dtype, m.FloatTensor.is_cuda, m.FloatTensor.layout, repr(m.LongTensor), m.FloatTensor is m.FloatTensor,
    ],
    "type names": lambda m: [m.ones(1, dtype=t).type() for t in (m.float32, m.int64, m.bool, m.bfloat16, m.complex64)],
    "typename": lambda m: [m.typename(m.ones(1)), m.typename(3), m.typename(int), m.typename("s"), m.typename(len)],
    "typename of a class": lambda m: [m.typename(m.nn.Linear), m.typename(m.nn.Linear(1, 1)), m.typename(m.nn)],
    "is_tensor": lambda m: [m.is_tensor(m.ones(1)), m.is_tensor(3), m.is_storage(m.ones(1).untyped_storage())],
    "set_default_tensor_type": lambda m: [
        m.set_default_tensor_type(m.DoubleTensor), m.Tensor([1]), m.set_default_tensor_type("torch.FloatTensor"), m.Tensor([1]),
    ],
    "set_default_tensor_type of ints": lambda m: m.set_default_tensor_type("torch.LongTensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_tensor(name):
    data, dtype = DATA[name]
    # PyTorch warns that it reads lists of arrays slowly.
    warns = not name.startswith("list of arrays")
    same_outcome(lambda m: m.tensor(data, dtype=getattr(m, dtype) if dtype else None), warns=warns)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    # Of leaves either library warns once in a process.
    same_outcome(FUNCTIONS[name], warns=name != "leaf tensors")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", LEGACY)
def test_first_constructors(name):
    same_outcome(LEGACY[name], message=name != "LongTensor of a float tensor")


def test_negative_strides_are_copied():
    part = GRID[::-1, :, ::-2]
    assert tensorlite.tensor(part).tolist() == part.tolist()


def test_data_that_changes_while_it_is_read():
    rows = [[1.0, 2.0], [3.0, 4.0]]

    class Clears:
        def __float__(self):
            rows.clear()
            return 1.0

    rows[0][0] = Clears()
    with pytest.raises(ValueError, match="changed"):
        tensorlite.tensor(rows, dtype=tensorlite.float32)

    inner = [1.0, 2.0, 3.0]

    class ClearsInner:
        def __float__(self):
            del inner[:]
            return 0.0

    inner[0] = ClearsInner()
    with pytest.raises(ValueError, match="changed"):
        tensorlite.tensor(inner, dtype=tensorlite.float64)


def test_errors_of_elements_pass_through():
    class Fails:
        def __float__(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tensorlite.tensor([Fails()], dtype=tensorlite.float32)


def test_memory_is_shared_where_it_should_be():
    a = np.zeros(3, dtype="f4")
    for make in (tensorlite.from_numpy, tensorlite.as_tensor, tensorlite.asarray):
        make(a)[0] += 1
    assert a[0] == 3
    tensorlite.tensor(a)[0] = 9
    tensorlite.asarray(a, copy=True)[0] = 9
    assert a[0] == 3
    x = tensorlite.ones(2)
    assert tensorlite.as_tensor(x) is x
    assert tensorlite.as_tensor(x, dtype=tensorlite.float32) is x
    assert tensorlite.Tensor(x).data_ptr() == x.data_ptr()
    raw = bytearray(8)
    tensorlite.frombuffer(raw, dtype=tensorlite.uint8)[3] = 7
    assert raw[3] == 7


def test_the_owner_of_memory_stays_alive():
    import gc
    import weakref

    class Array(np.ndarray):
        pass

    a = np.arange(5.0).view(Array)
    alive = weakref.ref(a)
    x = tensorlite.from_numpy(a)[1:]
    del a
    gc.collect()
    assert alive() is not None
    assert x.tolist() == [1, 2, 3, 4]
    del x
    gc.collect()
    assert alive() is None


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_read_only_arrays():
    a = np.arange(3)
    a.flags.writeable = False
    assert tensorlite.from_numpy(a).tolist() == [0, 1, 2]
