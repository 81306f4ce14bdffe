"""x[…], x[…] = v and the ops that read and write through indices and masks, beside PyTorch."""

import warnings

import numpy as np
import pytest

import tensorlite
from view_helpers import libraries, ramp, run, same_error, same_values

torch = pytest.importorskip("torch")

X = ramp(4, 5, 3)
MASK = ramp(4, 5, 3) > 0
ROWS = np.array([True, False, True, True])

# f(m) gives the index; m makes its tensors.
INDICES = {
    "int": lambda m: 1,
    "int_negative": lambda m: -1,
    "int_numpy": lambda m: np.int64(2),
    "int_tensor": lambda m: m.tensor(2),
    "ints": lambda m: (1, 2),
    "ints_all": lambda m: (1, -2, 0),
    "ints_mixed": lambda m: (1, np.int32(2), m.tensor(0)),
    "slice": lambda m: slice(1, 3),
    "slice_step": lambda m: slice(None, None, 2),
    "slice_negative": lambda m: slice(-3, -1),
    "slice_beyond": lambda m: slice(2, 99),
    "slice_empty": lambda m: slice(3, 1),
    "slice_tensor": lambda m: slice(m.tensor(1), m.tensor(3)),
    "slices": lambda m: (slice(1, 3), slice(None, None, 3), slice(0, 1)),
    "none": lambda m: None,
    "nones": lambda m: (None, 1, None),
    "ellipsis": lambda m: ...,
    "ellipsis_int": lambda m: (..., 0),
    "ellipsis_middle": lambda m: (1, ..., slice(0, 2)),
    "ellipsis_nothing": lambda m: (1, 2, ..., 0),
    "ellipsis_twice": lambda m: (..., 1, ...),
    "int_slice": lambda m: (slice(None), 1),
    "slice_none_int": lambda m: (slice(1, 3), None, 2),
    "empty_tuple": lambda m: (),
    "true": lambda m: True,
    "false": lambda m: False,
    "true_int": lambda m: (True, 1),
    "bool_tensor_0d": lambda m: m.tensor(True),
    "list": lambda m: [0, 2],
    "list_negative": lambda m: [-1, 0, -1],
    "list_empty": lambda m: [],
    "list_nested": lambda m: ([[0, 1], [2, 3]],),
    "list_of_lists": lambda m: [[0, 1], [2, 3]],
    "list_bools": lambda m: [True, False, True, False],
    "list_slice": lambda m: [slice(None), 0],
    "tuple_nested": lambda m: ((0, 1),),
    "range": lambda m: [*range(3)],
    "array": lambda m: np.array([0, 3]),
    "array_bool": lambda m: ROWS,
    "tensor": lambda m: m.tensor([2, 0, 2]),
    "tensor_int32": lambda m: m.tensor([2, 0], dtype=m.int32),
    "tensor_2d": lambda m: m.tensor([[0, 1], [3, -1]]),
    "tensor_empty": lambda m: m.tensor([], dtype=m.int64),
    "tensor_uint8": lambda m: m.tensor([1, 0, 0, 1], dtype=m.uint8),
    "mask_rows": lambda m: m.tensor(ROWS),
    "mask_full": lambda m: m.tensor(MASK),
    "mask_two": lambda m: m.tensor(MASK[:, :, 0]),
    "mask_int": lambda m: (m.tensor(ROWS), 1),
    "mask_tensor": lambda m: (m.tensor(ROWS), m.tensor([0, 1, 2])),
    "mask_second": lambda m: (slice(None), m.tensor(MASK[0, :, 0])),
    "mask_none_set": lambda m: m.tensor(np.zeros(4, dtype=bool)),
    "tensors": lambda m: (m.tensor([0, 1]), m.tensor([1, 2])),
    "tensors_broadcast": lambda m: (m.tensor([[0], [3]]), m.tensor([1, 2, 4])),
    "tensor_slice": lambda m: (m.tensor([0, 1]), slice(1, 3)),
    "slice_tensor_int": lambda m: (slice(1, 3), m.tensor([0, 1]), 2),
    "tensor_slice_tensor": lambda m: (m.tensor([0, 1]), slice(None), m.tensor([2, 0])),
    "tensor_none_tensor": lambda m: (m.tensor([0, 1]), None, m.tensor([2, 0])),
    "int_slice_tensor": lambda m: (0, slice(None), m.tensor([2, 0])),
    "ellipsis_tensor": lambda m: (..., m.tensor([2, 0])),
    "middle_tensors": lambda m: (slice(None), m.tensor([0, 1]), m.tensor([2, 0])),
    "three_tensors": lambda m: (m.tensor([0, 1]), m.tensor([2, 0]), m.tensor([[1], [2]])),
    "none_tensor": lambda m: (None, m.tensor([0, 1])),
    "list_in_tuple": lambda m: (slice(None), [0, 2]),
    "bools_and_tensor": lambda m: (True, m.tensor([0, 1])),
}


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_get(case):
    run(lambda m, x: x[INDICES[case](m)], X, strides=False)


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_get_strided(case):
    run(
        lambda m, x: x.permute(2, 0, 1).permute(1, 2, 0)[INDICES[case](m)],
        X,
        strides=False,
        double=False,
    )


@pytest.mark.parametrize("case", INDICES)
def test_views_have_the_same_strides(case):
    a, b = (x[INDICES[case](m)] for m, (x,) in libraries([X]))
    if a._base is not None and a.numel() > 0:
        assert a.storage_offset() == b.storage_offset()
        assert [s for n, s in zip(a.shape, a.stride()) if n > 1] == [
            s for n, s in zip(b.shape, b.stride()) if n > 1
        ]


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_set_number(case):
    if case == "tensor_uint8":  # which PyTorch reads but does not write through
        return
    results = []
    for m, (x,) in libraries([X]):
        x[INDICES[case](m)] = 7
        results.append(x)
    same_values(*results)


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_set_tensor(case):
    shape = torch.tensor(X)[INDICES[case](torch)].shape
    if case in ("list_negative", "tensor", "tensor_2d"):  # indices that meet: any value may win
        return
    value = ramp(*shape) * 2

    def f(m, x, v):
        y = x * 1
        y[INDICES[case](m)] = v
        return y

    run(f, X, value, names=False, strides=False, double=False)


@pytest.mark.parametrize("case", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_add_in_place(case):
    results = []
    for m, (x,) in libraries([X]):
        x[INDICES[case](m)] += 2
        results.append(x)
    same_values(*results)


def test_set_converts_and_broadcasts():
    results = []
    for m, (x,) in libraries([X]):
        x[0] = m.tensor([1, 2, 3])
        x[3] = m.tensor([[[9.0, 8.0, 7.0]]])
        x[m.tensor([0, 1]), 0] = m.tensor([1.0, 2.0, 3.0], dtype=m.float64)
        x[m.tensor(MASK)] = m.tensor([4.0], dtype=m.float64)
        x[:, 1] = True
        x[2, 3, 1] = m.tensor(2)
        results.append(x)
    same_values(*results)


def test_set_takes_lists_and_arrays():
    x = tensorlite.tensor(X)
    x[1, 2] = [0.5, 1.5, 2.5]
    x[2, :, 0] = np.arange(5)
    assert x[1, 2].tolist() == [0.5, 1.5, 2.5]
    assert x[2, :, 0].tolist() == [0, 1, 2, 3, 4]
    x[tensorlite.tensor([0, 1]), 0] = [7, 8, 9]
    assert x[:2, 0].tolist() == [[7, 8, 9], [7, 8, 9]]


def test_set_marks_the_version():
    x = tensorlite.tensor(X)
    for i, index in enumerate([0, (1, 2), slice(1, 2), tensorlite.tensor([1]), ...]):
        x[index] = 1.0
        assert x._version == i + 1


def test_gradient_through_assignment():
    def f(m, x, v):
        y = x * 2
        y[1] = v
        y[:, 0] = y[:, 1] * 3
        y[m.tensor([0, 2]), 2] = v[0]
        return y * y

    run(f, X, ramp(5, 3), names=False, double=False)


def test_value_with_grad_into_a_plain_tensor():
    def f(m, v):
        y = m.tensor(X)
        y[1, 2:4] = v
        return y

    run(f, ramp(2, 3), names=False, double=False)


GET_ERRORS = {
    "range": lambda m, x: x[5],
    "range_negative": lambda m, x: x[-5],
    "range_second": lambda m, x: x[0, 5],
    "range_huge": lambda m, x: x[2**40],
    "too_many": lambda m, x: x[0, 0, 0, 0],
    "too_many_tensors": lambda m, x: x[(m.tensor([0]),) * 4],
    "float": lambda m, x: x[1.0],
    "str": lambda m, x: x["a"],
    "step": lambda m, x: x[::-1],
    "step_zero": lambda m, x: x[::0],
    "slice_float": lambda m, x: x[0:2.0],
    "tensor_range": lambda m, x: x[m.tensor([5])],
    "tensor_negative": lambda m, x: x[m.tensor([-5])],
    "tensor_float": lambda m, x: x[m.tensor([1.0])],
    "tensor_int16": lambda m, x: x[m.tensor([1], dtype=m.int16)],
    "mask_shape": lambda m, x: x[m.tensor([True, False])],
    "mask_second_shape": lambda m, x: x[:, m.tensor([True, False])],
    "broadcast": lambda m, x: x[m.tensor([0, 1]), m.tensor([0, 1, 2])],
    "scalar": lambda m, x: x[0, 0, 0][0],
    "scalar_slice": lambda m, x: x[0, 0, 0][:],
    "empty": lambda m, x: x[:0][0],
    "set_range": lambda m, x: x.__setitem__(9, 1.0),
    "set_tensor_range": lambda m, x: x.__setitem__(m.tensor([0, 9]), 1.0),
    "set_shape": lambda m, x: x.__setitem__(0, m.tensor([1.0, 2.0])),
    "set_tensor_shape": lambda m, x: x.__setitem__(m.tensor([0]), m.tensor([1.0, 2.0])),
    "set_leaf": lambda m, x: x.requires_grad_(True).__setitem__(0, 1.0),
}


@pytest.mark.parametrize("case", GET_ERRORS)
def test_error(case):
    theirs, ours = map(str, same_error(GET_ERRORS[case], X))
    exact = (
        "range",
        "range_negative",
        "range_second",
        "step",
        "step_zero",
        "tensor_range",
        "tensor_negative",
        "mask_shape",
        "broadcast",
        "scalar",
        "float",
        "str",
    )
    if case in exact:
        assert ours == theirs


def test_failed_assignment_writes_nothing():
    x = tensorlite.tensor(X)
    for index in (tensorlite.tensor([0, 9]), (0, 7)):
        with pytest.raises(IndexError):
            x[index] = 1.0
    np.testing.assert_array_equal(x.numpy(), X)
    assert x._version == 0


def i64(m, *values):
    return m.tensor(np.array(values, dtype=np.int64))


OPS = {
    "gather": ([(3, 4)], lambda m, x: x.gather(1, i64(m, [0, 3], [1, 1], [2, 0]))),
    "gather_dim0": ([(3, 4)], lambda m, x: m.gather(x, 0, i64(m, [2, 0, 1, 1]))),
    "gather_strided": ([(3, 4)], lambda m, x: x.t().gather(0, i64(m, [3, 0], [1, 1]))),
    "gather_1d": ([(3,)], lambda m, x: x.gather(-1, i64(m, 2, 2, 0, 1))),
    "gather_empty": ([(3, 4)], lambda m, x: x.gather(0, i64(m))),
    "index_select": ([(3, 4)], lambda m, x: x.index_select(0, i64(m, 2, 0, 2))),
    "index_select_last": ([(3, 4)], lambda m, x: x.index_select(-1, i64(m, 1))),
    "index_select_strided": ([(3, 4)], lambda m, x: x.t().index_select(1, i64(m, 1, 1))),
    "index_select_empty": ([(3, 4)], lambda m, x: x.index_select(0, i64(m))),
    "take": ([(3, 4)], lambda m, x: x.take(i64(m, [0, 11], [-1, 5]))),
    "take_along_flat": ([(3, 4)], lambda m, x: x.take_along_dim(i64(m, 5, 1))),
    "put": ([(3, 4), (3,)], lambda m, x, s: x.put(i64(m, 0, 11, -2), s)),
    "put_add": ([(3, 4), (2,)], lambda m, x, s: m.put(x, i64(m, 1, 1), s, True)),
    "take_along_dim": ([(3, 4)], lambda m, x: x.take_along_dim(i64(m, [0, 3]), 1)),
    "masked_fill": ([(3, 4)], lambda m, x: x.masked_fill(x > 0, 2.5)),
    "masked_fill_broadcast": ([(3, 1)], lambda m, x: x.masked_fill(m.tensor([True, False]), -1)),
    "masked_fill_tensor": ([(3, 4), (1,)], lambda m, x, v: x.masked_fill(x > 0, v[0])),
    "masked_select": ([(3, 4)], lambda m, x: x.masked_select(x > 0)),
    "masked_select_rows": (
        [(3, 4)],
        lambda m, x: x.t().masked_select(m.tensor([True, False, True])),
    ),
    "masked_scatter": ([(3, 4), (3, 5)], lambda m, x, s: x.masked_scatter(x > 0, s)),
    "index_put": ([(3, 4), (2, 4)], lambda m, x, v: x.index_put((i64(m, 0, 2),), v)),
    "index_put_add": ([(3, 4), (4,)], lambda m, x, v: x.index_put((i64(m, 0, 0),), v, True)),
    "index_add": ([(3, 4), (3, 4)], lambda m, x, s: x.index_add(0, i64(m, 0, 2, 0), s)),
    "index_add_alpha": ([(3, 4), (3, 1)], lambda m, x, s: x.index_add(1, i64(m, 1), s, alpha=2)),
    "index_copy": ([(3, 4), (2, 4)], lambda m, x, s: x.index_copy(0, i64(m, 2, 0), s)),
    "index_fill": ([(3, 4)], lambda m, x: x.index_fill(1, i64(m, -1, 0), 1.5)),
    "scatter": ([(3, 4), (3, 2)], lambda m, x, s: x.scatter(1, i64(m, [0, 3], [1, 2], [2, 0]), s)),
    "scatter_value": ([(3, 4)], lambda m, x: x.scatter(1, i64(m, [0, 3], [1, 2]), 2.5)),
    "scatter_add": (
        [(3, 4), (2, 4)],
        lambda m, x, s: x.scatter_add(0, i64(m, [0, 0, 2, 1], [0, 1, 2, 2]), s),
    ),
    "scatter_sum": ([(3,), (3,)], lambda m, x, s: x.scatter_reduce(0, i64(m, 0, 0, 2), s, "sum")),
    "scatter_prod": ([(3,), (3,)], lambda m, x, s: x.scatter_reduce(0, i64(m, 0, 0, 2), s, "prod")),
    "scatter_mean": (
        [(3,), (3,)],
        lambda m, x, s: x.scatter_reduce(0, i64(m, 0, 0, 2), s, "mean", include_self=False),
    ),
    "scatter_amax": ([(3,), (3,)], lambda m, x, s: x.scatter_reduce(0, i64(m, 0, 0, 2), s, "amax")),
    "scatter_amin": (
        [(3,), (3,)],
        lambda m, x, s: x.scatter_reduce(0, i64(m, 0, 0, 2), s, "amin", include_self=False),
    ),
}


@pytest.mark.parametrize("case", OPS)
def test_op(case):
    shapes, f = OPS[case]
    run(f, *(ramp(*s) for s in shapes), strides=False)


LOOSE = {
    "index_fill_tensor": ([(3, 4), (1,)], lambda m, x, v: x.index_fill(0, i64(m, 1), v[0])),
    "masked_fill_": ([(3, 4)], lambda m, x: (x * 1).masked_fill_(m.tensor(MASK[0, :4, 0]), 2.5)),
    "masked_scatter_": (
        [(3, 4), (12,)],
        lambda m, x, s: (x * 1).masked_scatter_(m.tensor(MASK[0, :4, 0]), s),
    ),
    "index_put_": ([(3, 4), (4,)], lambda m, x, v: (x * 1).index_put_((i64(m, 0, 2),), v)),
    "index_add_": ([(3, 4), (2, 4)], lambda m, x, s: (x * 1).index_add_(0, i64(m, 0, 0), s)),
    "index_copy_": ([(3, 4), (2, 4)], lambda m, x, s: (x * 1).index_copy_(0, i64(m, 1, 0), s)),
    "index_fill_": ([(3, 4)], lambda m, x: (x * 1).t().index_fill_(0, i64(m, 1, 0), 3)),
    "scatter_": ([(3, 4), (1, 4)], lambda m, x, s: (x * 1).scatter_(0, i64(m, [0, 1, 2, 0]), s)),
    "scatter_value_": ([(3, 4)], lambda m, x: (x * 1).t().scatter_(0, i64(m, [0, 1, 2]), 2.0)),
    "scatter_add_": (
        [(3, 4), (1, 4)],
        lambda m, x, s: (x * 1).scatter_add_(0, i64(m, [0, 1, 2, 0]), s),
    ),
    "put_": ([(3, 4), (2,)], lambda m, x, s: (x * 1).put_(i64(m, 0, -1), s)),
    "scatter_reduce_": (
        [(3,), (3,)],
        lambda m, x, s: (x * 1).scatter_reduce_(0, i64(m, 0, 0, 2), s, "amax"),
    ),
    "tril_": ([(3, 4)], lambda m, x: (x * 1).tril_(1)),
}


@pytest.mark.parametrize("case", LOOSE)
def test_op_values_and_gradients(case):
    shapes, f = LOOSE[case]
    run(f, *(ramp(*s) for s in shapes), strides=False, names=False, double=False)


PLAIN = {
    "nonzero": lambda m, x: m.nonzero(x > 0),
    "nonzero_tuple": lambda m, x: x.nonzero(as_tuple=True),
    "nonzero_0d": lambda m, x: m.tensor(3.0).nonzero(),
    "nonzero_0d_tuple": lambda m, x: m.tensor(3.0).nonzero(as_tuple=True),
    "nonzero_empty": lambda m, x: x[:0].nonzero(),
    "argwhere": lambda m, x: m.argwhere(x > 0),
    "scatter_add_mode": lambda m, x: x.scatter(0, i64(m, [0, 0, 1, 2]), 2.0, reduce="add"),
    "scatter_multiply": lambda m, x: x.scatter(0, i64(m, [0, 0, 1, 2]), x * 2, reduce="multiply"),
    "scatter_mean_int": lambda m, x: m.tensor([1, 2]).scatter_reduce(
        0, i64(m, 0, 0, 1), m.tensor([-4, 1, 9]), "mean"
    ),
    "index_add_int": lambda m, x: m.tensor([1, 2, 3]).index_add(0, i64(m, 0, 0), m.tensor([5, 6])),
    "index_half": lambda m, x: m.tensor([1.5, 2.5], dtype=m.float16)[i64(m, 1, 0)],
    "index_bool": lambda m, x: (x > 0)[i64(m, 1, 0)],
    "index_complex": lambda m, x: m.tensor([1j, 2.0])[i64(m, 1, 0, 1)],
    "scatter_dtype": lambda m, x: m.tensor([1, 2, 3]).scatter(0, i64(m, 1), 2.9),
    "masked_fill_int": lambda m, x: m.tensor([1, 2]).masked_fill(m.tensor([True, False]), 1.5),
    "gather_out": lambda m, x: m.gather(x, 0, i64(m, [0, 1, 2, 0]), out=m.tensor(ramp(1, 4))),
    "many_rows": lambda m, x: x[m.tensor(np.arange(90000) % 3)].sum(),
    "many_adds": lambda m, x: x.index_add(
        0, m.tensor(np.arange(60000) % 3), m.tensor(ramp(60000, 4))
    ),
}


@pytest.mark.parametrize("case", PLAIN)
def test_values(case):
    results = [PLAIN[case](m, *ts) for m, ts in libraries([ramp(3, 4)])]
    same_values(*results)


OP_ERRORS = {
    "gather_range": lambda m, x: x.gather(0, i64(m, [5])),
    "gather_negative": lambda m, x: x.gather(0, i64(m, [-1])),
    "gather_dims": lambda m, x: x.gather(0, i64(m, 5)),
    "gather_dtype": lambda m, x: x.gather(0, m.tensor([[1.0]])),
    "gather_size": lambda m, x: x.gather(0, m.tensor(np.zeros((4, 5), dtype=np.int64))),
    "index_select_range": lambda m, x: x.index_select(0, i64(m, 5)),
    "index_select_negative": lambda m, x: x.index_select(0, i64(m, -1)),
    "index_select_matrix": lambda m, x: x.index_select(0, i64(m, [0])),
    "index_select_dtype": lambda m, x: x.index_select(0, m.tensor([0.0])),
    "index_select_dim": lambda m, x: x.index_select(2, i64(m, 0)),
    "index_add_range": lambda m, x: x.index_add(0, i64(m, 5), x[:1]),
    "index_add_range_1d": lambda m, x: x[0].index_add(0, i64(m, 5), x[0, :1]),
    "index_add_count": lambda m, x: x.index_add(0, i64(m, 0, 1), x[:1]),
    "index_add_dtype": lambda m, x: x.index_add(0, i64(m, 0), m.tensor([[1, 2, 3, 4]])),
    "index_copy_range": lambda m, x: x.index_copy(0, i64(m, 5), x[:1]),
    "index_fill_range": lambda m, x: x.index_fill(0, i64(m, 5), 1.0),
    "scatter_range": lambda m, x: x.scatter(0, i64(m, [5]), 1.0),
    "scatter_dtype": lambda m, x: x.scatter(0, i64(m, [0]), m.tensor([[1]])),
    "scatter_add_size": lambda m, x: x.scatter_add(0, i64(m, [0, 0, 0]), x[:1, :2]),
    "scatter_reduce_mode": lambda m, x: x.scatter_reduce(0, i64(m, [0]), x, "foo"),
    "scatter_mode": lambda m, x: x.scatter(0, i64(m, [0]), x, reduce="foo"),
    "take_range": lambda m, x: x.take(i64(m, 12)),
    "put_range": lambda m, x: x.put(i64(m, 12), x[0, :1]),
    "put_count": lambda m, x: x.put(i64(m, 1, 2), x[0, :1]),
    "index_put_range": lambda m, x: x.index_put((i64(m, 5),), x[:1]),
    "index_put_shape": lambda m, x: x.index_put((i64(m, 0),), x[:2]),
    "index_put_dtype": lambda m, x: x.index_put((i64(m, 0),), m.tensor([1])),
    "masked_fill_dtype": lambda m, x: x.masked_fill(x, 1.0),
    "masked_fill_shape": lambda m, x: x.masked_fill(m.tensor([True, False]), 1.0),
    "masked_fill_value": lambda m, x: x.masked_fill(x > 0, x[0, :1]),
    "masked_fill_inplace_shape": lambda m, x: x[0].masked_fill_(x > 0, 1.0),
    "masked_select_dtype": lambda m, x: x.masked_select(x),
    "masked_scatter_count": lambda m, x: x.masked_scatter(x > -99, x[0]),
    "masked_scatter_dtype": lambda m, x: x.masked_scatter(x > 0, m.tensor([1])),
    "leaf": lambda m, x: x.requires_grad_(True).index_add_(0, i64(m, 0), x[:1]),
}


@pytest.mark.parametrize("case", OP_ERRORS)
def test_op_error(case):
    theirs, ours = map(str, same_error(OP_ERRORS[case], ramp(3, 4)))
    assert theirs.split("\n")[0][:22] in ours


def test_failed_writes_write_nothing():
    x = tensorlite.tensor(ramp(3, 4))
    rows = i64(tensorlite, 0, 5)
    source = tensorlite.tensor(ramp(2, 4))
    for write in (
        lambda: x.index_add_(0, rows, source),
        lambda: x.index_copy_(0, rows, source),
        lambda: x.index_fill_(0, rows, 1.0),
        lambda: x.index_put_((rows,), source),
        lambda: x.scatter_(0, i64(tensorlite, [0, 5, 0, 0]), 1.0),
    ):
        with pytest.raises((IndexError, RuntimeError)):
            write()
    np.testing.assert_array_equal(x.numpy(), ramp(3, 4))
    assert x._version == 0


def test_expanded_memory_is_not_written():
    x = tensorlite.tensor(ramp(3, 4))[:1].expand(3, 4)
    with pytest.raises(RuntimeError, match="more than one element"):
        x.index_fill_(0, i64(tensorlite, 0), 1.0)
    with pytest.raises(RuntimeError, match="more than one element"):
        x[tensorlite.tensor([0])] = 1.0


def test_write_from_own_memory():
    results = []
    for m, (x,) in libraries([ramp(4, 4)]):
        # Every other column: memory between which nobody can tell, so that the values are copied first.
        y = x[:, ::2]
        y.index_copy_(0, i64(m, 3, 2), y[:2].clone() if m is torch else y[:2])
        results.append(x)
    same_values(*results)


def test_indexing_with_byte_masks_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tensorlite.tensor([1.0, 2.0])[tensorlite.tensor([1, 0], dtype=tensorlite.uint8)]
    assert "uint8" in str(caught[0].message)


def test_subclass_keeps_its_type():
    class Mine(tensorlite.Tensor):
        pass

    x = tensorlite.tensor(X).as_subclass(Mine)
    assert type(x[0]) is Mine
    x[0] = 1.0
    assert type(x) is Mine and x[0, 0, 0].item() == 1.0


def random_entry(rng, size):
    """One entry of an index for a dim of that size: (kind, value)."""

    def place():
        if rng.random() < 0.1 or size == 0:
            return int(rng.integers(-size - 1, size + 1))
        return int(rng.integers(-size, size))

    def bound():
        return None if rng.random() < 0.3 else int(rng.integers(-size - 2, size + 3))

    kind = rng.integers(12)
    if kind < 3:
        return "plain", place()
    if kind < 6:
        return "plain", slice(bound(), bound(), [None, 1, 2, 3][rng.integers(4)])
    if kind < 9:
        return "plain", [None, ..., bool(rng.random() < 0.7)][kind - 6]
    if kind == 9:
        return "tensor", rng.random(size) > 0.5
    if kind == 10:
        return "tensor", np.array([place() for _ in range(rng.integers(1, 4))], dtype=np.int64)
    return "tensor", np.array([[place()], [place()]] if rng.random() < 0.5 else place())


@pytest.mark.parametrize("seed", range(4))
def test_random_indices(seed):
    """Reads, writes and errors of arbitrary indices of arbitrarily permuted tensors."""
    rng = np.random.default_rng(seed)
    for _ in range(500):
        shape = tuple(
            int(s) for s in rng.integers(0 if rng.random() < 0.2 else 2, 5, rng.integers(5))
        )
        n = len(shape)
        order = [int(d) for d in rng.permutation(n)]
        entries = [
            random_entry(rng, shape[min(d, n - 1)] if n else 1) for d in range(rng.integers(n + 2))
        ]
        if sum(v is ... for _, v in entries) > 1:
            continue  # after a second one PyTorch counts dims that are not there
        results = []
        for m, (x,) in libraries([np.arange(float(np.prod(shape))).reshape(shape)]):
            x = x.permute(order)
            index = tuple(m.tensor(v) if kind == "tensor" else v for kind, v in entries)
            index = index[0] if len(index) == 1 else index
            try:
                read = x[index].numpy().copy()
                x[index] = -1.0
                results.append((read.shape, read.tolist(), x.numpy().tolist()))
            except Exception as e:
                results.append(type(e).__name__)
        assert results[0] == results[1], (shape, order, entries)


class Pair:
    """A sequence that is no list."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return [1, 0][i]


def assign(m, target, index, value):
    target[index] = value
    return target


# What an assignment refuses or converts, and what counts as an index.
RULES = {
    "cast_tensor": lambda m: assign(m, m.zeros(3), m.tensor([0]), m.tensor([7], dtype=m.int32)),
    "cast_tensor_0d": lambda m: assign(m, m.zeros(3), m.tensor([0]), m.tensor(7, dtype=m.int32)),
    "cast_list": lambda m: assign(m, m.zeros(3), [0], m.tensor([7], dtype=m.int32)),
    "cast_int_tensor": lambda m: assign(m, m.zeros(3), m.tensor(0), m.tensor(7, dtype=m.int32)),
    "cast_slice": lambda m: assign(m, m.zeros(3), slice(0, 2), m.tensor([7, 8])),
    "cast_mask_one": lambda m: assign(m, m.zeros(2), m.tensor([True, False]), m.tensor([7])),
    "cast_mask_one_second": lambda m: assign(
        m, m.zeros(3, 2), (slice(None), m.tensor([True, False])), m.tensor([7])
    ),
    "cast_mask_many": lambda m: assign(m, m.zeros(2), m.tensor([True, True]), m.tensor([7, 8])),
    "cast_masks": lambda m: assign(
        m, m.zeros(2, 2), (m.tensor([True, False]), m.tensor([True, False])), m.tensor([7])
    ),
    "cast_mask_0d": lambda m: assign(m, m.zeros(3), m.tensor(True), m.tensor([7])),
    "cast_true": lambda m: assign(m, m.zeros(3), True, m.tensor([7])),
    "cast_int_and_tensor": lambda m: assign(m, m.zeros(3, 3), (0, m.tensor([0])), m.tensor([7])),
    "false_any_shape": lambda m: assign(m, m.zeros(3), False, m.ones(7)),
    "true_bad_shape": lambda m: assign(m, m.zeros(3), True, m.ones(7)),
    "uint8_300": lambda m: assign(m, m.ones(2, 3, dtype=m.uint8), 0, 300),
    "uint8_300_slice": lambda m: assign(m, m.ones(2, 3, dtype=m.uint8), slice(None), 300),
    "uint8_300_tensor": lambda m: assign(m, m.ones(2, dtype=m.uint8), m.tensor([0]), 300),
    "uint8_300_mask": lambda m: assign(m, m.ones(2, dtype=m.uint8), m.tensor([True, False]), 300),
    "uint8_-1": lambda m: assign(m, m.ones(2, dtype=m.uint8), 0, -1),
    "uint8_-256": lambda m: assign(m, m.ones(2, dtype=m.uint8), 0, -256),
    "int8_200": lambda m: assign(m, m.ones(2, dtype=m.int8), 0, 200),
    "int8_2.5": lambda m: assign(m, m.ones(2, dtype=m.int8), 0, 2.5),
    "int32_nan": lambda m: assign(m, m.ones(2, dtype=m.int32), 0, float("nan")),
    "int64_1e30": lambda m: assign(m, m.ones(2, dtype=m.int64), 0, 1e30),
    "float_1e300": lambda m: assign(m, m.ones(2), 0, 1e300),
    "float_inf": lambda m: assign(m, m.ones(2), 0, float("inf")),
    "half_1e10": lambda m: assign(m, m.ones(2, dtype=m.float16), 0, 1e10),
    "float_1j": lambda m: assign(m, m.ones(2), 0, 1j),
    "float_1+0j": lambda m: assign(m, m.ones(2), 0, 1 + 0j),
    "bool_1j": lambda m: assign(m, m.zeros(2, dtype=m.bool), 0, 1j),
    "range": lambda m: m.tensor(X)[range(2)],
    "range_tuple": lambda m: m.tensor(X)[range(2), :],
    "range_last": lambda m: m.tensor(X)[:, :, range(2)],
    "range_set": lambda m: assign(m, m.zeros(3), range(2), 5.0),
    "sequence": lambda m: m.tensor(X)[Pair()],
    "sequence_tuple": lambda m: m.tensor(X)[:, Pair()],
    "lists_in_a_list": lambda m: m.tensor(X)[[[0], [1]]],
    "lists_in_a_list_set": lambda m: assign(m, m.zeros(2, 2), [[0], [1]], 5.0),
    "tensors_in_a_list": lambda m: m.tensor(X)[[m.tensor([0]), m.tensor([1])]],
    "arrays_in_a_list": lambda m: m.tensor(X)[[np.array([0]), np.array([1])]],
    "none_in_a_list": lambda m: m.tensor(X)[[None, 0]],
    "array_2d": lambda m: m.tensor(X)[np.array([[0], [1]])],
    "ellipses": lambda m: m.tensor(X)[..., ...],
    "ellipses_slice": lambda m: m.tensor(X)[..., ..., :],
    "ellipses_int": lambda m: m.tensor(X)[..., ..., 0],
    "ellipses_none": lambda m: m.tensor(X)[..., ..., None],
    "ellipses_tensor": lambda m: m.tensor(X)[..., ..., m.tensor([0])],
    "ellipses_set": lambda m: assign(m, m.zeros(2, 3, 4), (..., ..., m.tensor([0])), 5.5),
    "ellipses_of_nothing": lambda m: m.tensor(X)[0, ..., 0, ..., 0],
}


@pytest.mark.parametrize("case", RULES)
def test_rule(case):
    def described(m):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                t = RULES[case](m)
                value = (str(t.dtype), tuple(t.shape), t.tolist())
            except Exception as error:
                value = type(error)
        return value, [str(w.message)[:60] for w in caught]

    assert described(tensorlite) == described(torch)


def test_false_index_leaves_no_history():
    v = tensorlite.ones(2, requires_grad=True)
    z = tensorlite.zeros(2)
    z[False] = v * 2
    assert not z.requires_grad


def test_hash_is_identity():
    x = tensorlite.ones(2)
    assert hash(x) == id(x)


def test_real_and_imag_are_assignable():
    def f(m):
        z = m.zeros(2, 2, dtype=m.complex64)
        z.real = m.tensor([1.0, 2.0])
        z.imag = m.ones(2, 2)
        z[0].imag = 5
        x = m.zeros(2)
        x.real = m.ones(2)
        with pytest.raises(RuntimeError):
            x.imag = m.ones(2)
        return z.tolist(), x.tolist()

    assert f(tensorlite) == f(torch)


SHARED = {
    "scatter_add_": lambda m, x: x.scatter_add_(0, m.arange(6), x),
    "scatter_": lambda m, x: x[:3].scatter_(0, m.tensor([0, 1]), x[1:4]),
    "scatter_index": lambda m, x: (i := m.tensor([0, 1])).scatter_(0, i, i),
    "scatter_reduce_": lambda m, x: x.scatter_reduce_(0, m.tensor([0, 1]), x[:2], "sum"),
    "index_put_": lambda m, x: x.index_put_((m.tensor([0, 1]),), x[:2]),
    "index_put_index": lambda m, x: (i := m.tensor([0, 1])).index_put_((i,), m.tensor([1, 0])),
    "index_add_": lambda m, x: x.index_add_(0, m.tensor([0, 1]), x[:2]),
    "index_copy_": lambda m, x: x.index_copy_(0, m.tensor([0, 1]), x[:2]),
    "index_fill_": lambda m, x: (i := m.tensor([0, 1])).index_fill_(0, i, 3),
    "put_": lambda m, x: x.put_(m.tensor([0, 1]), x[:2]),
    "scatter_apart": lambda m, x: x[:2].scatter_add_(0, m.tensor([0, 1]), x[2:4]),
    "scatter_between": lambda m, x: x[::2].scatter_add_(0, m.tensor([0, 1]), x[1::2]),
    "add_out_part": lambda m, x: m.add(x, 1, out=x[:2]),
    "add_out_shifted": lambda m, x: m.add(x[1:], 1, out=x[:5]),
    "add_out_self": lambda m, x: m.add(x, 1, out=x),
    "exp_out_shifted": lambda m, x: m.exp(x[1:], out=x[:5]),
    "exp_out_between": lambda m, x: m.exp(x[::2], out=x[1::2]),
    "mul_out_shifted": lambda m, x: m.mul(x[1:], x[1:], out=x[:5]),
    "where_out": lambda m, x: m.where(x[:5] > 2, x[:5], x[:5], out=x[1:]),
    "cumsum_out_self": lambda m, x: m.cumsum(x, 0, out=x),
    "cumsum_out_shifted": lambda m, x: m.cumsum(x[:5], 0, out=x[1:]),
    "sum_out_part": lambda m, x: m.sum(x, 0, keepdim=True, out=x[:1]),
    "softmax_out_self": lambda m, x: m.softmax(x, 0, out=x),
}


@pytest.mark.parametrize("case", SHARED)
def test_shared_memory(case):
    def outcome(m):
        x = m.arange(6.0)
        try:
            return SHARED[case](m, x).tolist()
        except RuntimeError as error:
            if "single memory location" not in str(error):
                raise
            np.testing.assert_array_equal(x.numpy(), np.arange(6.0))  # nothing was written
            return RuntimeError

    theirs, ours = outcome(torch), outcome(tensorlite)
    if isinstance(theirs, list):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    else:
        assert ours is theirs


def test_index_select_outside():
    for dim, error in ((0, IndexError), (1, RuntimeError)):
        for i in (3, -1):
            for m in (torch, tensorlite):
                with pytest.raises(error):
                    m.zeros(3, 3).index_select(dim, m.tensor([i]))
