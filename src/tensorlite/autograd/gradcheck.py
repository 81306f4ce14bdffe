"""Gradients compared with finite differences.

`gradcheck` holds the analytical Jacobian of a function, from one backward pass for each element of
its outputs, beside central differences `(f(x + eps) - f(x - eps)) / 2 eps`; `gradgradcheck` does so
for the function's own gradient. A complex number counts as two real ones: the gradient of a real
loss `L` with respect to `z = a + ib` is `∂L/∂a + i ∂L/∂b`, so real and imaginary parts are the
columns and rows of one real Jacobian.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _C
from .._tensor import Tensor

if TYPE_CHECKING:
    import numpy as np

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised where analytical and numerical gradients differ, or cannot be compared."""


def _grad(*args: Any, **kwargs: Any) -> Any:
    from . import grad

    return grad(*args, **kwargs)


def _tensors_in(inputs: Any) -> list[Tensor]:
    """The tensors among the inputs, those in lists and tuples too."""
    found: list[Tensor] = []
    for x in inputs:
        if isinstance(x, Tensor):
            found.append(x)
        elif isinstance(x, (list, tuple)):
            found += _tensors_in(x)
    return found


def _is_differentiable(t: Tensor) -> bool:
    return t.is_floating_point() or t.is_complex()


def _as_outputs(result: Any) -> list[Tensor]:
    """The outputs whose gradients count."""
    if isinstance(result, Tensor):
        result = (result,)
    return [t for t in result if isinstance(t, Tensor) and t.requires_grad]


def _tupled(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def _reals(t: Tensor) -> np.ndarray:
    """The elements as a flat float64 array; a complex one gives its real, then its imaginary part."""
    import numpy as np

    array = t.detach().resolve_conj().numpy() if hasattr(t, "resolve_conj") else t.detach().numpy()
    array = np.ascontiguousarray(array).reshape(-1)
    if np.iscomplexobj(array):
        return array.astype(np.complex128).view(np.float64)
    return array.astype(np.float64)


def _units(t: Tensor) -> list[complex]:
    """The directions in which one element can move."""
    return [1.0, 1j] if t.is_complex() else [1.0]


class _Problem:
    """One function with its inputs, of which `self.inputs` are those differentiated by."""

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float) -> None:
        self.func = func
        self.args = inputs
        self.eps = eps
        self.inputs = [t for t in _tensors_in(inputs) if t.requires_grad]

    def outputs(self) -> list[Tensor]:
        return _as_outputs(self.func(*self.args))

    def values(self) -> list[np.ndarray]:
        """Copies of the outputs, for differences."""
        import numpy as np

        result = self.func(*self.args)
        kept = [t for t in _tupled(result) if isinstance(t, Tensor) and t.requires_grad]
        return [np.array(_reals(t)) for t in kept]

    def moved(self, x: Tensor, place: tuple[int, ...], by: complex) -> list[np.ndarray]:
        """The outputs with one element of one input moved, and moved back."""
        data = x.data  # with a version of its own: graphs built before stay usable
        old = data[place].item()
        try:
            data[place] = old + by
            return self.values()
        finally:
            data[place] = old


def _places(t: Tensor) -> list[tuple[int, ...]]:
    import numpy as np

    return list(np.ndindex(*t.shape))


def _numerical(problem: _Problem, x: Tensor) -> list[np.ndarray]:
    """For each output, d output / d x: a row for each (real) element of x."""
    import numpy as np

    rows: list[list[np.ndarray]] = []
    for place in _places(x):
        for unit in _units(x):
            above = problem.moved(x, place, problem.eps * unit)
            below = problem.moved(x, place, -problem.eps * unit)
            rows.append([(a - b) / (2 * problem.eps) for a, b in zip(above, below, strict=True)])
    count = len(problem.outputs())
    if not rows:
        return [np.zeros((0, len(_reals(o)))) for o in problem.outputs()]
    return [np.stack([r[i] for r in rows]) for i in range(count)]


def _backward(problem: _Problem, output: Tensor, seed: Tensor) -> list[Tensor | None]:
    return list(_grad(output, problem.inputs, seed, retain_graph=True, allow_unused=True))


def _analytical(problem: _Problem, output: Tensor, dtypes: bool) -> list[np.ndarray]:
    """For each input, d output / d input: a column for each (real) element of the output."""
    import numpy as np

    columns: list[list[np.ndarray]] = []
    for place in _places(output):
        for unit in _units(output):
            seed = _C.ops.zeros_like(output.detach())
            seed[place] = unit
            column = []
            for x, g in zip(problem.inputs, _backward(problem, output, seed), strict=True):
                if g is not None and g.shape != x.shape:
                    raise GradcheckError(
                        f"Analytical gradient has incorrect size: {tuple(g.shape)} for an input of "
                        f"size {tuple(x.shape)}"
                    )
                if dtypes and g is not None and g.dtype != x.dtype:
                    raise GradcheckError(
                        f"Analytical gradient has dtype {g.dtype}, the input has {x.dtype}"
                    )
                width = x.numel() * len(_units(x))
                column.append(np.zeros(width) if g is None else _reals(g))
            columns.append(column)
    if not columns:
        return [np.zeros((x.numel() * len(_units(x)), 0)) for x in problem.inputs]
    return [np.stack([c[i] for c in columns], axis=1) for i in range(len(problem.inputs))]


def _close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> bool:
    import numpy as np

    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=False))


def _mismatch(i: int, j: int, numerical: Any, analytical: Any, note: str = "") -> GradcheckError:
    return GradcheckError(
        f"Jacobian mismatch for output {i} with respect to input {j},{note}\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )


def _check_slow(problem: _Problem, tol: tuple[float, float], nondet: float, dtypes: bool) -> None:
    import numpy as np

    outputs = problem.outputs()
    numerical = [_numerical(problem, x) for x in problem.inputs]
    for i, output in enumerate(outputs):
        analytical = _analytical(problem, output, dtypes)
        again = _analytical(problem, output, dtypes)
        for j, jacobian in enumerate(analytical):
            if not _close(numerical[j][i], jacobian, *tol):
                raise _mismatch(i, j, numerical[j][i], jacobian)
            if jacobian.size and np.abs(jacobian - again[j]).max() > nondet:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    f"gradient matches numerical gradient. The tolerance for nondeterminism was {nondet}."
                )


def _check_fast(problem: _Problem, tol: tuple[float, float], nondet: float, dtypes: bool) -> None:
    """Compares `uᵀ J v` for random u and v: two evaluations and two backward passes for each pair."""
    import numpy as np

    rng = np.random.default_rng(0)

    def direction(t: Tensor) -> np.ndarray:
        v = rng.standard_normal(tuple(t.shape))
        if t.is_complex():
            v = v + 1j * rng.standard_normal(tuple(t.shape))
        return v

    outputs = problem.outputs()
    weights = [direction(o) for o in outputs]
    for j, x in enumerate(problem.inputs):
        data, step = x.data, direction(x)
        if step.size == 0:
            continue
        step = step / np.linalg.norm(step)
        delta = _C.as_tensor(step, dtype=data.dtype) * problem.eps
        kept = data.clone()
        try:
            data.copy_(kept + delta)
            above = problem.values()
            data.copy_(kept - delta)
            below = problem.values()
        finally:
            data.copy_(kept)
        for i, (output, u) in enumerate(zip(outputs, weights, strict=True)):
            u_reals = np.ascontiguousarray(u).reshape(-1).view(np.float64)
            numerical = float(u_reals @ (above[i] - below[i]) / (2 * problem.eps))
            seed = _C.as_tensor(u, dtype=output.dtype)
            found = []
            for _ in range(2):
                g = _backward(problem, output, seed)[j]
                if dtypes and g is not None and g.dtype != x.dtype:
                    raise GradcheckError(
                        f"Analytical gradient has dtype {g.dtype}, the input has {x.dtype}"
                    )
                flat = np.ascontiguousarray(step).reshape(-1).view(np.float64)
                found.append(0.0 if g is None else float(_reals(g) @ flat))
            scale = float(np.abs(u_reals).sum()) + 1.0
            if not abs(numerical - found[0]) <= tol[1] * scale + tol[0] * abs(numerical):
                raise _mismatch(i, j, numerical, found[0], " in fast mode")
            if abs(found[0] - found[1]) > nondet:
                raise GradcheckError(
                    "Backward is not reentrant: two passes in fast mode differ by "
                    f"{abs(found[0] - found[1])}, the tolerance is {nondet}."
                )


def _check_undefined(problem: _Problem) -> None:
    """Backward with undefined gradients must give undefined gradients or zeros."""
    from . import Function

    class Undefined(Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            return tuple(x.view_as(x) for x in xs)

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            return tuple(None for _ in gs)

    def run(chosen: set[int]) -> None:
        outputs = problem.outputs()
        cut = Undefined.apply(*(o for k, o in enumerate(outputs) if k in chosen))
        cut = list(cut) if isinstance(cut, tuple) else [cut]
        roots = cut + [o for k, o in enumerate(outputs) if k not in chosen]
        seeds = [_C.ops.ones_like(r.detach()) for r in roots[: len(cut)]]
        seeds += [_C.ops.zeros_like(r.detach()) for r in roots[len(cut) :]]
        grads = _grad(roots, problem.inputs, seeds, allow_unused=True)
        for x, g in zip(problem.inputs, grads, strict=True):
            if g is not None and x.numel() > 0 and _reals(g).any():
                raise GradcheckError(
                    "Expected all inputs to have zero or undefined gradients when every output "
                    f"gradient is undefined or zero, but the gradient of an input of size "
                    f"{tuple(x.shape)} is {g}"
                )

    count = len(problem.outputs())
    subsets = [set(range(count))] + ([{k} for k in range(count)] if count > 1 else [])
    for chosen in subsets:
        try:
            run(chosen)
        except GradcheckError:
            raise
        except RuntimeError as e:
            raise GradcheckError(
                "Backward fails where gradients of outputs are undefined. A backward must take "
                "undefined gradients, or materialize them."
            ) from e


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    tensors = _tensors_in(inputs)
    if not any(t.requires_grad for t in tensors):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i, t in enumerate(tensors):
        if not t.requires_grad:
            continue
        if t.dtype not in (_C.float64, _C.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex.",
                stacklevel=3,
            )
        repeats = any(s == 0 and n > 1 for s, n in zip(t.stride(), t.shape, strict=True))
        if repeats and t.numel() > 0:
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Are the gradients of `func` with respect to `inputs` those of finite differences?

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad, of double precision, are checked.
        eps: how far an element is moved for the differences.
        atol, rtol: `|numerical - analytical| <= atol + rtol * |analytical|`.
        raise_exception: raise GradcheckError on a difference; otherwise return False.
        nondet_tol: how much two backward passes over the same graph may differ.
        check_undefined_grad: also run backward with undefined gradients of the outputs.
        check_grad_dtypes: gradients must have the dtypes of their inputs.
        check_batched_grad, check_batched_forward_grad: accepted for compatibility. There is no
            vmap here that could treat a batch of gradients differently from its members.
        check_forward_ad: forward-mode differentiation, which tensorlite does not have: a ValueError.
        check_backward_ad: False leaves nothing to check.
        fast_mode: compare random projections of the Jacobians instead of all their elements.
        masked: of sparse tensors, which tensorlite does not have; accepted and ignored.
    """
    if check_forward_ad:
        raise ValueError("check_forward_ad: tensorlite has no forward-mode differentiation")
    args = _tupled(inputs)
    try:
        if not check_backward_ad:
            return True
        _check_inputs(args)
        problem = _Problem(func, args, eps)
        outputs = problem.outputs()
        if not outputs:
            _check_constant(problem)
            return True
        check = _check_fast if fast_mode else _check_slow
        check(problem, (rtol, atol), nondet_tol, check_grad_dtypes)
        if check_undefined_grad:
            _check_undefined(problem)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_constant(problem: _Problem) -> None:
    """Outputs outside the graph must not move with the inputs."""
    import numpy as np

    def floats() -> list[np.ndarray]:
        result = _tupled(problem.func(*problem.args))
        return [
            np.array(_reals(t)) for t in result if isinstance(t, Tensor) and _is_differentiable(t)
        ]

    base = floats()
    if not base:
        return
    for j, x in enumerate(problem.inputs):
        data = x.data
        for place in _places(x):
            old = data[place].item()
            try:
                data[place] = old + problem.eps
                now = floats()
            finally:
                data[place] = old
            if not all(
                np.array_equal(a, b, equal_nan=True) for a, b in zip(base, now, strict=True)
            ):
                raise GradcheckError(
                    f"Numerical gradient for function expected to be zero: no output requires "
                    f"grad, yet outputs depend on input {j}"
                )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Are the second gradients of `func`, through `inputs` and `grad_outputs`, right?

    The gradient of `func` for the given gradients of its outputs (random ones, unless they are
    passed) is itself a function, built with `create_graph=True`; `gradcheck` judges it.
    The other arguments are those of `gradcheck`.
    """
    import numpy as np

    if check_fwd_over_rev:
        raise ValueError("check_fwd_over_rev: tensorlite has no forward-mode differentiation")
    args = _tupled(inputs)
    if not check_rev_over_rev:
        return True
    if grad_outputs is None:
        rng = np.random.default_rng(1)
        seeds: list[Tensor] = []
        for o in _as_outputs(func(*args)):
            v = rng.standard_normal(tuple(o.shape))
            if o.is_complex():
                v = v + 1j * rng.standard_normal(tuple(o.shape))
            seed = _C.as_tensor(v, dtype=o.dtype)
            if gen_non_contig_grad_outputs:
                seed = _apart(seed)
            seeds.append(seed.requires_grad_(True))
    else:
        seeds = list(_tupled(grad_outputs))
    count = len(args)

    def gradient(*both: Any) -> tuple[Tensor, ...]:
        xs, gs = both[:count], both[count:]
        sources = [t for t in _tensors_in(xs) if t.requires_grad]
        outputs = _as_outputs(func(*xs))
        grads = _grad(outputs, sources, gs, create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    if not seeds:
        return True
    return gradcheck(
        gradient,
        (*args, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _apart(t: Tensor) -> Tensor:
    """The same values with gaps between them in memory."""
    sizes: Sequence[int] = (*t.shape, 2)
    wide = _C.ops.zeros(list(sizes), dtype=t.dtype)
    gaps = wide.select(-1, 0)
    gaps.copy_(t)
    return gaps
