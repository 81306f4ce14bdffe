"""dtype, device, layout, memory_format and Size objects."""

import copy
import pickle

import pytest

import tensorlite
from outcomes import same_outcome

TYPES = {
    "dtypes": lambda m: [
        (str(t), t.is_floating_point, t.is_complex, t.is_signed, t.itemsize, t.to_real(), t.to_complex())
        for t in (m.float32, m.float64, m.complex64, m.complex128)
    ],
    "integer dtypes": lambda m: [
        (repr(t), t.is_floating_point, t.is_complex, t.is_signed, t.itemsize)
        for t in (m.bool, m.uint8, m.int8, m.int16, m.int32, m.int64, m.bfloat16)
    ],
    "names": lambda m: [
        m.float is m.float32, m.double is m.float64, m.half is m.float16, m.short is m.int16, m.int is m.int32, m.long is m.int64,
        m.cfloat is m.complex64, m.cdouble is m.complex128,
    ],
    "dtype equality": lambda m: [
        m.float32 == m.float32, m.float32 == m.float64, m.float32 == "x", m.float32 != m.int8, hash(m.int8) == hash(m.int8),
        len({m.int8, m.int8, m.int16}),
    ],
    "dtype copies": lambda m: [
        pickle.loads(pickle.dumps(m.float32)) is m.float32, copy.copy(m.int8) is m.int8, copy.deepcopy(m.bool) is m.bool,
        pickle.loads(pickle.dumps(m.strided)) is m.strided, pickle.loads(pickle.dumps(m.channels_last)) is m.channels_last,
        copy.deepcopy({"a": [m.float32]})["a"][0] is m.float32,
    ],
    "dtype made": lambda m: m.dtype("float32"),
    "dtype of a tensor": lambda m: [m.ones(1).dtype is m.float32, isinstance(m.ones(1).dtype, m.dtype), m.float32.is_signed],
    "layouts": lambda m: [m.strided, m.sparse_coo, m.ones(1).layout is m.strided, isinstance(m.strided, m.layout)],
    "memory formats": lambda m: [m.contiguous_format, m.preserve_format, m.channels_last, m.channels_last_3d],
    "device": lambda m: [m.device("cpu"), str(m.device("cpu")), m.device("cpu").type, m.device("cpu").index],
    "device index": lambda m: [m.device("cpu:1"), str(m.device("cpu", 1)), m.device("cpu:1").index, m.device("cpu", index=2)],
    "device type=": lambda m: m.device(type="cpu"),
    "device of device": lambda m: m.device(m.device("cpu")),
    "device cuda": lambda m: [m.device("cuda"), str(m.device("cuda:1")), m.device("cuda", 0).index, m.device("mps")],
    "device equality": lambda m: [
        m.device("cpu") == m.device("cpu"), m.device("cpu") == m.device("cpu", 0), m.device("cpu") == "cpu",
        m.device("cpu") != m.device("cuda"), hash(m.device("cpu")) == hash(m.device("cpu")), len({m.device("cpu"), m.device("cpu")}),
    ],
    "device of a tensor": lambda m: [m.ones(1).device == m.device("cpu"), m.ones(1, device="cpu:0").device],
    "device pickle": lambda m: [pickle.loads(pickle.dumps(m.device("cpu"))), copy.deepcopy(m.device("cpu:1"))],
    "device twice an index": lambda m: m.device("cpu:0", 1),
    "device None": lambda m: m.device(None),
    "device empty": lambda m: m.device(""),
    "device colon": lambda m: m.device("cpu:"),
    "device negative": lambda m: m.device("cpu:-1"),
    "device zeros": lambda m: m.device("cpu:01"),
    "device letters": lambda m: m.device("cpu:a"),
    "device unknown": lambda m: m.device("toaster"),
    "device ordinal": lambda m: m.device(0),
    "device list": lambda m: m.device([]),
    "Size": lambda m: [m.Size([1, 2]), m.Size(), m.Size((3,)), m.Size(range(2)), repr(m.Size([2, 3]))],
    "Size is a tuple": lambda m: [isinstance(m.Size([1]), tuple), m.Size([1, 2]) == (1, 2), hash(m.Size([1])) == hash((1,))],
    "Size arithmetic": lambda m: [
        m.Size([1, 2]) + (3,), (3,) + m.Size([1, 2]), m.Size([1, 2]) * 2, 2 * m.Size([1]), m.Size([1, 2, 3])[1:],
        m.Size([1, 2, 3])[::-1], m.Size([1, 2, 3])[0], m.Size([1]) + m.Size([2]),
    ],
    "Size types": lambda m: [
        type(v).__name__ for v in (m.Size([1]) + (2,), (2,) + m.Size([1]), m.Size([1]) * 2, m.Size([1])[:0], m.ones(1).shape)
    ],
    "Size numel": lambda m: [m.Size([1, 2, 3]).numel(), m.Size().numel(), m.Size([0, 5]).numel()],
    "Size methods": lambda m: [m.Size([2, 3]).index(3), m.Size([2, 2]).count(2), len(m.Size([1, 2])), 3 in m.Size([3])],
    "Size unpacks": lambda m: [*m.ones(2, 3).shape],
    "Size of tensors": lambda m: m.Size((m.tensor(3),)),
    "Size pickle": lambda m: [pickle.loads(pickle.dumps(m.Size([1, 2]))), copy.copy(m.Size([1])), copy.deepcopy(m.Size([1]))],
    "Size of floats": lambda m: m.Size([1.5]),
    "Size of str": lambda m: m.Size(["a"]),
    "Size of an int": lambda m: m.Size(3),
    "Size and list": lambda m: m.Size([1]) + [2],
    "Size of huge": lambda m: m.Size([2**70]).numel(),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_types(name):
    same_outcome(TYPES[name], message=name not in ("device None", "device list", "Size of huge"))


def test_public_names():
    """What a PyTorch user looks for in the namespace."""
    torch = pytest.importorskip("torch")
    missing = [
        name
        for name in """Tensor Size device dtype layout memory_format FloatTensor LongTensor tensor as_tensor asarray from_numpy
        frombuffer from_dlpack zeros ones empty full arange range linspace logspace eye zeros_like ones_like empty_like full_like
        empty_strided scalar_tensor complex polar tril_indices triu_indices is_tensor is_storage is_complex is_floating_point
        is_nonzero is_signed is_same_size is_inference set_default_dtype get_default_dtype set_default_tensor_type numel
        set_printoptions typename finfo iinfo can_cast promote_types result_type broadcast_shapes save load
        manual_seed seed initial_seed get_rng_state set_rng_state Generator default_generator no_grad enable_grad set_grad_enabled
        is_grad_enabled inference_mode is_inference_mode_enabled get_num_threads set_num_threads OutOfMemoryError
        UntypedStorage TypedStorage autograd nn optim inf nan pi e newaxis strided sparse_coo preserve_format contiguous_format
        channels_last float32 float double half bfloat16 float16 float64 int8 int16 short int32 int int64 long uint8 bool
        cfloat cdouble complex64 complex128""".split()
        if not (hasattr(tensorlite, name) and hasattr(torch, name))
    ]
    assert missing == []
    assert "Tensor" in tensorlite.__all__
    assert tensorlite.__version__
    assert tensorlite.inf == float("inf")
    assert tensorlite.nan != tensorlite.nan
    assert tensorlite.newaxis is None


def test_star_import():
    space: dict = {}
    exec("from tensorlite import *", space)
    assert space["zeros"](2).tolist() == [0, 0]
