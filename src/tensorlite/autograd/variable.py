"""`Variable`: the name that tensors with gradients had in the first PyTorch, and their engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = ["Variable"]


class _Engine:
    """The engine as programs see it."""

    def queue_callback(self, callback: Callable[[], Any]) -> None:
        """Runs `callback()` when the backward that is running now ends."""
        _C._queue_callback(callback)

    def run_backward(
        self,
        tensors: Any,
        grad_tensors: Any,
        keep_graph: bool,
        create_graph: bool,
        inputs: Any = (),
        allow_unreachable: bool = False,
        accumulate_grad: bool = False,
    ) -> Any:
        """Backward with everything said: see `autograd.backward` and `autograd.grad`."""
        if accumulate_grad or not inputs:
            return _C._run_backward(tensors, grad_tensors, keep_graph, create_graph, inputs or None)
        return _C._grad(
            tensors, inputs, grad_tensors, keep_graph, create_graph, allow_unreachable, False
        )

    def is_checkpoint_valid(self) -> bool:
        """Does the running backward compute all gradients?"""
        return True


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """`Variable(tensor, requires_grad=…)` is a tensor over the same data; every tensor is one.

    `volatile` has no effect any more; `no_grad` has taken its place.
    """

    _execution_engine = _Engine()

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                stacklevel=2,
            )
            if requires_grad:
                raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if data is None:
            data = Tensor()
        elif not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        out = _C._make_subclass(Tensor, data, False)
        return out.requires_grad_() if requires_grad else out
