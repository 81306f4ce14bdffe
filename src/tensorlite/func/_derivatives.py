"""Derivatives of functions of tensors in containers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor
from ..autograd.functional import _grad, _push
from ..autograd.grad_mode import enable_grad, is_grad_enabled
from ..utils._pytree import TreeSpec, tree_flatten, tree_map_only, tree_unflatten

_ops = _C.ops
_depth = threading.local()


class _Level:
    """One call of a derivative: its variables, and whether others will differentiate its results.

    Inside another such call, results stay connected to the graph. The outermost cuts them, unless they depend
    on tensors from outside that require gradients.
    """

    def __enter__(self) -> _Level:
        self.depth = getattr(_depth, "value", 0)
        self.recording = is_grad_enabled()
        self.own: set[int] = set()
        self.keep = self.depth > 0
        self._kept: list[Tensor] = []
        _depth.value = self.depth + 1
        self._mode = enable_grad()
        self._mode.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._mode.__exit__(*exc)
        _depth.value = self.depth

    def variable(self, x: Any) -> Any:
        if not isinstance(x, Tensor):
            raise ValueError(
                f"Expected all inputs to differentiate by to be Tensors, got {type(x)}"
            )
        if x.requires_grad and (self.depth > 0 or self.recording):
            self.keep = True
            return x.view_as(x)
        leaf = x.detach().requires_grad_()
        self.own.add(id(leaf))
        self._kept.append(leaf)
        return leaf

    def variables(self, tree: Any) -> tuple[Any, list[Tensor], TreeSpec]:
        leaves, spec = tree_flatten(tree)
        tensors = [self.variable(x) for x in leaves]
        return tree_unflatten(tensors, spec), tensors, spec

    def look_outside(self, outputs: list[Any]) -> None:
        """Sees whether the outputs depend on a tensor from outside that requires gradients."""
        if self.keep or not self.recording:
            return
        todo = [t.grad_fn for t in outputs if isinstance(t, Tensor) and t.grad_fn is not None]
        if any(
            t.is_leaf and t.requires_grad and id(t) not in self.own
            for t in outputs
            if isinstance(t, Tensor)
        ):
            self.keep = True
            return
        seen = set(todo)
        while todo:
            node = todo.pop()
            variable = getattr(node, "variable", None)
            if variable is not None and id(variable) not in self.own:
                self.keep = True
                return
            for child, _ in node.next_functions:
                if child is not None and child not in seen:
                    seen.add(child)
                    todo.append(child)

    def result(self, tree: Any) -> Any:
        if self.keep:
            return tree
        return tree_map_only(Tensor, lambda t: t.detach(), tree)


def _chosen(args: tuple[Any, ...], argnums: Any) -> tuple[int, ...]:
    if not isinstance(argnums, (int, tuple)) or isinstance(argnums, bool):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    out = []
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
        out.append(n % len(args))
    if len(set(out)) != len(out):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(out)


def _replaced(args: tuple[Any, ...], numbers: tuple[int, ...], values: Any) -> list[Any]:
    out = list(args)
    for n, value in zip(numbers, values, strict=True):
        out[n] = value
    return out


def _split_aux(out: Any, has_aux: bool, api: str) -> tuple[Any, Any]:
    if not has_aux:
        return out, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise RuntimeError(
            f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return out


def _tensors(tree: Any, api: str) -> tuple[list[Tensor], TreeSpec]:
    leaves, spec = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"{api}: Expected f to return only Tensors, got {type(leaf)}")
    return leaves, spec


def _zeros_for_none(grads: Any, like: Any) -> list[Tensor]:
    return [_ops.zeros_like(x) if g is None else g for g, x in zip(grads, like, strict=True)]


def grad_and_value(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of `func` and its value, a 0-d tensor.

    With `has_aux` it returns `(gradient, (value, aux))`. Arguments as for `grad`.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(args, argnums)
        with _Level() as level:
            values, inputs, spec = level.variables(tuple(args[n] for n in numbers))
            out, aux = _split_aux(
                func(*_replaced(args, numbers, values), **kwargs),
                has_aux,
                "grad_and_value(f)(*args)",
            )
            if not isinstance(out, Tensor):
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                    f"{type(out)}"
                )
            if out.dim() != 0:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{out.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            level.look_outside([out])
            grads = _zeros_for_none(_grad((out,), inputs, None, level.keep), inputs)
            gradient = tree_unflatten(grads, spec)
            gradient = gradient if isinstance(argnums, tuple) else gradient[0]
            value = (out, aux) if has_aux else out
            return level.result((gradient, value))

    return wrapper


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `func`, whose value is a 0-d tensor.

    Args:
        argnums: which argument to differentiate by, or a tuple of several; each may be a container of tensors.
        has_aux: `func` returns `(value, aux)`; the new function then returns `(gradient, aux)`.

    >>> import tensorlite
    >>> tensorlite.func.grad(tensorlite.func.grad(lambda x: x**3))(tensorlite.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """`func(*primals)`, and a function from weights of the outputs to the tuple of weighted gradients by each primal.

    With `has_aux` `func` returns `(output, aux)`, and aux is returned last.
    """
    with _Level() as level:
        values, inputs, spec = level.variables(primals)
        out, aux = _split_aux(func(*values), has_aux, "vjp(f, *primals)")
        outs, out_spec = _tensors(out, "vjp(f, *primals)")
        level.look_outside([*outs, *inputs])
        result = level.result(out)
        keep = level.keep

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        weights, given = tree_flatten(cotangents)
        if given != out_spec:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to "
                f"the function. cotangents: {given}, primal output: {out_spec}"
            )
        inside = getattr(_depth, "value", 0) > 0
        graph = keep or inside or any(w.requires_grad for w in weights)
        with enable_grad():
            grads = _zeros_for_none(_grad(outs, inputs, weights, graph), inputs)
        grads = grads if graph else [g.detach() for g in grads]
        return tree_unflatten(grads, spec)

    return (result, pull, level.result(aux)) if has_aux else (result, pull)


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """`func(*primals)`, and its derivative along `tangents`, which are shaped like the primals (both tuples)."""
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call "
            "f(*primals)."
        )
    tangent_leaves, tangent_spec = tree_flatten(tangents)
    with _Level() as level:
        values, inputs, spec = level.variables(primals)
        if tangent_spec != spec:
            raise RuntimeError(
                "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
            )
        out, aux = _split_aux(func(*values), has_aux, "jvp(f, primals, tangents)")
        outs, out_spec = _tensors(out, "jvp(f, primals, tangents)")
        level.look_outside([*outs, *tangent_leaves])
        pushed = _zeros_for_none(_push(outs, inputs, tangent_leaves, level.keep), outs)
        result = level.result((out, tree_unflatten(pushed, out_spec)))
        return (*result, level.result(aux)) if has_aux else result


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """`func(*primals)`, and a function from tangents to the derivative along them."""
    out, _ = vjp(func, *primals)

    def push(*tangents: Any) -> Any:
        return jvp(func, primals, tangents)[1]

    return out, push


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `func`: for each output and input a tensor of shape
    `output.shape + input.shape`, in the outputs' container of the inputs' containers.

    `chunk_size`, which bounds memory in PyTorch, changes nothing here: one row is computed at a time.

    >>> import tensorlite
    >>> tensorlite.func.jacrev(tensorlite.sin)(tensorlite.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(args, argnums)
        with _Level() as level:
            values, inputs, spec = level.variables(tuple(args[n] for n in numbers))
            out, aux = _split_aux(
                func(*_replaced(args, numbers, values), **kwargs), has_aux, "jacrev(f)(*args)"
            )
            outs, out_spec = _tensors(out, "jacrev(f)(*args)")
            level.look_outside(outs)
            blocks = []
            for y in outs:
                flat = y.reshape(-1)
                rows = [
                    _zeros_for_none(_grad((flat[i],), inputs, None, level.keep), inputs)
                    for i in range(flat.numel())
                ]
                columns = []
                for k, x in enumerate(inputs):
                    shape = (*y.shape, *x.shape)
                    column = [row[k] for row in rows]
                    columns.append(_ops.stack(column).view(shape) if column else x.new_zeros(shape))
                block = tree_unflatten(columns, spec)
                blocks.append(block if isinstance(argnums, tuple) else block[0])
            jacobian = tree_unflatten(blocks, out_spec)
            return level.result((jacobian, aux) if has_aux else jacobian)

    return wrapper


def jacfwd(
    func: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """`jacrev`: the same Jacobian, here computed in the same way."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of `func`: the Jacobian of its Jacobian.

    >>> import tensorlite
    >>> tensorlite.func.hessian(lambda x: (x**3).sum())(tensorlite.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
