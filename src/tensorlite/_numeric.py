"""Numerical functions that are compositions in Python: differences, histograms, flat indices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

from . import _C
from ._tensor import Tensor

__all__ = ["gradient", "histogramdd", "unravel_index", "unsafe_chunk", "unsafe_split"]
__all__ += ["unsafe_split_with_sizes"]


def _differences(f: Tensor, dim: int, at: Any, edge_order: int) -> Tensor:
    """The derivative along `dim`: by second-order differences inside, of first or second order at the ends.
    `at` is a distance or the coordinates (B. Fornberg, 1988)."""
    n = f.size(dim)
    if n < edge_order + 1:
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )

    def part(start: int, end: int | None) -> Tensor:
        first_, last_ = start + n * (start < 0), n if end is None else end + n * (end < 0)
        return f.narrow(dim, first_, last_ - first_)

    shape = [1] * f.dim()
    shape[dim] = -1
    if isinstance(at, Tensor):
        h = (at[1:] - at[:-1]).reshape(shape)
        a, b = h.narrow(dim, 0, n - 2), h.narrow(dim, 1, n - 2)
        first, second = h.narrow(dim, 0, 1), h.narrow(dim, 1, 1) if n > 2 else h
        last, before = h.narrow(dim, n - 2, 1), h.narrow(dim, n - 3, 1) if n > 2 else h
    else:
        a = b = first = second = last = before = at
    pieces = []
    if edge_order == 1:
        pieces.append((part(1, 2) - part(0, 1)) / first)
    else:
        total = first + second
        pieces.append(
            part(0, 1) * (-(2.0 * first + second) / (first * total))
            + part(1, 2) * (total / (first * second))
            + part(2, 3 if n > 3 else None) * (-first / (second * total))
        )
    if n > 2:
        pieces.append(
            part(0, -2) * (-b / (a * (a + b)))
            + part(1, -1) * ((b - a) / (a * b))
            + part(2, None) * (a / (b * (a + b)))
        )
    if edge_order == 1:
        pieces.append((part(-1, None) - part(-2, -1)) / last)
    else:
        total = last + before
        pieces.append(
            part(-3, -2) * (last / (before * total))
            + part(-2, -1) * (-total / (last * before))
            + part(-1, None) * ((2.0 * last + before) / (last * total))
        )
    return _C.ops.cat(pieces, dim)


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivatives of a function along dims, from its values at points.

    Args:
        spacing: the distance of points, of all dims or a list of one for each; or the coordinates, a list
            of vectors.
        dim: one or several, all by default.
        edge_order: the order of the differences at the ends, 1 or 2.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        dims = list(range(input.dim()))
    else:
        dims = [d % input.dim() for d in ([dim] if isinstance(dim, int) else dim)]
    if len(set(dims)) != len(dims):
        raise RuntimeError("dim appears multiple times in the list of dims")
    if isinstance(spacing, Sequence):
        if len(spacing) != len(dims):
            raise RuntimeError(
                f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"{len(dims)}, but got a list of length {len(spacing)}"
            )
        spaces = list(spacing)
    else:
        spaces = [spacing] * len(dims)
    x = (
        input
        if input.is_floating_point() or input.is_complex()
        else input.to(_C.get_default_dtype())
    )
    return tuple(_differences(x, d, at, edge_order) for d, at in zip(dims, spaces))


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, one tensor a dim, of flat indices into a tensor of `shape`."""
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == _C.bool:
        raise TypeError(
            f"expected 'indices' to be integer dtype, but got {str(indices.dtype).replace('tensorlite', 'torch')}"
        )
    sizes = [shape] if isinstance(shape, int) else [int(n) for n in shape]
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    found = []
    for i, n in enumerate(sizes):
        step = reduce(operator.mul, sizes[i + 1 :], 1)
        found.append(indices.div(step, rounding_mode="floor") % n)
    return tuple(found)


class _Histogram(NamedTuple):
    hist: Tensor
    bin_edges: tuple[Tensor, ...]


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many of the points in the rows of `input` fall into each box of a grid.

    Args:
        bins: how many bins, one number or one for each column; or their edges, a list of vectors.
        range: the lower and the upper end of the first column, of the second, and so on; by default the extremes.
        weight: of each point.
        density: divides by the sum and by the volume of each box.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {input.dim()}"
        )
    n = input.size(-1)
    points = input.detach().reshape(-1, n)
    counts = [bins] * n if isinstance(bins, int) else list(bins)
    if len(counts) != n:
        raise RuntimeError(
            f"torch.histogramdd: expected {n} sequences of bin edges for a {n}-dimensional histogram but "
            f"got {len(counts)}"
        )
    edges, inside, at = [], None, None
    for d, b in enumerate(counts):
        column = points[:, d].contiguous()
        if isinstance(b, Tensor):
            e = b.clone()
        else:
            ends = None if range is None else list(range[2 * d : 2 * d + 2])
            e = _C.ops.histogram(column, b, range=ends).bin_edges
        edges.append(e)
        # The last bin has its right edge.
        bin_ = (_C.ops.bucketize(column, e, right=True) - 1).clamp(max=e.numel() - 2)
        bin_ = _C.ops.where(column == e[-1], e.numel() - 2, bin_)
        good = (column >= e[0]) & (column <= e[-1])
        inside = good if inside is None else inside & good
        at = bin_ if at is None else at * (e.numel() - 1) + bin_
    assert inside is not None and at is not None
    w = _C.ops.ones(points.size(0), dtype=input.dtype) if weight is None else weight.reshape(-1)
    shape = [e.numel() - 1 for e in edges]
    hist = _C.ops.zeros(reduce(operator.mul, shape, 1), dtype=input.dtype)
    hist = hist.index_add(0, at[inside], w.detach()[inside]).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / (e[1:] - e[:-1]).reshape([-1] + [1] * (n - 1 - d))
    return _Histogram(hist, tuple(edges))


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """chunk without the rule that its results must not be written in place."""
    return tuple(part.clone() for part in input.chunk(chunks, dim))


def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """split without the rule that its results must not be written in place."""
    return tuple(part.clone() for part in tensor.split(split_size, dim))


def unsafe_split_with_sizes(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """split_with_sizes without the rule that its results must not be written in place."""
    return tuple(part.clone() for part in input.split_with_sizes(list(split_sizes), dim))
