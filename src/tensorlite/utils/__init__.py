"""Utilities around training. Submodules are imported when they are first asked for."""

from __future__ import annotations

from typing import Any

_LAZY = frozenset({"_pytree", "checkpoint", "data", "dlpack"})


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
