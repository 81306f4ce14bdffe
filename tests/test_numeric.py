"""Functions of `torch` that are written in Python, and the rules of out=, beside PyTorch."""

import numpy as np
import pytest

import tensorlite

torch = pytest.importorskip("torch")


def leaves(value):
    if isinstance(value, (tuple, list)):
        return [x for v in value for x in leaves(v)]
    return [value]


def outcome(f, m):
    """The tensors that a call gives, or the type of its exception."""
    try:
        return leaves(f(m))
    except Exception as e:
        return type(e)


def same(f):
    ours, theirs = outcome(f, tensorlite), outcome(f, torch)
    if not isinstance(theirs, list):
        assert ours is theirs, ours
        return
    assert isinstance(ours, list), ours
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2]
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6, atol=1e-6)


def x(m):
    return m.arange(12.0).reshape(3, 4) ** 2


CALLS = {
    "gradient": lambda m: m.gradient(x(m)),
    "gradient of one dim": lambda m: m.gradient(x(m), spacing=2.0, dim=1, edge_order=2),
    "gradient with spacings": lambda m: m.gradient(x(m), spacing=[2.0, 0.5], edge_order=2),
    "gradient with coordinates": lambda m: m.gradient(
        x(m), spacing=(m.tensor([0.0, 1, 3]), m.tensor([0.0, 2, 3, 4])), edge_order=1
    ),
    "gradient with coordinates, second order": lambda m: m.gradient(
        x(m), spacing=(m.tensor([0.0, 2, 3, 4.5]),), dim=1, edge_order=2
    ),
    "gradient of two points": lambda m: m.gradient(m.tensor([1.0, 4.0])),
    "gradient of one point": lambda m: m.gradient(m.tensor([1.0])),
    "gradient of third order": lambda m: m.gradient(x(m), edge_order=3),
    "gradient of a dim twice": lambda m: m.gradient(x(m), dim=(0, 0)),
    "gradient with too few spacings": lambda m: m.gradient(x(m), spacing=[1.0]),
    "unravel_index": lambda m: m.unravel_index(m.tensor([[3, 7], [0, 11]]), (3, 4)),
    "unravel_index of an int": lambda m: m.unravel_index(m.tensor(5), 10),
    "unravel_index of floats": lambda m: m.unravel_index(m.tensor([1.0]), (3,)),
    "histogramdd": lambda m: leaves(
        m.histogramdd(x(m).reshape(6, 2), [2, 3], range=[0.0, 100.0, 0.0, 90.0])
    ),
    "histogramdd of a number": lambda m: leaves(m.histogramdd(x(m).reshape(6, 2), 3)),
    "histogramdd with edges": lambda m: leaves(
        m.histogramdd(
            x(m).reshape(6, 2),
            [m.tensor([0.0, 4.0, 100.0]), m.tensor([0.0, 9.0, 81.0])],
            weight=m.arange(6.0),
            density=True,
        )
    ),
    "histogram of integers": lambda m: m.histogram(m.arange(4), 4),
    "nuclear_norm": lambda m: m.nuclear_norm(x(m)),
    "frobenius_norm": lambda m: m.frobenius_norm(x(m), (0, 1)),
    "frobenius_norm of a dim": lambda m: m.frobenius_norm(x(m), 1, True),
    "lu": lambda m: m.lu(x(m)[:, :3] + m.eye(3)),
    "lu with infos": lambda m: list(m.lu(m.zeros(2, 2), get_infos=True))[1:],
    "Tensor.lu": lambda m: (x(m)[:, :3] + m.eye(3)).lu(),
    "lu_solve": lambda m: m.lu_solve(m.ones(3, 1), *m.lu(x(m)[:, :3] + m.eye(3))),
    "eig": lambda m: m.eig(m.eye(2)),
    "symeig": lambda m: m.symeig(m.eye(2)),
    "solve": lambda m: m.solve(m.eye(2), m.eye(2)),
    "lstsq": lambda m: m.lstsq(m.eye(2), m.eye(2)),
    "matrix_rank": lambda m: m.matrix_rank(m.eye(2)),
    "map2_": lambda m: m.ones(2, 2).map2_(m.ones(2, 2), m.ones(2), lambda a, b, c: a + b + c),
    "baddbmm keeps NaN": lambda m: m.baddbmm(
        m.ones(1, 2, 2), m.full((1, 2, 2), float("nan")), m.ones(1, 2, 2), alpha=0
    ),
    "index_reduce to sum": lambda m: x(m).index_reduce(0, m.tensor([0]), m.ones(1, 4), "sum"),
    "index_reduce outside": lambda m: x(m).index_reduce(0, m.tensor([7]), m.ones(1, 4), "prod"),
    "fill_diagonal_ of a vector": lambda m: m.ones(3).fill_diagonal_(1),
    "fill_diagonal_ of a box": lambda m: m.ones(3, 3, 2).fill_diagonal_(1),
    "searchsorted of a 0-d tensor": lambda m: m.searchsorted(m.tensor(1.0), m.tensor([1.0])),
    "searchsorted of two batches": lambda m: m.searchsorted(m.ones(2, 3), m.ones(3, 3)),
    "searchsorted on no side": lambda m: m.searchsorted(m.ones(3), m.ones(3), side="up"),
    "searchsorted on both sides": lambda m: m.searchsorted(
        m.ones(3), m.ones(3), side="left", right=True
    ),
    "bucketize by a matrix": lambda m: m.bucketize(m.ones(3), m.ones(3, 3)),
    "cdist of vectors": lambda m: m.cdist(m.ones(3), m.ones(3)),
    "cdist of other columns": lambda m: m.cdist(m.ones(2, 3), m.ones(2, 4)),
    "cdist of a negative norm": lambda m: m.cdist(m.ones(2, 3), m.ones(2, 3), -1.0),
    "block_diag of a box": lambda m: m.block_diag(m.ones(1, 1, 1)),
    "cartesian_prod of matrices": lambda m: m.cartesian_prod(m.ones(1, 1), m.ones(1)),
}
COPIES = {
    "alias": (),
    "detach": (),
    "diagonal": (1,),
    "expand": ((2, 3, 4),),
    "narrow": (1, 0, 2),
    "permute": ((1, 0),),
    "select": (1, 2),
    "slice": (1, 1, 4, 2),
    "split": (2,),
    "split_with_sizes": ([1, 2],),
    "squeeze": (),
    "t": (),
    "transpose": (0, 1),
    "unbind": (),
    "unfold": (1, 2, 1),
    "unsqueeze": (0,),
    "view": ((2, 6),),
    "as_strided": ((2, 2), (1, 2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name):
    same(CALLS[name])


@pytest.mark.parametrize("name", COPIES)
def test_copies(name):
    same(lambda m: getattr(m, name + "_copy")(x(m), *COPIES[name]))
    a = x(tensorlite)
    for part in leaves(getattr(tensorlite, name + "_copy")(a, *COPIES[name])):
        assert part.data_ptr() != a.data_ptr()


OUT = {
    "max values": lambda m: m.max(x(m), 1, out=(m.zeros(0).double(), m.zeros(0).long())),
    "max indices": lambda m: m.max(x(m), 1, out=(m.zeros(0), m.zeros(0).int())),
    "max": lambda m: m.max(x(m), 1, out=(m.zeros(0), m.zeros(0).long())),
    "sort": lambda m: m.sort(x(m), out=(m.zeros(0).double(), m.zeros(0).long())),
    "argmax": lambda m: m.argmax(x(m), 1, out=m.zeros(0)),
    "amax": lambda m: m.amax(x(m), 1, out=m.zeros(0).long()),
    "topk": lambda m: m.topk(x(m), 1, out=(m.zeros(0).double(), m.zeros(0).long())),
    "kthvalue": lambda m: m.kthvalue(x(m), 1, out=(m.zeros(0).double(), m.zeros(0).long())),
    "cummax": lambda m: m.cummax(x(m), 1, out=(m.zeros(0).double(), m.zeros(0).long())),
    "median": lambda m: m.median(x(m), 1, out=(m.zeros(0).double(), m.zeros(0).long())),
    "sum": lambda m: m.sum(x(m), 0, out=m.zeros(0).long()),
    "prod": lambda m: m.prod(x(m) + 0.5, 0, out=m.zeros(0).long()),
    "cumsum": lambda m: m.cumsum(x(m), 0, out=m.zeros(0).double()),
    "cumsum of integers": lambda m: m.cumsum(x(m), 0, out=m.zeros(0).long()),
    "mean": lambda m: m.mean(x(m), 0, out=m.zeros(0).long()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OUT)
def test_dtypes_of_out(name):
    same(OUT[name])


def test_low_rank():
    tensorlite.manual_seed(0)
    a = tensorlite.randn(30, 4) @ tensorlite.randn(4, 20)
    for b in (a, a.mT):
        u, s, v = tensorlite.svd_lowrank(b, 6)
        assert (u.shape, s.shape, v.shape) == ((b.shape[0], 6), (6,), (b.shape[1], 6))
        np.testing.assert_allclose(((u * s) @ v.mT).numpy(), b.numpy(), atol=1e-3)
    u, s, v = tensorlite.pca_lowrank(a, 5)
    centred = a - a.mean(0)
    np.testing.assert_allclose(((u * s) @ v.mT).numpy(), centred.numpy(), atol=1e-3)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("rows", [4, 30])
def test_gradients_of_cdist(p, rows):
    rng = np.random.default_rng(0)
    arrays = rng.standard_normal((2, rows, 5)), rng.standard_normal((6, 5))
    results = []
    for m in (tensorlite, torch):
        a, b = (m.tensor(v, requires_grad=True) for v in arrays)
        y = m.cdist(a, b, p)
        g = m.autograd.grad((y**2).sum() / 2, (a, b)) if p > 0 else ()
        results.append([y, *g])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-9
        )


def test_a_view_that_must_not_be_written_is_not():
    """The error comes before the write, also where only the value requires grad."""
    value = tensorlite.ones((), requires_grad=True)
    row = tensorlite.ones(1, 2, requires_grad=True)
    at = tensorlite.tensor([[0, 1]])
    for write in (
        lambda v: v.masked_fill_(v > 0, value),
        lambda v: v.scatter_(0, at[0], row[0]),
        lambda v: v.index_copy_(0, at[0], row[0]),
        lambda v: v.masked_scatter_(v > 0, row[0]),
    ):
        base = tensorlite.zeros(2, 2) + 3
        view = base.unbind(0)[0]
        with pytest.raises(RuntimeError):
            write(view)
        assert base.tolist() == [[3, 3], [3, 3]]
