"""`vmap`: a function of one sample as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor
from ..random import get_rng_state, set_rng_state
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_unflatten

_ops = _C.ops


def _in_dims(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], Any, list[Any]]:
    """The leaves of the arguments, their shape, and for each the mapped dim or None."""
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
            f"inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to "
            "vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{call}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    for i, (x, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.dim() <= dim < x.dim():
            raise ValueError(
                f"{call}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality "
                f"{x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}."
            )
        dims[i] = dim % x.dim()
    return leaves, spec, dims


def _batch_size(leaves: list[Any], dims: list[Any]) -> int:
    sizes = [x.shape[dim] for x, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _stacked(columns: list[list[Any]], dims: list[Any], empty: bool) -> list[Any]:
    out = []
    for column, dim in zip(columns, dims, strict=True):
        if dim is None:
            out.append(column[0])
        else:
            whole = _ops.stack(column, dim)
            out.append(whole.narrow(dim, 0, 0) if empty else whole)
    return out


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that applies `func` to every slice of its arguments and stacks the results.

    Args:
        in_dims: the dim to take slices along: a number, or a tuple with a number, None (not sliced) or a
            container of these for each argument. Keyword arguments are passed on whole.
        out_dims: the dim to stack along, for all outputs or for each.
        randomness: "different" numbers for each slice, the "same" for all, or an "error" when some are drawn.
        chunk_size: how many slices to take at once; here it changes nothing.

    `func` is called once for each slice. It may look at values, which PyTorch's may not.

    >>> import tensorlite
    >>> tensorlite.vmap(tensorlite.dot)(tensorlite.ones(2, 3), tensorlite.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, spec, dims = _in_dims(name, in_dims, args)
        size = _batch_size(leaves, dims)
        count = max(size, 1)
        columns = [
            [x] * count
            if dim is None
            else x.unbind(dim)
            if size
            else [x.new_zeros((*x.shape[:dim], *x.shape[dim + 1 :]))]
            for x, dim in zip(leaves, dims, strict=True)
        ]
        state = get_rng_state()
        results: list[list[Any]] = []
        for i in range(count):
            if i and randomness == "same":
                set_rng_state(state)
            slices = [column[i] for column in columns]
            out = func(*tree_unflatten(slices, spec), **kwargs)
            outs, out_spec = tree_flatten(out)
            flat_dims = _broadcast_to_and_flatten(out_dims, out_spec)
            if flat_dims is None:
                raise ValueError(
                    f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the "
                    f"structure of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs "
                    f"has structure {out_spec}."
                )
            for value, dim in zip(outs, flat_dims, strict=True):
                if dim is not None and not isinstance(value, Tensor):
                    raise ValueError(
                        f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did "
                        "you mean to set out_dims= to None for output?"
                    )
            if i == 0 and randomness == "error" and not _ops.equal(get_rng_state(), state):
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either use the "
                    "'same' or 'different' randomness flags on vmap or perform the randomness operation "
                    "out of vmap"
                )
            results.append(outs)
        stacked = _stacked(list(map(list, zip(*results, strict=True))), flat_dims, size == 0)
        return tree_unflatten(stacked, out_spec)

    return wrapper
