"""Parameters and buffers: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc,override,metaclass]
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

    # Results are tensors, not parameters.
    __torch_function__ = _C._disabled_torch_function_impl

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


class _BufferMeta(type(Tensor)):  # type: ignore[misc,override,metaclass]
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


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedTensorMixin:
    """A tensor without a shape: only its dtype and device are known until
    :meth:`materialize`."""

    # What may be asked of it before; everything else is an error that says what to do.
    _allowed_methods = (
        Tensor.__hash__,
        Tensor.size,
        Tensor.copy_,
        Tensor.is_complex,
        Tensor.is_floating_point,
        Tensor.half,
        Tensor.float,
        Tensor.double,
        Tensor.char,
        Tensor.short,
        Tensor.int,
        Tensor.long,
        Tensor.cuda,
        Tensor.cpu,
        Tensor.to,
        Tensor.get_device,
    )
    cls_to_become: Any = None

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Becomes a parameter or buffer of that shape, uninitialised.

        Args:
            shape: the sizes.
            device, dtype: those it was made with by default.
        """
        from .. import empty

        data = empty(shape, device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.data = data
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return (type(self), (self.requires_grad,))

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in cls._allowed_methods or type(func).__name__ == "method-wrapper":
            was_enabled = _C._set_torch_function_enabled(False)
            try:
                return func(*args, **(kwargs or {}))
            finally:
                _C._set_torch_function_enabled(was_enabled)
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you "
            "are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` "
            "with a dummy batch to initialize the parameters before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc,override,metaclass]
    """A parameter of a lazy module, before the first input tells its shape.

    Args:
        requires_grad (bool): whether gradients are accumulated for it. Default: ``True``
        device, dtype: of the parameter to come.
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        from .. import empty

        return _C._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = result
        return result


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc,override]
    """A buffer of a lazy module, before the first input tells its shape.

    Args:
        requires_grad (bool): as for tensors. Default: ``False``
        device, dtype: of the buffer to come.
        persistent (bool): whether it is part of ``state_dict()``. Default: ``True``
    """

    cls_to_become = Tensor
    persistent: bool

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        from .. import empty

        result = _C._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result
