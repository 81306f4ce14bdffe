"""Batches out of lists of samples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from .... import _C
from ...._tensor import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

_REFUSED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

Collators = dict[type | tuple[type, ...], Callable[..., Any]]


def _is_numpy(value: Any) -> bool:
    return type(value).__module__ == "numpy"


def _is_text_array(value: Any) -> bool:
    return value.dtype.kind in "SUO"


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def default_convert(data: Any) -> Any:
    """Arrays and NumPy numbers in `data` as tensors; containers are kept, everything else is left as it is."""
    if isinstance(data, Tensor):
        return data
    if _is_numpy(data):
        return data if _is_text_array(data) else _C.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


def _like_mapping(first: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """`items` as a mapping of the type of `first`; as a dict where that cannot be made so."""
    try:
        if isinstance(first, MutableMapping):
            clone = copy.copy(first)
            clone.update(items)
            return clone
        return type(first)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _like_sequence(first: Sequence[Any], items: list[Any]) -> Any:
    try:
        if isinstance(first, MutableSequence):
            clone = copy.copy(first)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(first)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def collate(batch: Any, *, collate_fn_map: Collators | None = None) -> Any:
    """A batch by the functions of `collate_fn_map`, which maps types (or tuples of types) to `f(batch, *,
    collate_fn_map)`; containers are gone into."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for types, f in collate_fn_map.items():
            if isinstance(first, types):
                return f(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _like_mapping(
            first,
            {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first},
        )
    if _is_namedtuple(first):
        columns = zip(*batch, strict=True)
        return kind(*(collate(column, collate_fn_map=collate_fn_map) for column in columns))
    if isinstance(first, Sequence) and not isinstance(first, (str, bytes)):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        items = [
            collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=True)
        ]
        return items if isinstance(first, tuple) else _like_sequence(first, items)
    raise TypeError(_REFUSED.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: Collators | None = None) -> Tensor:
    return _C.ops.stack(tuple(batch), 0)


def _collate_array(batch: Any, *, collate_fn_map: Collators | None = None) -> Any:
    if _is_text_array(batch[0]):
        raise TypeError(_REFUSED.format(batch[0].dtype))
    if batch[0].shape == ():
        return _C.as_tensor(batch)
    return collate([_C.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_float_fn(batch: Any, *, collate_fn_map: Collators | None = None) -> Tensor:
    return _C.tensor(batch, dtype=_C.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Collators | None = None) -> Tensor:
    return _C.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Collators | None = None) -> Any:
    return batch


default_collate_fn_map: Collators = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch: tensors and arrays stacked, numbers as tensors, containers item by item."""
    first = batch[0]
    if isinstance(first, Tensor):
        return _C.ops.stack(tuple(batch), 0)
    return collate(batch, collate_fn_map=_with_numpy())


_numpy_known = False


def _with_numpy() -> Collators:
    """The map with NumPy's types in front of float, of which its float64 is one; once NumPy has been imported."""
    global _numpy_known
    if not _numpy_known:
        import sys

        numpy = sys.modules.get("numpy")
        if numpy is not None and hasattr(numpy, "ndarray"):
            rest = dict(default_collate_fn_map)
            default_collate_fn_map.clear()
            for kind in (numpy.ndarray, (numpy.bool_, numpy.number, numpy.object_)):
                default_collate_fn_map[kind] = _collate_array  # type: ignore[index]
            default_collate_fn_map.update(rest)
            _numpy_known = True
    return default_collate_fn_map
