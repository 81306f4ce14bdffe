"""Functions of the `tensorlite` namespace that are not ops: dtypes and their limits, predicates."""

from __future__ import annotations

import builtins
from typing import Any

from . import _C
from ._tensor import Tensor

__all__ = [
    "broadcast_shapes",
    "can_cast",
    "einsum",
    "finfo",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_inference",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "is_tensor",
    "numel",
    "promote_types",
    "tensordot",
    "typename",
]


def is_tensor(obj: Any, /) -> builtins.bool:
    """Is `obj` a tensor?"""
    return isinstance(obj, Tensor)


def is_storage(obj: Any, /) -> builtins.bool:
    """Is `obj` a storage, typed or not?"""
    from .storage import TypedStorage, UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))


def typename(obj: Any, /) -> str:
    """The full name of a class or function, or of the type of an object.

    A tensor's is that of its typed constructor, such as "torch.FloatTensor".
    """
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") or hasattr(obj, "__name__") else type(obj)
    name = getattr(named, "__qualname__", None) or named.__name__
    module = getattr(named, "__module__", None)
    return name if module in (None, "builtins") else f"{module}.{name}"


def numel(input: Tensor, /) -> builtins.int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor, /) -> builtins.bool:
    """Is the dtype one of float16, bfloat16, float32, float64?"""
    return input.is_floating_point()


def is_complex(input: Tensor, /) -> builtins.bool:
    """Is the dtype complex64 or complex128?"""
    return input.is_complex()


def is_inference(input: Tensor, /) -> builtins.bool:
    """Was the tensor made in inference mode?"""
    return input.is_inference()


def is_signed(input: Tensor, /) -> builtins.bool:
    """Can the dtype hold negative numbers?"""
    return input.is_signed()


def is_same_size(input: Tensor, other: Tensor, /) -> builtins.bool:
    """Have both tensors the same shape?"""
    return input.shape == other.shape


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
    return _C._broadcast_shapes([(s,) if isinstance(s, builtins.int) else tuple(s) for s in shapes])


class iinfo:
    """The limits of an integer dtype: bits, min, max."""

    def __init__(self, type: Any) -> None:
        if not isinstance(type, _C.dtype):
            raise TypeError(f"iinfo(): argument 'type' must be torch.dtype, not {_kind(type)}")
        if type == _C.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.is_floating_point or type.is_complex:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        self.bits = type.itemsize * 8
        self.min = -(1 << (self.bits - 1)) if type.is_signed else 0
        self.max = (1 << (self.bits - (1 if type.is_signed else 0))) - 1
        self.dtype = str(type).split(".")[-1]

    def __eq__(self, other: object) -> builtins.bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> builtins.int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


# The smallest exponent, the largest, the fraction bits and the decimal digits of each format.
_FORMATS = {
    "float16": (-14, 15, 10, 3),
    "bfloat16": (-126, 127, 7, 2),
    "float32": (-126, 127, 23, 6),
    "float64": (-1022, 1023, 52, 15),
}


class finfo:
    """The limits of a floating-point dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: Any = None) -> None:
        type = _C.get_default_dtype() if type is None else type
        if not isinstance(type, _C.dtype):
            raise TypeError(f"finfo(): argument 'type' must be torch.dtype, not {_kind(type)}")
        if type.is_complex:
            type = type.to_real()
        if not type.is_floating_point:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type}'"
            )
        self.dtype = str(type).split(".")[-1]
        low, high, fraction, digits = _FORMATS[self.dtype]
        self.bits = type.itemsize * 8
        self.eps = 2.0**-fraction
        self.max = (2.0 - 2.0**-fraction) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low
        self.resolution = 10.0**-digits

    def __eq__(self, other: object) -> builtins.bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> builtins.int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


def _kind(obj: Any) -> str:
    return type(obj).__name__


# --- sums of products -----------------------------------------------------------------------------


def _subscripts(labels: Any) -> str:
    """A list of numbers and Ellipsis as einsum writes it."""
    text = ""
    for label in labels:
        if label is Ellipsis:
            text += "..."
        elif 0 <= label < 52:
            text += chr(ord("A") + label) if label < 26 else chr(ord("a") + label - 26)
        else:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52)"
            )
    return text


def einsum(*args: Any) -> Tensor:
    """The sum of products that an equation names: `einsum("ij,jk->ik", a, b)` is `a @ b`.

    Each dim of each operand has a letter; letters that are missing on the right of the arrow are
    summed over. Without an arrow the letters that occur once are kept, in alphabetical order. A
    letter repeated within one operand takes the diagonal, and `...` stands for any dims, which
    broadcast. Also `einsum(a, [0, 1], b, [1, 2], [0, 2])`, with numbers for letters.
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    if isinstance(args[0], Tensor):
        pairs, output = args, None
        if len(args) % 2 == 1:
            pairs, output = args[:-1], args[-1]
        equation = ",".join(_subscripts(labels) for labels in pairs[1::2])
        if output is not None:
            equation += "->" + _subscripts(output)
        return _C.ops.einsum(equation, list(pairs[::2]))
    equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    return _C.ops.einsum(equation, list(operands))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """The sum of products over pairs of dims: the last `dims` of `a` with the first of `b`, or the
    two lists of dims in `dims`. The other dims follow in order."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, (list, tuple)) and len(dims) == 2:
        dims_a, dims_b = dims
    elif isinstance(dims, builtins.int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        raise RuntimeError(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] "
            f"containing two lists, but got dims={dims}"
        )
    if out is None:
        return _C.ops.tensordot(a, b, dims_a, dims_b)
    return _C.ops.tensordot(a, b, dims_a, dims_b, out=out)
