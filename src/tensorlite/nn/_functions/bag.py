"""embedding_bag: sums, means and maxima of bags of vectors."""

from __future__ import annotations

from ... import _C
from ..._tensor import Tensor

__all__ = ["embedding_bag"]

_ops = _C.ops
_embedding = _ops.embedding


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of ``weight`` that each bag of indices names.

    Args:
        input: indices; each row of a 2D input is a bag, a 1D input is cut at ``offsets``.
        offsets: where each bag of a 1D ``input`` begins.
        max_norm: rows looked up that are longer are scaled down to it, in ``weight``.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was looked up.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: not supported.
        per_sample_weights: what the rows are multiplied by, in mode ``sum``.
        include_last_offset: whether ``offsets`` ends with where the last bag ends.
        padding_idx: a row that is left out.
    """
    if weight.dtype == _C.int64 and input.is_floating_point():
        # The order of arguments of older versions.
        input, weight = weight, input
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, "
            f"then it must have the same shape as the input ({list(input.shape)})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        bags, length = input.shape
        begins = _ops.arange(bags) * length
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        if include_last_offset and offsets.numel() == 0:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        bags = offsets.numel() - int(include_last_offset)
        begins = offsets.long()[:bags]
        if bags > 0:
            if int(offsets[0]) != 0:
                raise RuntimeError(
                    f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to "
                    f"start from position 0. However, got {int(offsets[0])}"
                )
            if int(offsets[-1]) > input.numel():
                raise RuntimeError(
                    f"offsets[-1] can not be greater than input's length({input.numel()}) but got "
                    f"offsets[-1] of {int(offsets[-1])}"
                )
            if (begins[1:] < begins[:-1]).any():
                raise RuntimeError("offsets has to be non-decreasing")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ValueError(
            "max mode does not support scaling the gradient by the frequency or sparse weights"
        )
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, "
                f"but got {padding_idx}"
            )
        padding_idx %= rows
    index = input.long()
    if index.numel() and bool(((index < 0) | (index >= weight.shape[0])).any()):
        raise RuntimeError(
            f"embedding_bag: Expected idx >= 0 && idx < num_embeddings ({weight.shape[0]}), but "
            f"indices are from {int(index.min())} to {int(index.max())}"
        )
    of = _ops.searchsorted(begins.contiguous(), _ops.arange(index.numel()), right=True) - 1
    if include_last_offset and offsets is not None:
        used = int(offsets[-1])
        index, of = index[:used], of[:used]
    if padding_idx is not None:
        keep = index != padding_idx
        index, of = index[keep], of[keep]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights[keep]
    vectors = _embedding(index, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    empty = _ops.zeros((bags, weight.shape[1]), dtype=weight.dtype)
    if mode == "max":
        return empty.scatter_reduce(
            0, of.unsqueeze(1).expand_as(vectors), vectors, "amax", include_self=False
        )
    if per_sample_weights is not None:
        vectors = vectors * per_sample_weights[: index.numel()].unsqueeze(1)
    total = empty.index_add(0, of, vectors)
    if mode == "sum":
        return total
    counts = _ops.bincount(of, minlength=bags).clamp_min(1)
    return total / counts.to(weight.dtype).unsqueeze(1)
