"""Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C, zeros_like
from .._tensor import Tensor
from .optimizer import Optimizer, ParamsT, _check_lr, _check_options, _run_closure

__all__ = ["Adam"]


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
            if group["differentiable"]:
                _differentiable_step(group, self.state)
            else:
                _C._adam_step(group, self.state)
        return loss


def _differentiable_step(group: dict[str, Any], states: Any) -> None:
    """The same in operations that autograd records."""
    lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
    for p in group["params"]:
        if p.grad is None:
            continue
        grad = -p.grad if group["maximize"] else p.grad
        state = states[p]
        if not state:
            from .. import float32, tensor

            state["step"] = tensor(0.0, dtype=float32)
            state["exp_avg"] = zeros_like(p)
            state["exp_avg_sq"] = zeros_like(p)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = zeros_like(p)
        state["step"] += 1
        step = state["step"].item()
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        state["exp_avg"] = state["exp_avg"] * beta1 + grad * (1 - beta1)
        state["exp_avg_sq"] = state["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
        second = state["exp_avg_sq"]
        if group["amsgrad"]:
            second = state["max_exp_avg_sq"] = _C.ops.maximum(state["max_exp_avg_sq"], second)
        denom = second.sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
        p.sub_(state["exp_avg"] / denom * (lr / (1 - beta1**step)))
