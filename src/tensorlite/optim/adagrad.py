"""Adagrad."""

from __future__ import annotations

from typing import Any

from .. import _C, full_like, is_complex
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT, _check_options

__all__ = ["Adagrad", "adagrad"]


class Adagrad(_rules.RuleOptimizer):
    r"""Steps divided by the root of the sum of all squared gradients so far.

    :math:`s_t = s_{t-1} + g_t^2` and :math:`\theta_t = \theta_{t-1} - \gamma_t g_t / (\sqrt{s_t} +
    \epsilon)` with :math:`\gamma_t = \gamma / (1 + (t - 1) \eta)`. Duchi, Hazan and Singer, 2011.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        lr_decay: :math:`\eta`.
        weight_decay: the factor of the L2 penalty.
        initial_accumulator_value: :math:`s_0`.
        eps: :math:`\epsilon`.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, fused: accepted for compatibility.

    ``state[p]`` holds ``step`` and ``sum``.
    """

    _kind = _rules.ADAGRAD
    _added = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _rules.check_common(lr)
        for name, value in (
            ("lr_decay", lr_decay),
            ("weight_decay", weight_decay),
            ("initial_accumulator_value", initial_accumulator_value),
            ("epsilon", eps),
        ):
            if not value >= 0.0:
                raise ValueError(f"Invalid {name} value: {value}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        _check_options(foreach, fused, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._begin(group, self.state[p], p)

    def share_memory(self) -> None:
        """Moves the sums to memory that other processes can map."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        start = self.defaults["initial_accumulator_value"]
        state["step"] = _rules.scalar_state(0.0)
        state["sum"] = full_like(p, complex(start, start) if is_complex(p) else start)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        adagrad(
            params,
            grads,
            _rules.column(states, "sum"),
            _rules.column(states, "step"),
            differentiable=group["differentiable"],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            lr_decay=group["lr_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )


def adagrad(
    params: list[Tensor],
    grads: list[Tensor],
    state_sums: list[Tensor],
    state_steps: list[Tensor],
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Tensor,
    weight_decay: float,
    lr_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One step of :class:`Adagrad` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    if not differentiable:
        options = (lr, maximize, weight_decay, lr_decay, eps)
        _C._rule_apply(_rules.ADAGRAD, options, params, grads, state_steps, state_sums)
        return
    lr = _rules.as_number(lr)
    for param, grad, state_sum, step in zip(params, grads, state_sums, state_steps, strict=True):
        step += 1
        if maximize:
            grad = -grad
        if weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        rate = lr / (1 + (step.item() - 1) * lr_decay)
        p, g, total = _rules.as_real(param, grad, state_sum)
        total.addcmul_(g, g, value=1)
        p.addcdiv_(g, total.sqrt() + eps, value=-rate)
