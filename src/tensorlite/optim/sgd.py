"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C, enable_grad
from .._tensor import Tensor
from .optimizer import Optimizer, ParamsT, _check_lr, _check_options, _run_closure

__all__ = ["SGD", "sgd"]


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
    params = [p for p in group["params"] if p.grad is not None]
    buffers = [states[p].get("momentum_buffer") if group["momentum"] != 0 else None for p in params]
    with enable_grad():
        sgd(
            params,
            [p.grad for p in params],
            buffers,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
    if group["momentum"] != 0:
        for p, buffer in zip(params, buffers, strict=True):
            states[p]["momentum_buffer"] = buffer


def sgd(
    params: list[Tensor],
    d_p_list: list[Tensor],
    momentum_buffer_list: list[Tensor | None],
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    *,
    weight_decay: float,
    momentum: float,
    lr: float | Tensor,
    dampening: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of :class:`SGD` for lists of parameters, gradients and momenta, in operations that
    autograd records."""
    if isinstance(lr, Tensor) and not lr.requires_grad:
        lr = lr.item()
    for i, param in enumerate(params):
        grad = -d_p_list[i] if maximize else d_p_list[i]
        if weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        if momentum != 0:
            buffer = momentum_buffer_list[i]
            if buffer is None:
                # History begins with the second step, as in PyTorch.
                momentum_buffer_list[i] = buffer = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - dampening)
            grad = grad.add(buffer, alpha=momentum) if nesterov else buffer
        if isinstance(lr, Tensor):
            param.addcmul_(grad, lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)
