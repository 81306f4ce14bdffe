"""Storages, set_ and resize_."""

import copy
import pickle

import pytest

import tensorlite
from outcomes import same_outcome

STORAGE = {
    "untyped": lambda m: repr(m.tensor([1, 2], dtype=m.int16).untyped_storage()),
    "untyped size": lambda m: [
        (s := m.ones(3).untyped_storage()).nbytes(), s.size(), len(s), s.element_size(), s.device, s.is_cuda, s.is_shared(),
    ],
    "untyped items": lambda m: [m.tensor([1, 2], dtype=m.uint8).untyped_storage()[1], m.tensor([3], dtype=m.uint8).untyped_storage().tolist()],
    "untyped is shared": lambda m: [
        (x := m.ones(4)).untyped_storage() == x[1:].untyped_storage(), x.untyped_storage().data_ptr() == x.data_ptr(),
    ],
    "untyped fill": lambda m: [(x := m.ones(2, dtype=m.uint8)), x.untyped_storage().fill_(7).nbytes(), x],
    "untyped resize": lambda m: [(s := m.ones(2).untyped_storage()), s.resize_(16).nbytes(), s.nbytes()][1:],
    "untyped copy_": lambda m: [(x := m.zeros(2)), x.untyped_storage().copy_(m.ones(2).untyped_storage()).nbytes(), x],
    "untyped clone": lambda m: (x := m.ones(2)).untyped_storage().clone().data_ptr() == x.data_ptr(),
    "untyped made": lambda m: m.UntypedStorage(4).nbytes(),
    "typed": lambda m: repr(m.ones(3).storage()),
    "typed items": lambda m: [(s := m.tensor([1.5, 2.5]).storage())[1], s.tolist(), len(s), s.size(), s.nbytes(), s.dtype, list(s)],
    "typed setitem": lambda m: [(x := m.zeros(3)), x.storage().__setitem__(1, 5.0), x],
    "typed of a view": lambda m: [(s := m.arange(4)[2:].storage()).tolist(), s.size()],
    "set_ nothing": lambda m: m.ones(2).set_().shape,
    "set_ tensor": lambda m: [(y := m.arange(4.0)[1:]), (x := m.ones(2)).set_(y), x.data_ptr() == y.data_ptr(), x.storage_offset()],
    "set_ geometry": lambda m: m.ones(2).set_(m.arange(6.0), 1, (2, 2), (2, 1)),
    "set_ storage": lambda m: m.ones(2).set_(m.arange(6.0).untyped_storage()),
    "set_ part of a storage": lambda m: m.ones(2).set_(m.arange(6.0).storage(), 2, (2,)),
    "set_ strided storage": lambda m: m.ones(2).set_(m.arange(6.0).untyped_storage(), 0, (3, 2), (1, 3)),
    "set_ other dtype": lambda m: m.ones(2).set_(m.ones(2, dtype=m.int32)),
    "set_ number": lambda m: m.ones(2).set_(3),
    "set_ leaf": lambda m: m.ones(2, requires_grad=True).set_(m.ones(1)),
    "set_ negative offset": lambda m: m.ones(2).set_(m.ones(6).untyped_storage(), -1, (2,), (1,)),
    "set_ grows": lambda m: m.ones(2).set_(m.ones(2), 0, (4,), (1,)).shape,
    "set_ returns": lambda m: (x := m.ones(2)).set_(m.ones(3)) is x,
    "resize_ keeps": lambda m: [m.arange(4.0).resize_(2, 2), m.arange(4.0).resize_(3), m.arange(4.0).resize_(5)[:4]],
    "resize_ view grows": lambda m: [(x := m.arange(4.0)), x[2:].resize_(4)[:2], x.storage().size() >= 6],
    "resize_ many dims": lambda m: m.zeros(1).resize_(1, 1, 1, 1, 1, 1, 2).shape,
    "resize_ fewer dims": lambda m: m.zeros(1, 1, 1, 1, 1, 2).resize_(2),
    "resize_ zero": lambda m: [(x := m.ones(3)).resize_(0), x.resize_(3)],
    "is_set_to": lambda m: [(x := m.ones(2)), x.is_set_to(m.ones(2).set_(x)), x.is_set_to(x[:1])],
    "legacy idiom": lambda m: [(d := m.tensor([[1.0, 2.0]])), d.new().resize_as_(d).zero_(), d.new(d.size()).fill_(3)],
}  # fmt: skip


@pytest.mark.parametrize("name", STORAGE)
def test_storage(name):
    same_outcome(
        STORAGE[name], warns=False, message=name not in ("set_ negative offset", "set_ other dtype")
    )


def test_copies_of_storages():
    s = tensorlite.tensor([1, 2, 3], dtype=tensorlite.uint8).untyped_storage()
    for t in (copy.copy(s), copy.deepcopy(s), pickle.loads(pickle.dumps(s)), s.clone()):
        assert t.tolist() == [1, 2, 3]
        assert t.data_ptr() != s.data_ptr()
    typed = s.untyped()
    assert typed is s


def test_typed_storage_made():
    s = tensorlite.TypedStorage([1.0, 2.0], dtype=tensorlite.float64)
    assert s.tolist() == [1, 2]
    assert s.element_size() == 8
    assert len(tensorlite.TypedStorage(3)) == 3
    assert s[:1].tolist() == [1]
    s.copy_(tensorlite.TypedStorage([3.0, 4.0], dtype=tensorlite.float64))
    assert s.resize_(1).tolist() == [3]


def test_resize_of_a_small_tensor_and_its_views():
    x = tensorlite.arange(4.0)
    view = x[1:3]
    x.resize_(1000)
    assert view.tolist() == [1, 2]
    view[0] = 9
    assert x[:4].tolist() == [0, 9, 2, 3]


@pytest.mark.parametrize("size", [(2**62, 2), (10**15,), (-1,), (2**62,)])
def test_resize_that_cannot_be(size):
    x = tensorlite.ones(2)
    with pytest.raises(RuntimeError):
        x.resize_(size)
    assert x.tolist() == [1, 1]


def test_set_out_of_range():
    x = tensorlite.ones(2)
    shared = tensorlite.frombuffer(bytearray(8), dtype=tensorlite.float32)
    for offset, size, stride in (
        (0, (3,), (1,)),
        (2**62, (2,), (1,)),
        (0, (2,), (2**62,)),
        (0, (-1,), (1,)),
        (0, (2,), (1, 1)),
    ):
        with pytest.raises(RuntimeError):
            x.set_(shared, offset, size, stride)
    assert x.tolist() == [1, 1]
