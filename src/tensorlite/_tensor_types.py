"""The typed constructors of the first PyTorch: FloatTensor, LongTensor and so on."""

from __future__ import annotations

import warnings
from typing import Any

from . import _C
from ._tensor import Tensor

_NAMES: dict[str, Any] = {
    "FloatTensor": _C.float32,
    "DoubleTensor": _C.float64,
    "HalfTensor": _C.float16,
    "BFloat16Tensor": _C.bfloat16,
    "ByteTensor": _C.uint8,
    "CharTensor": _C.int8,
    "ShortTensor": _C.int16,
    "IntTensor": _C.int32,
    "LongTensor": _C.int64,
    "BoolTensor": _C.bool,
    "ComplexFloatTensor": _C.complex64,
    "ComplexDoubleTensor": _C.complex128,
}
_NAME_OF = {dtype: name for name, dtype in _NAMES.items()}


class tensortype(type):
    """The class of FloatTensor and its kin: instances are the tensors of one dtype."""

    dtype: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        return _C._legacy_tensor(cls.dtype, args, kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _make(name: str, dtype: Any) -> tensortype:
    return tensortype(
        name, (), {"dtype": dtype, "__module__": "torch", "is_cuda": False, "layout": _C.strided}
    )


TYPES: dict[str, tensortype] = {name: _make(name, dtype) for name, dtype in _NAMES.items()}


def type_name(dtype: Any) -> str:
    """ "torch.FloatTensor" for float32, and so on."""
    return "torch." + _NAME_OF[dtype]


def dtype_of_type(kind: Any) -> Any:
    """The dtype that a dtype, a typed constructor, or the name of one stands for."""
    if isinstance(kind, _C.dtype):
        return kind
    if isinstance(kind, tensortype):
        return kind.dtype
    if kind is Tensor:
        return _C.get_default_dtype()
    name = kind.__name__ if isinstance(kind, type) else kind
    if not isinstance(name, str):
        raise TypeError("dtype must be a type, str, or dtype object")
    package, _, last = name.rpartition(".")
    if package in ("torch", "tensorlite") and last == "Tensor":
        return _C.get_default_dtype()
    if package not in ("torch", "tensorlite") or last not in _NAMES:
        raise ValueError(f"invalid type: {name!r}")
    return _NAMES[last]


def set_default_dtype(d: Any, /) -> None:
    """Sets the dtype of tensors made from Python floats: a floating-point dtype or typed constructor."""
    _C.set_default_dtype(d.dtype if isinstance(d, tensortype) else d)


_warned = False


def set_default_tensor_type(t: Any, /) -> None:
    """Sets the default dtype by the name or class of a floating-point tensor type."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
            "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
            stacklevel=2,
        )
    dtype = dtype_of_type(t)
    if not dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _C.set_default_dtype(dtype)
