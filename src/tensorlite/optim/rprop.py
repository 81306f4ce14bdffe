"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from .. import _C, full_like, is_complex, where, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["Rprop", "rprop"]


class Rprop(_rules.RuleOptimizer):
    r"""Steps by the sign of the gradient, of a length that every element finds for itself.

    Where the sign stays, the length grows by :math:`\eta^+`; where it turns, it shrinks by
    :math:`\eta^-` and the element rests for a step. Riedmiller and Braun, 1993.

    Args:
        params: parameters or groups of them.
        lr: the length of the first step.
        etas: :math:`\eta^-` and :math:`\eta^+`.
        step_sizes: the smallest and the largest length.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``prev`` (the gradient before) and ``step_size``.
    """

    _kind = _rules.RPROP
    _added = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _rules.check_common(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        lr = _rules.as_number(group["lr"])
        state["step"] = _rules.scalar_state(0.0)
        state["prev"] = zeros_like(p)
        assert p.grad is not None
        state["step_size"] = full_like(p.grad, complex(lr, lr) if is_complex(p) else lr)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        rprop(
            params,
            grads,
            _rules.column(states, "prev"),
            _rules.column(states, "step_size"),
            _rules.column(states, "step"),
            capturable=group["capturable"],
            maximize=group["maximize"],
            differentiable=group["differentiable"],
            step_size_min=group["step_sizes"][0],
            step_size_max=group["step_sizes"][1],
            etaminus=group["etas"][0],
            etaplus=group["etas"][1],
        )


def rprop(
    params: list[Tensor],
    grads: list[Tensor],
    prevs: list[Tensor],
    step_sizes: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min: float,
    step_size_max: float,
    etaminus: float,
    etaplus: float,
) -> None:
    """One step of :class:`Rprop` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (0.0, maximize, etaminus, etaplus, step_size_min, step_size_max)
        states = (prevs, step_sizes)
        _C._rule_apply(_rules.RPROP, options, params, grads, state_steps, *states)
        return
    for i, param in enumerate(params):
        state_steps[i] += 1
        grad = -grads[i] if maximize else grads[i]
        p, g, previous, size = _rules.as_real(param, grad, prevs[i], step_sizes[i])
        turn = g.mul(previous.clone()).sign()
        eta = where(turn > 0, etaplus, where(turn < 0, etaminus, turn * 0 + 1))
        size.mul_(eta).clamp_(step_size_min, step_size_max)
        g = where(eta == etaminus, 0, g)
        p.addcmul_(g.sign(), size, value=-1)
        previous.copy_(g)
