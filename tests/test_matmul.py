"""Matrix products beside PyTorch: values over sizes, layouts and dtypes, gradients of both orders,
nodes' names, errors."""

import itertools
import warnings

import numpy as np
import pytest

import tensorlite
from side_by_side import compare

try:
    import torch
except ImportError:
    torch = None


def fixed(lib, *shape, dtype=None, seed=0):
    """The same numbers in both libraries."""
    rng = np.random.default_rng([seed, *shape])
    dtype = dtype or lib.float32
    if dtype.is_floating_point:
        values = rng.standard_normal(shape)
    elif dtype.is_complex:
        values = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    else:
        values = rng.integers(-5, 6, shape) if dtype != lib.uint8 else rng.integers(0, 6, shape)
    return lib.tensor(values if values.shape else values.item()).to(dtype)


def laid_out(lib, t, how):
    """The same values in another layout: columns contiguous, gaps, reversed by a wide row stride."""
    if how == "columns" and t.dim() >= 2:
        return t.transpose(-1, -2).contiguous().transpose(-1, -2)
    if how == "gaps":
        wide = lib.zeros(*(2 * s for s in t.shape), dtype=t.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in t.shape)]
        view.copy_(t)
        return view
    return t


LAYOUTS = ["rows", "columns", "gaps"]
# Around the edges of register tiles, of vectors and of what counts as tiny, and beyond the blocks.
SIZES = [(1, 1, 1), (3, 4, 2), (1, 64, 64), (4, 7, 5), (8, 32, 32), (9, 33, 31), (17, 16, 48)]
SIZES += [(65, 300, 70), (5, 600, 3), (1, 33, 300), (300, 5, 1), (130, 1, 65), (2, 1000, 2)]
SIZES += [(0, 3, 4), (3, 0, 4), (3, 4, 0), (40, 520, 264)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes_and_layouts(size):
    m, k, n = size

    def scenario(lib):
        a, b = fixed(lib, m, k), fixed(lib, k, n, seed=1)
        return [
            laid_out(lib, a, x) @ laid_out(lib, b, y)
            for x, y in itertools.product(LAYOUTS, LAYOUTS)
        ]

    compare(scenario, tol=2e-4 if k > 100 else 2e-5)


@pytest.mark.parametrize(
    "dtype",
    [
        "float64",
        "float16",
        "bfloat16",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "complex64",
        "complex128",
    ],
)
def test_dtypes(dtype):
    def scenario(lib):
        d = getattr(lib, dtype)
        out = []
        for (m, k, n), x in itertools.product([(3, 4, 2), (9, 33, 31)], LAYOUTS):
            a, b = laid_out(lib, fixed(lib, m, k, dtype=d), x), fixed(lib, k, n, dtype=d, seed=1)
            c = fixed(lib, m, n, dtype=d, seed=2)
            v = fixed(lib, k, dtype=d, seed=3)
            out += [
                a @ b,
                lib.addmm(c, a, b, beta=2, alpha=3),
                lib.mv(a, v),
                lib.dot(v, v),
                lib.vdot(v, v),
            ]
            out += [lib.baddbmm(c, a.expand(2, m, k), b.expand(2, k, n))]
        wide = lib.complex128 if d.is_complex else lib.float64
        return [x.to(wide) if d.is_floating_point or d.is_complex else x for x in out]

    def numbers(lib):  # complex values compare as pairs
        return [lib.view_as_real(x) if x.is_complex() else x for x in scenario(lib)]

    compare(numbers, tol={"float16": 2e-2, "bfloat16": 0.15, "complex64": 1e-4}.get(dtype, 1e-9))


def test_float64_is_exact_to_the_last_digits():
    def scenario(lib):
        a, b = fixed(lib, 70, 90, dtype=lib.float64), fixed(lib, 90, 50, dtype=lib.float64, seed=1)
        return [a @ b, a @ laid_out(lib, b, "columns"), laid_out(lib, a, "columns") @ b]

    compare(scenario, tol=1e-13)


MATMUL_SHAPES = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((5, 2, 3), (3, 4)),
    ((3,), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((6, 5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)), ((6, 5, 2, 3), (3,)), ((6, 5, 2, 3), (6, 5, 3, 4)), ((0, 2, 3), (3, 4)),
    ((2, 0, 3), (2, 3, 4)), ((5, 2, 0), (0, 4)), ((1, 1, 3), (1, 3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", MATMUL_SHAPES, ids=str)
def test_matmul_gradients(shapes):
    def scenario(lib):
        a, b = (
            fixed(lib, *s, dtype=lib.float64, seed=i).requires_grad_() for i, s in enumerate(shapes)
        )
        y = a @ b
        ga, gb = lib.autograd.grad((y * y).sum(), (a, b), create_graph=True)
        second = lib.autograd.grad((ga * ga).sum() + (gb * gb * gb).sum(), (a, b))
        return [
            y,
            ga,
            gb,
            *second,
            y.grad_fn.name() if shapes[0][0] != 1 and 0 not in shapes[0] else None,
        ]

    compare(scenario, tol=1e-10)


@pytest.mark.parametrize("bias", [None, (4,), (1,), ()], ids=str)
@pytest.mark.parametrize("shape", [(2, 3), (3,), (5, 2, 3), (0, 3), (6, 5, 2, 3)], ids=str)
def test_linear(shape, bias):
    def scenario(lib):
        x = fixed(lib, *shape, dtype=lib.float64).requires_grad_()
        w = fixed(lib, 4, 3, dtype=lib.float64, seed=1).requires_grad_()
        b = None if bias is None else fixed(lib, *bias, dtype=lib.float64, seed=2).requires_grad_()
        y = lib.nn.functional.linear(x, w, b)
        leaves = [x, w] + ([b] if b is not None else [])
        grads = lib.autograd.grad((y**3).sum(), leaves, create_graph=True)
        second = lib.autograd.grad(sum((g * g).sum() for g in grads), leaves)
        name = y.grad_fn.name() if len(shape) > 1 else None
        return [y, *grads, *second, name]

    compare(scenario, tol=1e-9)


def test_linear_layer_as_users_see_it():
    def scenario(lib):
        layer = lib.nn.Linear(3, 4)
        y = layer(lib.ones(2, 3))
        names = [y.grad_fn.name(), layer(lib.ones(5, 2, 3)).grad_fn.name()]
        accumulators = [f.variable.shape for f, _ in y.grad_fn.next_functions[:1]]
        return names + [list(s) for s in accumulators]

    compare(scenario)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_linear_reads_any_layout(layout):
    def scenario(lib):
        x = laid_out(lib, fixed(lib, 33, 20), layout).requires_grad_()
        w = laid_out(lib, fixed(lib, 18, 20, seed=1), layout).requires_grad_()
        b = laid_out(lib, fixed(lib, 18, seed=2), layout).requires_grad_()
        y = lib.nn.functional.linear(x, w, b)
        y.backward(laid_out(lib, fixed(lib, 33, 18, seed=3), layout))
        return [y, x.grad, w.grad, b.grad]

    compare(scenario, tol=1e-4)


FAMILY = {
    "addmm": ((3, 5), (3, 4), (4, 5)),
    "addmv": ((3,), (3, 4), (4,)),
    "baddbmm": ((2, 3, 5), (2, 3, 4), (2, 4, 5)),
    "addbmm": ((3, 5), (2, 3, 4), (2, 4, 5)),
    "addr": ((3, 5), (3,), (5,)),
}


@pytest.mark.parametrize("name", FAMILY)
def test_family(name):
    """All of a product plus something: forms, gradients, in place, out=, the old orders."""

    def scenario(lib):
        shapes = FAMILY[name]
        d, a, b = (fixed(lib, *s, dtype=lib.float64, seed=i) for i, s in enumerate(shapes))
        f = getattr(lib, name)
        out = [
            f(d, a, b),
            getattr(d, name)(a, b, alpha=2),
            f(input=d, beta=0.5, alpha=-1, **dict(zip(NAMES[name], (a, b)))),
        ]
        out.append(f(d * float("nan"), a, b, beta=0))
        out.append(f(lib.tensor(2.0, dtype=d.dtype), a, b))
        target = lib.empty(0, dtype=d.dtype)
        same = f(d, a, b, out=target)
        out += [target, same is target]
        out.append(f(d, a, b, out=d.clone()))
        for f_old, args in (
            (f, (2, d, 3, a, b)),
            (f, (2, d, a, b)),
            (d.__getattribute__(name), (2, 3, a, b)),
            (d.__getattribute__(name), (2, a, b)),
        ):
            out.append(f_old(*args))
        x = d.clone()
        out += [getattr(x, name + "_")(a, b, beta=2, alpha=3) is x, x]
        x = d.clone()
        getattr(x, name + "_")(2, 3, a, b)
        out.append(x)
        # Gradients: of the function, and of the in-place form.
        leaves = [t.clone().requires_grad_() for t in (d, a, b)]
        y = f(*leaves, beta=2, alpha=3)
        grads = lib.autograd.grad((y**2).sum(), leaves, create_graph=True)
        out += [
            y.grad_fn.name(),
            *grads,
            *lib.autograd.grad(sum((g**2).sum() for g in grads), leaves),
        ]
        y = leaves[0] * 1
        version = y._version
        getattr(y, name + "_")(*leaves[1:], alpha=2)
        out += [y.grad_fn.name(), y._version > version, *lib.autograd.grad((y**2).sum(), leaves)]
        return out

    compare(scenario, tol=1e-9, warns=False)


NAMES = {
    "addmm": ("mat1", "mat2"),
    "addmv": ("mat", "vec"),
    "baddbmm": ("batch1", "batch2"),
    "addbmm": ("batch1", "batch2"),
    "addr": ("vec1", "vec2"),
}


def test_old_order_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        m = tensorlite.ones(2, 2)
        tensorlite.addmm(2, m, 3, m, m)
        tensorlite.addmm(2, m, 3, m, m)
    assert len([w for w in caught if "deprecated" in str(w.message)]) <= 1


def test_empty_and_zero_factors():
    def scenario(lib):
        one, nan = lib.ones, lib.full((2, 2), float("nan"))
        return [
            lib.addmm(one(3), one(2, 0), one(0, 3), beta=2),
            lib.addmm(nan, one(2, 0), one(0, 2), beta=0),
            lib.addmm(one(2, 2), nan, nan, alpha=0),
            lib.addbmm(one(3), one(0, 2, 2), one(0, 2, 3), beta=2),
            lib.baddbmm(one(3), one(2, 2, 0), one(2, 0, 3), beta=2),
            lib.addmv(one(3), one(3, 0), one(0), beta=2),
            lib.dot(one(0), one(0)),
            lib.mv(one(2, 0), one(0)),
            one(2, 0) @ one(0, 3),
            lib.addmm(one(2, 2).long(), one(2, 2).long(), one(2, 2).long(), alpha=0.5),
            lib.addr(one(2, 2).long(), one(2), one(2)),
            lib.addr(one(2, 2).bool(), one(2).bool(), one(2).bool()),
        ]

    compare(scenario)


def test_out():
    def scenario(lib):
        a, b = fixed(lib, 3, 4), fixed(lib, 4, 3, seed=1)
        square = fixed(lib, 3, 3, seed=2)
        columns = lib.empty(3, 3).t()
        gaps = lib.zeros(6, 6)[::2, ::2]
        kept = square.clone()
        return [
            lib.mm(a, b, out=columns),
            lib.mm(a, b, out=gaps),
            lib.mm(kept, kept, out=lib.empty(0)),
            lib.matmul(fixed(lib, 2, 3, 4), b, out=lib.empty(2, 3, 3)),
            lib.addmm(square, a, b, out=columns),
            lib.outer(a[0], a[1], out=lib.empty(4, 4, dtype=lib.float64)),
            lib.tensordot(a, b, 1, out=lib.empty(3, 3)),
            lib.kron(square, square, out=lib.empty(9, 9)),
            lib.linalg.multi_dot([a, b, a], out=lib.empty(3, 4)),
        ]

    compare(scenario, tol=1e-5)


def test_overlapping_operands():
    """Operands that share memory with each other or with the result."""

    def scenario(lib):
        x = fixed(lib, 4, 4)
        w = fixed(lib, 1, 5).expand(3, 5)
        return [
            x @ x.t(),
            x.t() @ x,
            w @ w.t(),
            fixed(lib, 1).expand(3, 3) @ fixed(lib, 1).expand(3, 3),
        ]

    compare(scenario, tol=1e-5)
    x = fixed(tensorlite, 4, 4)  # what PyTorch leaves undefined
    y = x.clone()
    assert tensorlite.equal(y.addmm_(y, y.t()), tensorlite.addmm(x, x, x.t()))
    z = fixed(tensorlite, 2, 4, 4)
    expected = tensorlite.addbmm(z[0], z, z)
    assert tensorlite.equal(z[0].addbmm_(z, z), expected)
    assert tensorlite.equal(tensorlite.mm(y, x, out=y), x.addmm(x, x.t()) @ x)


EQUATIONS = {
    "ij,jk": ((2, 3), (3, 4)), "ij,jk->k i": ((2, 3), (3, 4)), "ii": ((3, 3),), "ii->i": ((3, 3),),
    "...ij,...jk": ((5, 2, 3), (3, 4)), "i...,i...->...": ((3, 4), (3, 1)), "b...,b...->b": ((3, 4), (3, 4)),
    "ij": ((2, 3),), "ba": ((2, 3),), "": ((),), "->": ((),), "ij->": ((2, 3),), "i,j->ij": ((2,), (3,)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)), "Aj,jb": ((2, 3), (3, 4)), "...": ((2, 3),), "...->": ((2, 3),),
    "i...->i": ((2, 3),), "ij->...ij": ((2, 3),), "ij,ij->ij": ((1, 3), (2, 3)), "ij,ij": ((2, 1), (2, 3)),
    "ij, ->ij": ((2, 3), ()), ",i": ((), (3,)), "bn,anm,bm->ba": ((2, 5), (3, 5, 4), (2, 4)),
    "bij,bij->b": ((2, 3, 4), (2, 3, 4)), "iij,jkk->ik": ((2, 2, 3), (3, 4, 4)), "ijij->ji": ((2, 3, 2, 3),),
    "bhid,bhjd->bhij": ((2, 3, 4, 5), (2, 3, 6, 5)), "abcd,dcb->a": ((2, 3, 4, 5), (5, 4, 3)), "i,i,i->i": ((3,), (3,), (3,)),
    "...a,...a->...": ((2, 1, 3), (4, 3)), "xy,yz->xz": ((2, 0), (0, 3)), "ab,cd->dbca": ((2, 3), (4, 5)), "a...b,b...->a...": ((2, 4, 3), (3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation):
    def scenario(lib):
        xs = [
            fixed(lib, *s, dtype=lib.float64, seed=i).requires_grad_()
            for i, s in enumerate(EQUATIONS[equation])
        ]
        y = lib.einsum(equation, *xs)
        grads = lib.autograd.grad((y**2).sum(), xs, create_graph=True)
        second = lib.autograd.grad(sum((g**2).sum() for g in grads), xs)
        return [y, lib.einsum(equation, xs), *grads, *second]

    compare(scenario, tol=1e-9)


def test_einsum_with_numbers():
    def scenario(lib):
        a, b = fixed(lib, 2, 3), fixed(lib, 3, 4, seed=1)
        return [
            lib.einsum(a, [0, 1], b, [1, 2]),
            lib.einsum(a, [0, 1], b, [1, 2], [2, 0]),
            lib.einsum(a, [..., 51], b, [51, 26], [..., 26]),
            lib.einsum("ij->i", a.bool()).dtype,
            lib.einsum("ij,jk->ik", a.int(), b.int()),
        ]

    compare(scenario, tol=1e-5)


def test_einsum_of_one_operand_is_a_view():
    x = tensorlite.ones(2, 3)
    tensorlite.einsum("ij->ji", x)[0, 1] = 5
    assert x[1, 0] == 5


def test_relatives():
    def scenario(lib):
        r = lambda *s, seed=0: fixed(lib, *s, dtype=lib.float64, seed=seed)
        square = r(3, 3)
        leaves = [
            square.clone().requires_grad_(),
            r(3, 2).requires_grad_(),
            r(2, 4).requires_grad_(),
        ]
        chain = lib.linalg.multi_dot(leaves)
        trace = lib.trace(leaves[0] @ leaves[0])
        power = lib.linalg.matrix_power(leaves[0], 5)
        grads = lib.autograd.grad(chain.sum() + trace**2 + power.trace(), leaves)
        return [
            chain,
            trace,
            power,
            *grads,
            trace.grad_fn.name(),
            square.matrix_power(-2),
            square.matrix_power(0),
            lib.inverse(r(2, 3, 3)),
            lib.kron(r(2, 3), r(2)),
            lib.chain_matmul(r(2, 3), r(3, 5), r(5, 2)),
            lib.linalg.multi_dot([r(3), r(3, 3), r(3)]),
            lib.trace(lib.tensor([[1, 2], [3, 4]])),
            lib.inner(r(2, 3), r(4, 5, 3)),
            lib.inner(r(3), r(3)),
            lib.inner(r(), r(3)),
            lib.outer(r(3), r(4)),
            lib.tensordot(r(2, 3, 4), r(4, 3, 2), ([1, 2], [1, 0])),
            lib.tensordot(r(2, 3), r(4, 5), 0),
            lib.tensordot(r(2, 3), r(2, 3)),
            lib.tensordot(r(2, 3), r(3, 5), lib.tensor(1)),
            lib.tensordot(r(2, 3), r(1, 5), 1),
            lib.nn.functional.bilinear(r(2, 6, 3), r(2, 6, 4), r(5, 3, 4), r(5)),
        ]

    compare(scenario, tol=1e-8, warns=False)


ERRORS = """
F.linear(r(2,3), r(4,5), r(4)) | F.linear(r(2,3), r(4,3), r(5)) | F.linear(r(2,2,3), r(4,5), r(4)) |
F.linear(r(2,2,3), r(4,3), r(5)) | F.linear(r(2,3), r(4,5)) | F.linear(r(3), r(4,5)) | F.linear(r(3), r(4,5), r(4)) |
F.linear(r(2,3), r(2,4,3)) | F.linear(r(), r(4,3)) | F.linear(r(2,3).double(), r(4,3), r(4)) |
F.linear(r(2,3), r(4,3), r(4).double()) | F.linear(r(2,3), r(4,3).double()) | F.linear(r(2,2,3), r(4,3).double()) |
m.mm(r(2,3), r(4,5)) | m.mm(r(2), r(4,5)) | m.mm(r(2,3), r(4)) | m.mm(r(2,3), r(3,2).double()) |
m.mm(r(2,3), r(3,2).long()) | m.mm(r(2,3), r(3,2).half()) |
r(2,3) @ r(3,2).double() | r(5,2,3) @ r(3,2).double() | r(5,2,3) @ r(5,3,2).double() | m.bmm(r(2,3), r(2,3)) |
m.bmm(r(2,3,4), r(2,3)) | m.bmm(r(2,3,4), r(2,3,4)) | m.bmm(r(2,3,4), r(3,4,2)) | m.bmm(r(2,3,4), r(2,4,3).double()) |
m.mv(r(2,3), r(2)) | m.mv(r(2), r(2)) | m.mv(r(2,3), r(3).double()) | m.dot(r(2), r(3)) | m.dot(r(2,1), r(3)) |
m.dot(r(3), r(3).double()) | r(2) @ r(3) | r(2,3) @ r(2) | r() @ r(3) | r(3) @ r() | r(5,2,3) @ r(2) | r(5,2,3) @ r(2,3) |
r(5,2,3) @ r(4,3,2) | r(5,2,3) @ r(5,2,3) | r(2,3) @ r(5,2,3) | r(3) @ r(5,2,3) | r(3) @ r(2,3) | m.mm(T, T) |
m.bmm(T[None], T[None]) | m.dot(T[0], T[0]) | m.mv(T, T[0]) | m.addmm(r(2,2), r(2,3), r(4,5)) | m.addmm(r(2,2), r(2,3), r(3,5)) |
m.addmm(r(7), r(2,3), r(3,5)) | m.addmm(r(2,5,5), r(2,3), r(3,5)) | m.addmm(r(5), r(3), r(3,5)) | m.addmm(r(5), r(2,3), r(5)) |
m.addmm(r(5).double(), r(2,3), r(3,5)) | m.addmm(r(5), r(2,3).double(), r(3,5)) | m.addmm(r(5), r(2,3), r(3,5).double()) |
m.addmm(r(2,2), r(2,2), r(2,2), alpha=1j) | m.addmm(T, T, T) | m.addr(r(2,2).int(), r(2).int(), r(2).int(), alpha=.5) |
m.mm(g(2,3), g(3,2), out=r(2,2)) | m.mm(r(2,3), r(3,2), out=r(2,2).double()) | m.mm(r(2,3), r(3,2), out=r(2,2).int()) |
m.addmv(r(2), r(2,3), r(2)) | m.addmv(r(5), r(2,3), r(3)) | m.addmv(r(2), r(2), r(2)) | m.addmv(r(2).double(), r(2,3), r(3)) |
m.addmv(r(2), r(2,3), r(3).double()) | m.addmv(r(1,2), r(2,2), r(2)) | m.baddbmm(r(2,3,4), r(2,3,5), r(2,4,4)) |
m.baddbmm(r(2,3,4), r(2,3,5), r(3,5,4)) | m.baddbmm(r(2,3), r(2,3,5), r(2,5,4)) | m.baddbmm(r(2,3,4), r(2,3,5), r(2,5,4).double()) |
m.baddbmm(r(2,3,4).double(), r(2,3,5), r(2,5,4)) | m.addbmm(r(3,4), r(2,3,5), r(2,4,4)) | m.addbmm(r(3,5), r(2,3,5), r(2,5,4)) |
m.addbmm(r(3,4), r(2,3,5), r(3,5,4)) | m.addr(r(2,2), r(2), r(3)) | m.addr(r(2,2), r(2,1), r(3)) | m.outer(r(2,2), r(2)) |
m.outer(r(2), r(2,2)) | m.ger(r(2,2), r(2)) | m.inner(r(2,3), r(2,4)) | m.inner(r(3), r(2,4)) | m.vdot(r(2), r(3)) | m.trace(r(2)) |
m.linalg.matrix_power(r(2,3), 2) | m.matrix_power(r(2), 2) | m.inverse(m.zeros(2,2)) | m.inverse(m.ones(2,2).int()) |
m.tensordot(r(2,3), r(4,5), 1) | m.tensordot(r(2,3), r(3,5), 3) | m.tensordot(r(2,3), r(3,5), ([1],[0,1])) |
m.tensordot(r(2,3), r(3,5), -1) | m.tensordot(r(2,3), r(3,5), ([1,1],[0,0])) | m.tensordot(r(2,3), r(3,5).double(), 1) |
m.tensordot(r(2,3), r(3,5), 'a') | m.tensordot(r(2,3), r(3,5), ([5],[0])) | m.chain_matmul(r(2,3), r(3)) |
m.linalg.multi_dot([r(2,3)]) | m.linalg.multi_dot([r(2,3), r(2,3)]) | m.linalg.multi_dot([r(2,3), r(3), r(3,4)]) |
F.bilinear(r(2,3), r(3,4), r(5,3,4), r(5)) | F.bilinear(r(2,3), r(2,4), r(5,2,4), r(5)) |
r(2,2).addmm_(r(3,2), r(2,2)) | r(2).addmm_(r(2,2), r(2,2)) | m.ones(2,1).expand(2,2).addmm_(r(2,2), r(2,2)) |
g(2,2).addmm_(r(2,2), r(2,2)) | r(1).addmv_(r(2,2), r(2)) | r(1,2).addr_(r(2), r(2)) | r(2,2).int().addr_(r(2), r(2)) |
m.einsum('ij,jk', r(2,3)) | m.einsum('ij', r(2,3), r(2,3)) | m.einsum('ij,jk', r(2,3), r(4,4)) | m.einsum('ijk', r(2,3)) |
m.einsum('i1', r(2,3)) | m.einsum('ij->k', r(2,3)) | m.einsum('ij->ii', r(2,3)) | m.einsum('i.j', r(2,3)) |
m.einsum('...i...', r(2,3)) | m.einsum('ij->..', r(2,3)) | m.einsum('ij-', r(2,3)) | m.einsum('ij>', r(2,3)) |
m.einsum('ij->i->j', r(2,3)) | m.einsum('ii', r(2,3)) | m.einsum('abc...', r(2,3)) | m.einsum() | m.einsum('ij') |
m.einsum('ij,jk', r(2,3), r(3,4).double()) | m.einsum(r(2,3), [0,60]) | m.einsum(r(2,3), [0,1,2]) |
m.einsum(r(2,3), [0,1], [2]) | m.einsum(r(2,3)) | m.einsum('ij,jk', T, T)
"""
# Where PyTorch's words would not help: the type alone is compared.
TYPE_ONLY = """
m.mm(None, r(2,2)) | m.mm(r(2,2), 3) | r(2,2) @ 3 | r(2,2) @ [1, 2] | m.dot(r(2), [1, 2]) | m.addmm(r(2,2), r(2,2), r(2,2), alpha='a') |
m.addmm(r(2,2), r(2,2), r(2,2), alpha=None) | m.einsum(3, r(2)) | m.einsum('ij,jk->ik', r(2,3), 'x') | m.matrix_power(r(2,2), 1.5) |
m.einsum('...ij,...ij->...', r(4,2,3), r(5,2,3)) | m.matmul(r(2,2)) | m.linalg.multi_dot([]) |
m.mm(r(2,2), r(2,2), out=m.ones(1).expand(2,2)) | m.addmm(r(2, 2), 3, r(2, 2))
"""


def calls(text):
    return [c.strip() for c in text.replace("\n", " ").split(" | ")]


@pytest.mark.parametrize("call", [*calls(ERRORS), *calls(TYPE_ONLY)])
def test_errors(call):
    def raised(m):
        names = {
            "m": m,
            "F": m.nn.functional,
            "r": lambda *s: m.ones(s),
            "g": lambda *s: m.ones(s, requires_grad=True),
            "T": m.ones(2, 2).bool(),
        }
        with pytest.raises(Exception) as error:
            eval(call, names)
        kind = next(t.__name__ for t in error.type.__mro__ if t.__module__ == "builtins")
        return kind, str(error.value).split("\n")[0]

    kind, message = raised(tensorlite)
    if torch is None:
        pytest.skip("torch is not installed: ran without a comparison")
    their_kind, their_message = raised(torch)
    assert kind == their_kind, message
    if call in calls(ERRORS):  # ours may say more
        assert their_message in message


def test_any_number_of_threads_gives_the_same_bits():
    before = tensorlite.get_num_threads()
    a, b = fixed(tensorlite, 300, 310), fixed(tensorlite, 310, 290, seed=1)
    bias = fixed(tensorlite, 290, seed=2)
    row = fixed(tensorlite, 1, 1500, seed=3)
    wide = fixed(tensorlite, 1500, 3000, seed=4)

    def results():
        return [
            a @ b,
            a.t() @ a,
            a @ a.t(),
            tensorlite.addmm(bias, a, b),
            row @ wide,
            fixed(tensorlite, 70, 60, 60) @ fixed(tensorlite, 70, 60, 60, seed=1),
        ]

    try:
        tensorlite.set_num_threads(1)
        alone = results()
        tensorlite.set_num_threads(3)
        for x, y in zip(alone, results()):
            assert tensorlite.equal(x, y)
    finally:
        tensorlite.set_num_threads(before)


def test_nan_and_infinity_spread():
    def scenario(lib):
        a, b = fixed(lib, 9, 20), fixed(lib, 20, 18, seed=1)
        a[3, 7], b[2, 5] = float("nan"), float("inf")
        y = a @ b
        return [y.isnan(), y.isinf(), (a @ laid_out(lib, b, "columns")).isnan()]

    compare(scenario)


def test_no_grad_in_no_graph():
    def scenario(lib):
        w = lib.ones(2, 2, requires_grad=True)
        with lib.no_grad():
            y = w @ w
        return [
            y.requires_grad,
            (w.detach() @ w.detach()).requires_grad,
            (w @ w.detach()).requires_grad,
        ]

    compare(scenario)


def test_saved_operands_are_checked():
    def scenario(lib):
        a = lib.ones(2, 2, requires_grad=True)
        b = lib.ones(2, 2)
        y = (a @ b).sum()
        b.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()
        c = lib.ones(2, 2)
        z = (a @ c).sum()  # a itself is not needed for its own gradient
        with lib.no_grad():
            a.add_(1)
        z.backward()
        return [a.grad]

    compare(scenario)


def test_complex_gradients():
    def scenario(lib):
        def leaf(*shape, seed):
            return fixed(lib, *shape, dtype=lib.complex128, seed=seed).requires_grad_()

        a, b, d = leaf(2, 3, seed=1), leaf(3, 4, seed=2), leaf(2, 4, seed=3)
        u, v = leaf(3, seed=4), leaf(3, seed=5)
        w, x = leaf(5, 3, seed=6), leaf(2, 2, 3, seed=7)
        outs = [
            a @ b,
            lib.addmm(d, a, b, alpha=2, beta=1j),
            lib.dot(u, v),
            lib.vdot(u, v),
            lib.mv(a, u),
        ]
        outs += [
            lib.nn.functional.linear(x, w),
            lib.addr(d[:, :3], a[:, 0], u),
            lib.einsum("ij,kj->ik", a, w),
        ]
        loss = sum((y * y.conj()).real.sum() + y.real.sum() * 2 + y.imag.sum() for y in outs)
        grads = lib.autograd.grad(loss, (a, b, d, u, v, w, x))
        return [lib.view_as_real(t) for t in (*outs, *grads)]

    compare(scenario, tol=1e-9)


def test_half_gradients():
    def scenario(lib):
        out = []
        for dtype in (lib.float16, lib.bfloat16):
            x, w, b = (
                fixed(lib, *s, dtype=dtype, seed=i).requires_grad_()
                for i, s in enumerate([(3, 4), (2, 4), (2,)])
            )
            y = lib.nn.functional.linear(x, w, b)
            y.float().sum().backward()
            out += [y.float(), x.grad.float(), w.grad.float(), b.grad.float()]
        return out

    compare(scenario, tol=5e-2)


def test_long_sums():
    """A small result of long sums is computed in stretches."""

    def scenario(lib):
        a, b = (
            fixed(lib, 5000, 40, dtype=lib.float64),
            fixed(lib, 5000, 50, dtype=lib.float64, seed=1),
        )
        bias = fixed(lib, 50, dtype=lib.float64, seed=2)
        return [a.t() @ b, lib.addmm(bias, a.t(), b, beta=2, alpha=0.5)]

    compare(scenario, tol=1e-11)
