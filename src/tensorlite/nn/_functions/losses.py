"""Losses: margins over classes, connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from ... import _C
from ..._tensor import Tensor
from .. import _reduction as _Reduction

__all__ = ["ctc_loss", "linear_cross_entropy", "multi_margin_loss", "multilabel_margin_loss"]

_ops = _C.ops


def _reduce(values: Tensor, reduction: str) -> Tensor:
    kind = _Reduction.get_enum(reduction)
    return values.mean() if kind == 1 else values.sum() if kind == 2 else values


def _batch_of(input: Tensor, name: str) -> int:
    """How many samples there are; checks the shape of ``input``."""
    if input.dim() > 2 or (input.dim() == 2 and input.shape[1] == 0) or input.numel() == 0 > 1:
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but "
            f"got: {list(input.shape)}"
        )
    return input.shape[0] if input.dim() == 2 else 1


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the other classes of ``max(0, margin - x[target] + x[class])^p``.

    Args:
        input: scores, (N, C) or (C).
        target: the true class of each sample.
        weight: by class of ``target``.
    """
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    n = _batch_of(input, "multi_margin_loss")
    if target.numel() != n or target.dim() > 1:
        raise RuntimeError(f"inconsistent target size, expected {n} but got {list(target.shape)}")
    classes = input.shape[-1] if input.dim() else 1
    if weight is not None and (weight.dim() > 1 or weight.numel() != classes):
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    if target.dtype != _C.int64:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype}")
    if n > 0 and bool(((target < 0) | (target >= classes)).any()):
        raise RuntimeError("multi_margin_loss: target out of range")
    x, index = input.reshape(n, classes), target.reshape(n, 1)
    loss = (margin - x.gather(1, index) + x).clamp_min(0)
    if p == 2:
        loss = loss * loss
    if weight is not None:
        loss = loss * weight[index]
    loss = loss.masked_fill(_ops.arange(classes) == index, 0).sum(1) / classes
    return _reduce(loss if input.dim() == 2 else loss.squeeze(0), reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over true and false classes of ``max(0, 1 - (x[true] - x[false]))``, by class.

    Args:
        input: scores, (N, C) or (C).
        target: of the same shape: the true classes, then -1.
    """
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    n = _batch_of(input, "multilabel_margin_loss")
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    if target.dtype != _C.int64:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype}")
    classes = input.shape[-1] if input.dim() else 1
    x, index = input.reshape(n, classes), target.reshape(n, classes)
    if index.numel() and bool(((index < -1) | (index >= classes)).any()):
        raise RuntimeError("multilabel_margin_loss: target out of range")
    named = (index >= 0).cumprod(1).bool()  # those before the first -1
    index = index.clamp_min(0)
    true = _ops.zeros((n, classes), dtype=_C.int64).scatter_add(1, index, named.long()) > 0
    pairs = (1 - x.gather(1, index).unsqueeze(2) + x.unsqueeze(1)).clamp_min(0)
    used = named.unsqueeze(2) & ~true.unsqueeze(1)
    loss = pairs.masked_fill(~used, 0).sum((1, 2)) / classes
    return _reduce(loss if input.dim() == 2 else loss.squeeze(0), reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The cross entropy of ``linear(input, linear_weight, linear_bias)``.

    Args:
        linear_weight: (C, in_features).
        options: accepted for compatibility.
    """
    logits = _ops.linear(input, linear_weight, linear_bias)
    return _ops.cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


# Stands for the logarithm of 0: it can be added to, and its exponential is 0.
_NEVER = -1e30


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log of the probability that the frames, with repeats merged and blanks taken
    out, read as the target. Graves et al., "Connectionist Temporal Classification", 2006.

    Args:
        log_probs: (T, N, C) or (T, C), the output of log_softmax.
        targets: (N, S), or all targets one after the other; or (S) for a lone sequence.
        input_lengths: how many frames of each sequence count.
        target_lengths: how long each target is.
        blank: the class between symbols.
        reduction: ``mean`` divides each loss by its target's length first.
        zero_infinity: whether targets that do not fit count as zero, with no gradient.
    """
    if log_probs.dim() not in (2, 3):
        raise RuntimeError(
            f"ctc_loss: expected log_probs of 2 or 3 dimensions, got shape {list(log_probs.shape)}"
        )
    if not log_probs.is_floating_point():
        raise NotImplementedError(f'"ctc_loss" not implemented for {log_probs.dtype}')
    batched = log_probs.dim() == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    frames, batch, classes = x.shape
    if targets.is_floating_point() or targets.dtype == _C.bool:
        raise RuntimeError("targets must be of an integer type")
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")

    def lengths(given: Any, name: str) -> list[int]:
        if isinstance(given, Tensor):
            if given.is_floating_point():
                raise RuntimeError(f"{name} must be integral")
            given = given.reshape(-1).tolist()
        values = [int(v) for v in given] if not isinstance(given, int) else [given]
        if len(values) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
        return values

    ins, outs = lengths(input_lengths, "input_lengths"), lengths(target_lengths, "target_lengths")
    for i in range(batch):
        if outs[i] < 0:
            raise RuntimeError(
                f"Expected target_lengths to have value at least 0, but got value {outs[i]}"
            )
        if not 0 <= ins[i] <= frames:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {frames}, but got value {ins[i]}"
            )
    longest = max(outs, default=0)
    if (not batched and targets.dim() == 1) or targets.dim() == 1:
        if targets.numel() < sum(outs):
            raise RuntimeError(
                f"Expected targets to have size at least {sum(outs)}, but got {targets.numel()}"
            )
        padded = _ops.full((batch, longest), blank, dtype=_C.int64)
        at = 0
        for i, length in enumerate(outs):
            padded[i, :length] = targets[at : at + length]
            at += length
    else:
        if targets.dim() != 2 or targets.shape[0] != batch or targets.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{list(targets.shape)} for targets"
            )
        padded = targets.long()[:, :longest]
    if padded.numel() and bool(((padded < 0) | (padded >= classes)).any()):
        beyond = _ops.arange(longest) >= _C.tensor(outs).unsqueeze(1)
        padded = padded.masked_fill(beyond, blank)
        if bool(((padded < 0) | (padded >= classes)).any()):
            raise RuntimeError("ctc_loss: targets must be classes")
    dtype = x.dtype
    if dtype in (_C.float16, _C.bfloat16):
        x = x.float()
    # Blanks around the symbols: 2 S + 1 states.
    states = 2 * longest + 1
    labels = _ops.full((batch, states), blank, dtype=_C.int64)
    labels[:, 1::2] = padded
    skips = _ops.zeros((batch, states), dtype=_C.bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    emitted = x.clamp_min(_NEVER).gather(2, labels.unsqueeze(0).expand(frames, batch, states))
    ends = _C.tensor(outs, dtype=_C.int64).unsqueeze(1) * 2
    rows = _ops.arange(states)
    start = _ops.where(rows < 2, 0.0, _NEVER).to(x.dtype).expand(batch, states)
    # Before the first frame: entering from state -1.
    alpha: Tensor = start
    durations = _C.tensor(ins, dtype=_C.int64).unsqueeze(1)
    shortest = min(ins, default=0)
    for t in range(max(ins, default=0)):
        if t == 0:
            new = start + emitted[0]
        else:
            one = _ops.pad(alpha, (1, -1), "constant", _NEVER)
            two = _ops.pad(alpha, (2, -2), "constant", _NEVER) if states > 1 else one
            two = two.masked_fill(~skips, _NEVER)
            new = _ops.logsumexp(_ops.stack([alpha, one, two]), 0) + emitted[t]
        alpha = new if t < shortest else _ops.where(t < durations, new, alpha)
    last = alpha.gather(1, ends)
    before = alpha.gather(1, (ends - 1).clamp_min(0)).masked_fill(ends == 0, _NEVER)
    if shortest == 0:
        # Without frames only the empty target is possible.
        nothing = durations == 0
        last = _ops.where(nothing, _ops.where(ends == 0, 0.0, _NEVER).to(x.dtype), last)
        before = before.masked_fill(nothing, _NEVER)
    loss = -_ops.logsumexp(_ops.cat([last, before], 1), 1)
    impossible = loss.detach() > -0.5 * _NEVER
    loss = loss.masked_fill(impossible, 0.0 if zero_infinity else float("inf"))
    if dtype != x.dtype:
        loss = loss.to(dtype)
    kind = _Reduction.get_enum(reduction)
    if kind == 1:
        loss = (loss / _C.tensor(outs, dtype=loss.dtype).clamp_min(1)).mean()
    elif kind == 2:
        loss = loss.sum()
    return loss if batched or kind else loss.squeeze(0)
