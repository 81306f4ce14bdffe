"""Muon."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import addmm, no_grad, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import Optimizer, ParamsT, _run_closure

__all__ = ["Muon"]


def _orthogonalized(grad: Tensor, coefficients: Any, steps: int, eps: float) -> Tensor:
    """``grad`` with its singular values near one, by a quintic Newton–Schulz iteration in
    bfloat16."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if grad.dim() != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = grad.size(0) > grad.size(1)
    x = grad.bfloat16()
    if tall:
        x = x.T
    x.div_(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = addmm(x, addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _adjusted_lr(lr: float, rule: str | None, shape: Any) -> float:
    rows, cols = shape[:2]
    if rule is None or rule == "original":
        return lr * math.sqrt(max(1, rows / cols))
    return lr * 0.2 * math.sqrt(max(rows, cols)) if rule == "match_rms_adamw" else lr


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal, for the matrices of hidden layers.

    A running mean of the gradient, with Nesterov's correction, is brought near to the closest matrix
    with orthogonal rows or columns by a Newton–Schulz iteration in bfloat16, and stepped along.
    Keller Jordan, 2024. Biases, embeddings and the like want another optimizer.

    Args:
        params: parameters of two dimensions, or groups of them.
        lr: the learning rate.
        weight_decay: weights are multiplied by one minus ``lr * weight_decay`` before a step.
        momentum: the factor of the running mean.
        nesterov: whether momentum is Nesterov's.
        ns_coefficients: the three coefficients of the iteration's polynomial.
        eps: the smallest norm to divide by.
        ns_steps: how often to iterate.
        adjust_lr_fn: how the rate depends on the shape: ``"original"`` by the root of the ratio of
            rows to columns where that is above one, ``"match_rms_adamw"`` for steps as long as those
            of :class:`AdamW`.

    ``state[p]`` holds ``momentum_buffer``.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}"
                    )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters; returns what ``closure``, if given, returned."""
        loss = _run_closure(closure)
        with no_grad():
            for group in self.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                for p in params:
                    if p.is_complex():
                        raise RuntimeError("Muon does not support complex parameters")
                    if "momentum_buffer" not in self.state[p]:
                        self.state[p]["momentum_buffer"] = zeros_like(p.grad)
                muon(
                    params,
                    [p.grad for p in params],
                    [self.state[p]["momentum_buffer"] for p in params],
                    lr=group["lr"],
                    weight_decay=group["weight_decay"],
                    momentum=group["momentum"],
                    nesterov=group["nesterov"],
                    ns_coefficients=group["ns_coefficients"],
                    ns_steps=group["ns_steps"],
                    eps=group["eps"],
                    adjust_lr_fn=group["adjust_lr_fn"],
                    has_complex=False,
                )
        return loss


def muon(
    params: list[Tensor],
    grads: list[Tensor],
    muon_momentum_bufs: list[Tensor],
    *,
    foreach: bool | None = None,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    ns_coefficients: tuple[float, float, float],
    ns_steps: int,
    eps: float,
    adjust_lr_fn: str | None,
    has_complex: bool,
) -> None:
    """One step of :class:`Muon` for lists of parameters, gradients and momenta."""
    if foreach:
        raise RuntimeError("Foreach is not supported for Muon yet")
    if has_complex:
        raise ValueError("Complex parameters are not supported")
    lr = _rules.as_number(lr)
    for p, grad, buffer in zip(params, grads, muon_momentum_bufs, strict=True):
        if grad.dim() != 2:
            raise ValueError("Param gradient must be a 2D matrix")
        buffer.lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if nesterov else buffer
        update = _orthogonalized(update, ns_coefficients, ns_steps, eps)
        p.mul_(1 - lr * weight_decay)
        p.add_(update, alpha=-_adjusted_lr(lr, adjust_lr_fn, p.shape))
