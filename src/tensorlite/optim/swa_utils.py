"""Averages of a model's weights over training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from .. import is_complex, is_floating_point, long, no_grad, tensor
from .._tensor import Tensor
from ..nn import Module
from .lr_scheduler import LRScheduler, _format_param, _warn_get_lr_called_within_step
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

_List = list[Tensor] | tuple[Tensor, ...]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[_List, _List, Any], None]:
    """A function that moves all averages towards the parameters by one minus ``decay``."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: _List, current_param_list: _List, _: Any) -> None:
        first = ema_param_list[0]
        if is_floating_point(first) or is_complex(first):
            for average, p in zip(ema_param_list, current_param_list, strict=True):
                average.lerp_(p, 1 - decay)
        else:
            for average, p in zip(ema_param_list, current_param_list, strict=True):
                average.copy_(average * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[_List, _List, Any], None]:
    """A function that takes all parameters into averages of equal weights."""

    @no_grad()
    def swa_update(
        averaged_param_list: _List, current_param_list: _List, num_averaged: Tensor | int
    ) -> None:
        pairs = zip(averaged_param_list, current_param_list, strict=True)
        count = num_averaged + 1
        for average, p in pairs:
            if is_floating_point(average) or is_complex(average):
                average.lerp_(p, (1 / count).item() if isinstance(count, Tensor) else 1 / count)
            elif isinstance(count, Tensor):
                average.addcdiv_(p - average, count)
            else:
                average.add_(p - average, alpha=1.0 / count)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """A function from average and parameter to the average moved by one minus ``decay``."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """A function from average and parameter to the average with the parameter in it."""

    @no_grad()
    def swa_update(
        averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor | int
    ) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model that holds averages of its weights: stochastic weight averaging (Izmailov et
    al., 2018), or exponential moving averages.

    Args:
        model: the model to copy.
        device: where the copy lives.
        avg_fn: a function from average, parameter and how many were averaged to the new average; by
            default equal weights.
        multi_avg_fn: the same for lists, in place.
        use_buffers: whether buffers are averaged as well; else they are copied.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Any, Any, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the weights of ``model`` into the averages; the first time it copies them."""
        if self.use_buffers:
            own: Any = itertools.chain(self.module.parameters(), self.module.buffers())
            new: Any = itertools.chain(model.parameters(), model.buffers())
        else:
            own, new = self.parameters(), model.parameters()
        pairs = [(a.detach(), p.detach()) for a, p in zip(own, new, strict=False)]
        if self.n_averaged == 0:
            for average, p in pairs:
                average.copy_(p)
        else:
            self._average(pairs)
        if not self.use_buffers:
            for a, b in zip(self.module.buffers(), model.buffers(), strict=True):
                a.detach().copy_(b.detach())
        self.n_averaged += 1

    def _average(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.multi_avg_fn is None:
            f = self.avg_fn or get_swa_avg_fn()
            for average, p in pairs:
                average.copy_(f(average, p, self.n_averaged))
            return
        by_dtype: dict[Any, list[tuple[Tensor, Tensor]]] = {}
        for pair in pairs:
            by_dtype.setdefault(pair[0].dtype, []).append(pair)
        for group in by_dtype.values():
            averages, params = (list(side) for side in zip(*group, strict=True))
            self.multi_avg_fn(averages, params, self.n_averaged)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the statistics of a model's batch norms anew, by one pass over ``loader``.

    Args:
        loader: batches, or lists and tuples whose first entry is a batch.
        model: whose batch norms are updated; without any nothing is done.
        device: where batches are moved to.
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if any(cls.__name__ == "_BatchNorm" for cls in type(module).__mro__):
            module.reset_running_stats()  # type: ignore[operator]
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    with no_grad():
        for batch in loader:
            if isinstance(batch, (list, tuple)):
                batch = batch[0]
            if device is not None:
                batch = batch.to(device)
            model(batch)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Brings the rates to ``swa_lr`` within some epochs and leaves them there.

    Args:
        optimizer: whose rates are set.
        swa_lr: the rate to end at, or one for each group.
        anneal_epochs: how many epochs it takes.
        anneal_strategy: along a cosine (``"cos"``) or a line (``"linear"``).
        last_epoch: the index of the last epoch.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        swa_lrs = _format_param("swa_lr", optimizer, swa_lr)
        for lr, group in zip(swa_lrs, optimizer.param_groups, strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._set_anneal_func(anneal_strategy)
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _linear_anneal(t: float) -> float:
        return t

    @staticmethod
    def _cosine_anneal(t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2

    def _set_anneal_func(self, anneal_strategy: str) -> None:
        self._anneal_strategy = anneal_strategy
        cos = anneal_strategy == "cos"
        self.anneal_func = self._cosine_anneal if cos else self._linear_anneal

    @staticmethod
    def _get_initial_lr(lr: Any, swa_lr: Any, alpha: float) -> Any:
        return swa_lr if alpha == 1 else (lr - alpha * swa_lr) / (1 - alpha)

    def get_lr(self) -> list[Any]:
        """See :meth:`LRScheduler.get_lr`."""
        _warn_get_lr_called_within_step(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (
            self.anneal_func(max(0, min(1, s / max(1, self.anneal_epochs))))
            for s in (step - 1, step)
        )
        lrs = []
        for group in self.optimizer.param_groups:
            first = self._get_initial_lr(group["lr"], group["swa_lr"], before)
            lrs.append(group["swa_lr"] * now + first * (1 - now))
        return lrs

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "anneal_func")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` returned."""
        self.__dict__.update(state_dict)
        self._set_anneal_func(self._anneal_strategy)
