"""RAdam."""

from __future__ import annotations

from typing import Any

from .. import _C, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["RAdam", "radam"]


class RAdam(_rules.RuleOptimizer):
    r"""Adam whose adaptive rate waits until its variance is tractable.

    With :math:`\rho_\infty = 2 / (1 - \beta_2) - 1` and :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1
    - \beta_2^t)`: while :math:`\rho_t \le 5` a step goes along :math:`\hat m_t` itself, after that
    along :math:`r_t \hat m_t \sqrt{1 - \beta_2^t} / (\sqrt{v_t} + \epsilon)`, where :math:`r_t^2 =
    (\rho_t - 4)(\rho_t - 2) \rho_\infty / ((\rho_\infty - 4)(\rho_\infty - 2) \rho_t)`. Liu et al.,
    2019.

    Args:
        params: parameters or groups of them.
        lr: the learning rate.
        betas: :math:`\beta_1` and :math:`\beta_2`.
        eps: :math:`\epsilon`.
        weight_decay: the factor of the L2 penalty.
        decoupled_weight_decay: whether weights decay directly, as in :class:`AdamW`.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``exp_avg`` and ``exp_avg_sq``.
    """

    _kind = _rules.RADAM
    _added = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _rules.check_common(lr, eps)
        _rules.check_betas(betas)
        _rules.check_common(lr, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["exp_avg"] = zeros_like(p)
        state["exp_avg_sq"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        radam(
            params,
            grads,
            _rules.column(states, "exp_avg"),
            _rules.column(states, "exp_avg_sq"),
            _rules.column(states, "step"),
            decoupled_weight_decay=group["decoupled_weight_decay"],
            differentiable=group["differentiable"],
            capturable=group["capturable"],
            maximize=group["maximize"],
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
        )


def radam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    state_steps: list[Tensor],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float | Tensor,
    weight_decay: float,
    eps: float,
) -> None:
    """One step of :class:`RAdam` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (lr, maximize, weight_decay, beta1, beta2, eps, decoupled_weight_decay)
        states = (exp_avgs, exp_avg_sqs)
        _C._rule_apply(_rules.RADAM, options, params, grads, state_steps, *states)
        return
    lr = _rules.as_number(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        p, g, mean, square = _rules.as_real(param, grad, exp_avgs[i], exp_avg_sqs[i])
        state_steps[i] += 1
        step = state_steps[i].item()
        if weight_decay != 0:
            if decoupled_weight_decay:
                p.mul_(1 - lr * weight_decay)
            else:
                g = g.add(p, alpha=weight_decay)
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        correction2 = 1 - beta2**step
        move = mean / (1 - beta1**step) * lr
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / correction2
        if length > 5.0:
            rect = ((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) ** 0.5
            move = move * (correction2**0.5 / square.sqrt().add(eps)) * rect
        p.add_(move, alpha=-1.0)
