"""Discrete Fourier transforms, computed by NumPy's pocketfft: float32 stays float32 (with NumPy 2; before it,
results are rounded to it). Differentiable at every order."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import _C
from .._tensor import Tensor
from ._transforms import c2c, c2r, half_to_full_norm, r2c

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

_Int: TypeAlias = builtins.int
_Sizes: TypeAlias = _Int | Sequence[_Int] | None


def _written(result: Tensor, out: Tensor | None, name: str) -> Tensor:
    if out is None:
        return result
    if result.is_complex() != out.is_complex():
        kind = "complex" if result.is_complex() else "floating point"
        legacy = out.type().rpartition(".")[2].removesuffix("Tensor")
        raise RuntimeError(f"{name} expects a {kind} output tensor, but got {legacy}")
    if out.shape != result.shape:
        out.resize_(result.shape)
    return out.copy_(result)


def _ints(value: Any) -> list[_Int]:
    return [value] if isinstance(value, builtins.int) else [builtins.int(v) for v in value]


def _wrapped(dim: _Int, ndim: _Int) -> _Int:
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
        )
    return dim % ndim


def _axes(x: Tensor, s: _Sizes, dim: _Sizes) -> tuple[list[_Int], list[_Int]]:
    """The dims that are transformed and how many points each gets (-1: as many as there are)."""
    ndim = x.dim()
    if dim is not None:
        dims = [_wrapped(d, ndim) for d in _ints(dim)]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is None:
        dims = dims if dim is not None else list(range(ndim))
        return dims, [-1] * len(dims)
    sizes = _ints(s)
    if dim is None:
        if len(sizes) > ndim:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {ndim} dimensions."
            )
        return list(range(ndim - len(sizes), ndim)), sizes
    if len(sizes) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    return dims, sizes


def _checked(n: _Int) -> _Int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(x: Tensor, dims: list[_Int], sizes: list[_Int]) -> Tensor:
    """Cut or padded with zeros to `sizes` along `dims`."""
    for d, n in zip(dims, sizes):
        n = _checked(x.size(d) if n == -1 else n)
        if n < x.size(d):
            x = x.narrow(d, 0, n)
        elif n > x.size(d):
            x = _C.ops.constant_pad_nd(x, [0, 0] * (x.dim() - 1 - d) + [0, n - x.size(d)])
    return x


def _promoted(x: Tensor, complex_: builtins.bool) -> Tensor:
    if x.dtype in (_C.float16, _C.bfloat16):
        raise RuntimeError(f"Unsupported dtype {'Half' if x.dtype == _C.float16 else 'BFloat16'}")
    dtype = x.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = _C.get_default_dtype()
    return x.to(dtype.to_complex() if complex_ else dtype)


def _complex(
    x: Tensor, dims: list[_Int], sizes: list[_Int], norm: str | None, forward: builtins.bool
) -> Tensor:
    """Of complex numbers, or of real ones where that is the same."""
    norm = half_to_full_norm(norm)
    real = not x.is_complex()
    x = _resized(_promoted(x, False), dims, sizes)
    if not dims:
        return x.to(x.dtype.to_complex())
    if real:
        # Half of the result is the conjugate of the other half; NumPy makes use of that itself.
        return c2c(x.to(x.dtype.to_complex()), dims, norm, forward)
    return c2c(x, dims, norm, forward)


def _real(
    name: str, x: Tensor, dims: list[_Int], sizes: list[_Int], norm: str | None
) -> tuple[Tensor, str]:
    norm = half_to_full_norm(norm)
    if x.is_complex():
        legacy = x.type().rpartition(".")[2].removesuffix("Tensor")
        raise RuntimeError(f"{name} expects a real input tensor, but got {legacy}")
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    return _resized(_promoted(x, False), dims, sizes), norm


def _half(
    name: str, x: Tensor, dims: list[_Int], sizes: list[_Int], norm: str | None
) -> tuple[Tensor, str, _Int]:
    """The operand of a transform from half of the frequencies, and its number of points."""
    norm = half_to_full_norm(norm)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    n = sizes[-1] if sizes[-1] != -1 else 2 * (x.size(dims[-1]) - 1)
    _checked(n)
    x = _resized(_promoted(x, True), dims, [*sizes[:-1], n // 2 + 1])
    return x, norm, n


_OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _fft(x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    return _complex(x, dims, sizes, norm, True)


def _ifft(x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    return _complex(x, dims, sizes, norm, False)


def _rfft(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    x, norm = _real(name, x, dims, sizes, norm)
    return r2c(x, dims, norm)


def _irfft(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    x, norm, n = _half(name, x, dims, sizes, norm)
    return c2r(x, dims, norm, n)


def _hfft(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    x, norm, n = _half(name, x, dims, sizes, norm)
    return c2r(x.conj(), dims, _OPPOSITE[norm], n)


def _ihfft(name: str, x: Tensor, dims: Any, sizes: Any, norm: str | None) -> Tensor:
    x, norm = _real(name, x, dims, sizes, norm)
    return r2c(x, dims, _OPPOSITE[norm]).conj()


def _one(x: Tensor, n: _Int | None, dim: _Int) -> tuple[list[_Int], list[_Int]]:
    d = _wrapped(dim, x.dim())
    if n is not None:
        _checked(n)
    return [d], [-1 if n is None else n]


def fft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The discrete Fourier transform along `dim`: sum over k of x[k] exp(-2 pi i j k / n).

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_fft(input, *_one(input, n, dim), norm), out, "fft")


def ifft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of fft.

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_ifft(input, *_one(input, n, dim), norm), out, "ifft")


def rfft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The n // 2 + 1 frequencies of real numbers that are not conjugates of others.

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_rfft("rfft", input, *_one(input, n, dim), norm), out, "rfft")


def irfft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of rfft: `n` real numbers, by default 2 (size - 1).

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_irfft("irfft", input, *_one(input, n, dim), norm), out, "irfft")


def hfft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The real transform of numbers whose other half are their conjugates.

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_hfft("hfft", input, *_one(input, n, dim), norm), out, "hfft")


def ihfft(
    input: Tensor,
    n: _Int | None = None,
    dim: _Int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of hfft.

    Args:
        n: the number of points; the input is cut or padded with zeros to them.
        norm: what is divided by n or its root: "forward" the forward transform, "backward" (default)
            the inverse, "ortho" both by the root.
    """
    return _written(_ihfft("ihfft", input, *_one(input, n, dim), norm), out, "ihfft")


def fftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """fft along several dims, all of them by default."""
    return _written(_fft(input, *_axes(input, s, dim), norm), out, "fftn")


def ifftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of fftn."""
    return _written(_ifft(input, *_axes(input, s, dim), norm), out, "ifftn")


def rfftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """fftn of real numbers, without half of the frequencies of the last dim."""
    return _written(_rfft("rfftn", input, *_axes(input, s, dim), norm), out, "rfftn")


def irfftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of rfftn."""
    return _written(_irfft("irfftn", input, *_axes(input, s, dim), norm), out, "irfftn")


def hfftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """hfft along the last of several dims, fft along the others."""
    return _written(_hfft("hfftn", input, *_axes(input, s, dim), norm), out, "hfftn")


def ihfftn(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of hfftn."""
    return _written(_ihfft("ihfftn", input, *_axes(input, s, dim), norm), out, "ihfftn")


def fft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """fftn along two dims, the last two by default."""
    return fftn(input, s, dim, norm, out=out)


def ifft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """ifftn along two dims, the last two by default."""
    return ifftn(input, s, dim, norm, out=out)


def rfft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """rfftn along two dims, the last two by default."""
    return rfftn(input, s, dim, norm, out=out)


def irfft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """irfftn along two dims, the last two by default."""
    return irfftn(input, s, dim, norm, out=out)


def hfft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """hfftn along two dims, the last two by default."""
    return hfftn(input, s, dim, norm, out=out)


def ihfft2(
    input: Tensor,
    s: _Sizes = None,
    dim: _Sizes = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """ihfftn along two dims, the last two by default."""
    return ihfftn(input, s, dim, norm, out=out)


def fftfreq(
    n: _Int,
    d: builtins.float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    **options: Any,
) -> Tensor:
    """The frequencies of what fft gives for `n` points a distance `d` apart."""
    positive = (n - 1) // 2 + 1
    result = _frequencies(n, d, dtype, out, "fftfreq", options)
    if n > 0:
        result[positive:] -= n
    result = result / (n * d) if n > 0 else result
    return _finished(result, out, options)


def rfftfreq(
    n: _Int,
    d: builtins.float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    **options: Any,
) -> Tensor:
    """The frequencies of what rfft gives for `n` points a distance `d` apart."""
    result = _frequencies(n // 2 + 1, d, dtype, out, "rfftfreq", options)
    return _finished(result / (n * d), out, options)


def _frequencies(
    count: _Int,
    d: builtins.float,
    dtype: Any,
    out: Tensor | None,
    name: str,
    options: dict[str, Any],
) -> Tensor:
    dtype = dtype or (out.dtype if out is not None else _C.get_default_dtype())
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    return _C.ops.arange(count, dtype=dtype, device=options.get("device"))


def _finished(result: Tensor, out: Tensor | None, options: dict[str, Any]) -> Tensor:
    if options.get("requires_grad"):
        result.requires_grad_()
    return _written(result, out, "fftfreq")


def fftshift(input: Tensor, dim: _Sizes = None) -> Tensor:
    """Frequency zero brought to the middle."""
    dims = list(range(input.dim())) if dim is None else _ints(dim)
    return _C.ops.roll(input, [input.size(d) // 2 for d in dims], dims)


def ifftshift(input: Tensor, dim: _Sizes = None) -> Tensor:
    """The inverse of fftshift."""
    dims = list(range(input.dim())) if dim is None else _ints(dim)
    return _C.ops.roll(input, [(input.size(d) + 1) // 2 for d in dims], dims)
