"""Normalisation by channels."""

from __future__ import annotations

from ... import _C
from ..._tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "local_response_norm"]

_ops = _C.ops
_batch_norm = _ops.batch_norm
_instance_norm = _ops.instance_norm
_group_norm = _ops.group_norm


def _verify_batch_size(input: Tensor) -> None:
    if input.dim() >= 2 and input.numel() == input.shape[1] and input.numel() > 0:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.size()}"
        )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(input - mean) / sqrt(var + eps) * weight + bias`` by channel, the second dimension.

    Args:
        running_mean: the mean in evaluation; in training it moves towards the batch's.
        running_var: likewise the variance.
        training: whether mean and variance are the batch's.
        momentum: the share of the batch in the new running statistics.
    """
    if training:
        _verify_batch_size(input)
    return _batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, True
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm with the statistics of each channel of each sample."""
    if use_input_stats:
        spatial = 1
        for n in input.shape[2:]:
            spatial *= n
        if spatial == 1:
            raise ValueError(
                f"Expected more than 1 spatial element when training, got input size {input.size()}"
            )
    return _instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True
    )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm with the statistics of each sample's groups of neighbouring channels."""
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    shape = input.shape
    if num_groups > 0 and input.numel() > 0 and input.numel() == shape[0] * num_groups:
        # As batch_norm has it, of one sample that has all groups.
        size = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
        if size[0] == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {size}"
            )
    return _group_norm(input, num_groups, weight, bias, eps, True)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """``input / (k + alpha * mean)^beta``, the mean of squares over ``size`` neighbouring channels.

    Krizhevsky et al., 2012.
    """
    dim = input.dim()
    if dim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {dim} dimensions)")
    if input.numel() == 0:
        return input
    around = (0, 0) * (dim - 2) + (size // 2, (size - 1) // 2)
    mean = _ops.pad(input * input, around).unfold(1, size, 1).mean(-1)
    return input / (mean * alpha + k) ** beta
