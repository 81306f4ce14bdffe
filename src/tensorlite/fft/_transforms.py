"""The three transforms that the others are made of, over NumPy, with their gradients.

Each is linear, so its gradient is its adjoint: the transform in the other direction with the other
normalisation, which is made of the same three.
"""

from __future__ import annotations

from typing import Any

from .. import _C
from .._tensor import Tensor
from ..autograd import Function

__all__ = ["c2c", "c2r", "half_to_full_norm", "r2c"]

_ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def half_to_full_norm(norm: str | None) -> str:
    """The name of a normalisation, checked."""
    if norm is None:
        return "backward"
    if norm not in _ADJOINT:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def _run(x: Tensor, dtype: Any, name: str, *args: Any, **kwargs: Any) -> Tensor:
    from numpy import fft

    result = _C.from_numpy(getattr(fft, name)(x.detach().numpy(), *args, **kwargs))
    return result if result.dtype == dtype else result.to(dtype)


def _c2c(x: Tensor, dims: list[int], norm: str, forward: bool) -> Tensor:
    if x.numel() == 0:
        return x.clone()
    if len(dims) == 1:
        return _run(x, x.dtype, "fft" if forward else "ifft", axis=dims[0], norm=norm)
    return _run(x, x.dtype, "fftn" if forward else "ifftn", axes=dims, norm=norm)


def _r2c(x: Tensor, dims: list[int], norm: str) -> Tensor:
    dtype = x.dtype.to_complex()
    if x.numel() == 0:
        shape = list(x.shape)
        shape[dims[-1]] = shape[dims[-1]] // 2 + 1
        return _C.ops.zeros(shape, dtype=dtype)
    if len(dims) == 1:
        return _run(x, dtype, "rfft", axis=dims[0], norm=norm)
    return _run(x, dtype, "rfftn", axes=dims, norm=norm)


def _c2r(x: Tensor, dims: list[int], norm: str, n: int) -> Tensor:
    dtype = x.dtype.to_real()
    if x.numel() == 0:
        shape = list(x.shape)
        shape[dims[-1]] = n
        return _C.ops.zeros(shape, dtype=dtype)
    if len(dims) == 1:
        return _run(x, dtype, "irfft", n, axis=dims[0], norm=norm)
    sizes = [x.size(d) for d in dims[:-1]] + [n]
    return _run(x, dtype, "irfftn", sizes, axes=dims, norm=norm)


class FftC2C(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: list[int], norm: str, forward: bool) -> Tensor:
        ctx.how = dims, norm, forward
        return _c2c(x, dims, norm, forward)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        dims, norm, forward = ctx.how
        return c2c(grad, dims, _ADJOINT[norm], not forward), None, None, None


class FftR2C(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: list[int], norm: str) -> Tensor:
        ctx.how = dims, norm, x.size(dims[-1])
        return _r2c(x, dims, norm)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        # The other half of the frequencies had no gradient.
        dims, norm, n = ctx.how
        last = dims[-1]
        missing = n - grad.size(last)
        if missing:
            grad = _C.ops.constant_pad_nd(grad, [0, 0] * (grad.dim() - 1 - last) + [0, missing])
        return _C.ops.real(c2c(grad, dims, _ADJOINT[norm], False)), None, None


class FftC2R(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: list[int], norm: str, n: int) -> Tensor:
        ctx.how = dims, norm, n
        return _c2r(x, dims, norm, n)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        # Frequencies that stood for their conjugates too count twice.
        dims, norm, n = ctx.how
        g = r2c(grad, dims, _ADJOINT[norm])
        last = dims[-1]
        weights = _C.ops.ones(g.size(last), dtype=grad.dtype)
        weights[1 : 1 + n - g.size(last)] = 2
        return (
            g * weights.reshape([-1] + [1] * (g.dim() - 1 - last)),
            None,
            None,
            None,
        )


def _recorded(x: Tensor) -> bool:
    return x.requires_grad and _C.is_grad_enabled()


def c2c(x: Tensor, dims: list[int], norm: str, forward: bool) -> Tensor:
    """Complex to complex along `dims`."""
    if _recorded(x):
        return FftC2C.apply(x, dims, norm, forward)
    return _c2c(x, dims, norm, forward)


def r2c(x: Tensor, dims: list[int], norm: str) -> Tensor:
    """Real to complex, forward; half of the frequencies of the last of `dims`."""
    if _recorded(x):
        return FftR2C.apply(x, dims, norm)
    return _r2c(x, dims, norm)


def c2r(x: Tensor, dims: list[int], norm: str, n: int) -> Tensor:
    """Complex to real, inverse: `n` points along the last of `dims`."""
    if _recorded(x):
        return FftC2R.apply(x, dims, norm, n)
    return _c2r(x, dims, norm, n)
