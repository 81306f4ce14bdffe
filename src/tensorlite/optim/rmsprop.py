"""RMSprop."""

from __future__ import annotations

from typing import Any

from .. import _C, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import ParamsT

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(_rules.RuleOptimizer):
    r"""Steps divided by a running root mean square of the gradient.

    :math:`v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2` and :math:`\theta_t = \theta_{t-1} - \gamma g_t
    / (\sqrt{v_t} + \epsilon)`. ``centered`` subtracts the square of the gradient's running mean from
    :math:`v_t`; with ``momentum`` :math:`\mu`, :math:`b_t = \mu b_{t-1} + g_t / (\sqrt{v_t} +
    \epsilon)` is stepped along. Hinton, lecture 6e of "Neural Networks for Machine Learning"; the
    centered version is Graves, 2013.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        alpha: the smoothing constant :math:`\alpha`.
        eps: :math:`\epsilon`.
        weight_decay: the factor of the L2 penalty.
        momentum: :math:`\mu`.
        centered: whether the variance is used in the place of the mean square.
        maximize: whether to go up instead of down.
        differentiable: whether autograd can pass through the step.
        foreach, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``square_avg``, and where they are used ``momentum_buffer`` and
    ``grad_avg``.
    """

    _kind = _rules.RMSPROP
    _added = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _rules.check_common(lr, eps)
        if not momentum >= 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not alpha >= 0.0:
            raise ValueError(f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        state["step"] = _rules.scalar_state(0.0)
        state["square_avg"] = zeros_like(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        rmsprop(
            params,
            grads,
            _rules.column(states, "square_avg"),
            _rules.column(states, "grad_avg"),
            _rules.column(states, "momentum_buffer"),
            _rules.column(states, "step"),
            maximize=group["maximize"],
            differentiable=group["differentiable"],
            capturable=group["capturable"],
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            centered=group["centered"],
        )


def rmsprop(
    params: list[Tensor],
    grads: list[Tensor],
    square_avgs: list[Tensor],
    grad_avgs: list[Tensor],
    momentum_buffer_list: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr: float | Tensor,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    """One step of :class:`RMSprop` for lists of parameters, gradients and state."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    if not differentiable:
        options = (lr, maximize, weight_decay, alpha, eps, momentum, centered)
        states = (square_avgs, momentum_buffer_list, grad_avgs)
        _C._rule_apply(_rules.RMSPROP, options, params, grads, state_steps, *states)
        return
    lr = _rules.as_number(lr)
    for i, param in enumerate(params):
        state_steps[i] += 1
        grad = -grads[i] if maximize else grads[i]
        if weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        p, g, square = _rules.as_real(param, grad, square_avgs[i])
        square.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        if centered:
            (mean,) = _rules.as_real(grad_avgs[i])
            mean.lerp_(g, 1 - alpha)
            size = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            size = square.sqrt()
        size = size.add(eps)
        if momentum > 0:
            (buffer,) = _rules.as_real(momentum_buffer_list[i])
            buffer.mul_(momentum).addcdiv_(g, size)
            p.add_(buffer, alpha=-lr)
        else:
            p.addcdiv_(g, size, value=-lr)
