"""Parameters and buffers: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    # A tensor of a user's subclass stays what it is and is a parameter by its mark.
    def __instancecheck__(self, instance: Any) -> bool:
        if (
            self is Parameter
            and isinstance(instance, Tensor)
            and getattr(instance, "_is_param", False)
        ):
            return True
        return super().__instancecheck__(instance)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor to be learned.

    Assigned to an attribute of a :class:`Module` it is registered there, and so appears in
    ``parameters()`` and ``state_dict()``. It shares memory with ``data`` but none of its history.

    Args:
        data (Tensor): the values; an empty tensor if left out.
        requires_grad (bool): whether gradients are accumulated for it. Default: ``True``

    Raises:
        TypeError: ``data`` is not a tensor.
        RuntimeError: ``requires_grad`` for a dtype that has no gradients.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = Tensor()
        elif not isinstance(data, Tensor):
            raise TypeError(f"Parameter: data must be a Tensor, not {type(data).__name__}")
        if type(data) is Tensor or type(data) is Parameter:
            return _C._make_subclass(cls, data, requires_grad)
        t = data.detach().requires_grad_(requires_grad)
        if type(t) is not type(data):
            raise RuntimeError(
                f"Parameter: detach() of a {type(data).__name__} gave a {type(t).__name__}; a "
                "subclass must keep its "
                "type through detach() to become a parameter"
            )
        t._is_param = True
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = result
        return result

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = dict(self.__dict__)
        args: tuple[Any, ...] = (type(self), self.data, self.requires_grad, OrderedDict())
        return (_rebuild_parameter, args, state) if state else (_rebuild_parameter, args)


_C._set_parameter_class(Parameter)


def _rebuild_parameter(cls: Any, data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    # Hooks are not pickled; the place is kept for them, as in PyTorch's format.
    return cls(data, requires_grad)


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(self, instance: Any) -> bool:
        if self is Buffer and isinstance(instance, Tensor):
            return getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that belongs to a module's state without being learned, such as a running mean.

    Assigned to an attribute of a :class:`Module` it is registered as by
    :meth:`Module.register_buffer`. What comes back is an ordinary tensor that carries the mark.

    Args:
        data (Tensor): the values; an empty tensor if left out.
        persistent (bool): whether it is part of ``state_dict()``. Default: ``True``
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = Tensor()
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t
