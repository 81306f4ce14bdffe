"""`torch.compile`: programs run as they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._once import say_once


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
    **kwargs: Any,
) -> Any:
    """The function or module itself: there is no compiler. Says so once."""
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:
        return lambda model: compile(model, disable=disable)
    if not callable(model):
        raise RuntimeError(f"torch.compile() expects something to call, not {type(model).__name__}")
    if not disable:
        say_once("torch.compile: tensorlite has no compiler; the program runs as it is written")
    return model


def _identity(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, which is never compiled; also a decorator with arguments."""
    if fn is None:
        return lambda fn: fn
    return fn


disable = _identity


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function itself."""
    return fn


def substitute_in_graph(original_fn: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """A decorator that returns the function itself."""
    return lambda fn: fn


def is_compiling() -> bool:
    """False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Does nothing: nothing is cached."""


def cudagraph_mark_step_begin() -> None:
    """Does nothing."""


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The compilers: none."""
    return []
