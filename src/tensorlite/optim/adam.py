"""Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C, enable_grad, maximum, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import Optimizer, ParamsT, _check_lr, _check_options, _run_closure

__all__ = ["Adam", "adam"]


class Adam(Optimizer):
    r"""Adam: steps scaled by running means of the gradient and of its square.

    :math:`m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t`, :math:`v_t = \beta_2 v_{t-1} + (1 - \beta_2)
    g_t^2`, :math:`\theta_t = \theta_{t-1} - \gamma \hat m_t / (\sqrt{\hat v_t} + \epsilon)`, where
    :math:`\hat m_t = m_t / (1 - \beta_1^t)` and :math:`\hat v_t = v_t / (1 - \beta_2^t)`. Kingma
    and Ba, 2014.

    Args:
        params: parameters or groups of them.
        lr: the learning rate :math:`\gamma`.
        betas: :math:`\beta_1` and :math:`\beta_2`.
        eps: :math:`\epsilon`.
        weight_decay: the factor of the L2 penalty.
        amsgrad: whether the largest :math:`v_t` so far is used (Reddi et al., 2018).
        maximize: whether to go up instead of down.
        decoupled_weight_decay: whether weights decay directly, as in :class:`AdamW`.
        differentiable: whether autograd can pass through the step.
        foreach, fused, capturable: accepted for compatibility.

    ``state[p]`` holds ``step``, ``exp_avg``, ``exp_avg_sq`` and, with ``amsgrad``,
    ``max_exp_avg_sq``."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_lr(lr)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        _check_options(foreach, fused, differentiable)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        from .. import float32, tensor

        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
            for p in group["params"]:
                step = self.state[p].get("step") if p in self.state else None
                if step is not None and not isinstance(step, Tensor):
                    self.state[p]["step"] = tensor(float(step), dtype=float32)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters; returns what ``closure``, if given, returned."""
        loss = None if closure is None else _run_closure(closure)
        for group in self.param_groups:
            if group["differentiable"] or group["capturable"]:
                _differentiable_step(group, self.state)
            else:
                _C._adam_step(group, self.state)
        return loss


def _differentiable_step(group: dict[str, Any], states: Any) -> None:
    """The same in operations that autograd records."""
    _rules.check_capturable(group["capturable"])
    params = [p for p in group["params"] if p.grad is not None]
    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if group["amsgrad"] else 2]
    for p in params:
        if not states[p]:
            states[p]["step"] = _rules.scalar_state(0.0)
            for name in names:
                states[p][name] = zeros_like(p.detach())
    lists = [[states[p][name] for p in params] for name in names]
    with enable_grad():
        adam(
            params,
            [p.grad for p in params],
            lists[0],
            lists[1],
            lists[2] if group["amsgrad"] else [],
            [states[p]["step"] for p in params],
            differentiable=True,
            decoupled_weight_decay=group["decoupled_weight_decay"],
            amsgrad=group["amsgrad"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
        )


def adam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    max_exp_avg_sqs: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: bool,
    beta1: float | Tensor,
    beta2: float | Tensor,
    lr: float | Tensor,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    """One step of :class:`Adam` for lists of parameters, gradients and state, in operations that
    autograd records."""
    _rules.check_steps(state_steps)
    _rules.check_capturable(capturable)
    beta1, beta2 = (
        b.item() if isinstance(b, Tensor) and not b.requires_grad else b for b in (beta1, beta2)
    )
    if isinstance(lr, Tensor) and not lr.requires_grad:
        lr = lr.item()
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        state_steps[i] += 1
        if weight_decay != 0:
            if decoupled_weight_decay:
                param.mul_(1 - lr * weight_decay)
            else:
                grad = grad.add(param, alpha=weight_decay)
        p, g, mean, square = _rules.as_real(param, grad, exp_avgs[i], exp_avg_sqs[i])
        mean.lerp_(g, 1 - beta1)
        if isinstance(beta2, Tensor):
            square.lerp_(g.square(), 1 - beta2)
        else:
            square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        second = square
        if amsgrad:
            (top,) = _rules.as_real(max_exp_avg_sqs[i])
            top.copy_(maximum(top.clone() if differentiable else top, square))
            second = top
        step = state_steps[i].item()
        step_size = lr / (1 - beta1**step)
        size = second.sqrt() / (1 - beta2**step) ** 0.5
        if isinstance(step_size, Tensor):
            p.sub_(step_size * mean / (size + eps))
        else:
            p.addcdiv_(mean.clone() if differentiable else mean, size.add_(eps), value=-step_size)
