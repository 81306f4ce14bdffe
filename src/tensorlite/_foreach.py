"""The ``_foreach_`` functions: one operation over lists of tensors.

``_foreach_add(tensors, other)`` and its kin return a tuple of results, ``_foreach_add_`` and its kin
change the tensors and return them. An operand is a number or a 0-d tensor, the same for all, or a list
with one for each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from . import _C
from ._tensor import Tensor

_ops = _C.ops
_List = Sequence[Tensor]

_UNARY = (
    *("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor"),
    *("frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt"),
    *("sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)
_SCALED = ("add", "sub")
_BINARY = ("mul", "div", "pow", "maximum", "minimum", "clamp_max", "clamp_min")
_POINTWISE = ("addcmul", "addcdiv")
_LIMITS = {"clamp_max": "minimum", "clamp_min": "maximum"}


def _for_all(op: Callable[..., Any], *columns: Iterable[Any]) -> None:
    deque(map(op, *columns), maxlen=0)


def _check_list(tensors: Any, name: str) -> None:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'self' must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")


def _operands(tensors: _List, other: Any, name: str, one_tensor: bool = True) -> Iterable[Any]:
    """``other`` as one operand for each tensor; a list is as long as the tensors."""
    n = len(tensors)
    if isinstance(other, (list, tuple)):
        if len(other) == n:
            return other
        if other and isinstance(other[0], Tensor):
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {n} and {len(other)}"
            )
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    if isinstance(other, Tensor) and one_tensor and other.dim() != 0:
        raise RuntimeError(
            f"scalar tensor expected to be 0 dim but it has {other.dim()} dimensions and "
            f"{other.numel()} elements."
        )
    return repeat(other)


def _make_unary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    plain, inplace = getattr(_ops, name), getattr(_ops, name + "_")

    def f(self: _List) -> tuple[Tensor, ...]:
        _check_list(self, "_foreach_" + name)
        return tuple(map(plain, self))

    def f_(self: _List) -> Any:
        _check_list(self, f"_foreach_{name}_")
        _for_all(inplace, self)
        return self

    return f, f_


def _make_binary(name: str, scaled: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    op = _LIMITS.get(name, name)
    plain = getattr(_ops, op)
    # maximum and minimum have no in-place form and take tensors only.
    limits = op in ("maximum", "minimum")
    inplace = None if limits else getattr(_ops, op + "_")

    def limit(t: Tensor, other: Any) -> Tensor:
        if not isinstance(other, Tensor):
            other = _ops.full((), other, dtype=t.dtype)
        return plain(t, other)

    call: Callable[..., Tensor] = limit if limits else plain

    def run(self: Any, other: Any, alpha: Any) -> tuple[Tensor, ...]:
        operands = _operands(self, other, name)
        if alpha is None:
            return tuple(map(call, self, operands))
        return tuple([call(t, o, alpha=alpha) for t, o in zip(self, operands, strict=False)])

    def run_(self: Any, other: Any, alpha: Any) -> Any:
        operands = _operands(self, other, name)
        if inplace is None:
            for t, o in zip(self, operands, strict=False):
                t.copy_(call(t, o))
        elif alpha is None:
            _for_all(inplace, self, operands)
        else:
            for t, o in zip(self, operands, strict=False):
                inplace(t, o, alpha=alpha)
        return self

    def check(self: Any, other: Any, alpha: Any, full: str) -> None:
        first = other[0] if isinstance(other, (list, tuple)) and other else other
        if alpha is not None and not isinstance(first, Tensor):
            raise TypeError(f"{full}() received an invalid combination of arguments")
        _check_list(self, full)

    if scaled:

        def f(self: _List, other: Any, *, alpha: Any = None) -> tuple[Tensor, ...]:
            check(self, other, alpha, "_foreach_" + name)
            return run(self, other, alpha)

        def f_(self: _List, other: Any, *, alpha: Any = None) -> Any:
            check(self, other, alpha, f"_foreach_{name}_")
            return run_(self, other, alpha)

        return f, f_

    def g(self: _List, other: Any) -> tuple[Tensor, ...]:
        _check_list(self, "_foreach_" + name)
        return run(self, other, None)

    def g_(self: _List, other: Any) -> Any:
        _check_list(self, f"_foreach_{name}_")
        return run_(self, other, None)

    return g, g_


def _make_pointwise(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    plain, inplace = getattr(_ops, name), getattr(_ops, name + "_")

    def arguments(self: Any, tensor1: Any, tensor2: Any, value: Any, scalars: Any) -> Any:
        value = value if scalars is None else scalars
        if isinstance(value, Tensor):
            if value.dim() != 1 or value.numel() != len(self):
                raise RuntimeError(
                    f"Expected length of scalars to match input of length {len(self)} but got "
                    f"{value.numel()} instead."
                )
            value = value.tolist()
        return zip(
            self,
            _operands(self, tensor1, name),
            _operands(self, tensor2, name),
            _operands(self, value, name),
            strict=False,
        )

    def f(
        self: _List, tensor1: _List, tensor2: _List, value: Any = 1, *, scalars: Any = None
    ) -> tuple[Tensor, ...]:
        _check_list(self, "_foreach_" + name)
        rows = arguments(self, tensor1, tensor2, value, scalars)
        return tuple([plain(t, a, b, value=v) for t, a, b, v in rows])

    def f_(
        self: _List, tensor1: _List, tensor2: _List, value: Any = 1, *, scalars: Any = None
    ) -> Any:
        _check_list(self, f"_foreach_{name}_")
        for t, a, b, v in arguments(self, tensor1, tensor2, value, scalars):
            inplace(t, a, b, value=v)
        return self

    return f, f_


def _foreach_pow(self: Any, exponent: Any) -> tuple[Tensor, ...]:
    """Powers; of one number where ``self`` is a number."""
    if isinstance(self, (int, float, complex)):
        _check_list(exponent, "_foreach_pow")
        return tuple([_ops.pow(self, e) for e in exponent])
    return _power(self, exponent)


def _foreach_lerp(self: _List, tensors1: _List, weights: Any) -> tuple[Tensor, ...]:
    """Interpolations, with one weight or a list of them."""
    _check_list(self, "_foreach_lerp")
    ends, weights = _operands(self, tensors1, "lerp"), _operands(self, weights, "lerp", False)
    return tuple(map(_ops.lerp, self, ends, weights))


def _foreach_lerp_(self: _List, tensors1: _List, weights: Any) -> Any:
    """:func:`_foreach_lerp` in place."""
    _check_list(self, "_foreach_lerp_")
    ends, weights = _operands(self, tensors1, "lerp"), _operands(self, weights, "lerp", False)
    _for_all(_ops.lerp_, self, ends, weights)
    return self


def _foreach_copy_(self: _List, src: _List, non_blocking: bool = False) -> Any:
    """Copies the tensors of ``src`` over those of ``self``."""
    _check_list(self, "_foreach_copy_")
    _for_all(Tensor.copy_, self, _operands(self, src, "copy_"))
    return self


def _foreach_zero_(self: _List) -> Any:
    """Fills all with zeros."""
    _check_list(self, "_foreach_zero_")
    _for_all(_ops.zero_, self)
    return self


def _foreach_clone(self: _List, *, memory_format: Any = None) -> tuple[Tensor, ...]:
    """Copies."""
    _check_list(self, "_foreach_clone")
    return tuple([t.clone() for t in self])


def _foreach_norm(self: _List, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The norm of each."""
    _check_list(self, "_foreach_norm")
    return tuple([_ops.linalg_vector_norm(t, ord, dtype=dtype) for t in self])


def _foreach_powsum(self: _List, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The sum of the absolute values' powers of each."""
    _check_list(self, "_foreach_powsum")
    return tuple([t.abs().pow(ord).sum(dtype=dtype) for t in self])


def _foreach_max(self: _List) -> tuple[Tensor, ...]:
    """The largest element of each."""
    _check_list(self, "_foreach_max")
    return tuple([t.max() for t in self])


def _foreach_mm(self: _List, mat2: _List) -> tuple[Tensor, ...]:
    """Matrix products."""
    _check_list(self, "_foreach_mm")
    return tuple([_ops.mm(a, b) for a, b in zip(self, _operands(self, mat2, "mm"), strict=False)])


_pairs = {name: _make_unary(name) for name in _UNARY}
_pairs |= {name: _make_binary(name, True) for name in _SCALED}
_pairs |= {name: _make_binary(name, False) for name in _BINARY}
_pairs |= {name: _make_pointwise(name) for name in _POINTWISE}
_power = _pairs["pow"][0]
_table: dict[str, Callable[..., Any]] = {}
for _name, (_plain, _inplace) in _pairs.items():
    _table["_foreach_" + _name] = _plain
    _table[f"_foreach_{_name}_"] = _inplace
for _name, _f in _table.items():
    _f.__name__ = _f.__qualname__ = _name
    _f.__doc__ = f"``{_name.removeprefix('_foreach_')}`` over lists, see this module."
_own = {name: f for name, f in globals().items() if name.startswith("_foreach_")}
functions: dict[str, Callable[..., Any]] = _table | _own
