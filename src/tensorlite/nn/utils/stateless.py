"""Calling a module with other parameters than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..._tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]

_missing: Any = object()


def _owner(module: Module, path: str) -> tuple[Any, str]:
    """The submodule that has the tensor of a dotted name, and the tensor's own name."""
    *names, last = path.split(".")
    if not last:
        raise KeyError('tensor name can\'t be empty string ""')
    for name in names:
        child = getattr(module, name, None)
        if not isinstance(child, Module):
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            raise TypeError(f"submodule `{path}`: {child} is not an instance of torch.nn.Module")
        module = child
    return module, last


def _swap(owner: Any, name: str, value: Any) -> Any:
    """Puts a tensor (or nothing) in the place of another, which it returns."""
    if value is not _missing and value is not None and not isinstance(value, Tensor):
        raise TypeError(f"{value} is not an instance of torch.Tensor")
    for table in (owner._parameters, owner._buffers):
        if name in table:
            old = table[name]
            if value is _missing:
                del table[name]
            else:
                table[name] = value
            return old
    old = getattr(owner, name, _missing)
    if old is not _missing and old is not None and not isinstance(old, Tensor):
        raise TypeError(f"attribute `{name}`: {old} is not an instance of torch.Tensor")
    if value is not _missing:
        setattr(owner, name, value)
    elif old is not _missing:
        delattr(owner, name)
    return old


def _named_tensors(module: Module) -> dict[str, Tensor]:
    named: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    named.update(module.named_buffers(remove_duplicate=False))
    return named


def _with_tied(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """``given``, and the same values under the other names of tied tensors."""
    names: dict[int, list[str]] = {}
    for name, t in _named_tensors(module).items():
        names.setdefault(id(t), []).append(name)
    out = dict(given)
    for group in names.values():
        values = [given[n] for n in group if n in given]
        if len(group) < 2 or not values:
            continue
        if any(v is not values[0] for v in values):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(group)}, "
                "which are tied. Consider using tie_weights=False"
            )
        out.update((n, values[0]) for n in group)
    return out


def _check_keys(module: Module, given: dict[str, Tensor]) -> None:
    known = set(_named_tensors(module))
    messages = []
    for kind, keys in (("Unexpected", given.keys() - known), ("Missing", known - given.keys())):
        if keys:
            messages.append(f"{kind} key(s): {', '.join(map(repr, sorted(keys)))}.")
    if messages:
        raise RuntimeError(
            "Error(s) in reparametrizing for {}:\n\t{}".format(
                module._get_name(), "\n\t".join(messages)
            )
        )


@contextmanager
def _reparametrize_module(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    tie_weights: bool = False,
    strict: bool = False,
    stack_weights: bool = False,
) -> Iterator[None]:
    """The module's tensors are others within the ``with`` statement."""
    given = parameters_and_buffers
    if tie_weights:
        given = _with_tied(module, given)
    if strict:
        _check_keys(module, given)
    swapped: list[tuple[str, Any, str, Any]] = []
    try:
        for path, value in given.items():
            owner, name = _owner(module, path)
            swapped.append((path, owner, name, _swap(owner, name, value)))
        yield
    finally:
        # What the module wrote into its buffers goes to the caller.
        for path, owner, name, old in reversed(swapped):
            new = _swap(owner, name, old)
            if path in parameters_and_buffers and new is not _missing:
                parameters_and_buffers[path] = new


def _functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with the given parameters and buffers in the place of its own.

    Args:
        module: the module.
        parameters_and_buffers: tensors by name. Where the module assigns to one, the dict is updated.
        args: the arguments, a tuple, or one that is none.
        kwargs: keyword arguments.
        tie_weights: whether a tensor that the module has under several names is replaced under all.
        strict: whether names must be those that the module has.

    Deprecated: ``torch.func.functional_call`` does the same.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 "
        "and will be removed in a future version of PyTorch. "
        "Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
