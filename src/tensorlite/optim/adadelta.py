"""Adadelta."""

from __future__ import annotations

from typing import Any

from .. import _C, is_complex, view_as_complex, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["Adadelta", "adadelta"]


class Adadelta(_rules.RuleOptimizer):
    r"""Steps as long as those before, by running means of the squared gradients and steps.

    :math:`v_t = \rho v_{t-1} + (1 - \rho) g_t^2`, :math:`\Delta_t = \sqrt{u_{t-1} + \epsilon} /
    \sqrt{v_t + \epsilon} \, g_t`, :math:`u_t = \rho u_{t-1} + (1 - \rho) \Delta_t^2` and
    :math:`\theta_t = \theta_{t-1} - \gamma \Delta_t`. Zeiler, 2012.

    Args:
        params: parameters or groups of them.
        lr: the factor of the steps :math:`\gamma`.
        rho: :math:`\rho`.
        eps: :math:`\epsilon`.
        weight_decay: the factor of the L2 penalty.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``square_avg`` and ``acc_delta``.
    """

    _kind = _rules.ADADELTA
    _added = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _rules.check_common(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        _rules.check_common(lr, eps, weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["square_avg"] = zeros_like(p)
        state["acc_delta"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        adadelta(
            params,
            grads,
            _rules.column(states, "square_avg"),
            _rules.column(states, "acc_delta"),
            _rules.column(states, "step"),
            capturable=group["capturable"],
            differentiable=group["differentiable"],
            lr=group["lr"],
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adadelta(
    params: list[Tensor],
    grads: list[Tensor],
    square_avgs: list[Tensor],
    acc_deltas: list[Tensor],
    state_steps: list[Tensor],
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Tensor,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """One step of :class:`Adadelta` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (lr, maximize, weight_decay, rho, eps)
        states = (square_avgs, acc_deltas)
        _C._rule_apply(_rules.ADADELTA, options, params, grads, state_steps, *states)
        return
    rate = _rules.as_number(lr)
    for param, grad, square_avg, acc_delta, step in zip(
        params, grads, square_avgs, acc_deltas, state_steps, strict=True
    ):
        step += 1
        if maximize:
            grad = -grad
        if weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        g, square, moved = _rules.as_real(grad, square_avg, acc_delta)
        square.mul_(rho).addcmul_(g, g, value=1 - rho)
        delta = moved.add(eps).sqrt_().clone()
        delta.div_(square.add(eps).sqrt_()).mul_(g)
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(view_as_complex(delta) if is_complex(param) else delta, alpha=-rate)
