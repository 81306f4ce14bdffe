"""Differentiation: `backward`, `grad`, grad modes, custom functions, the graph."""

from __future__ import annotations

import warnings
from typing import Any

from .. import _C
from . import graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction
from .grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    if name == "functional":
        import importlib

        return importlib.import_module(f"{__name__}.functional")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Adds to the `.grad` of the leaves the gradient of the sum of `tensors`.

    Args:
        tensors: a tensor (or graph edge) or several.
        grad_tensors: what to weight their elements with, for each tensor; may be None for those
            of one element.
        retain_graph: keep what was saved, for another backward; `create_graph` by default.
        create_graph: record backward itself, so that the gradients can be differentiated.
        inputs: the tensors to accumulate into; all leaves by default.

    Raises:
        RuntimeError: a tensor has no graph or a freed one, or more than one element and no weight;
            something saved was changed in place.
    """
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    _C._run_backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of `outputs` with respect to `inputs`, as a tuple.

    Args:
        outputs, inputs: a tensor (or graph edge) or several.
        grad_outputs: what to weight the elements of the outputs with, as for `backward`.
        retain_graph, create_graph: as for `backward`.
        allow_unused: None for inputs that the outputs do not depend on, in place of an error.
        materialize_grads: zeros for them.

    Only what leads to `inputs` is computed, and no `.grad` is touched: `only_inputs=False` is ignored,
    and `is_grads_batched=True` refused, for want of `vmap`.
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate "
            "gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if is_grads_batched:
        raise NotImplementedError(
            "grad(): is_grads_batched=True needs vmap, which there is none of; call grad for each vector"
        )
    return _C._grad(
        outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
    )
