"""Adamax."""

from __future__ import annotations

from typing import Any

from .. import _C, stack, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["Adamax", "adamax"]


class Adamax(_rules.RuleOptimizer):
    r"""Adam by the infinity norm.

    :math:`m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t`, :math:`u_t = \max(\beta_2 u_{t-1}, |g_t| +
    \epsilon)` and :math:`\theta_t = \theta_{t-1} - \gamma m_t / ((1 - \beta_1^t) u_t)`. Kingma and
    Ba, 2014.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        betas: :math:`\beta_1` and :math:`\beta_2`.
        eps: :math:`\epsilon`.
        weight_decay: the factor of the L2 penalty.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``exp_avg`` and ``exp_inf``.
    """

    _kind = _rules.ADAMAX
    _added = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _rules.check_common(lr, eps)
        _rules.check_betas(betas)
        _rules.check_common(lr, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["exp_avg"] = zeros_like(p)
        state["exp_inf"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        adamax(
            params,
            grads,
            _rules.column(states, "exp_avg"),
            _rules.column(states, "exp_inf"),
            _rules.column(states, "step"),
            maximize=group["maximize"],
            differentiable=group["differentiable"],
            capturable=group["capturable"],
            eps=group["eps"],
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
        )


def adamax(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_infs: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps: float,
    beta1: float,
    beta2: float,
    lr: float | Tensor,
    weight_decay: float,
) -> None:
    """One step of :class:`Adamax` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (lr, maximize, weight_decay, beta1, beta2, eps)
        states = (exp_avgs, exp_infs)
        _C._rule_apply(_rules.ADAMAX, options, params, grads, state_steps, *states)
        return
    lr = _rules.as_number(lr)
    for i, param in enumerate(params):
        state_steps[i] += 1
        grad = -grads[i] if maximize else grads[i]
        if weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        p, g, mean, top = _rules.as_real(param, grad, exp_avgs[i], exp_infs[i])
        mean.lerp_(g, 1 - beta1)
        top.copy_(stack([top.mul_(beta2), g.abs().add_(eps)]).amax(0))
        p.addcdiv_(mean, top, value=-lr / (1 - beta1 ** state_steps[i].item()))
