"""Linear algebra: norms, products, powers, the inverse."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = [
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "vector_norm",
]

inv = _C.ops.inverse
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
    """The Frobenius norm ("fro"), or the largest (1, inf) or smallest (-1, -inf) sum of a column (±1)
    or a row (±inf) of absolute values."""
    return _C.ops.linalg_matrix_norm(A, ord, dim, keepdim, dtype=dtype, out=out)


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications. The
    first may be a vector, taken as a row; the last one, taken as a column."""
    if out is None:
        return _C.ops.linalg_multi_dot(tensors)
    return _C.ops.linalg_multi_dot(tensors, out=out)
