"""Keeping gradients within bounds."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from ... import _C
from ..._tensor import Tensor

__all__: list[str] = []


def _as_list(tensors: Any, kind: str = "parameters") -> list[Tensor]:
    if isinstance(tensors, Tensor):
        return [tensors]
    is_generator = not hasattr(tensors, "__len__")
    result = list(tensors)
    if is_generator and not result and kind == "parameters":
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.",
            stacklevel=3,
        )
    return result


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors' elements together.

    Args:
        tensors: one or several tensors.
        norm_type: the p of the norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: whether a norm that is NaN or infinite is an error.
        foreach: accepted for compatibility.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite``.
    """
    return _C._total_norm(_as_list(tensors, "tensors"), float(norm_type), error_if_nonfinite)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scales gradients whose norm is ``total_norm`` down to ``max_norm``, in place.

    Args:
        parameters: one or several tensors that have gradients.
        max_norm: the norm to stay below.
        total_norm: the norm they have, see :func:`get_total_norm`.
        foreach: accepted for compatibility.
    """
    _C._scale_grads(_as_list(parameters), float(max_norm), total_norm)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients of ``parameters`` so that their common norm is at most ``max_norm``.

    Args:
        parameters: one or several tensors that have gradients.
        max_norm: the norm to stay below.
        norm_type: the p of the norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: whether a norm that is NaN or infinite is an error.
        foreach: accepted for compatibility.

    Returns:
        The norm before scaling, as a 0-d tensor.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite``; no gradient is changed.
    """
    return _C._clip_grad_norm(
        _as_list(parameters), float(max_norm), float(norm_type), error_if_nonfinite
    )


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamps every element of the gradients to ``[-clip_value, clip_value]``.

    Args:
        parameters: one or several tensors that have gradients.
        clip_value: the bound.
        foreach: accepted for compatibility.
    """
    clip_value = float(clip_value)
    for p in [parameters] if isinstance(parameters, Tensor) else parameters:
        if p.grad is not None:
            p.grad.data.clamp_(min=-clip_value, max=clip_value)
