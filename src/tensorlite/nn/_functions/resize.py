"""Resizing and sampling of images: interpolate, grid_sample, affine_grid."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any

from ... import _C
from ..._tensor import Tensor
from ...autograd import inference_mode

__all__ = [
    "affine_grid",
    "grid_sample",
    "interpolate",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_ops = _C.ops
_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_SMOOTH = ("linear", "bilinear", "trilinear", "bicubic")


def _step(size: int, out: int, align_corners: bool, scale: float | None) -> float:
    """How far apart in the input two neighbours of the output are."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / scale if scale is not None and scale > 0 else size / out


def _cubic(t: Tensor, a: float) -> Tensor:
    """The cubic convolution kernel at distances ``t``. Keys, 1981."""
    t = t.abs()
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * t * a - 4 * a
    return _ops.where(t <= 1, near, _ops.where(t < 2, far, 0.0))


@functools.lru_cache(maxsize=256)
def _taps(
    kind: str, size: int, out: int, align_corners: bool, scale: float | None, dtype: Any
) -> tuple[tuple[Tensor, Tensor | None], ...]:
    """The input's indices, and their weights, whose sum each of the ``out`` values is."""
    with inference_mode(False):
        step = _step(size, out, align_corners, scale)
        # Nearest neighbours are found in single precision, whatever the input is.
        wide = dtype == _C.float64 and not kind.startswith("nearest")
        at = _ops.arange(out, dtype=_C.float64 if wide else _C.float32)
        if kind.startswith("nearest"):
            if kind == "nearest" and out in (size, 2 * size):
                step = size / out  # whatever scale asked for that
            at = (at + 0.5) * step if kind == "nearest-exact" else at * step
            return ((at.floor().long().clamp(0, size - 1), None),)
        at = at * step if align_corners else (at + 0.5) * step - 0.5
        if kind == "cubic":
            base = at.floor()
            offset = at - base
            return tuple(
                (
                    (base.long() + k).clamp(0, size - 1),
                    _cubic(offset - k, -0.75).to(dtype),
                )
                for k in (-1, 0, 1, 2)
            )
        at = at.clamp_min(0)
        low = at.floor().clamp_max(size - 1)
        share = (at - low).clamp(0, 1)
        first = low.long()
        return (
            (first, (1 - share).to(dtype)),
            ((first + 1).clamp_max(size - 1), share.to(dtype)),
        )


@functools.lru_cache(maxsize=64)
def _smoothing(
    kind: str, size: int, out: int, align_corners: bool, scale: float | None, dtype: Any
) -> Tensor:
    """The matrix (out, size) of a filter as wide as the reduction, so that nothing is skipped."""
    with inference_mode(False):
        step = _step(size, out, align_corners, scale)
        wide = max(step, 1.0)
        support = (2.0 if kind == "cubic" else 1.0) * wide
        matrix = _ops.zeros((out, size), dtype=_C.float64)
        for i in range(out):
            centre = step * (i + 0.5)
            begin = max(int(centre - support + 0.5), 0)
            end = min(int(centre + support + 0.5), size)
            t = (_ops.arange(begin, end, dtype=_C.float64) - centre + 0.5) / wide
            weights = _cubic(t, -0.5) if kind == "cubic" else (1 - t.abs()).clamp_min(0)
            matrix[i, begin:end] = weights / weights.sum()
        return matrix.to(dtype)


def _resize_dim(
    input: Tensor,
    dim: int,
    kind: str,
    out: int,
    align_corners: bool,
    scale: float | None,
    antialias: bool,
) -> Tensor:
    size = input.shape[dim]
    if antialias:
        matrix = _smoothing(kind, size, out, align_corners, scale, input.dtype)
        return (input.movedim(dim, -1) @ matrix.t()).movedim(-1, dim)
    shape = (out,) + (1,) * (input.dim() - 1 - dim)
    result: Any = None
    for index, weight in _taps(kind, size, out, align_corners, scale, input.dtype):
        part = input.index_select(dim, index)
        if weight is not None:
            part = part * weight.view(shape)
        result = part if result is None else result + part
    return result


def _output_size(
    input: Tensor, size: Any, scale_factor: Any
) -> tuple[list[int], list[float] | None]:
    n = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, Sequence):
            if len(size) != n:
                raise ValueError(
                    f"Input and output must have the same number of spatial dimensions, but got "
                    f"input with spatial dimensions of {list(input.shape[2:])} and output size of "
                    f"{size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                    "output size in (o1, o2, ...,oK) format."
                )
            return [int(v) for v in size], None
        return [int(size)] * n, None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, Sequence):
        if len(scale_factor) != n:
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(input.shape[2:])} and scale_factor of "
                f"shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
                "format and scale_factor in (s1, s2, ...,sK) format."
            )
        scales = [float(s) for s in scale_factor]
    else:
        scales = [float(scale_factor)] * n
    return [math.floor(v * s) for v, s in zip(input.shape[2:], scales, strict=True)], scales


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """``input`` of shape (N, C, …) with its one to three spatial dimensions resized.

    Args:
        size: the new sizes.
        scale_factor: instead of ``size``, what the sizes are multiplied by.
        mode: ``nearest``, ``nearest-exact``, ``area``, ``linear`` (3D input), ``bilinear`` or
            ``bicubic`` (4D), ``trilinear`` (5D).
        align_corners: whether the corners' centres fall on each other, and not their edges.
        recompute_scale_factor: whether the steps follow from the sizes and not from
            ``scale_factor``.
        antialias: whether the filter widens as the image shrinks (``bilinear``, ``bicubic``).
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: "
                "linear | bilinear | bicubic | trilinear"
            )
    elif mode not in _SMOOTH:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | "
            f"trilinear | area | nearest-exact (got {mode})"
        )
    align_corners = bool(align_corners)
    out, scales = _output_size(input, size, scale_factor)
    if recompute_scale_factor is not None and recompute_scale_factor:
        if scale_factor is None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        scales = None
    dims = input.dim() - 2
    if antialias and not (mode in ("bilinear", "bicubic") and dims == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    if dims not in (1, 2, 3):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | "
            f"trilinear | area | nearest-exact (got {mode})"
        )
    if mode in _DIMS and _DIMS[mode] != dims:
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {_DIMS[mode] + 2}D input"
        )
    if min(out) <= 0 or min(input.shape[2:]) <= 0:
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"{tuple(input.shape[2:])} output {tuple(out)}"
        )
    if mode == "area":
        from .. import functional as F

        pools = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
        return pools[dims - 1](input, out)
    dtype = input.dtype
    smooth = mode in _SMOOTH
    if smooth and dtype in (_C.float16, _C.bfloat16):
        input = input.float()
    elif smooth and not input.is_floating_point():
        raise NotImplementedError(f"interpolate with mode {mode} is not implemented for {dtype}")
    kind = "cubic" if mode == "bicubic" else "linear" if smooth else mode
    if mode == "nearest" and dims == 3:
        kind = "nearest3d"  # scales close to 1 and 2 are taken at their word
    result = input
    for d in range(dims):
        scale = scales[d] if scales is not None else None
        same = kind == "nearest" and out[d] == result.shape[d + 2]
        if out[d] != result.shape[d + 2] or (
            not same and _step(out[d], out[d], align_corners, scale) != 1
        ):
            result = _resize_dim(result, d + 2, kind, out[d], align_corners, scale, antialias)
    if result is input:
        return input.clone() if input.dtype == dtype else input.to(dtype)
    return result if result.dtype == dtype else result.to(dtype)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The older name of interpolate."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode ``nearest``."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode ``bilinear`` and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# --- sampling at given places ---------------------------------------------------------------------


def _reflect(x: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span == 0:
        return x * 0
    x = (x - low).abs()
    flips = (x.detach() / span).floor()
    rest = x - flips * span
    return _ops.where(flips % 2 == 0, rest + low, span - rest + low)


def _place(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Coordinates as positions of pixels, brought into the image where the mode asks for it."""
    return x if padding_mode == "zeros" else _bring_in(x, size, padding_mode, align_corners)


def _bring_in(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    if padding_mode == "reflection":
        x = _reflect(x, 0.0, size - 1.0) if align_corners else _reflect(x, -0.5, size - 0.5)
    return x.clamp(0, size - 1)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """``input`` of shape (N, C, [D,] H, W) at the places ``grid`` of shape (N, …, 2 or 3).

    The last dimension of ``grid`` is x, y[, z], from -1 to 1 over the image.

    Args:
        mode: ``bilinear``, ``nearest``, or ``bicubic`` for 4D input.
        padding_mode: what lies outside: ``zeros``, the ``border``, or a ``reflection``.
        align_corners: whether -1 and 1 are the centres of the corner pixels, not their edges.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        _warn_corners()
        align_corners = False
    dims = input.dim() - 2
    if dims not in (2, 3) or grid.dim() != input.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != dims:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {dims} in last dimension, but got grid "
            f"with sizes {list(grid.shape)}"
        )
    if min(input.shape[2:]) <= 0:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {list(input.shape)}"
        )
    if mode == "bicubic" and dims == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{input.dtype} and grid has {grid.dtype}"
        )
    dtype = input.dtype
    if dtype in (_C.float16, _C.bfloat16):
        input, grid = input.float(), grid.float()
    batch, channels = input.shape[:2]
    sizes = list(input.shape[2:])
    flat = input.reshape(batch, channels, -1)
    places = grid.reshape(batch, -1, dims)
    positions = []  # z, y, x
    for k, size in enumerate(sizes):
        x = places[..., dims - 1 - k]
        x = (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) / 2
        positions.append(x if mode == "bicubic" else _place(x, size, padding_mode, align_corners))
    # By dimension: pairs of positions (as numbers) and weights.
    taps: list[list[tuple[Tensor, Tensor | None]]] = []
    for x, size in zip(positions, sizes, strict=True):
        if mode == "nearest":
            # A gradient of zeros for the grid.
            one = x.nan_to_num() * 0 + 1 if x.requires_grad else None
            taps.append([(x.detach().round(), one)])
            continue
        base = x.detach().floor()
        share = x - base
        if mode == "bilinear":
            taps.append([(base, 1 - share), (base + 1, share)])
        else:
            cubic = [(base + k, _cubic(share - k, -0.75)) for k in (-1, 0, 1, 2)]
            taps.append(
                [(_place(p, size, padding_mode, align_corners), weight) for p, weight in cubic]
            )
    total: Any = None

    def visit(k: int, index: Any, weight: Any, inside: Any) -> None:
        nonlocal total
        if k == dims:
            picked = flat.gather(2, index.unsqueeze(1).expand(batch, channels, index.shape[1]))
            factor = inside.to(flat.dtype) if weight is None else weight * inside.to(flat.dtype)
            part = picked * factor.unsqueeze(1)
            total = part if total is None else total + part
            return
        size = sizes[k]
        for position, share in taps[k]:
            # Also false for NaN.
            ok = (position >= 0) & (position <= size - 1)
            at = _ops.where(ok, position, 0.0).long()
            visit(
                k + 1,
                at if index is None else index * size + at,
                share if weight is None else weight if share is None else weight * share,
                ok if inside is None else inside & ok,
            )

    visit(0, None, None, None)
    result = total.reshape(batch, channels, *grid.shape[1:-1])
    return result if result.dtype == dtype else result.to(dtype)


def _warn_corners() -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
        "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
        "documentation of grid_sample for details.",
        stacklevel=3,
    )


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for grid_sample of affine maps ``theta`` of shape (N, 2, 3) or (N, 3, 4).

    Args:
        size: the shape of the image to come: (N, C, H, W) or (N, C, D, H, W).
        align_corners: as for grid_sample.
    """
    if align_corners is None:
        _warn_corners()
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or theta.shape[1] != dims or theta.shape[2] != dims + 1:
        form = "2x3" if dims == 2 else "3x4"
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{form} for "
            f"size {size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    spatial = list(size[2:])
    if align_corners and min(spatial) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    parts = []
    for k in range(dims - 1, -1, -1):  # x, y[, z]
        n = spatial[k]
        if n == 1:
            line = _ops.zeros(1, dtype=theta.dtype)
        else:
            line = _ops.linspace(-1, 1, n, dtype=theta.dtype)
            if not align_corners:
                line = line * ((n - 1) / n)
        shape = [1] * dims
        shape[k] = n
        parts.append(line.view(shape).expand(spatial))
    parts.append(_ops.ones(spatial, dtype=theta.dtype))
    base = _ops.stack(parts, -1).view(1, -1, dims + 1).expand(size[0], -1, dims + 1)
    return (base @ theta.transpose(1, 2)).view(size[0], *spatial, dims)
