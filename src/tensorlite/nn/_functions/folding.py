"""unfold: sliding blocks as columns; fold: their sum."""

from __future__ import annotations

from typing import Any

from ... import _C
from ..._tensor import Tensor

__all__ = ["fold", "unfold"]

_ops = _C.ops


def _pair(value: Any, name: str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    pair = tuple(int(v) for v in value)
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pair)}")
    return pair


def _geometry(
    size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[list[int], list[Tensor]]:
    """How many blocks there are in each of the two dimensions, and where their elements lie."""
    for values, name, least in (
        (kernel, "kernel size", 1),
        (dilation, "dilation", 1),
        (padding, "padding", 0),
        (stride, "stride", 1),
    ):
        if min(values) < least:
            kind = "greater than zero" if least else "non-negative"
            raise RuntimeError(
                f"{name} should be {kind}, but got {name.replace(' ', '_')}_height: {values[0]} "
                f"{name.replace(' ', '_')}_width: {values[1]}"
            )
    counts, indices = [], []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        count = (n + 2 * p - (d * (k - 1) + 1)) // s + 1
        counts.append(count)
        if count > 0:
            taps = _ops.arange(k).mul(d).view(-1, 1)
            indices.append((taps + _ops.arange(count) * s).flatten())
    if min(counts) < 1:
        raise RuntimeError(
            f"the sliding blocks of kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride} over a spatial size of {tuple(size)} have the shape {tuple(counts)}, "
            "but its components must be at least one"
        )
    return counts, indices


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The sliding blocks of a (N, C, H, W) or (C, H, W) input, as columns: (N, C kH kW, blocks)."""
    kernel, dilations = _pair(kernel_size, "kernel_size"), _pair(dilation, "dilation")
    pads, strides = _pair(padding, "padding"), _pair(stride, "stride")
    if input.dim() not in (3, 4) or min(input.shape[-3:]) == 0:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    batched = input.dim() == 4
    x = input if batched else input.unsqueeze(0)
    counts, at = _geometry(x.shape[2:], kernel, dilations, pads, strides)
    if pads != (0, 0):
        x = _ops.pad(x, (pads[1], pads[1], pads[0], pads[0]))
    x = x.index_select(2, at[0]).index_select(3, at[1])
    n, c = input.shape[0] if batched else 1, x.shape[1]
    x = x.reshape(n, c, kernel[0], counts[0], kernel[1], counts[1]).permute(0, 1, 2, 4, 3, 5)
    x = x.reshape(n, c * kernel[0] * kernel[1], counts[0] * counts[1])
    return x if batched else x.squeeze(0)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """The sum of the blocks that unfold would cut from a (N, C, H, W) or (C, H, W) result."""
    size, kernel = _pair(output_size, "output_size"), _pair(kernel_size, "kernel_size")
    dilations = _pair(dilation, "dilation")
    pads, strides = _pair(padding, "padding"), _pair(stride, "stride")
    if input.dim() not in (2, 3) or min(input.shape[-2:]) == 0:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    batched = input.dim() == 3
    x = input if batched else input.unsqueeze(0)
    n, rows, blocks = x.shape
    if rows % (kernel[0] * kernel[1]) != 0:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size={kernel}."
        )
    counts, at = _geometry(size, kernel, dilations, pads, strides)
    if blocks != counts[0] * counts[1]:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilations}, "
            f"padding={pads}, stride={strides}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {counts[0]} * {counts[1]} = "
            f"{counts[0] * counts[1]}, but got input.size(2)={blocks}."
        )
    c = rows // (kernel[0] * kernel[1])
    high, wide = size[0] + 2 * pads[0], size[1] + 2 * pads[1]
    x = x.reshape(n, c, kernel[0], kernel[1], counts[0], counts[1]).permute(0, 1, 2, 4, 3, 5)
    x = x.reshape(n, c, at[0].numel(), at[1].numel())
    x = _ops.zeros((n, c, high, at[1].numel()), dtype=x.dtype).index_add(2, at[0], x)
    x = _ops.zeros((n, c, high, wide), dtype=x.dtype).index_add(3, at[1], x)
    if pads != (0, 0):
        x = x[:, :, pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]].contiguous()
    return x if batched else x.squeeze(0)
