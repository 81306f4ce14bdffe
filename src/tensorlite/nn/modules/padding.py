"""Padding: a constant, or the input's own values reflected, repeated or wrapped."""

from __future__ import annotations

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """Pads the last dimensions.

    Args:
        padding: one int for all sides, or two for each dimension, the last one first. Negative
            ones cut where the mode allows it.
    """

    _dims = 1
    _mode = "constant"
    padding: tuple[int, ...]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        n = 2 * self._dims
        self.padding = tuple(padding) if not isinstance(padding, int) else (padding,) * n

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Puts a constant around the last dimension."""


class ConstantPad2d(_ConstantPad):
    """Puts a constant around the last two dimensions."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Puts a constant around the last three dimensions."""

    _dims = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Puts zeros around the last dimension."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Puts zeros around the last two dimensions."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Puts zeros around the last three dimensions."""


class _ReflectionPad(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Reflects the values of the last dimension at its ends."""


class ReflectionPad2d(_ReflectionPad):
    """Reflects the values of the last two dimensions at their ends."""

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Reflects the values of the last three dimensions at their ends."""

    _dims = 3


class _ReplicationPad(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Repeats the first and last values of the last dimension."""


class ReplicationPad2d(_ReplicationPad):
    """Repeats the outermost values of the last two dimensions."""

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Repeats the outermost values of the last three dimensions."""

    _dims = 3


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        n = self._dims
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Wraps the values of the last dimension around."""


class CircularPad2d(_CircularPad):
    """Wraps the values of the last two dimensions around."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """Wraps the values of the last three dimensions around."""

    _dims = 3
