"""Linear algebra: solutions, decompositions, norms. LAPACK comes from the OpenBLAS of the package
scipy-openblas32, of NumPy's wheel, or from SciPy, and is loaded on the first call that needs it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

LinAlgError = _C._LinAlgError

cholesky = _C.ops.linalg_cholesky
cholesky_ex = _C.ops.linalg_cholesky_ex
det = _C.ops.linalg_det
eig = _C.ops.linalg_eig
eigh = _C.ops.linalg_eigh
eigvals = _C.ops.linalg_eigvals
eigvalsh = _C.ops.linalg_eigvalsh
householder_product = _C.ops.linalg_householder_product
inv = _C.ops.linalg_inv
inv_ex = _C.ops.linalg_inv_ex
lstsq = _C.ops.linalg_lstsq
lu = _C.ops.linalg_lu
lu_factor = _C.ops.linalg_lu_factor
lu_factor_ex = _C.ops.linalg_lu_factor_ex
lu_solve = _C.ops.linalg_lu_solve
matrix_rank = _C.ops.linalg_matrix_rank
pinv = _C.ops.linalg_pinv
qr = _C.ops.linalg_qr
slogdet = _C.ops.linalg_slogdet
solve = _C.ops.linalg_solve
solve_ex = _C.ops.linalg_solve_ex
solve_triangular = _C.ops.linalg_solve_triangular
svd = _C.ops.linalg_svd
svdvals = _C.ops.linalg_svdvals
cond = _C.ops.linalg_cond
cross = _C.ops.linalg_cross
ldl_factor = _C.ops.linalg_ldl_factor
ldl_factor_ex = _C.ops.linalg_ldl_factor_ex
ldl_solve = _C.ops.linalg_ldl_solve
matrix_exp = _C.ops.linalg_matrix_exp
tensorinv = _C.ops.linalg_tensorinv
tensorsolve = _C.ops.linalg_tensorsolve
vander = _C.ops.linalg_vander
vecdot = _C.ops.linalg_vecdot
matmul = _C.ops.matmul
matrix_power = _C.ops.matrix_power


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: builtins.int | Sequence[builtins.int] | None = None,
    keepdim: builtins.bool = False,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
) -> Tensor:
    """A vector norm, or a matrix norm where `dim` has two entries or `A` two dims and `ord` is given."""
    return _C.ops.linalg_norm(A, ord, dim, keepdim, dtype=dtype, out=out)


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: builtins.int | Sequence[builtins.int] | None = None,
    keepdim: builtins.bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """(Σ \\|x\\|^ord)^(1/ord) along `dim`, of all elements without it; `ord` may be 0, inf and -inf."""
    return _C.ops.linalg_vector_norm(x, ord, dim, keepdim, dtype=dtype, out=out)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[builtins.int] = (-2, -1),
    keepdim: builtins.bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Frobenius norm ("fro"), the sum of the singular values ("nuc"), the largest or smallest of
    them (±2), or the largest (1, inf) or smallest (-1, -inf) sum of a column (±1)
    or a row (±inf) of absolute values."""
    return _C.ops.linalg_matrix_norm(A, ord, dim, keepdim, dtype=dtype, out=out)


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications. The
    first may be a vector, taken as a row; the last one, taken as a column."""
    if out is None:
        return _C.ops.linalg_multi_dot(tensors)
    return _C.ops.linalg_multi_dot(tensors, out=out)


def diagonal(
    A: Tensor, *, offset: builtins.int = 0, dim1: builtins.int = -2, dim2: builtins.int = -1
) -> Tensor:
    """The diagonals of matrices, as a view."""
    return _C.ops.diagonal(A, offset, dim1, dim2)
