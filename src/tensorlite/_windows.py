"""Windows for signals: Hann's, Hamming's, Bartlett's, Blackman's, Kaiser's."""

from __future__ import annotations

import math
from typing import Any

from . import _C
from ._tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _points(name: str, length: int, periodic: bool, dtype: Any, device: Any) -> tuple[Tensor, int]:
    """0 … length - 1 in a dtype to compute with, and the length of a period."""
    dtype = dtype or _C.get_default_dtype()
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    wide = _C.float32 if dtype in (_C.float16, _C.bfloat16) else dtype
    return _C.ops.arange(length, dtype=wide, device=device), length if periodic else length - 1


def _finished(window: Tensor, dtype: Any, requires_grad: bool) -> Tensor:
    if window.numel() == 1:
        window = _C.ops.ones_like(window)
    window = window.to(dtype or _C.get_default_dtype())
    return window.requires_grad_() if requires_grad else window


def _cosines(
    name: str,
    length: int,
    periodic: bool,
    weights: tuple[float, ...],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """Σ (-1)^k weights[k] cos(2 pi k i / period)."""
    x, period = _points(name, length, periodic, dtype, device)
    x = x * (2 * math.pi / max(period, 1))
    window = _C.ops.full_like(x, weights[0]) - weights[1] * x.cos()
    if len(weights) > 2:
        window = window + weights[2] * (2 * x).cos()
    return _finished(window, dtype, requires_grad)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """sin²(pi i / period); a period is the length, or one less where the window is not periodic."""
    return _cosines(
        "hann_window", window_length, periodic, (0.5, 0.5), dtype, device, requires_grad
    )


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2 pi i / period)."""
    return _cosines(
        "hamming_window", window_length, periodic, (alpha, beta), dtype, device, requires_grad
    )


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """0.42 - 0.5 cos(2 pi i / period) + 0.08 cos(4 pi i / period)."""
    return _cosines(
        "blackman_window", window_length, periodic, (0.42, 0.5, 0.08), dtype, device, requires_grad
    )


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """1 - |2 i / period - 1|: a triangle."""
    x, period = _points("bartlett_window", window_length, periodic, dtype, device)
    return _finished(1 - (x * (2 / max(period, 1)) - 1).abs(), dtype, requires_grad)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - (2 i / period - 1)²)) / I0(beta), with the modified Bessel function of order 0."""
    x, period = _points("kaiser_window", window_length, periodic, dtype, device)
    x = x * (2 / max(period, 1)) - 1
    inside = (1 - x * x).clamp(min=0).sqrt() * beta
    top = _C.ops.i0(_C.ops.full((), beta, dtype=x.dtype))
    return _finished(_C.ops.i0(inside) / top, dtype, requires_grad)
