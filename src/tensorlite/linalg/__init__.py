"""Norms of vectors and matrices."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = ["matrix_norm", "norm", "vector_norm"]


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
