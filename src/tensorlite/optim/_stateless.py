"""An optimizer on other parameters than its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._tensor import Tensor
from .optimizer import Optimizer

_name = "swap_in_optimizer_params_and_state"


def _checked_state(state: Any) -> dict[Any, Any]:
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_name} requires swapin_optim_state['state'] to be a dict mapping packed parameter "
            f"ids to per-param state dicts, got {type(state).__name__}."
        )
    if any(isinstance(k, Tensor) for k in state):
        raise RuntimeError(
            f"{_name} requires optimizer.state_dict()-style state keyed by packed parameter ids."
        )
    if any(isinstance(k, int) and not isinstance(v, dict) for k, v in state.items()):
        raise RuntimeError(
            f"{_name} requires per-parameter optimizer state entries to be dictionaries."
        )
    return state


def _checked_ids(i: int, live: dict[str, Any], group: Any) -> list[int]:
    """The numbers of a group's parameters, once the group fits the optimizer's."""
    if not isinstance(group, dict):
        raise RuntimeError(f"{_name} requires each optimizer param group to be a dictionary.")
    ids = group.get("params")
    if not isinstance(ids, list) or not all(isinstance(n, int) for n in ids):
        raise RuntimeError(
            f"{_name} requires optimizer.state_dict()-style param_groups[*]['params'] entries "
            "keyed by packed parameter ids."
        )
    if len(live["params"]) != len(ids):
        raise RuntimeError(
            f"swapin_optim_state param group {i} has a different number of params than the live "
            "optimizer param group."
        )
    more, fewer = [k for k in group if k not in live], [k for k in live if k not in group]
    if more or fewer:
        raise RuntimeError(
            f"{_name} requires optimizer.state_dict()-style param group keys to exactly match the "
            f"live optimizer group keys for group {i}. "
            f"Keys only in swap-in: {more}. Keys only in live: {fewer}."
        )
    return ids


@contextmanager
def _swap(optimizer: Optimizer, parameters: dict[str, Tensor], state_dict: Any) -> Iterator[None]:
    if not optimizer.state:
        raise RuntimeError(f"{_name} requires initialized optimizer state.")
    if not isinstance(state_dict, dict):
        raise RuntimeError(f"{_name} requires a DCP-style optimizer state_dict.")
    state = _checked_state(state_dict.get("state"))
    live, groups = optimizer.param_groups, state_dict.get("param_groups")
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{_name} requires swapin_optim_state['param_groups'] to be a list of param-group "
            f"dicts, got {type(groups).__name__}."
        )
    if len(live) != len(groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live optimizer."
        )
    ids = [_checked_ids(i, g, s) for i, (g, s) in enumerate(zip(live, groups, strict=True))]
    flat = list(parameters.values())
    if sum(map(len, ids)) > len(flat):
        raise RuntimeError(
            f"{_name} requires the explicit parameter state to match optimizer.param_groups ordering."
        )
    extra = [k for k in state if not any(k in part for part in ids)]
    if extra:
        raise RuntimeError(
            f"{_name} requires swapin_optim_state['state'] to be keyed only by packed parameter ids "
            f"from param_groups[*]['params']; got extra keys {extra!r}."
        )

    own_state, own_groups = optimizer.state, [dict(g) for g in live]
    try:
        swapped: defaultdict[Tensor, Any] = defaultdict(dict)
        start = 0
        for group, other, part in zip(live, groups, ids, strict=True):
            group.update({k: v for k, v in other.items() if k != "params"})
            group["params"] = flat[start : start + len(part)]
            start += len(part)
            for p, n in zip(group["params"], part, strict=True):
                swapped[p] = dict(state.get(n, {}))
        optimizer.state = swapped
        yield
    finally:
        for group, before in zip(optimizer.param_groups, own_groups, strict=True):
            group.clear()
            group.update(before)
        optimizer.state = own_state


def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Any:
    """A context in which an optimizer has other parameters, state and options.

    Args:
        optimizer: the optimizer; it must have state.
        swapin_parameters: the parameters, in the order of the optimizer's.
        swapin_optim_state: state and groups as of ``state_dict()``.

    Raises:
        RuntimeError: they do not fit the optimizer.
    """
    return _swap(optimizer, swapin_parameters, swapin_optim_state)
