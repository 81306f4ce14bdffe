"""Copies and conversions: every pair of dtypes, every memory order, gradients, what must not be written."""

import itertools

import numpy as np
import pytest

import tensorlite
from outcomes import same_outcome

torch = pytest.importorskip("torch")

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
VALUES = [
    0, 1, -1, 2.5, -3.7, 100.3, -128, 255, 300, 1e5, -70000, 3e9, -3e9, float("inf"), float("nan"), 1e-8, 65519.0, 65520.0, 1e30,
]  # fmt: skip


def numbers(dtype):
    """The same awkward values in both libraries."""
    x = torch.tensor(VALUES * 40, dtype=torch.float64).to(getattr(torch, dtype))
    if dtype == "bfloat16":
        return x, tensorlite.from_numpy(x.float().numpy()).to(tensorlite.bfloat16)
    if dtype.startswith("complex"):
        x = x + 1j * x.flip(0)
    return x, tensorlite.from_numpy(x.numpy())


def array(t):
    if str(t.dtype).endswith("bfloat16"):
        t = t.float()
    return t.numpy()


@pytest.mark.filterwarnings("ignore:Casting complex")
@pytest.mark.parametrize("source", DTYPES)
def test_conversion_between_all_dtypes(source):
    x, y = numbers(source)
    for target in DTYPES:
        for part in (slice(None), slice(None, None, 3), slice(5, None, 2), slice(0, 7)):
            a, b = x[part].to(getattr(torch, target)), y[part].to(getattr(tensorlite, target))
            np.testing.assert_array_equal(array(a), array(b), err_msg=f"{source} to {target}")
        into = tensorlite.zeros(2, y.numel(), dtype=getattr(tensorlite, target)).t()
        into[:, 1] = y
        np.testing.assert_array_equal(array(into[:, 1]), array(x.to(getattr(torch, target))))


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64", "complex128"])
def test_transposed_copies(dtype):
    for shape in [(3, 5), (8, 8), (64, 64), (100, 77), (129, 200), (1, 50), (9, 1000)]:
        a = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        x = tensorlite.from_numpy(a)
        np.testing.assert_array_equal(x.t().contiguous().numpy(), a.T)
        np.testing.assert_array_equal(tensorlite.zeros_like(x).t().copy_(x.t()).numpy(), a.T)


def test_permuted_copies():
    a = np.random.default_rng(0).normal(size=(4, 30, 20, 10))
    x = tensorlite.from_numpy(a)
    for order in itertools.permutations(range(4)):
        y = x.permute(order)
        assert y.contiguous().is_contiguous()
        np.testing.assert_array_equal(y.contiguous().numpy(), a.transpose(order))
        z = tensorlite.empty(a.shape, dtype=tensorlite.float32).permute(order)
        np.testing.assert_array_equal(z.copy_(y).numpy(), a.transpose(order).astype("f4"))


def test_large_copies():
    for shape in [(1_000_003,), (1009, 1013)]:
        a = np.arange(np.prod(shape), dtype="f4").reshape(shape)
        x = tensorlite.from_numpy(a)
        np.testing.assert_array_equal(x.clone().numpy(), a)
        np.testing.assert_array_equal(x.double().numpy(), a.astype("f8"))
        np.testing.assert_array_equal(x.flip(0).numpy(), a[::-1])
        np.testing.assert_array_equal(x.T.contiguous().numpy(), a.T)
        np.testing.assert_array_equal(tensorlite.full(shape, 3.5).numpy(), np.full(shape, 3.5))


LAYOUTS = {
    "clone": lambda m, x: x.clone(),
    "clone contiguous": lambda m, x: x.clone(memory_format=m.contiguous_format),
    "clone preserve": lambda m, x: x.clone(memory_format=m.preserve_format),
    "contiguous": lambda m, x: x.contiguous(),
    "to dtype": lambda m, x: x.to(m.float64),
    "to contiguous": lambda m, x: x.to(m.float64, memory_format=m.contiguous_format),
    "to copy": lambda m, x: x.to(m.float32, copy=True),
    "double": lambda m, x: x.double(),
    "half": lambda m, x: x.half(memory_format=m.preserve_format),
    "empty_like": lambda m, x: m.zeros_like(x),
    "is_contiguous": lambda m, x: x.is_contiguous(),
}
SHAPES = {
    "plain": lambda m: m.ones(2, 3, 4),
    "transposed": lambda m: m.ones(3, 4).t(),
    "permuted": lambda m: m.ones(2, 3, 4).permute(2, 0, 1),
    "expanded": lambda m: m.ones(2, 1, 4).expand(2, 3, 4),
    "strided": lambda m: m.ones(4, 6)[::2, ::3],
    "strided transposed": lambda m: m.ones(4, 6).t()[::2],
    "ones in the shape": lambda m: m.ones(1, 3, 1).transpose(0, 1),
    "0-d": lambda m: m.ones(()),
    "empty": lambda m: m.ones(0, 3),
    "empty transposed": lambda m: m.ones(0, 3).t(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_order(layout, shape):
    same_outcome(lambda m: LAYOUTS[layout](m, SHAPES[shape](m)))


CHANNELS = {
    "contiguous": lambda m: m.ones(2, 3, 4, 5).contiguous(memory_format=m.channels_last),
    "clone": lambda m: m.ones(2, 3, 4, 5).clone(memory_format=m.channels_last),
    "to": lambda m: m.ones(2, 3, 4, 5).to(memory_format=m.channels_last),
    "to dtype": lambda m: m.ones(2, 3, 4, 5).to(m.float64, memory_format=m.channels_last),
    "back": lambda m: m.ones(2, 3, 4, 5).to(memory_format=m.channels_last).contiguous(),
    "kept": lambda m: m.ones(2, 3, 4, 5).to(memory_format=m.channels_last).double(),
    "3d": lambda m: m.ones(1, 2, 3, 4, 5).to(memory_format=m.channels_last_3d),
    "is": lambda m: [
        (x := m.ones(2, 3, 4, 5).to(memory_format=m.channels_last)).is_contiguous(),
        x.is_contiguous(memory_format=m.channels_last),
        m.ones(2, 1, 4, 5).is_contiguous(memory_format=m.channels_last),
        m.ones(2, 3).is_contiguous(memory_format=m.channels_last),
    ],
    "of 3 dims": lambda m: m.ones(2, 3, 4).contiguous(memory_format=m.channels_last),
    "preserve": lambda m: m.ones(2).contiguous(memory_format=m.preserve_format),
    "no format": lambda m: m.ones(2).contiguous(memory_format="channels_last"),
    "resize_": lambda m: m.ones(2).resize_(1, 2, 2, 2, memory_format=m.channels_last).stride(),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_last(name):
    same_outcome(CHANNELS[name])


SELF = {
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to(tensorlite.float32),
    "to device": lambda x: x.to("cpu"),
    "to other": lambda x: x.to(tensorlite.ones(1)),
    "float": lambda x: x.float(),
    "type_as": lambda x: x.type_as(tensorlite.ones(1)),
    "type": lambda x: x.type(tensorlite.float32),
    "cpu": lambda x: x.cpu(),
    "copy_ of itself": lambda x: x.copy_(x),
    "fill_": lambda x: x.fill_(2),
    "zero_": lambda x: x.zero_(),
}


@pytest.mark.parametrize("name", SELF)
def test_the_tensor_itself_comes_back(name):
    x = tensorlite.ones(2, 3)
    assert SELF[name](x) is x


TO = {
    "nothing": lambda m, x: x.to(),
    "None": lambda m, x: x.to(None),
    "dtype": lambda m, x: x.to(m.int64),
    "dtype=": lambda m, x: x.to(dtype=m.int64),
    "device, dtype": lambda m, x: x.to("cpu", m.int64),
    "device=": lambda m, x: x.to(device=m.device("cpu")),
    "device object": lambda m, x: x.to(m.device("cpu"), dtype=m.float16),
    "other": lambda m, x: x.to(m.zeros(1, dtype=m.int8)),
    "non_blocking": lambda m, x: x.to(m.int64, True),
    "non_blocking, copy": lambda m, x: x.to(m.float32, False, True).data_ptr() == x.data_ptr(),
    "copy=": lambda m, x: x.to("cpu", copy=True).data_ptr() == x.data_ptr(),
    "float": lambda m, x: x.to(float),
    "bool": lambda m, x: x.to(bool),
    "complex": lambda m, x: x.to(complex),
    "cuda": lambda m, x: x.to("cuda"),
    "cuda, copy": lambda m, x: x.to(m.device("cuda", 1), m.float64),
    "ordinal": lambda m, x: x.to(3),
    "no device": lambda m, x: x.to("nowhere"),
    "list": lambda m, x: x.to([1]),
    "unknown": lambda m, x: x.to(foo=1),
    "dtype twice": lambda m, x: x.to(m.int64, dtype=m.int8),
    "type": lambda m, x: x.type(),
    "type name": lambda m, x: x.type("torch.LongTensor"),
    "type class": lambda m, x: x.type(m.LongTensor),
    "type dtype": lambda m, x: x.type(m.int8),
    "type bad": lambda m, x: x.type("foo"),
    "type int": lambda m, x: x.type(int),
    "type 3": lambda m, x: x.type(3),
    "bool()": lambda m, x: x.bool(),
    "byte": lambda m, x: x.byte(),
    "char": lambda m, x: x.char(),
    "short": lambda m, x: x.short(),
    "int": lambda m, x: x.int(),
    "long": lambda m, x: x.long(),
    "half": lambda m, x: x.half(),
    "bfloat16": lambda m, x: x.bfloat16(),
    "float()": lambda m, x: x.float(),
    "double": lambda m, x: x.double(),
    "cfloat": lambda m, x: x.cfloat(),
    "cdouble": lambda m, x: x.cdouble(),
    "type_as": lambda m, x: x.type_as(m.ones(1, dtype=m.int16)),
    "type_as of no tensor": lambda m, x: x.type_as(3),
    "leaf": lambda m, x: x.requires_grad_().to(m.float64).requires_grad,
    "leaf to int": lambda m, x: x.requires_grad_().long().requires_grad,
    "get_device": lambda m, x: x.get_device(),
    "is_pinned": lambda m, x: x.is_pinned(),
    "cuda()": lambda m, x: x.cuda(),
}


@pytest.mark.parametrize("name", TO)
def test_to(name):
    same_outcome(lambda m: TO[name](m, m.tensor([[1.5, -2.0], [0.0, 3.0]])))


COPY_ = {
    "same": lambda m, x: x.copy_(m.ones(2, 3)),
    "broadcast": lambda m, x: x.copy_(m.tensor([1.0, 2.0, 3.0])),
    "0-d": lambda m, x: x.copy_(m.tensor(7)),
    "convert": lambda m, x: x.copy_(m.tensor([[1], [2]])),
    "non_blocking": lambda m, x: x.copy_(m.ones(3), non_blocking=True),
    "other=": lambda m, x: x.copy_(other=m.ones(3)),
    "into transposed": lambda m, x: x.t().copy_(m.tensor([1.0, 2.0])),
    "number": lambda m, x: x.copy_(1),
    "None": lambda m, x: x.copy_(None),
    "shape": lambda m, x: x.copy_(m.ones(4)),
    "shape of self": lambda m, x: x[:, :1].copy_(m.ones(2, 3)),
    "too many dims": lambda m, x: x.copy_(m.ones(1, 2, 3)),
    "into expanded": lambda m, x: m.zeros(1, 3).expand(2, 3).copy_(x),
    "partly itself": lambda m, x: x[1:].copy_(x[:1]) if x[1:].shape == x[:1].shape else None,
    "own rows": lambda m, x: m.zeros(4, 4)[1:].copy_(m.zeros(4, 4)[:-1]),
    "overlap": lambda m, x: (y := m.zeros(4, 4))[1:].copy_(y[:-1]),
    "overlap transposed": lambda m, x: (y := m.zeros(4, 4)).copy_(y.t()),
    "complex to real": lambda m, x: m.zeros(2).copy_(m.tensor([1j, 2j])).shape,
    "leaf": lambda m, x: m.zeros(2, requires_grad=True).copy_(m.ones(2)),
    "view of a leaf": lambda m, x: m.zeros(2, requires_grad=True)[:1].copy_(m.ones(1)),
    "fill_": lambda m, x: x.fill_(2.5),
    "fill_ int": lambda m, x: x.long().fill_(2.5),
    "fill_ tensor": lambda m, x: x.fill_(m.tensor(3)),
    "fill_ 1-d": lambda m, x: x.fill_(m.ones(1)),
    "fill_ str": lambda m, x: x.fill_("a"),
    "fill_ too large": lambda m, x: x.half().fill_(1e6),
    "fill_ complex": lambda m, x: x.fill_(1j),
    "fill_ leaf": lambda m, x: m.zeros(2, requires_grad=True).fill_(1),
    "fill_ expanded": lambda m, x: m.zeros(1).expand(3).fill_(1),
    "fill": lambda m, x: m.fill(x, 3),
    "zero_": lambda m, x: x.zero_(),
    "zero_ strided": lambda m, x: [x[:, ::2].zero_(), x],
    "zero_ leaf": lambda m, x: m.zeros(2, requires_grad=True).zero_(),
    "m.fill_": lambda m, x: m.fill_(x, 3),
    "m.zero_": lambda m, x: m.zero_(x),
    "resize_": lambda m, x: x.resize_(3, 2),
    "resize_ smaller": lambda m, x: x.resize_(2),
    "resize_ larger": lambda m, x: x.resize_(10).shape,
    "resize_ tuple": lambda m, x: x.resize_((1, 1)),
    "resize_ leaf": lambda m, x: m.zeros(2, requires_grad=True).resize_(3),
    "resize_as_": lambda m, x: x.resize_as_(m.ones(2, 2)),
    "resize_ 0": lambda m, x: x.resize_(0).shape,
    "new().resize_as_": lambda m, x: x.new().resize_as_(x).zero_(),
    "resize": lambda m, x: x.resize(3, 2),
    "resize_as": lambda m, x: x.resize_as(m.ones(3, 2)),
}


@pytest.mark.parametrize("name", COPY_)
def test_in_place(name):
    same_outcome(lambda m: COPY_[name](m, m.tensor([[1.5, -2.0, 0.0], [3.0, 4.0, 5.0]])))


def test_overlap_that_is_allowed_reads_the_old_values():
    x = tensorlite.arange(12.0).view(3, 4)
    x[:, 1:].copy_(x[:, :-1])
    assert x.tolist() == [[0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]


def test_nothing_is_written_where_copy_fails():
    x = tensorlite.zeros(3)
    for bad in (tensorlite.ones(4), tensorlite.ones(2, 3)):
        with pytest.raises(RuntimeError):
            x.copy_(bad)
    assert x.tolist() == [0, 0, 0]
    assert x._version == 0


GRADIENTS = {
    "clone": lambda m, x, y: x.clone(),
    "clone strided": lambda m, x, y: x.t().clone(),
    "contiguous": lambda m, x, y: x.t().contiguous(),
    "to float32 and back": lambda m, x, y: x.to(m.float32).to(m.float64) * y,
    "to complex": lambda m, x, y: m.view_as_real(x.to(m.complex128)),
    "copy_": lambda m, x, y: (x * 1).copy_(y),
    "copy_ broadcast": lambda m, x, y: (x * 1).copy_(y[0]),
    "copy_ into float32": lambda m, x, y: m.zeros(2, 3).copy_(x) * 2,
    "copy_ into a slice": lambda m, x, y: write(x * 1, lambda z: z[0].copy_(y[1])),
    "copy_ into a transposed": lambda m, x, y: write(
        m.zeros(3, 2, dtype=m.float64), lambda z: z.t().copy_(x * y)
    ),
    "fill_": lambda m, x, y: (x * y).fill_(2),
    "fill_ slice": lambda m, x, y: write(x * y, lambda z: z[:, 1].fill_(2)),
    "fill_ tensor": lambda m, x, y: (x * 1).fill_((y * y).sum()),
    "zero_": lambda m, x, y: (x * y).zero_(),
    "zero_ slice": lambda m, x, y: write(x * y, lambda z: z[1:].zero_()),
    "setitem": lambda m, x, y: write(x * y, lambda z: z.__setitem__((0, slice(None)), y[1] * 2)),
    "complex": lambda m, x, y: m.view_as_real(m.complex(x, y)),
    "complex broadcast": lambda m, x, y: m.view_as_real(m.complex(x, y[0])),
}


def write(z, f):
    f(z)
    return z


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    def f(m):
        x = m.tensor([[1.5, -2.0, 0.5], [3.0, 4.0, 5.0]], dtype=m.float64, requires_grad=True)
        y = m.tensor([[0.5, 1.0, 2.0], [-1.0, 3.0, 1.0]], dtype=m.float64, requires_grad=True)
        out = GRADIENTS[name](m, x, y)
        grads = m.autograd.grad((out * out).sum(), (x, y), create_graph=True, allow_unused=True)
        second = []
        total = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
        if not isinstance(total, int):
            second = m.autograd.grad(total, (x, y), allow_unused=True)
        zero = m.zeros(2, 3, dtype=m.float64)
        detached = [zero if g is None else g.detach() for g in (*grads, *second)]
        name = type(out.grad_fn).__name__
        return [name, out.detach().contiguous(), [g.contiguous() + 0.0 for g in detached]]

    same_outcome(f)


def test_graph_of_copy_():
    x = tensorlite.ones(2, requires_grad=True)
    y = tensorlite.zeros(2)
    y.copy_(x)
    assert type(y.grad_fn).__name__ == "CopyBackwards"
    names = [type(fn).__name__ for fn, _ in y.grad_fn.next_functions]
    assert names == ["NoneType", "AccumulateGrad"]
    z = tensorlite.zeros(4)
    z[:2].copy_(x)
    assert type(z.grad_fn).__name__ == "CopySlices"
    n = tensorlite.zeros(2, dtype=tensorlite.int64)
    n.copy_(x)
    assert n.grad_fn is None


def test_versions():
    x = tensorlite.zeros(4)
    for i, f in enumerate(
        (x.zero_, lambda: x.fill_(1), lambda: x.copy_(tensorlite.ones(4)), lambda: x[:2].zero_()), 1
    ):
        f()
        assert x._version == i
