"""What the optimizers share whose steps are rules of ``ops/optim_rules.h``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from .. import (
    _C,
    float32,
    float64,
    get_default_dtype,
    is_complex,
    no_grad,
    set_grad_enabled,
    tensor,
)
from .._tensor import Tensor
from .optimizer import Optimizer, _get_capturable_supported_devices, _run_closure

RMSPROP: int = 0
ADAGRAD: int = 1
ADADELTA: int = 2
ADAMAX: int = 3
NADAM: int = 4
RADAM: int = 5
ASGD: int = 6
RPROP: int = 7


def step_dtype() -> Any:
    """The dtype of step counts and the like."""
    return float64 if get_default_dtype() == float64 else float32


def scalar_state(value: float) -> Tensor:
    return tensor(value, dtype=step_dtype())


def as_number(value: Any) -> Any:
    """A one-element tensor's value; others as they are."""
    return value.item() if isinstance(value, Tensor) else value


def check_capturable(capturable: bool) -> None:
    """``capturable`` is for devices that record graphs: a step of CPU parameters fails, as in PyTorch."""
    if capturable:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            f"{_get_capturable_supported_devices()}."
        )


def check_steps(state_steps: Sequence[Any], name: str = "state_steps") -> None:
    if not all(isinstance(t, Tensor) for t in state_steps):
        raise RuntimeError(
            f"API has changed, `{name}` argument must contain a list of singleton tensors"
        )


def check_common(lr: Any, eps: float = 0.0, weight_decay: float = 0.0) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
    if not eps >= 0.0:
        raise ValueError(f"Invalid epsilon value: {eps}")
    if not weight_decay >= 0.0:
        raise ValueError(f"Invalid weight_decay value: {weight_decay}")


def check_betas(betas: Any) -> None:
    for i in range(2):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def as_real(*tensors: Any) -> Any:
    """Complex tensors as pairs of reals."""
    view = _C.ops.view_as_real
    return [view(t) if isinstance(t, Tensor) and is_complex(t) else t for t in tensors]


class RuleOptimizer(Optimizer):
    """An optimizer whose step is one call for a group.

    ``_kind`` names the rule, ``_added`` the options that old checkpoints lack, ``_scalars`` the
    state entries that are one number.
    """

    _kind: ClassVar[int]
    _added: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False, "differentiable": False}
    _scalars: ClassVar[tuple[str, ...]] = ("step",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._added.items():
                group.setdefault(name, value)
            for p in group["params"]:
                entry = self.state.get(p)
                for name in self._scalars if entry else ():
                    if not isinstance(entry[name], Tensor):  # type: ignore[index]
                        entry[name] = scalar_state(float(entry[name]))  # type: ignore[index]

    def _begin(self, group: dict[str, Any], state: dict[str, Any], p: Tensor) -> None:
        """Makes the state of a parameter that has none."""
        raise NotImplementedError

    def _functional(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[Any]
    ) -> None:
        """Calls the functional form."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters; returns what ``closure``, if given, returned."""
        loss = None if closure is None else _run_closure(closure)
        for group in self.param_groups:
            if group["differentiable"] or group.get("capturable"):
                self._listed_step(group)
            else:
                _C._rule_step(self._kind, group, self.state, self._begin)
        return loss

    def _listed_step(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        with no_grad():
            for p in params:
                if not self.state[p]:
                    self._begin(group, self.state[p], p)
        with set_grad_enabled(bool(group["differentiable"])):
            self._functional(
                group, params, [p.grad for p in params], [self.state[p] for p in params]
            )


def column(states: list[Any], name: str) -> list[Any]:
    return [s[name] for s in states if name in s]
