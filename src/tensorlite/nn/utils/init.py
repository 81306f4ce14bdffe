"""Modules without initial values."""

from __future__ import annotations

from typing import Any

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters have no values to rely on; no random numbers are drawn.

    Args:
        module_cls: its class, whose constructor takes ``device``.
        *args, **kwargs: what the constructor takes.
    """
    import inspect

    from ... import get_rng_state, set_rng_state
    from ..modules.module import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    # Initial values are cheap; what matters is that none are drawn.
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
