"""Views, splits, joins and rearranged copies beside PyTorch: values, strides, graph, gradients, errors."""

import subprocess
import sys

import numpy as np
import pytest

import tensorlite
from view_helpers import ramp, run, same_error, same_values

torch = pytest.importorskip("torch")

VIEWS = {
    "view": ((2, 6), lambda m, x: x.view(3, -1)),
    "view_tuple": ((2, 6), lambda m, x: x.view((4, 3))),
    "view_size_1": ((2, 1, 6), lambda m, x: x.view(1, 12)),
    "view_strided": ((2, 3, 4), lambda m, x: x.transpose(0, 1).view(3, 2, 2, 2)),
    "view_empty": ((0, 3), lambda m, x: x.view(3, 0)),
    "view_0d": ((), lambda m, x: x.view(1, 1)),
    "view_other_dtype": ((2, 3), lambda m, x: x.view(m.int32)),
    "view_wider_dtype": ((2, 4), lambda m, x: x.view(m.complex128)),
    "view_as": ((2, 3), lambda m, x: x.view_as(m.tensor([[1, 2], [3, 4], [5, 6]]))),
    "reshape": ((2, 6), lambda m, x: x.reshape(3, -1)),
    "reshape_copy": ((2, 6), lambda m, x: x.t().reshape(3, 4)),
    "reshape_as": ((2, 3), lambda m, x: x.reshape_as(m.tensor([[1, 2], [3, 4], [5, 6]]))),
    "flatten": ((2, 3, 4), lambda m, x: x.flatten()),
    "flatten_part": ((2, 3, 4), lambda m, x: m.flatten(x, 1)),
    "flatten_0d": ((), lambda m, x: x.flatten()),
    "unflatten": ((2, 6), lambda m, x: x.unflatten(1, (2, -1))),
    "ravel": ((2, 3), lambda m, x: x.ravel()),
    "squeeze": ((2, 1, 3, 1), lambda m, x: x.squeeze()),
    "squeeze_dim": ((2, 1, 3, 1), lambda m, x: x.squeeze(1)),
    "squeeze_other": ((2, 1), lambda m, x: x.squeeze(0)),
    "squeeze_dims": ((2, 1, 3, 1), lambda m, x: x.squeeze((1, 3))),
    "unsqueeze": ((2, 3), lambda m, x: x.unsqueeze(1)),
    "unsqueeze_last": ((2, 3), lambda m, x: x.unsqueeze(-1)),
    "expand": ((2, 1, 3), lambda m, x: x.expand(4, 2, 5, -1)),
    "expand_0d": ((), lambda m, x: x.expand(2, 3)),
    "expand_as": ((1, 3), lambda m, x: x.expand_as(m.tensor([[1, 2, 3], [4, 5, 6]]))),
    "broadcast_to": ((1, 3), lambda m, x: m.broadcast_to(x, (2, 3))),
    "permute": ((2, 3, 4), lambda m, x: x.permute(2, 0, -2)),
    "transpose": ((2, 3, 4), lambda m, x: x.transpose(0, -1)),
    "transpose_0d": ((), lambda m, x: x.transpose(0, -1)),
    "swapaxes": ((2, 3), lambda m, x: x.swapaxes(0, 1)),
    "swapdims": ((2, 3), lambda m, x: x.swapdims(0, 1)),
    "t": ((2, 3), lambda m, x: x.t()),
    "t_1d": ((3,), lambda m, x: x.t()),
    "T": ((2, 3), lambda m, x: x.T),
    "mT": ((2, 3, 4), lambda m, x: x.mT),
    "H": ((2, 3), lambda m, x: x.H),
    "mH": ((2, 3), lambda m, x: x.mH),
    "adjoint": ((2, 3), lambda m, x: x.adjoint()),
    "movedim": ((2, 3, 4), lambda m, x: x.movedim(0, 2)),
    "moveaxis": ((2, 3, 4), lambda m, x: x.moveaxis((0, 1), (2, 0))),
    "select": ((2, 3, 4), lambda m, x: x.select(1, -1)),
    "narrow": ((5, 2), lambda m, x: x.narrow(0, 1, 3)),
    "narrow_negative": ((5, 2), lambda m, x: m.narrow(x, 0, -2, 2)),
    "diagonal": ((3, 4), lambda m, x: x.diagonal()),
    "diagonal_3d": ((2, 3, 4), lambda m, x: x.diagonal(-1, 2, 0)),
    "diagonal_empty": ((2, 3), lambda m, x: x.diagonal(9)),
    "unfold": ((7, 2), lambda m, x: x.unfold(0, 3, 2)),
    "unfold_overlap": ((2, 5), lambda m, x: x.unfold(1, 3, 1)),
    "as_strided": ((3, 4), lambda m, x: x.as_strided((2, 2), (5, 1), 2)),
    "as_strided_overlap": ((9,), lambda m, x: x.as_strided((3, 3), (2, 1))),
    "as_strided_of_view": ((4, 4), lambda m, x: x[1:, 1:].as_strided((2, 3), (4, 1))),
    "unbind": ((3, 2), lambda m, x: x.unbind()),
    "unbind_last": ((3, 2), lambda m, x: m.unbind(x, -1)),
    "split": ((5, 2), lambda m, x: x.split(2)),
    "split_sizes": ((5, 2), lambda m, x: x.split([1, 0, 4])),
    "split_dim": ((2, 5), lambda m, x: m.split(x, 3, dim=1)),
    "split_with_sizes": ((5, 2), lambda m, x: x.split_with_sizes((2, 3))),
    "chunk": ((5, 2), lambda m, x: x.chunk(3)),
    "chunk_many": ((2, 2), lambda m, x: x.chunk(7)),
    "chunk_empty": ((0, 2), lambda m, x: x.chunk(3)),
    "tensor_split": ((7, 2), lambda m, x: x.tensor_split(3)),
    "tensor_split_at": ((7, 2), lambda m, x: x.tensor_split((2, 5))),
    "tensor_split_tensor": ((7, 2), lambda m, x: m.tensor_split(x, m.tensor([1, 4]))),
    "hsplit": ((2, 6), lambda m, x: x.hsplit(3)),
    "hsplit_1d": ((6,), lambda m, x: x.hsplit((2, 3))),
    "vsplit": ((4, 2), lambda m, x: x.vsplit(2)),
    "dsplit": ((2, 2, 4), lambda m, x: x.dsplit([1, 3])),
    "chain": ((3, 4, 5), lambda m, x: x[1].t()[2:, 1:].unsqueeze(0).expand(2, 3, 3)),
    "atleast_1d": ((), lambda m, x: m.atleast_1d(x)),
    "atleast_2d": ((3,), lambda m, x: m.atleast_2d(x)),
    "atleast_3d": ((3, 2), lambda m, x: m.atleast_3d(x)),
}


@pytest.mark.parametrize("case", VIEWS)
def test_view(case):
    shape, f = VIEWS[case]
    # PyTorch's own second derivative of as_strided and of unfold is checked by its gradgradcheck.
    run(f, ramp(*shape) if shape else np.asarray(2.5))


@pytest.mark.parametrize("case", VIEWS)
def test_view_shares_memory(case):
    shape, f = VIEWS[case]
    x = tensorlite.tensor(ramp(*shape) if shape else np.asarray(2.5))
    outs = f(tensorlite, x)
    outs = outs if isinstance(outs, tuple) else (outs,)
    if case != "reshape_copy":
        assert all(o._storage_ptr() == x._storage_ptr() for o in outs)


COPIES = {
    "flip": ((3, 4), lambda m, x: x.flip(0)),
    "flip_both": ((3, 4), lambda m, x: x.flip(0, 1)),
    "flip_middle": ((2, 3, 4), lambda m, x: m.flip(x, (1,))),
    "flip_strided": ((3, 4), lambda m, x: x.t().flip(-1)),
    "flip_none": ((3, 4), lambda m, x: x.flip(())),
    "flip_0d": ((), lambda m, x: x.flip(0)),
    "fliplr": ((3, 4), lambda m, x: x.fliplr()),
    "flipud": ((3, 4), lambda m, x: m.flipud(x)),
    "roll": ((3, 4), lambda m, x: x.roll(1, 0)),
    "roll_both": ((3, 4), lambda m, x: x.roll((1, -6), (0, 1))),
    "rot90": ((3, 4), lambda m, x: x.rot90()),
    "rot90_twice": ((3, 4), lambda m, x: x.rot90(2)),
    "rot90_back": ((2, 3, 4), lambda m, x: m.rot90(x, -1, (1, 2))),
    "rot90_four": ((3, 4), lambda m, x: x.rot90(4)),
    "repeat": ((3, 4), lambda m, x: x.repeat(2, 3)),
    "repeat_more": ((3,), lambda m, x: x.repeat(2, 1, 2)),
    "repeat_zero": ((3,), lambda m, x: x.repeat(0)),
    "tile": ((3, 4), lambda m, x: m.tile(x, (2,))),
    "repeat_interleave": ((3, 4), lambda m, x: x.repeat_interleave(2, 1)),
    "repeat_interleave_flat": ((3, 4), lambda m, x: x.repeat_interleave(2)),
    "repeat_interleave_each": (
        (3, 4),
        lambda m, x: x.repeat_interleave(m.tensor([1, 0, 2]), 0),
    ),
    "tril": ((3, 4), lambda m, x: x.tril()),
    "tril_below": ((2, 4, 3), lambda m, x: m.tril(x, -1)),
    "triu": ((3, 4), lambda m, x: x.triu(1)),
    "triu_all": ((3, 4), lambda m, x: x.triu(-9)),
    "triu_strided": ((3, 4), lambda m, x: x.t().triu()),
    "diag_vector": ((3,), lambda m, x: x.diag(1)),
    "diag_embed": ((2, 3), lambda m, x: x.diag_embed()),
    "diag_embed_dims": ((2, 3), lambda m, x: m.diag_embed(x, 1, 0, 2)),
    "diagflat": ((2, 2), lambda m, x: x.diagflat(-1)),
}


@pytest.mark.parametrize("case", COPIES)
def test_copy(case):
    shape, f = COPIES[case]
    run(f, ramp(*shape) if shape else np.asarray(2.5), strides=False)


LOOSE = {  # whose graphs are built of other nodes than PyTorch's
    "roll_flat": ((3, 4), lambda m, x: x.t().roll(5)),
    "diag_matrix": ((3, 4), lambda m, x: x.diag(1)),
    "select_scatter": ((3, 4), lambda m, x: x.select_scatter(x[0] * 2, 0, 1)),
    "slice_scatter": ((5, 4), lambda m, x: x.slice_scatter(x[:2] * 2, 0, 1, 4, 2)),
    "diagonal_scatter": ((3, 4), lambda m, x: x.diagonal_scatter(x[:, 0] * 2)),
    "repeat_interleave_0d": ((), lambda m, x: x.repeat_interleave(2)),
}


@pytest.mark.parametrize("case", LOOSE)
def test_copy_values_and_gradients(case):
    shape, f = LOOSE[case]
    run(f, ramp(*shape) if shape else np.asarray(2.5), strides=False, names=False)


JOINS = {
    "cat": ([(2, 3), (1, 3)], lambda m, *x: m.cat(x)),
    "cat_last": ([(2, 3), (2, 1)], lambda m, *x: m.cat(x, -1)),
    "cat_list_dim": ([(2, 3), (2, 1)], lambda m, *x: m.cat(list(x), dim=1)),
    "cat_legacy_empty": ([(0,), (2, 3)], lambda m, *x: m.cat(x, 1)),
    "cat_strided": ([(3, 2), (2, 3)], lambda m, a, b: m.cat([a.t(), b])),
    "cat_one": ([(2, 3)], lambda m, *x: m.cat(x)),
    "cat_wide": ([(2, 40), (2, 30)], lambda m, *x: m.cat(x, 1)),
    "concat": ([(2,), (3,)], lambda m, *x: m.concat(x)),
    "concatenate": ([(2,), (3,)], lambda m, *x: m.concatenate(x, axis=0)),
    "stack": ([(2, 3), (2, 3)], lambda m, *x: m.stack(x)),
    "stack_last": ([(2, 3), (2, 3)], lambda m, *x: m.stack(x, -1)),
    "stack_middle": ([(2, 3), (3, 2)], lambda m, a, b: m.stack([a, b.t()], 1)),
    "stack_0d": ([(1,), (1,)], lambda m, a, b: m.stack([a[0], b[0]])),
    "hstack": ([(2, 3), (2, 1)], lambda m, *x: m.hstack(x)),
    "hstack_1d": ([(2,), (3,)], lambda m, *x: m.hstack(x)),
    "vstack": ([(2, 3), (3,)], lambda m, *x: m.vstack(x)),
    "row_stack": ([(3,), (3,)], lambda m, *x: m.row_stack(x)),
    "dstack": ([(2, 3), (2, 3)], lambda m, *x: m.dstack(x)),
    "column_stack": ([(3,), (3, 2)], lambda m, *x: m.column_stack(x)),
    "broadcast_tensors": ([(3, 1), (4,)], lambda m, *x: m.broadcast_tensors(*x)),
    "meshgrid": ([(2,), (3,)], lambda m, *x: m.meshgrid(*x, indexing="ij")),
    "meshgrid_xy": ([(2,), (3,), (4,)], lambda m, *x: m.meshgrid(list(x), indexing="xy")),
    "atleast_2d": ([(3,), (2, 2)], lambda m, *x: m.atleast_2d(*x)),
}


@pytest.mark.parametrize("case", JOINS)
def test_join(case):
    shapes, f = JOINS[case]
    run(f, *(ramp(*s) for s in shapes), names=not case.startswith("atleast"))


def test_cat_promotes_dtypes():
    def f(m):
        return (
            m.cat([m.tensor([1, 2]), m.tensor([0.5])]),
            m.cat([m.tensor([True]), m.tensor([3])]),
            m.cat([m.tensor([], dtype=m.float64), m.tensor([[1.0]])]),
            m.stack([m.tensor(1), m.tensor(0.5)]),
        )

    same_values(f(torch), f(tensorlite))


def test_cat_gradients_keep_their_dtypes():
    for m in (torch, tensorlite):
        a = m.tensor([1.0]).requires_grad_(True)
        b = m.tensor([1.0], dtype=m.float64).requires_grad_(True)
        out = m.cat([a, b])
        grads = m.autograd.grad(out, [a, b], m.tensor([2.0, 3.0], dtype=m.float64))
        assert [str(g.dtype) for g in grads] == ["torch.float32", "torch.float64"]


def test_triangle_indices():
    for args in ((3, 4), (4, 3, -1), (0, 2), (3, 3, 9)):
        same_values(torch.tril_indices(*args), tensorlite.tril_indices(*args))
        same_values(torch.triu_indices(*args), tensorlite.triu_indices(*args))


def test_complex_views():
    def f(m):
        pairs = m.tensor([[1.0, 2.0], [3.0, 4.0]])
        z = m.view_as_complex(pairs)
        return z, m.view_as_real(z), z.real, z.imag, z.unsqueeze(0).unsqueeze(0)[0]

    same_values(f(torch), f(tensorlite))


INPLACE = {
    "t_": ((2, 3), lambda m, x: x.t_()),
    "transpose_": ((2, 3, 4), lambda m, x: x.transpose_(0, 2)),
    "swapaxes_": ((2, 3, 4), lambda m, x: x.swapaxes_(0, 2)),
    "squeeze_": ((2, 1, 3), lambda m, x: x.squeeze_()),
    "squeeze_dim_": ((2, 1, 3), lambda m, x: x.squeeze_(1)),
    "unsqueeze_": ((2, 3), lambda m, x: x.unsqueeze_(1)),
    "as_strided_": ((2, 3), lambda m, x: x.as_strided_((2, 2), (3, 1), 1)),
}


@pytest.mark.parametrize("case", INPLACE)
def test_inplace_view(case):
    shape, f = INPLACE[case]
    run(lambda m, x: f(m, x.clone()), ramp(*shape))
    x = tensorlite.tensor(ramp(*shape))
    before = x._version
    assert f(tensorlite, x) is x
    assert x._version == before + 1


def test_inplace_view_of_a_leaf_is_refused():
    caught = same_error(lambda m, x: x.requires_grad_(True).t_(), ramp(2, 3))
    assert "a leaf Variable that requires grad" in str(caught[1])


def test_write_through_a_view():
    def f(m, x):
        y = x * 2
        v = y[1].view(2, 2)
        v.mul_(3)
        return y

    run(f, ramp(2, 4), names=False, double=False)


def test_detach():
    x = tensorlite.tensor([1.0, 2.0]).requires_grad_(True)
    d = x.detach()
    assert not d.requires_grad and d._storage_ptr() == x._storage_ptr()
    y = x * 2
    assert y.detach_() is y and not y.requires_grad


ERRORS = {
    "view_size": lambda m, x: x.view(5),
    "view_strides": lambda m, x: x.t().view(12),
    "view_two_unknown": lambda m, x: x.view(-1, -1),
    "view_negative": lambda m, x: x.view(-2),
    "reshape": lambda m, x: x.reshape(7, -1),
    "expand": lambda m, x: x.expand(2, 4),
    "expand_fewer": lambda m, x: x.expand(4),
    "expand_lead": lambda m, x: x.expand(-1, 3, 4),
    "permute_length": lambda m, x: x.permute(0),
    "permute_twice": lambda m, x: x.permute(0, 0),
    "permute_range": lambda m, x: x.permute(0, 5),
    "transpose": lambda m, x: x.transpose(0, 2),
    "t": lambda m, x: x.unsqueeze(0).t(),
    "mT": lambda m, x: x[0].mT,
    "H": lambda m, x: x.unsqueeze(0).H,
    "squeeze": lambda m, x: x.squeeze(3),
    "unsqueeze": lambda m, x: x.unsqueeze(4),
    "select": lambda m, x: x.select(0, 5),
    "select_0d": lambda m, x: x[0, 0].select(0, 0),
    "narrow": lambda m, x: x.narrow(0, 1, 5),
    "narrow_start": lambda m, x: x.narrow(0, 5, 1),
    "narrow_length": lambda m, x: x.narrow(0, 0, -1),
    "diagonal": lambda m, x: x.diagonal(0, 0, 0),
    "unfold_size": lambda m, x: x.unfold(0, 5, 1),
    "unfold_step": lambda m, x: x.unfold(0, 2, 0),
    "as_strided": lambda m, x: x.as_strided((20,), (1,)),
    "as_strided_negative": lambda m, x: x.as_strided((2,), (-1,)),
    "unbind": lambda m, x: x.unbind(2),
    "split_zero": lambda m, x: x.split(0),
    "split_negative": lambda m, x: x.split(-1),
    "split_sum": lambda m, x: x.split([1, 1]),
    "chunk": lambda m, x: x.chunk(0),
    "tensor_split": lambda m, x: x.tensor_split(0),
    "hsplit": lambda m, x: x.hsplit(3),
    "unflatten": lambda m, x: x.unflatten(1, (3, 2)),
    "flip": lambda m, x: x.flip(0, 0),
    "roll": lambda m, x: x.roll((1, 2), (0,)),
    "rot90": lambda m, x: x.rot90(1, (0, 0)),
    "repeat": lambda m, x: x.repeat(2),
    "repeat_interleave": lambda m, x: x.repeat_interleave(m.tensor([1, 2]), 0),
    "repeat_interleave_negative": lambda m, x: x.repeat_interleave(m.tensor([1, -2, 0]), 0),
    "tril": lambda m, x: x[0].tril(),
    "diag": lambda m, x: x.unsqueeze(0).diag(),
    "cat_empty": lambda m, x: m.cat([]),
    "cat_0d": lambda m, x: m.cat([x[0, 0]]),
    "cat_dims": lambda m, x: m.cat([x, x[0]]),
    "cat_sizes": lambda m, x: m.cat([x, x.t()]),
    "cat_dim": lambda m, x: m.cat([x, x], 5),
    "stack_empty": lambda m, x: m.stack([]),
    "stack_sizes": lambda m, x: m.stack([x, x.t()]),
    "stack_dim": lambda m, x: m.stack([x], 4),
    "meshgrid": lambda m, x: m.meshgrid(x),
    "view_none": lambda m, x: x.view(None),
    "view_text": lambda m, x: x.view("a"),
    "transpose_float": lambda m, x: x.transpose(0.5, 1),
    "cat_numbers": lambda m, x: m.cat([1, 2]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(case):
    theirs, ours = map(str, same_error(ERRORS[case], ramp(3, 4)))
    if case not in ("view_none", "view_text", "cat_numbers", "transpose_float"):
        start = theirs.split("\n")[0][:40]
        assert start.split(":")[-1].strip()[:25] in ours


def test_remarks():
    """Said once in a process."""
    program = """
import sys, warnings, importlib
m = importlib.import_module(sys.argv[1])
warnings.simplefilter("always")
for _ in range(2):
    m.ones(2, 3).T, m.ones(3).T
    m.ones(2, 3, 4).T, m.ones(()).T
    m.meshgrid(m.ones(2), m.ones(3))
"""

    def said(library):
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", program, library], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return [
            line.split("Warning: ")[1][:60]
            for line in done.stderr.split("\n")
            if "Warning: " in line
        ]

    assert said("tensorlite") == said("torch")


def test_arange_of_complex_numbers():
    for m in (torch, tensorlite):
        with pytest.raises(RuntimeError, match="overflow"):
            m.arange(3j)
