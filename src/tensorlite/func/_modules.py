"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .. import _C
from .._tensor import Tensor
from ..nn.modules.module import Module


def _places(module: Module) -> dict[str, list[tuple[dict[str, Any], str]]]:
    """Where each parameter and buffer lies, by its name; several places for one that is shared."""
    by_tensor: dict[int, list[tuple[dict[str, Any], str]]] = {}
    names: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for prefix, child in module.named_modules(remove_duplicate=False):
        for table in (child._parameters, child._buffers):
            for name, value in table.items():
                if value is None:
                    continue
                places = by_tensor.setdefault(id(value), [])
                if not any(t is table and n == name for t, n in places):
                    places.append((table, name))
                names[f"{prefix}.{name}" if prefix else name] = places
    return names


@contextmanager
def _replaced(
    module: Module, values: dict[str, Tensor], tie_weights: bool, strict: bool
) -> Iterator[None]:
    names = _places(module)
    unknown = [name for name in values if name not in names]
    missing = [name for name in names if name not in values]
    if tie_weights:
        given = {id(names[name]) for name in values if name in names}
        missing = [name for name in missing if id(names[name]) not in given]
    if strict and (unknown or missing):
        text = [f"Unexpected key(s): {', '.join(map(repr, unknown))}."] * bool(unknown)
        text += [f"Missing key(s): {', '.join(map(repr, missing))}."] * bool(missing)
        raise RuntimeError(f"Error(s) in reparametrizing: \n\t{' '.join(text)}")
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for full, value in values.items():
            if full not in names:
                continue
            last = full.rpartition(".")[2]
            places = names[full]
            if not tie_weights:
                owner = module.get_submodule(full.rpartition(".")[0])
                mine = (id(owner._parameters), id(owner._buffers))
                places = [(t, n) for t, n in places if id(t) in mine and n == last]
            for table, name in places:
                before.append((table, name, table[name]))
                table[name] = value
        yield
    finally:
        for table, name, old in reversed(before):
            table[name] = old


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other parameters and buffers than its own, which stay as they are.

    Args:
        parameter_and_buffer_dicts: tensors by their names in `named_parameters` and `named_buffers`, in one
            dict or several. What is not named stays.
        args: one argument, or a tuple of arguments.
        tie_weights: a tensor that the module has under several names is replaced under all.
        strict: an error where names are missing or unknown.
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        values = dict(parameter_and_buffer_dicts)
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        if not all(isinstance(d, dict) for d in parameter_and_buffer_dicts):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        names = [name for d in parameter_and_buffer_dicts for name in d]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"{[name]} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
        values = {name: value for d in parameter_and_buffer_dicts for name, value in d.items()}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, values, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one class, stacked along a new first dim: what
    `vmap` over `functional_call` takes to run them as an ensemble."""
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(tensors: list[Any]) -> Any:
        flags = {t.requires_grad for t in tensors}
        if len(flags) > 1:
            raise RuntimeError(
                f"Expected {tensors} from each model to have the same .requires_grad"
            )
        return _C.ops.stack([t.detach() for t in tensors]).requires_grad_(flags.pop())

    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return tuple(  # type: ignore[return-value]
        {name: stacked([t[name] for t in tables]) for name in tables[0]}
        for tables in (parameters, buffers)
    )
