"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor
from .optimizer import Optimizer, ParamsT, _check_lr, _check_options, _run_closure

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, optionally with momentum.

    With gradient :math:`g_t` (weight decay added): :math:`b_t = \mu b_{t-1} + (1 - \tau) g_t`,
    starting at :math:`g_1`, and :math:`\theta_t = \theta_{t-1} - \gamma b_t`, or
    :math:`\theta_{t-1} - \gamma (g_t + \mu b_t)` with Nesterov's momentum. Sutskever et al., 2013.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        momentum: :math:`\mu`.
        dampening: :math:`\tau`.
        weight_decay: the factor of the L2 penalty.
        nesterov: whether momentum is Nesterov's.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, fused: accepted for compatibility.

    ``state[p]["momentum_buffer"]`` is :math:`b_t`.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        _check_options(foreach, fused, differentiable)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters; returns what ``closure``, if given, returned."""
        loss = None if closure is None else _run_closure(closure)
        for group in self.param_groups:
            if group["differentiable"]:
                _differentiable_step(group, self.state)
            else:
                _C._sgd_step(group, self.state)
        return loss


def _differentiable_step(group: dict[str, Any], states: Any) -> None:
    """The same in operations that autograd records."""
    lr, momentum = group["lr"], group["momentum"]
    for p in group["params"]:
        if p.grad is None:
            continue
        grad = -p.grad if group["maximize"] else p.grad
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        if momentum != 0:
            buf = states[p].get("momentum_buffer")
            if buf is None:
                buf = grad.detach().clone()  # history begins with the second step, as in PyTorch
            else:
                buf = buf.mul(momentum).add(grad, alpha=1 - group["dampening"])
            states[p]["momentum_buffer"] = buf
            grad = grad.add(buf, alpha=momentum) if group["nesterov"] else buf
        p.sub_(grad * lr)
