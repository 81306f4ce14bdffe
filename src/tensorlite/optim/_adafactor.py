"""Adafactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import finfo, no_grad, norm, zeros_like
from .._tensor import Tensor
from . import _rules
from .optimizer import Optimizer, ParamsT, _run_closure

__all__ = ["Adafactor", "adafactor"]


class Adafactor(Optimizer):
    r"""Adam's second moment kept as one row and one column, without a first one.

    The mean squares of a gradient's rows :math:`R_t` and columns :math:`C_t` run with weight
    :math:`t^\tau`; the second moment is :math:`R_t C_t` over the mean of :math:`R_t`, for vectors it is
    kept whole. The step is the gradient over its root, shortened to a root mean square of :math:`d`,
    times :math:`\max(\epsilon_2, \mathrm{rms}(\theta)) \min(\gamma, 1 / \sqrt t)`. Shazeer and Stern,
    2018.

    Args:
        params: parameters or groups of them.
        lr: the bound of the relative step :math:`\gamma`.
        beta2_decay: :math:`\tau`.
        eps: :math:`\epsilon_1`, by default the dtype's smallest step from one, and
            :math:`\epsilon_2`.
        d: :math:`d`.
        weight_decay: weights are multiplied by one minus ``lr * weight_decay`` before a step.
        maximize: whether to go up instead of down.
        foreach: accepted for compatibility.

    ``state[p]`` holds ``step``, and ``row_var`` and ``col_var`` or ``variance``.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            for p in group["params"]:
                entry = self.state.get(p)
                if entry and not isinstance(entry["step"], Tensor):
                    entry["step"] = _rules.scalar_state(float(entry["step"]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters; returns what ``closure``, if given, returned."""
        loss = _run_closure(closure)
        with no_grad():
            for group in self.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                states = [self._state_of(p) for p in params]
                adafactor(
                    params,
                    [p.grad for p in params],
                    [s.get("row_var") for s in states],
                    [s.get("col_var") for s in states],
                    [s.get("variance") for s in states],
                    [s["step"] for s in states],
                    grad_scale=getattr(self, "grad_scale", None),
                    found_inf=getattr(self, "found_inf", None),
                    d=group["d"],
                    lr=group["lr"],
                    beta2_decay=group["beta2_decay"],
                    weight_decay=group["weight_decay"],
                    eps1=group["eps"][0],
                    eps2=group["eps"][1],
                    maximize=group["maximize"],
                )
        return loss

    def _state_of(self, p: Tensor) -> dict[str, Any]:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = self.state[p]
        if not state:
            grad = p.grad
            assert grad is not None
            state["step"] = _rules.scalar_state(0.0)
            if grad.dim() > 1:
                state["row_var"] = grad.new_zeros([*grad.shape[:-1], 1])
                state["col_var"] = grad.new_zeros([*grad.shape[:-2], 1, grad.shape[-1]])
            else:
                state["variance"] = zeros_like(grad)
        return state


def adafactor(
    params: list[Tensor],
    grads: list[Tensor],
    row_vars: list[Tensor | None],
    col_vars: list[Tensor | None],
    variances: list[Tensor | None],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_complex: bool = False,
    *,
    d: float,
    lr: float | Tensor,
    beta2_decay: float,
    weight_decay: float,
    eps1: float | None,
    eps2: float,
    maximize: bool,
) -> None:
    """One step of :class:`Adafactor` for lists of parameters, gradients and state."""
    if not all(isinstance(t, Tensor) for t in state_steps):
        raise RuntimeError("`state_steps` argument must contain a list of singleton tensors")
    if grad_scale is not None or found_inf is not None:
        raise AssertionError("Grad scaling should occur outside of optimizer.step()")
    lr = _rules.as_number(lr)
    for i, param in enumerate(params):
        grad = -grads[i] if maximize else grads[i]
        if eps1 is None:
            eps1 = finfo(param.dtype).eps
        state_steps[i] += 1
        step = state_steps[i].item()
        weight = step**beta2_decay
        rms = norm(param, 2).item() / param.numel() ** 0.5
        rate = max(eps2, rms) * min(lr, 1 / step**0.5)
        if weight_decay != 0:
            param.mul_(1 - lr * weight_decay)
        if grad.dim() > 1:
            row, col = row_vars[i], col_vars[i]
            if row is None or col is None:
                raise AssertionError(
                    "row_var and col_var should be defined when grad is multidimensional"
                )
            rows = norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1))
            row.lerp_(rows, weight)
            cols = norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2))
            col.lerp_(cols, weight)
            estimate = (row @ col).div_(row.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            variance = variances[i]
            if variance is None:
                raise AssertionError("variance should be defined when grad is a vector")
            variance.lerp_(grad * grad, weight)
            estimate = variance.clone()
        update = estimate.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        size = max(1.0, norm(update, 2).item() / (update.numel() ** 0.5 * d))
        param.add_(update, alpha=-rate / size)
