"""torch.linalg beside PyTorch: what the ops' own samples cannot show (tests/test_ops.py runs those):
decompositions up to the signs that are free, gradients through them, complex numbers, errors."""

import subprocess
import sys

import numpy as np
import pytest

import tensorlite
from tensorlite.autograd import gradcheck, gradgradcheck

torch = pytest.importorskip("torch")


def matrices(*shape, dtype="float64", seed=0):
    """The same random matrices for both libraries: (ours, theirs)."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape)
    if "complex" in dtype:
        a = a + 1j * rng.standard_normal(shape)
    a = a.astype(dtype)
    return tensorlite.tensor(a), torch.tensor(a)


def hermitian(a):
    return (a + a.mH) / 2


def positive(a, m):
    return a @ a.mH + m.eye(a.shape[-1], dtype=a.dtype)


def close(ours, theirs, tol=1e-8):
    np.testing.assert_allclose(
        ours.detach().resolve_conj().numpy(),
        theirs.detach().resolve_conj().numpy(),
        rtol=tol,
        atol=tol,
    )


DTYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [(3, 3), (2, 5, 5), (0, 3, 3), (2, 0, 0)]
# Losses that do not depend on what is free in a decomposition.
LOSSES = {
    "det": lambda m, a: m.linalg.det(a),
    "slogdet": lambda m, a: m.linalg.slogdet(a)[1],
    "sign": lambda m, a: m.linalg.slogdet(a)[0],
    "inv": lambda m, a: m.linalg.inv(a),
    "solve": lambda m, a: m.linalg.solve(a, a.mH + 1),
    "solve right": lambda m, a: m.linalg.solve(a, a.mH + 1, left=False),
    "solve vector": lambda m, a: m.linalg.solve(a, a[..., 0]),
    "triangular": lambda m, a: m.linalg.solve_triangular(
        a.tril() + 3 * m.eye(a.shape[-1], dtype=a.dtype), a, upper=False
    ),
    "cholesky": lambda m, a: m.linalg.cholesky(positive(a, m)),
    "cholesky upper": lambda m, a: m.linalg.cholesky(positive(a, m), upper=True),
    "cholesky_solve": lambda m, a: m.cholesky_solve(a, m.linalg.cholesky(positive(a, m))),
    "cholesky_inverse": lambda m, a: m.cholesky_inverse(m.linalg.cholesky(positive(a, m))),
    "qr": lambda m, a: m.linalg.qr(a)[0].abs() + m.linalg.qr(a)[1].abs(),
    "lu": lambda m, a: m.linalg.lu(a)[1] + m.linalg.lu(a)[2],
    "lu_factor": lambda m, a: m.linalg.lu_factor(a)[0],
    "lu_solve": lambda m, a: m.linalg.lu_solve(*m.linalg.lu_factor(a), a, adjoint=True),
    "lu_solve right": lambda m, a: m.linalg.lu_solve(*m.linalg.lu_factor(a), a, left=False),
    "eigvalsh": lambda m, a: m.linalg.eigvalsh(hermitian(a)),
    "eigh": lambda m, a: m.linalg.eigh(hermitian(a))[1].abs(),
    "eigvals": lambda m, a: m.linalg.eigvals(a).abs().sum(-1),
    "eig": lambda m, a: m.linalg.eig(a)[1].abs().sum(-1),
    "svdvals": lambda m, a: m.linalg.svdvals(a),
    "svd": lambda m, a: m.linalg.svd(a)[0].abs() * m.linalg.svd(a)[2].abs(),
    "pinv": lambda m, a: m.linalg.pinv(a),
    "lstsq": lambda m, a: m.linalg.lstsq(a, a.mH + 1)[0],
    "matrix_exp": lambda m, a: m.linalg.matrix_exp(a),
    "large matrix_exp": lambda m, a: m.linalg.matrix_exp(3 * a) / 1000,
    "nuclear norm": lambda m, a: m.linalg.norm(a[0], "nuc"),
    "spectral norm": lambda m, a: m.linalg.matrix_norm(a, 2),
    "least norm": lambda m, a: m.linalg.matrix_norm(a, -2, keepdim=True),
    "cond": lambda m, a: m.linalg.cond(a),
    "cond nuc": lambda m, a: m.linalg.cond(a, "nuc"),
    "cross": lambda m, a: m.linalg.cross(a[..., :3], a[..., 1:]),
    "vecdot": lambda m, a: m.linalg.vecdot(a, a.mT),
    "vander": lambda m, a: m.linalg.vander(a),
    "tensorinv": lambda m, a: m.linalg.tensorinv(a[0].reshape(2, 2, 2, 2)),
    "tensorsolve": lambda m, a: m.linalg.tensorsolve(a[0].reshape(2, 2, 4), a[1, 0].reshape(2, 2)),
    "diagonal": lambda m, a: m.linalg.diagonal(a, offset=1),
    "matrix_power": lambda m, a: m.linalg.matrix_power(a, -2),
    "householder": lambda m, a: m.linalg.householder_product(a, a[..., 0]),
}


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name, dtype):
    """Values and gradients of both orders are PyTorch's."""
    if name == "sign" and dtype == "float64":
        pytest.skip("constant")
    f = LOSSES[name]
    results = []
    for a, m in zip(matrices(2, 4, 4, dtype=dtype), (tensorlite, torch)):
        a.requires_grad_()
        y = f(m, a)
        weights = m.linspace(0.5, 1.5, y.numel(), dtype=m.float64).reshape(y.shape)
        (g,) = m.autograd.grad((y.abs() * weights).sum(), a, create_graph=True)
        (h,) = m.autograd.grad((g.abs() * g.abs()).sum(), a)
        results.append((y, g, h))
    for what, ours, theirs in zip(("value", "gradient", "second gradient"), *results):
        if name in ("eig",) and what == "value":
            continue  # the order of the eigenvalues is free
        close(ours, theirs, 1e-6)


@pytest.mark.parametrize(("m", "n"), [(5, 3), (3, 5)])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", ["qr", "lu", "svdvals", "svd", "pinv", "lu_factor"])
def test_gradients_of_other_shapes(name, dtype, m, n):
    def f(lib, a):
        if name == "qr":
            q, r = lib.linalg.qr(a)
            return (q.abs() ** 3).sum() + (r.abs() ** 3).sum()
        if name == "lu":
            _, low, u = lib.linalg.lu(a)
            return (low.abs() ** 3).sum() + (u.abs() ** 3).sum()
        if name == "svd":
            u, s, vh = lib.linalg.svd(a, full_matrices=False)
            return (u.abs() ** 3).sum() + (vh.abs() ** 3).sum() + s.prod()
        if name == "lu_factor":
            return (lib.linalg.lu_factor(a)[0].abs() ** 3).sum()
        return (getattr(lib.linalg, name)(a).abs() ** 3).sum()

    results = []
    for a, lib in zip(matrices(2, m, n, dtype=dtype), (tensorlite, torch)):
        a.requires_grad_()
        (g,) = lib.autograd.grad(f(lib, a), a, create_graph=True)
        (h,) = lib.autograd.grad((g.abs() ** 2).sum(), a)
        results.append((g, h))
    for ours, theirs in zip(*results):
        close(ours, theirs, 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (40, 40)])
def test_decompositions_multiply_back(dtype, shape):
    tol = 1e-4 if dtype in ("float32", "complex64") else 1e-10
    a, _ = matrices(*shape, dtype=dtype)
    lib = tensorlite.linalg

    def same(x, y):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=tol, atol=tol)

    q, r = lib.qr(a)
    same(q @ r, a)
    p, low, u = lib.lu(a)
    same(p @ low @ u, a)
    left, s, vh = lib.svd(a)
    same((left * s.unsqueeze(-2)) @ vh, a)
    values, v = lib.eigh(hermitian(a))
    same((v * values.unsqueeze(-2)) @ v.mH, hermitian(a))
    values, v = lib.eig(a)
    same(a.to(v.dtype) @ v, v * values.unsqueeze(-2))
    c = lib.cholesky(positive(a, tensorlite))
    same(c @ c.mH, positive(a, tensorlite))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", ["det", "inv", "svdvals", "eigvalsh", "pinv", "matrix_rank", "lu_factor"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_strides(name, dtype, shape):
    a, b = matrices(*shape, dtype=dtype)
    ours, theirs = getattr(tensorlite.linalg, name)(a), getattr(torch.linalg, name)(b)
    ours, theirs = (x if isinstance(x, tuple) else (x,) for x in (ours, theirs))
    for x, y in zip(ours, theirs):
        assert str(x.dtype).rpartition(".")[2] == str(y.dtype).rpartition(".")[2]
        assert tuple(x.shape) == tuple(y.shape)
        close(x, y, 2e-3 if "64" not in dtype or dtype == "complex64" else 1e-9)


def test_second_gradients_of_symmetric_functions():
    a = matrices(3, 3)[0].requires_grad_()
    for f in (
        lambda x: tensorlite.linalg.cond(x, 1),  # PyTorch writes over what it has saved
        lambda x: tensorlite.linalg.eigh(hermitian(x))[1].abs(),
        lambda x: tensorlite.linalg.cholesky(positive(x, tensorlite)),
        lambda x: tensorlite.linalg.eigvals(x).abs(),
    ):
        assert gradcheck(f, (a,))
        assert gradgradcheck(f, (a,))


@pytest.mark.parametrize(
    ("rows", "cofactors"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
        ([[0.0, 0.0], [0.0, 3.0]], [[3.0, 0.0], [0.0, 0.0]]),
        ([[1.0, 2, 3], [4, 5, 6], [0, 0, 0]], [[0.0, 0, 0], [0, 0, 0], [-3, 6, -3]]),
    ],
)
def test_singular_matrices_have_a_gradient_of_det(rows, cofactors):
    """PyTorch's is zero for some of them: docs/differences.md."""
    a = tensorlite.tensor(rows, dtype=tensorlite.float64, requires_grad=True)
    tensorlite.linalg.det(a).backward()
    np.testing.assert_allclose(a.grad.numpy(), cofactors, atol=1e-12)


ERRORS = {
    "singular inverse": lambda m: m.linalg.inv(m.zeros(2, 2)),
    "singular inverse of a batch": lambda m: m.linalg.inv(m.zeros(3, 6, 6)),
    "singular system": lambda m: m.linalg.solve(m.zeros(2, 2), m.ones(2)),
    "not positive": lambda m: m.linalg.cholesky(-m.eye(3).expand(2, 3, 3)),
    "zero pivot": lambda m: m.linalg.lu_factor(m.zeros(2, 2)),
    "nan in svd": lambda m: m.linalg.svd(m.full((2, 2), float("nan"))),
    "nan in eig": lambda m: m.linalg.eig(m.full((2, 2), float("nan"))),
    "not square": lambda m: m.linalg.det(m.ones(2, 3)),
    "a vector": lambda m: m.linalg.det(m.ones(2)),
    "integers": lambda m: m.linalg.inv(m.ones(2, 2, dtype=m.int32)),
    "half": lambda m: m.linalg.inv(m.ones(2, 2, dtype=m.float16)),
    "half in det": lambda m: m.linalg.det(m.ones(2, 2, dtype=m.float16)),
    "half in svd": lambda m: m.linalg.svd(m.ones(2, 2, dtype=m.float16)),
    "shapes of a system": lambda m: m.linalg.solve(m.ones(2, 2), m.ones(4, 2)),
    "dtypes of a system": lambda m: m.linalg.solve(m.ones(2, 2), m.ones(2, 2).double()),
    "shapes of a triangular system": lambda m: m.linalg.solve_triangular(
        m.ones(2, 2), m.ones(3, 2), upper=True
    ),
    "a vector for qr": lambda m: m.linalg.qr(m.ones(2)),
    "mode of qr": lambda m: m.linalg.qr(m.ones(2, 2), "half"),
    "no triangle": lambda m: m.linalg.eigh(m.ones(2, 2), "X"),
    "pinv of integers": lambda m: m.linalg.pinv(m.ones(2, dtype=m.int32)),
    "sizes of cross": lambda m: m.linalg.cross(m.ones(2, 4), m.ones(2, 4)),
    "cond of a vector": lambda m: m.linalg.cond(m.ones(3)),
    "matrix_exp of no square": lambda m: m.linalg.matrix_exp(m.ones(2, 3)),
    "driver": lambda m: m.linalg.lstsq(m.ones(2, 2), m.ones(2, 2), driver="qr"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raised = []
    for m in (tensorlite, torch):
        with pytest.raises(Exception) as e:
            ERRORS[name](m)
        raised.append((e.type.__name__.lstrip("_"), str(e.value).splitlines()[0]))
    assert raised[0] == raised[1]


def test_linalg_error_is_a_runtime_error():
    assert issubclass(tensorlite.linalg.LinAlgError, RuntimeError)


def test_lapack_is_loaded_late():
    code = (
        "import sys, tensorlite as t; a = t.eye(3); t.linalg.inv(a); "
        "assert 'tensorlite.linalg._lapack' not in sys.modules and 'numpy' not in sys.modules; "
        "t.linalg.svd(a); assert 'tensorlite.linalg._lapack' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_place_to_find_lapack_in(monkeypatch):
    from tensorlite.linalg import _lapack

    names = ["dgetrf", "zheevd", "dtrsm"]
    wide, addresses = _lapack.find(names)
    assert all(addresses)
    monkeypatch.setattr(_lapack, "_libraries", lambda: ["/nowhere/libscipy_openblas.so"])
    if _lapack._folder("scipy") is not None:
        assert _lapack.find(names)[0] is False
    monkeypatch.setattr(_lapack, "_from_scipy", lambda names: None)
    with pytest.raises(RuntimeError, match="pip install scipy-openblas32"):
        _lapack.find(names)
