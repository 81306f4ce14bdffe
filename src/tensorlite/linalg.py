"""Linear algebra."""

from __future__ import annotations

from typing import Any

from . import _C
from ._tensor import Tensor

__all__ = ["inv", "matmul", "matrix_power", "multi_dot"]

inv = _C.ops.inverse
matmul = _C.ops.matmul
matrix_power = _C.ops.matrix_power


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications. The
    first may be a vector, taken as a row; the last one, taken as a column."""
    if out is None:
        return _C.ops.linalg_multi_dot(tensors)
    return _C.ops.linalg_multi_dot(tensors, out=out)
