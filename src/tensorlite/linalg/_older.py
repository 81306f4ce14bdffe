"""Linear algebra under older names: what `torch` has beside `torch.linalg`."""

from __future__ import annotations

from typing import Any, NoReturn

from .. import _C
from .._tensor import Tensor

__all__ = [
    "eig",
    "frobenius_norm",
    "lstsq",
    "lu",
    "lu_solve",
    "matrix_rank",
    "nuclear_norm",
    "pca_lowrank",
    "solve",
    "svd_lowrank",
    "symeig",
]


def lu(
    A: Tensor, pivot: bool = True, get_infos: bool = False, out: tuple[Tensor, ...] | None = None
) -> Any:
    """(LU, pivots), and with `get_infos` the numbers that say where U has a zero; see linalg.lu_factor."""
    result: tuple[Tensor, ...] = _C.ops._lu_with_info(A, pivot, not get_infos)
    if not get_infos:
        result = tuple(result[:2])
    if out is None:
        return result
    for target, value in zip(out, result, strict=True):
        if target.shape != value.shape:
            target.resize_(value.shape)
        target.copy_(value)
    return out


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """linalg.lu_solve with its arguments in another order."""
    if out is None:
        return _C.ops.linalg_lu_solve(LU_data, LU_pivots, b)
    return _C.ops.linalg_lu_solve(LU_data, LU_pivots, b, out=out)


def nuclear_norm(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The sum of the singular values."""
    return _C.ops.linalg_matrix_norm(
        input, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out
    )


def frobenius_norm(
    input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The root of the sum of squared absolute values, of all elements or along `dim`."""
    dims = [dim] if isinstance(dim, int) else list(dim)
    return _C.ops.linalg_vector_norm(input, 2, dims or None, keepdim, out=out)


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The `q` largest singular values of A (of A - M) and their vectors, approximately, by `niter` steps of
    subspace iteration from random vectors (N. Halko, P.-G. Martinsson, J. A. Tropp, 2009, algorithm 5.1)."""
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if M is not None:
        A = A - M.expand_as(A)
    turned = m < n  # the random vectors are on the shorter side
    if turned:
        A = A.transpose(-2, -1)
    basis = _range(A, q, 2 if niter is None else niter)
    U, S, Vh = _C.ops.linalg_svd(_adjoint(basis) @ A, full_matrices=False)
    U = basis @ U
    V = _adjoint(Vh)
    return (V, S, U) if turned else (U, S, V)


def _adjoint(A: Tensor) -> Tensor:
    return A.transpose(-2, -1).conj()


def _range(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns whose span is nearly that of A's first left singular vectors."""
    random = _C.ops.randn(A.shape[-1], q, dtype=A.dtype)
    Q = _C.ops.linalg_qr(A @ random).Q
    for _ in range(niter):
        Q = _C.ops.linalg_qr(_adjoint(A) @ Q).Q
        Q = _C.ops.linalg_qr(A @ Q).Q
    return Q


def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """svd_lowrank of A with the mean of every column taken away (`center`): its principal components."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = A - A.mean(dim=-2, keepdim=True)
    return svd_lowrank(A, q, niter=niter)


def _removed(name: str, instead: str) -> NoReturn:
    raise RuntimeError(
        f"This function was deprecated since version 1.9 and is now removed. `torch.{name}` is "
        f"replaced by {instead}."
    )


def eig(self: Tensor, eigenvectors: bool = False, *, e: Any = None, v: Any = None) -> Any:
    """Removed, as in PyTorch: raises and names linalg.eig."""
    _removed("eig", "`torch.linalg.eig`, which returns complex tensors")


def symeig(
    input: Tensor, eigenvectors: bool = False, upper: bool = True, *, out: Any = None
) -> Any:
    """Removed, as in PyTorch: raises and names linalg.eigh."""
    _removed("symeig", "`torch.linalg.eigh(A, UPLO='U' if upper else 'L')`")


def solve(input: Tensor, A: Tensor, *, out: Any = None) -> Any:
    """Removed, as in PyTorch: raises and names linalg.solve."""
    _removed("solve", "`torch.linalg.solve(A, B)`, which has its arguments reversed")


def lstsq(input: Tensor, A: Tensor, *, out: Any = None) -> Any:
    """Removed, as in PyTorch: raises and names linalg.lstsq."""
    _removed("lstsq", "`torch.linalg.lstsq(A, B)`, which has its arguments reversed")


def matrix_rank(input: Tensor, tol: Any = None, symmetric: bool = False, *, out: Any = None) -> Any:
    """Removed, as in PyTorch: raises and names linalg.matrix_rank."""
    _removed("matrix_rank", "`torch.linalg.matrix_rank`, where `symmetric` is called `hermitian`")
