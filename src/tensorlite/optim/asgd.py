"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .. import _C, as_tensor, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["ASGD", "asgd"]


class ASGD(_rules.RuleOptimizer):
    r"""Stochastic gradient descent with an average of the parameters beside it.

    :math:`\theta_t = (1 - \lambda \eta_t) \theta_{t-1} - \eta_t g_t` with :math:`\eta_1 = \gamma`,
    :math:`\eta_{t+1} = \gamma / (1 + \lambda \gamma t)^\alpha`; the average is :math:`\bar\theta_t =
    \bar\theta_{t-1} + \mu_t (\theta_t - \bar\theta_{t-1})` with :math:`\mu_{t+1} = 1 / \max(1, t -
    t_0)`. Polyak and Juditsky, 1992.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        lambd: the decay :math:`\lambda`.
        alpha: the power :math:`\alpha`.
        t0: the step :math:`t_0` at which averaging starts.
        weight_decay: the factor of the L2 penalty.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``eta``, ``mu`` and the average ``ax``.
    """

    _kind = _rules.ASGD
    _scalars = ("step", "eta", "mu")
    _added = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _rules.check_common(lr, 0.0, weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["eta"] = _rules.scalar_state(_rules.as_number(group["lr"]))
        state["mu"] = _rules.scalar_state(1.0)
        state["ax"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        asgd(
            params,
            grads,
            _rules.column(states, "ax"),
            _rules.column(states, "mu"),
            _rules.column(states, "eta"),
            _rules.column(states, "step"),
            maximize=group["maximize"],
            differentiable=group["differentiable"],
            capturable=group["capturable"],
            lambd=group["lambd"],
            lr=group["lr"],
            t0=group["t0"],
            alpha=group["alpha"],
            weight_decay=group["weight_decay"],
        )


def asgd(
    params: list[Tensor],
    grads: list[Tensor],
    axs: list[Tensor],
    mus: list[Tensor],
    etas: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd: float,
    lr: float | Tensor,
    t0: float,
    alpha: float,
    weight_decay: float,
) -> None:
    """One step of :class:`ASGD` for lists of parameters, gradients and state."""
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (lr, maximize, weight_decay, lambd, alpha, t0)
        states = (etas, mus, axs)
        _C._rule_apply(_rules.ASGD, options, params, grads, state_steps, *states)
        return
    lr = _rules.as_number(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        p, g, mean = _rules.as_real(param, grad, axs[i])
        state_steps[i] += 1
        if weight_decay != 0:
            g = g.add(p, alpha=weight_decay)
        eta = etas[i].item()
        p.mul_(1 - lambd * eta)
        p.add_(g, alpha=-eta)
        if mus[i].item() != 1:
            mean.add_(p.sub(mean).mul_(mus[i]))
        else:
            mean.copy_(p)
        step = state_steps[i].item()
        etas[i].copy_(as_tensor(lr / (1 + lambd * lr * step) ** alpha))
        mus[i].copy_(as_tensor(1 / max(1, step - t0)))
