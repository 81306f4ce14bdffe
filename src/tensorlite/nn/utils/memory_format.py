"""The memory order of convolutions' weights."""

from __future__ import annotations

from typing import Any

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module: Any, memory_format: Any, names: tuple[str, ...]) -> Any:
    for child in module.modules():
        if any(cls.__name__ in names for cls in type(child).__mro__):
            child.weight.data = child.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Brings the weights of all 2-d convolutions in a module to ``memory_format``; returns it."""
    return _convert(module, memory_format, ("Conv2d", "ConvTranspose2d"))


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Brings the weights of all 3-d convolutions in a module to ``memory_format``; returns it."""
    return _convert(module, memory_format, ("Conv3d", "ConvTranspose3d"))
