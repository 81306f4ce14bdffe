"""The `__torch_function__` protocol, for libraries whose functions take tensor-likes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from . import _C
from ._tensor import Tensor
from .nn.parameter import Parameter

__all__ = [
    "get_ignored_functions",
    "get_overridable_functions",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or has `__torch_function__`."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def _overrides(kind: type) -> bool:
    return kind not in (Tensor, Parameter) and getattr(kind, "__torch_function__", None) is not None


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments wants to handle calls itself."""
    return _enabled() and any(_overrides(type(arg)) for arg in relevant_args)


def _enabled() -> bool:
    was: bool = _C._set_torch_function_enabled(True)
    if not was:
        _C._set_torch_function_enabled(False)
    return was


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of the arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Calls `__torch_function__` of the arguments, subclasses first, until one gives a result."""
    owners: list[Any] = []
    for arg in relevant_args:
        if _overrides(type(arg)) and type(arg) not in map(type, owners):
            place = next((i for i, o in enumerate(owners) if isinstance(arg, type(o))), len(owners))
            owners.insert(place, arg)
    types = tuple(map(type, owners))
    for owner in owners:
        result = owner.__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"{public_api.__module__}.{public_api.__name__}"
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: {list(types)}"
    )


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """Makes a function follow the protocol; `dispatcher` gives the arguments to ask, from all of them."""

    def wrap(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return wrap


@functools.cache
def _functions() -> dict[Any, list[tuple[str, Any]]]:
    import tensorlite

    spaces: dict[Any, list[tuple[str, Any]]] = {
        tensorlite: [(name, getattr(tensorlite, name)) for name in _C._function_names],
    }
    for space in (tensorlite.nn.functional, tensorlite.linalg, tensorlite.fft, tensorlite.special):
        names = (n for n in dir(space) if not n.startswith("_") and not n[0].isupper())
        found = ((n, getattr(space, n)) for n in names)
        spaces[space] = [(n, f) for n, f in found if callable(f)]
    methods = ((n, getattr(Tensor, n)) for n in dir(Tensor) if n not in dir(object))
    spaces[Tensor] = [(n, m) for n, m in methods if callable(m) or hasattr(m, "__get__")]
    return spaces


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that follow the protocol, by the module or class they are in."""
    return {space: [f for _, f in found] for space, found in _functions().items()}


def get_ignored_functions() -> set[Any]:
    """Functions that do not follow the protocol: those that make tensors from no tensor."""
    import tensorlite

    names = (
        "tensor as_tensor asarray from_numpy frombuffer from_dlpack empty ones zeros full rand randn randint "
        "randperm arange linspace logspace eye is_tensor is_storage manual_seed get_default_dtype "
        "set_default_dtype save load"
    )
    return {getattr(tensorlite, name) for name in names.split()}


def resolve_name(f: Any) -> str | None:
    """The name under which a function of the protocol is known, such as "torch.add"."""
    for space, found in _functions().items():
        for name, function in found:
            if function is f:
                module = "tensorlite.Tensor" if space is Tensor else space.__name__
                return module.replace("tensorlite", "torch", 1) + "." + name
    return None


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether it is a method of Tensor or the getter of a property, rather than a function."""
    return (
        any(function is func for _, function in _functions()[Tensor])
        or getattr(func, "__name__", None) == "__get__"
    )
