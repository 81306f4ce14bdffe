"""Views as copies: `narrow_copy(x, …)` is `x.narrow(…)` in memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._tensor import Tensor

__all__ = [
    "alias_copy",
    "as_strided_copy",
    "detach_copy",
    "diagonal_copy",
    "expand_copy",
    "narrow_copy",
    "permute_copy",
    "select_copy",
    "slice_copy",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "unbind_copy",
    "unfold_copy",
    "unsqueeze_copy",
    "view_as_complex_copy",
    "view_as_real_copy",
    "view_copy",
]


def _written(result: Any, out: Any) -> Any:
    if out is None:
        return result
    for target, value in (
        [(out, result)] if isinstance(out, Tensor) else zip(out, result, strict=True)
    ):
        if target.shape != value.shape:
            target.resize_(value.shape)
        target.copy_(value)
    return out


def _copying(name: str) -> Callable[..., Any]:
    def function(self: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        return _written(getattr(self, name)(*args, **kwargs).clone(), out)

    return _named(function, name)


def _copying_all(name: str) -> Callable[..., Any]:
    def function(self: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        parts = getattr(self, name)(*args, **kwargs)
        return _written(tuple(part.clone() for part in parts), out)

    return _named(function, name)


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name + "_copy"
    function.__doc__ = f"What `Tensor.{name}` gives, as a copy."
    return function


as_strided_copy = _copying("as_strided")
detach_copy = _copying("detach")
diagonal_copy = _copying("diagonal")
narrow_copy = _copying("narrow")
permute_copy = _copying("permute")
select_copy = _copying("select")
squeeze_copy = _copying("squeeze")
t_copy = _copying("t")
transpose_copy = _copying("transpose")
unfold_copy = _copying("unfold")
unsqueeze_copy = _copying("unsqueeze")
view_copy = _copying("view")
split_copy = _copying_all("split")
split_with_sizes_copy = _copying_all("split_with_sizes")
unbind_copy = _copying_all("unbind")


def alias_copy(self: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy."""
    return _written(self.clone(), out)


def expand_copy(
    self: Tensor, size: Any, *, implicit: bool = False, out: Tensor | None = None
) -> Tensor:
    """What `Tensor.expand` gives, as a copy."""
    return _written(self.expand(size).contiguous().clone(), out)


def slice_copy(
    self: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """What `x[start:end:step]` along `dim` gives, as a copy."""
    at = [slice(None)] * (dim % self.dim()) + [slice(start, end, step)]
    return _written(self[tuple(at)].clone(), out)


def view_as_real_copy(self: Tensor, *, out: Tensor | None = None) -> Tensor:
    """What `view_as_real` gives, as a copy."""
    from . import _C

    return _written(_C.ops.view_as_real(self).clone(), out)


def view_as_complex_copy(self: Tensor, *, out: Tensor | None = None) -> Tensor:
    """What `view_as_complex` gives, as a copy."""
    from . import _C

    return _written(_C.ops.view_as_complex(self).clone(), out)
