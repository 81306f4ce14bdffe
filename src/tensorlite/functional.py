"""Functions of the `tensorlite` namespace that are not ops: dtypes and their limits, predicates."""

from __future__ import annotations

import builtins
from typing import Any

from . import _C
from ._tensor import Tensor

__all__ = [
    "broadcast_shapes",
    "can_cast",
    "finfo",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_storage",
    "is_tensor",
    "numel",
    "promote_types",
    "typename",
]


def is_tensor(obj: Any, /) -> builtins.bool:
    """Is `obj` a tensor?"""
    return isinstance(obj, Tensor)


def is_storage(obj: Any, /) -> builtins.bool:
    """False: storages are not objects of their own here."""
    return False


def typename(obj: Any, /) -> str:
    """The full name of the type of `obj`; for a tensor that of its typed constructor."""
    if isinstance(obj, Tensor):
        return obj.type()
    module = getattr(obj, "__module__", None) or ""
    name = ""
    if hasattr(obj, "__qualname__"):
        name = obj.__qualname__
    elif hasattr(obj, "__name__"):
        name = obj.__name__
    else:
        module = type(obj).__module__ or ""
        name = type(obj).__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


def numel(input: Tensor, /) -> builtins.int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor, /) -> builtins.bool:
    """Is the dtype one of float16, bfloat16, float32, float64?"""
    return input.is_floating_point()


def is_complex(input: Tensor, /) -> builtins.bool:
    """Is the dtype complex64 or complex128?"""
    return input.is_complex()


def is_nonzero(input: Tensor, /) -> builtins.bool:
    """Is the single element not zero? RuntimeError where there is more than one or none."""
    return builtins.bool(input)


def can_cast(from_: Any, to: Any) -> builtins.bool:
    """May values of dtype `from_` be cast to `to` by the rules of in-place operations?"""
    return _C._can_cast(from_, to)


def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest dtype that both dtypes convert to without losing their kind."""
    return _C._promote_types(type1, type2)


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of these shapes broadcast to."""
    return _C._broadcast_shapes(
        [(s,) if isinstance(s, builtins.int) else tuple(s) for s in shapes]
    )




class iinfo:
    """The limits of an integer dtype: bits, min, max."""

    def __init__(self, type: Any) -> None:
        if type.is_floating_point or type.is_complex or type == _C.bool:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        self.bits = type.itemsize * 8
        self.min = -(1 << (self.bits - 1)) if type.is_signed else 0
        self.max = (1 << (self.bits - (1 if type.is_signed else 0))) - 1
        self.dtype = str(type).split(".")[-1]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


# Exponent range and fraction bits of each format.
_FORMATS = {"float16": (-14, 15, 10), "bfloat16": (-126, 127, 7)}
_FORMATS |= {"float32": (-126, 127, 23), "float64": (-1022, 1023, 52)}


class finfo:
    """The limits of a floating-point dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: Any = None) -> None:
        type = _C.get_default_dtype() if type is None else type
        if type.is_complex:
            type = type.to_real()
        if not type.is_floating_point:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type}'"
            )
        self.dtype = str(type).split(".")[-1]
        low, high, fraction = _FORMATS[self.dtype]
        self.bits = type.itemsize * 8
        self.eps = 2.0**-fraction
        self.max = (2.0 - 2.0**-fraction) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low
        digits = {"float16": 3, "bfloat16": 2, "float32": 6, "float64": 15}[self.dtype]
        self.resolution = 10.0**-digits

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )
