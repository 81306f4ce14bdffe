"""TorchScript: programs stay Python. `script` and `trace` return what they are given, and say so once."""

from __future__ import annotations

import builtins
import collections
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, get_args, get_origin

from ._once import say_once
from .nn.modules.module import Module

__all__ = [
    "Attribute",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

Attribute = collections.namedtuple("Attribute", ["value", "type"])
ScriptModule = Module


class ScriptFunction:
    """A compiled function; there are none."""


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function, class or module itself. Says so once."""
    say_once("torch.jit.script: tensorlite has no TorchScript; the program runs as it is written")
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself, which is not called. Says so once."""
    say_once("torch.jit.trace: tensorlite has no TorchScript; the program runs as it is written")
    return func


trace_module = trace


def script_if_tracing(fn: Any) -> Any:
    """The function itself."""
    return fn


script_method = export = interface = _overload = _overload_method = script_if_tracing


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; also a decorator with arguments."""
    if callable(drop):
        return drop
    return lambda fn: fn


def unused(fn: Any) -> Any:
    """The function itself."""
    return fn


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself."""
    return mod


optimize_for_inference = freeze


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether an object is of a type, containers with their elements: `isinstance(x, list[int])`."""
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    args = get_args(target_type)
    origin: Any = get_origin(target_type)
    if origin is None:
        return obj is None if target_type is None else builtins.isinstance(obj, target_type)
    if not builtins.isinstance(origin, type) or origin.__name__ == "UnionType":
        return any(isinstance(obj, type(None) if t is None else t) for t in args)
    if not builtins.isinstance(obj, origin):
        return False
    items: Any = obj
    if origin is dict:
        return all(isinstance(k, args[0]) and isinstance(v, args[1]) for k, v in items.items())
    if origin is tuple:
        return len(items) == len(args) and all(map(isinstance, items, args))
    return all(isinstance(x, args[0]) for x in items)


class Future:
    """What `fork` returns: a result that is already there."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self) -> Any:
        return self._value

    def value(self) -> Any:
        return self._value

    def done(self) -> bool:
        return True


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """Calls the function at once, as PyTorch does outside of TorchScript."""
    return Future(func(*args, **kwargs))


def wait(future: Any) -> Any:
    """The result of `fork`."""
    return future.wait()


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block that changes nothing."""
    yield


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Does nothing; there are no strategies."""
    return []


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Raises: there is no TorchScript."""
    raise RuntimeError(
        "torch.jit.save: tensorlite has no TorchScript; save module.state_dict() with tensorlite.save"
    )


def load(f: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises: there is no TorchScript."""
    raise RuntimeError(
        "torch.jit.load: tensorlite has no TorchScript; load a state_dict with tensorlite.load into the "
        "module's class"
    )
