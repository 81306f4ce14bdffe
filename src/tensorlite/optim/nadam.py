"""NAdam."""

from __future__ import annotations

from typing import Any

from .. import _C, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["NAdam", "nadam"]


class NAdam(_rules.RuleOptimizer):
    r"""Adam with Nesterov's momentum.

    With :math:`\mu_t = \beta_1 (1 - 0.96^{t \psi} / 2)` and Adam's :math:`m_t` and :math:`v_t`,
    :math:`\hat m_t = \mu_{t+1} m_t / (1 - \prod_{i \le t+1} \mu_i) + (1 - \mu_t) g_t / (1 - \prod_{i
    \le t} \mu_i)` takes the place of Adam's :math:`\hat m_t`. Dozat, 2016.

    Args:
        params: parameters or groups of them.
        lr: the learning rate.
        betas: :math:`\beta_1` and :math:`\beta_2`.
        eps: the term added to the denominator.
        weight_decay: the factor of the L2 penalty.
        momentum_decay: :math:`\psi`.
        decoupled_weight_decay: whether weights decay directly, as in :class:`AdamW`.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``mu_product``, ``exp_avg`` and ``exp_avg_sq``.
    """

    _kind = _rules.NADAM
    _scalars = ("step", "mu_product")
    _added = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        if not momentum_decay >= 0.0:
            raise ValueError(f"Invalid momentum_decay value: {momentum_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["mu_product"] = _rules.scalar_state(1.0)
        state["exp_avg"] = zeros_like(p)
        state["exp_avg_sq"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        nadam(
            params,
            grads,
            _rules.column(states, "exp_avg"),
            _rules.column(states, "exp_avg_sq"),
            _rules.column(states, "mu_product"),
            _rules.column(states, "step"),
            decoupled_weight_decay=group["decoupled_weight_decay"],
            capturable=group["capturable"],
            differentiable=group["differentiable"],
            maximize=group["maximize"],
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            momentum_decay=group["momentum_decay"],
            eps=group["eps"],
        )


def nadam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    mu_products: list[Tensor],
    state_steps: list[Tensor],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: float | Tensor,
    weight_decay: float,
    momentum_decay: float,
    eps: float,
) -> None:
    """One step of :class:`NAdam` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_steps(mu_products, "mu_products")
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (
            *(lr, maximize, weight_decay, beta1, beta2),
            *(eps, momentum_decay, decoupled_weight_decay),
        )
        states = (mu_products, exp_avgs, exp_avg_sqs)
        _C._rule_apply(_rules.NADAM, options, params, grads, state_steps, *states)
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
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
        mu_products[i] *= mu
        product = mu_products[i]
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        size = square.div(1 - beta2**step).sqrt().add(eps)
        p.addcdiv_(g * (-lr * (1.0 - mu) / (1.0 - product)), size)
        p.addcdiv_(mean * (-lr * mu_next / (1.0 - product * mu_next)), size)
