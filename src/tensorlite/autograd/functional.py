"""Jacobians, Hessians and their products with vectors, of functions of tensors.

A product with a Jacobian from the right (`jvp`, `hvp`) is taken by differentiating twice: the gradient of
`u @ J` with respect to `u`, times `v`. All of it is differentiable again with `create_graph`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor
from .grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_ops = _C.ops


def _tuple(x: Any, what: str, api: str) -> tuple[bool, tuple[Tensor, ...]]:
    many = isinstance(x, tuple)
    items = x if many else (x,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            if many:
                raise TypeError(
                    f"The {what} given to {api} must be either a Tensor or a tuple of Tensors but the "
                    f"value at index {i} has type {type(item)}."
                )
            raise TypeError(
                f"The {what} given to {api} must be either a Tensor or a tuple of Tensors but the given "
                f"{what} has type {type(item)}."
            )
    return many, items


def _variables(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors to differentiate by; connected to the callers' graph with `create_graph`."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in inputs
    )


def _call(func: Callable[..., Any], inputs: tuple[Tensor, ...], api: str) -> Any:
    return _tuple(func(*inputs), "outputs of the user-provided function", api)


def _checked_vector(v: Any, like: tuple[Tensor, ...], many: bool, api: str, whose: str) -> Any:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {whose} is a single Tensor with a single element."
            )
        return (_ops.ones_like(like[0]),)
    _, vs = _tuple(v, "v", api)
    if len(vs) != len(like):
        if many:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
            )
        raise RuntimeError(
            "The given v should contain a single Tensor as there is only one to weight."
        )
    for i, (x, y) in enumerate(zip(vs, like, strict=True)):
        if x.shape != y.shape:
            where = f"Entry {i} in v" if many else "v"
            raise RuntimeError(f"{where} has invalid size: should be {y.shape} but got {x.shape}.")
    return vs


def _grad(
    outputs: Any, inputs: Any, weights: Any = None, create_graph: bool = False
) -> tuple[Tensor | None, ...]:
    """autograd.grad that gives None for what does not depend on the inputs."""
    weights = (None,) * len(outputs) if weights is None else weights
    pairs = [
        (o, w) for o, w in zip(outputs, weights, strict=True) if o is not None and o.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    outs, ws = zip(*pairs, strict=True)
    return _C._grad(outs, inputs, ws, True, create_graph, True, False)  # type: ignore[no-any-return]


def _filled(
    grads: Any, like: Any, strict: bool, create_graph: bool, text: str, graph_text: str = ""
) -> tuple[Tensor, ...]:
    """Zeros for None; with `strict` an error, also where a result cannot be differentiated again."""
    out = []
    for i, (g, x) in enumerate(zip(grads, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(text.format(i))
            g = _ops.zeros_like(x)
        elif strict and create_graph and graph_text and not g.requires_grad:
            raise RuntimeError(graph_text.format(i))
        out.append(g)
    return tuple(out)


def _check_outputs(outputs: Any, strict: bool) -> None:
    if strict:
        for i, out in enumerate(outputs):
            if not out.requires_grad:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The outputs "
                    "must be computed in a differentiable manner from the input when running in strict "
                    "mode."
                )


def _result(tensors: Any, many: bool, create_graph: bool) -> Any:
    if not create_graph:
        tensors = tuple(t.detach() for t in tensors)
    return tuple(tensors) if many else tensors[0]


_INDEPENDENT = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
_INDEPENDENT_JACOBIAN = (
    "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict "
    "mode when create_graph=True."
)


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """`func(*inputs)` and `v @ J`, where J is its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: shaped like the outputs; may be None where they are one number.
        create_graph: make the results differentiable.
        strict: an error, in place of zeros, for an input that an output does not depend on.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.vjp(lambda x: x**2, tensorlite.tensor([1., 2.]), tensorlite.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", "vjp")
        ins = _variables(ins, create_graph)
        many_out, outs = _call(func, ins, "vjp")
        _check_outputs(outs, strict)
        vs = _checked_vector(v, outs, many_out, "vjp", "the user-provided function's output")
        grads = _grad(outs, ins, vs, create_graph)
        grads = _filled(grads, ins, strict, create_graph, _INDEPENDENT, _INDEPENDENT_JACOBIAN)
    return _result(outs, many_out, create_graph), _result(grads, many, create_graph)


def _push(outs: Any, ins: Any, vs: Any, create_graph: bool) -> tuple[Tensor | None, ...]:
    """`J @ v`: the gradient of `u @ J`, which is linear in u, with respect to u, weighted with v."""
    us = tuple(_ops.zeros_like(o).requires_grad_() for o in outs)
    pulled = _grad(outs, ins, us, True)
    return _grad(pulled, us, vs, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """`func(*inputs)` and `J @ v`, where J is its Jacobian. Arguments as for `vjp`; v is shaped like the inputs.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.jvp(lambda x: x.sum(), tensorlite.ones(2), tensorlite.tensor([1., 2.]))
    (tensor(2.), tensor(3.))
    """
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", "jvp")
        ins = _variables(ins, create_graph)
        vs = _checked_vector(v, ins, many, "jvp", "the input to the user-provided function")
        many_out, outs = _call(func, ins, "jvp")
        _check_outputs(outs, strict)
        results = _push(outs, ins, vs, create_graph)
        results = _filled(results, outs, strict, create_graph, _INDEPENDENT, _INDEPENDENT_JACOBIAN)
    return _result(outs, many_out, create_graph), _result(results, many_out, create_graph)


def _rows(out: Tensor, ins: Any, create_graph: bool) -> list[tuple[Tensor | None, ...]]:
    """The gradients of every element of `out`."""
    flat = out.reshape(-1)
    return [_grad((flat[i],), ins, None, create_graph) for i in range(flat.numel())]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every element of `func(*inputs)` with respect to every element of the inputs.

    Of one output and one input a tensor of shape `output.shape + input.shape`; tuples of these otherwise,
    the outputs outermost. `vectorize` and `strategy` change nothing in the result; here, nothing at all.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.jacobian(lambda x: x**2, tensorlite.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has '
            'more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use '
            '"reverse-mode".'
        )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are '
            "not supported together (yet). Please either set `create_graph=False` or "
            '`strategy="reverse-mode"`.'
        )
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
            "together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", "jacobian")
        ins = _variables(ins, create_graph)
        many_out, outs = _call(func, ins, "jacobian")
        _check_outputs(outs, strict)
        table = []
        for out in outs:
            rows = [
                _filled(row, ins, strict, create_graph, _INDEPENDENT, _INDEPENDENT_JACOBIAN)
                for row in _rows(out, ins, create_graph)
            ]
            blocks = []
            for k, x in enumerate(ins):
                shape = (*out.shape, *x.shape)
                column = [row[k] for row in rows]
                block = _ops.stack(column).view(shape) if column else x.new_zeros(shape)
                blocks.append(block)
            table.append(_result(blocks, many, create_graph))
    return tuple(table) if many_out else table[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one number as its output.

    Of one input a tensor of shape `input.shape + input.shape`; a tuple of tuples of these otherwise.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.hessian(lambda x: (x**3).sum(), tensorlite.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    many, ins = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def one_number(*xs: Tensor) -> Tensor:
        many_out, outs = _call(func, xs, "hessian")
        if many_out:
            raise RuntimeError("The function given to hessian should return a single Tensor")
        if outs[0].numel() != 1:
            raise RuntimeError(
                "The Tensor returned by the function given to hessian should contain a single element"
            )
        return outs[0].squeeze()

    def gradients(*xs: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            xs = tuple(x.requires_grad_() for x in xs)
        grads = jacobian(one_number, xs, create_graph=True)
        if strict:
            for i, g in enumerate(grads):
                if not g.requires_grad:
                    raise RuntimeError(_INDEPENDENT_JACOBIAN.format(i))
        return grads

    table = jacobian(gradients, ins, create_graph=create_graph, strict=strict)
    return table if many else table[0][0]


def _one_number(func: Any, ins: Any, strict: bool, api: str) -> Any:
    many_out, outs = _call(func, ins, api)
    _check_outputs(outs, strict)
    if many_out or outs[0].numel() != 1:
        raise RuntimeError(
            f"The function given to {api} should return a single Tensor with a single element"
        )
    grads = _grad(outs, ins, None, True)
    return outs[0], _filled(grads, ins, strict, True, _INDEPENDENT, _INDEPENDENT_JACOBIAN)


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """`func(*inputs)`, one number, and `v @ H`, where H is its Hessian; v is shaped like the inputs.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.vhp(lambda x: (x**3).sum(), tensorlite.ones(2), tensorlite.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", "vhp")
        ins = _variables(ins, create_graph)
        vs = _checked_vector(v, ins, many, "vhp", "the input to the user-provided function")
        out, grads = _one_number(func, ins, strict, "vhp")
        results = _grad(grads, ins, vs, create_graph)
        results = _filled(results, ins, strict, create_graph, _INDEPENDENT_JACOBIAN)
    return _result((out,), False, create_graph), _result(results, many, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """`func(*inputs)`, one number, and `H @ v`, where H is its Hessian: `vhp`, as H is symmetric.

    >>> import tensorlite
    >>> tensorlite.autograd.functional.hvp(lambda x: (x**3).sum(), tensorlite.ones(2), tensorlite.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        many, ins = _tuple(inputs, "inputs", "hvp")
        ins = _variables(ins, create_graph)
        vs = _checked_vector(v, ins, many, "hvp", "the input to the user-provided function")
        out, grads = _one_number(func, ins, strict, "hvp")
        results = _push(grads, ins, vs, create_graph)
        results = _filled(results, ins, strict, create_graph, _INDEPENDENT_JACOBIAN)
    return _result((out,), False, create_graph), _result(results, many, create_graph)
