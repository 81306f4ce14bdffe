"""ONNX: models cannot be exported; what libraries ask in passing is answered."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "export",
    "is_in_onnx_export",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]


def is_in_onnx_export() -> bool:
    """False."""
    return False


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises: load the state_dict into the same module in PyTorch, and export it there."""
    raise RuntimeError(
        "torch.onnx.export: tensorlite does not export to ONNX; save the state_dict, load it into the same "
        "module in PyTorch and export that"
    )


def register_custom_op_symbolic(*args: Any, **kwargs: Any) -> None:
    """Accepted: what would be exported is never asked for."""


def unregister_custom_op_symbolic(*args: Any, **kwargs: Any) -> None:
    """Accepted."""
