"""A tensor as a Python object: numbers, sequences, copies, pickles, identity, attributes, subclasses."""

import copy
import gc
import pickle
import weakref

import pytest

import tensorlite
from outcomes import same_outcome

torch = pytest.importorskip("torch")

PROTOCOLS = {
    "item": lambda m: [m.tensor(v).item() for v in (1, 1.5, True, 1j)],
    "item of half": lambda m: [m.tensor(0.1, dtype=t).item() for t in (m.float16, m.bfloat16, m.float32)],
    "item of [[3]]": lambda m: m.tensor([[3]]).item(),
    "item of two": lambda m: m.ones(2).item(),
    "item of none": lambda m: m.ones(0).item(),
    "tolist": lambda m: [m.tensor([[1, 2], [3, 4]]).tolist(), m.tensor(1.5).tolist(), m.zeros(2, 0).tolist()],
    "tolist strided": lambda m: m.arange(12).view(3, 4).t()[::2].tolist(),
    "len": lambda m: len(m.ones(3, 2)),
    "len 0-d": lambda m: len(m.tensor(1)),
    "iter": lambda m: list(m.tensor([[1, 2], [3, 4]])),
    "iter 0-d": lambda m: list(m.tensor(1)),
    "iter empty": lambda m: list(m.ones(0, 2)),
    "unpack": lambda m: [*m.tensor([1, 2])],
    "bool": lambda m: [bool(m.tensor(v)) for v in (1, 0.0, [0.0], [[2]], True)],
    "bool of two": lambda m: bool(m.ones(2)),
    "bool of none": lambda m: bool(m.zeros(0)),
    "int": lambda m: [int(m.tensor(v)) for v in (3, 2.7, -2.7, True)],
    "int of two": lambda m: int(m.ones(2)),
    "int of nan": lambda m: int(m.tensor(float("nan"))),
    "int of inf": lambda m: int(m.tensor(float("inf"))),
    "float": lambda m: [float(m.tensor(v)) for v in (3, 2.5, [4])],
    "float of two": lambda m: float(m.ones(2)),
    "float of complex": lambda m: float(m.tensor(1j)),
    "complex": lambda m: [complex(m.tensor(1.0)), complex(m.tensor(1j))],
    "index": lambda m: [[0, 1, 2][m.tensor(1)], hex(m.tensor(255)), list(range(m.tensor(3)))],
    "index of bool": lambda m: m.tensor([True]).__index__(),
    "index of float": lambda m: [0, 1, 2][m.tensor(1.0)],
    "index of two": lambda m: m.tensor([1, 2]).__index__(),
    "contains": lambda m: [1 in m.tensor([1, 2]), 3 in m.tensor([1, 2]), m.tensor([1]) in m.tensor([1, 2])],
    "contains str": lambda m: "a" in m.tensor([1, 2]),
    "contains None": lambda m: None in m.tensor([1, 2]),
    "reversed": lambda m: reversed(m.tensor([[1, 2], [3, 4]])),
    "reversed 0-d": lambda m: reversed(m.tensor(1)),
    "round": lambda m: round(m.tensor(2.5)),
    "abs": lambda m: abs(m.tensor([-1, 2])),
    "format": lambda m: [f"{m.tensor(3)}", f"{m.tensor(3):4d}", f"{m.tensor(2.5):.3e}", f"{m.tensor([1])}"],
    "format of 1-d": lambda m: f"{m.tensor([1.0]):.2f}",
    "percent": lambda m: ["%d" % m.tensor(3), "%.2f" % m.tensor(3.0)],
    "dict key": lambda m: {(x := m.ones(1)): 1}[x],
    "equality in a list": lambda m: (x := m.tensor(2)) in [m.tensor(1), x],
    "size": lambda m: [m.ones(2, 3).size(), m.ones(2, 3).size(-1), m.ones(2, 3).size(dim=1)],
    "size out of range": lambda m: m.ones(2, 3).size(2),
    "size of 0-d": lambda m: m.tensor(1).size(0),
    "size str": lambda m: m.ones(2).size("a"),
    "stride": lambda m: [m.ones(2, 3).stride(), m.ones(2, 3).stride(0), m.ones(2, 3).stride(dim=-1)],
    "stride out of range": lambda m: m.ones(2).stride(5),
    "geometry": lambda m: [
        (x := m.ones(4, 6)[1:, ::2]).storage_offset(), x.dim(), x.ndim, x.ndimension(), x.numel(), x.nelement(),
        x.element_size(), x.itemsize, x.nbytes, x.is_contiguous(), x.dim_order(), x.t().dim_order(),
    ],
    "data_ptr": lambda m: [m.zeros(0).data_ptr(), (x := m.ones(4))[2:].data_ptr() - x.data_ptr()],
    "predicates": lambda m: [
        (x := m.ones(1)).is_floating_point(), x.is_complex(), x.is_signed(), x.is_cpu, x.is_cuda, x.is_sparse, x.is_quantized,
        x.is_meta, x.is_leaf, x.is_inference(), x.is_conj(), x.is_neg(), x.is_distributed(), x.is_shared(), x.layout, x.device,
        x.byte().is_signed(), x.is_nonzero(), x.is_same_size(m.ones(1)), x.is_set_to(x), x.is_set_to(m.ones(1)), x.names,
    ][:-1],
    "resolve": lambda m: [(x := m.ones(1)).resolve_conj() is x, x.resolve_neg() is x],
    "functions": lambda m: [
        m.is_tensor(m.ones(1)), m.is_tensor(1), m.numel(m.ones(2, 3)), m.is_floating_point(m.ones(1)), m.is_complex(m.ones(1)),
        m.is_nonzero(m.ones(1)), m.is_inference(m.ones(1)), m.is_same_size(m.ones(1), m.ones(2)), m.is_signed(m.ones(1)),
    ],
    "is_nonzero of two": lambda m: m.is_nonzero(m.ones(2)),
    "cuda": lambda m: m.ones(1).cuda(),
    "attributes": lambda m: [(x := m.ones(1)).__dict__, setattr(x, "a", 3), x.a, x.__dict__],
    "no attribute": lambda m: m.ones(1).nothing,
    "apply_": lambda m: m.tensor([1.0, 2.0]).apply_(lambda v: v * 2),
    "apply_ leaf": lambda m: m.ones(2, requires_grad=True).apply_(lambda v: v),
    "map_": lambda m: m.tensor([1.0, 2.0]).map_(m.tensor([3.0, 4.0]), lambda a, b: a * b),
    "copy": lambda m: copy.copy(m.tensor([1.0, 2.0], requires_grad=True)),
    "copy with history": lambda m: [(y := copy.copy(m.ones(2, requires_grad=True).clone())), y.is_leaf],
    "copy shares": lambda m: [(x := m.ones(2)), copy.copy(x).zero_(), x],
    "deepcopy": lambda m: copy.deepcopy(m.tensor([1.0, 2.0], requires_grad=True)),
    "deepcopy with history": lambda m: copy.deepcopy(m.ones(2, requires_grad=True).clone()),
    "deepcopy of a view": lambda m: copy.deepcopy(m.arange(6).view(2, 3).t()),
    "deepcopy of two views": lambda m: [
        (y := copy.deepcopy([(x := m.zeros(4)), x[1:], x])), y[0].fill_(1), y[1], y[0] is y[2],
    ],
    "deepcopy with grad": lambda m: with_grad(copy.deepcopy(leaf_with_grad(m))),
    "pickle": lambda m: pickle.loads(pickle.dumps(m.tensor([[1.0, 2.0], [3.0, 4.0]]).t())),
    "pickle of all dtypes": lambda m: [
        pickle.loads(pickle.dumps(m.ones(2, dtype=t)))
        for t in (m.bool, m.uint8, m.int8, m.int16, m.int32, m.int64, m.float16, m.bfloat16, m.float64, m.complex64)
    ],
    "pickle of a leaf": lambda m: pickle.loads(pickle.dumps(m.ones(2, requires_grad=True))),
    "pickle with history": lambda m: pickle.loads(pickle.dumps(m.ones(2, requires_grad=True).clone())),
    "pickle of a view": lambda m: pickle.loads(pickle.dumps(m.arange(10)[2:8:2])),
    "pickle of a parameter": lambda m: pickle.loads(pickle.dumps(m.nn.Parameter(m.ones(2)))),
    "pickle of old protocols": lambda m: [pickle.loads(pickle.dumps(m.ones(2), p)) for p in range(2, 6)],
    "copy of a parameter": lambda m: [type(copy.copy(m.nn.Parameter(m.ones(1)))), type(copy.deepcopy(m.nn.Parameter(m.ones(1))))],
    "finfo": lambda m: [repr(m.finfo(t)) for t in (m.float16, m.bfloat16, m.float32, m.float64, m.complex64)],
    "finfo values": lambda m: [
        getattr(m.finfo(t), k) for t in (m.float16, m.bfloat16, m.float32, m.float64)
        for k in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype")
    ],
    "finfo default": lambda m: repr(m.finfo()),
    "finfo of int": lambda m: m.finfo(m.int32),
    "finfo str": lambda m: m.finfo("float32"),
    "finfo equality": lambda m: [m.finfo(m.float32) == m.finfo(m.float32), m.finfo(m.float32) == m.finfo(m.float64)],
    "iinfo": lambda m: [
        (repr(m.iinfo(t)), m.iinfo(t).bits, m.iinfo(t).min, m.iinfo(t).max, m.iinfo(t).dtype)
        for t in (m.uint8, m.int8, m.int16, m.int32, m.int64)
    ],
    "iinfo of float": lambda m: m.iinfo(m.float32),
    "iinfo of bool": lambda m: m.iinfo(m.bool),
    "result_type": lambda m: [
        m.result_type(m.ones(2, dtype=m.int8), 1.0), m.result_type(1, 2), m.result_type(m.tensor(1.0).double(), m.ones(2)),
        m.can_cast(m.float32, m.int32), m.can_cast(m.int32, m.float32), m.promote_types(m.int8, m.uint8),
    ],
    "broadcast_shapes": lambda m: [m.broadcast_shapes((2, 1), (3,)), m.broadcast_shapes(3, (2, 1)), m.broadcast_shapes()],
    "broadcast_shapes error": lambda m: m.broadcast_shapes((2,), (3,)),
}  # fmt: skip


def leaf_with_grad(m):
    x = m.ones(2, requires_grad=True)
    x.grad = m.full((2,), 3.0)
    return x


def with_grad(x):
    return [x, x.grad]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols(name):
    same_outcome(
        PROTOCOLS[name],
        message=name not in ("broadcast_shapes error", "finfo of int", "iinfo of float"),
    )


def test_promotion_table():
    names = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
    for a in names:
        for b in names:
            x, y = getattr(torch, a), getattr(torch, b)
            p, q = getattr(tensorlite, a), getattr(tensorlite, b)
            assert str(tensorlite.promote_types(p, q)) == str(torch.promote_types(x, y))
            assert tensorlite.can_cast(p, q) == torch.can_cast(x, y)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
def test_numbers_of_leaves():
    x = tensorlite.tensor(1.5, requires_grad=True)
    assert (float(x), int(x), x.item(), bool(x), x.tolist()) == (1.5, 1, 1.5, True, 1.5)
    with pytest.raises(TypeError):  # it would lose its gradient
        tensorlite.full((2,), x)


# --- identity --------------------------------------------------------------------------------------


def test_the_same_tensor_is_the_same_object():
    x = tensorlite.ones(3, requires_grad=True)
    y = x.sum()
    y.backward()
    grad = x.grad
    grad.mark = "kept"
    number = id(grad)
    del grad
    gc.collect()
    assert x.grad.mark == "kept"
    assert id(x.grad) == number
    assert x.grad is x.grad


def test_objects_that_nobody_holds_die():
    x = tensorlite.ones(3)
    alive = weakref.ref(x)
    del x
    assert alive() is None

    x = tensorlite.ones(3)
    x.self = x
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None


def test_a_saved_tensor_keeps_its_attributes():
    x = tensorlite.ones(3, requires_grad=True)
    y = x * 2
    y.note = "here"
    z = y * y
    alive = weakref.ref(y)
    del y
    assert alive() is None or alive().note == "here"
    z.sum().backward()
    assert x.grad.tolist() == [8, 8, 8]


def test_hash_is_identity():
    x, y = tensorlite.ones(2), tensorlite.ones(2)
    assert hash(x) == hash(x)
    assert len({x, y, x}) == 2
    assert x in {x}


# --- subclasses ------------------------------------------------------------------------------------


class Named(tensorlite.Tensor):
    label = "none"

    def describe(self):
        return f"{self.label}: {self.tolist()}"


class Logging(tensorlite.Tensor):
    calls: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_results_of_a_subclass_are_of_it():
    x = tensorlite.tensor([1.0, 2.0]).as_subclass(Named)
    assert type(x) is Named
    for y in (
        x + 1,
        1 + x,
        x.clone(),
        x[0],
        x.double(),
        x.to(tensorlite.int64),
        tensorlite.zeros_like(x),
        x.t(),
        -x,
    ):
        assert type(y) is Named
    assert type(x.unbind()[0]) is Named
    assert type(tensorlite.cat([x, x])) is Named
    assert x.describe() == "none: [1.0, 2.0]"
    x.label = "mine"
    assert x.describe() == "mine: [1.0, 2.0]"
    assert isinstance(x.tolist(), list)
    assert isinstance(x.sum().item(), float)


def test_torch_function_sees_the_calls():
    Logging.calls.clear()
    x = tensorlite.ones(2).as_subclass(Logging)
    y = tensorlite.add(x, tensorlite.ones(2))
    x.mul(2)
    assert type(y) is Logging
    assert Logging.calls == ["add", "mul"]


def test_gradients_flow_through_a_subclass():
    leaf = tensorlite.ones(2, requires_grad=True)
    x = leaf.as_subclass(Named)
    (x * 3).sum().backward()
    assert leaf.grad.tolist() == [3, 3]


def test_subclass_made_from_data():
    x = tensorlite.Tensor._make_subclass(Named, tensorlite.ones(2), True)
    assert type(x) is Named
    assert x.requires_grad
    assert x.is_leaf
    y = Named([1, 2])
    assert type(y) is Named
    assert y.tolist() == [1, 2]


def test_copies_of_a_subclass():
    x = tensorlite.ones(2).as_subclass(Named)
    x.label = ["a"]
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(y) is Named
        assert y.label == ["a"]
    assert copy.copy(x).label is x.label
    assert copy.deepcopy(x).label is not x.label


class WithSlots(tensorlite.Tensor):
    __slots__ = ("extra",)


def test_slots():
    x = tensorlite.ones(2).as_subclass(WithSlots)
    x.extra = [1]
    assert pickle.loads(pickle.dumps(x)).extra == [1]


class Initialised(tensorlite.Tensor):
    def __new__(cls, data, name):
        return tensorlite.Tensor._make_subclass(cls, tensorlite.as_tensor(data))

    def __init__(self, data, name):
        self.name_given = name


def test_constructor_with_more_arguments():
    x = Initialised([1.0, 2.0], name="a")
    assert type(x) is Initialised
    assert x.name_given == "a"
    assert x.tolist() == [1, 2]


def test_base_class():
    assert issubclass(tensorlite.Tensor, tensorlite._C._VariableBase)
    assert issubclass(tensorlite.nn.Parameter, tensorlite.Tensor)
    assert tensorlite.Tensor.__module__ == "tensorlite"
