"""How tensors and storages are pickled between processes: as a handle of the memory that they share."""

from __future__ import annotations

import os
from multiprocessing import reduction, util
from multiprocessing.reduction import ForkingPickler
from typing import Any

from .. import _C
from .._tensor import Tensor, _TorchFunctionOff
from ..nn.parameter import Parameter
from ..storage import TypedStorage, UntypedStorage
from . import _segment

__all__ = ["init_reductions", "rebuild_tensor", "reduce_storage", "reduce_tensor"]

# Named segments stay until this process ends: a receiver may open them at any time before.
_named: list[_segment.Segment] = []


def _remove_named() -> None:
    _named.clear()


def _handle(tensor: Tensor) -> tuple[str, Any]:
    """What another process finds the storage by; moves it into shared memory first."""
    from . import get_sharing_strategy

    by_name = get_sharing_strategy() == "file_system"
    segment = _segment.segment_of(tensor)
    if segment is None or (by_name and segment.path is None):
        segment = _segment.share_storage(tensor, named=by_name) if segment is None else segment
    if segment is None:
        return "bytes", bytes(memoryview(_C._storage_bytes(tensor)))
    if segment.path is not None:
        if not any(s is segment for s in _named):
            if not _named:
                util.Finalize(None, _remove_named, exitpriority=0)
            _named.append(segment)
        return "file", segment.path
    return "descriptor", reduction.DupFd(segment.fd)


def _open(kind: str, handle: Any, nbytes: int) -> Tensor:
    if kind == "bytes":
        return (
            _C.frombuffer(bytearray(handle), dtype=_C.uint8)
            if nbytes
            else _C.ops.empty(0, dtype=_C.uint8)
        )
    if kind == "file":
        return _segment.receive(os.open(handle, os.O_RDWR | os.O_CLOEXEC), nbytes)
    return _segment.receive(handle.detach(), nbytes)


def rebuild_tensor(
    cls: type,
    kind: str,
    handle: Any,
    nbytes: int,
    dtype: Any,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    state: dict[str, Any],
) -> Tensor:
    """The tensor that another process sent: over the same memory."""
    tensor = _C._from_storage(_open(kind, handle, nbytes), dtype, offset, size, stride)
    if cls is Parameter:
        tensor = Parameter(tensor, requires_grad)
    elif requires_grad:
        tensor.requires_grad_()
    tensor.__dict__.update(state)
    return tensor


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """The handle and geometry of a tensor."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not "
            "support crossing process boundaries.  If you just want to transfer the data, call detach() "
            "on the tensor before serializing (e.g., putting it on the queue)."
        )
    with _TorchFunctionOff():
        plain = tensor.detach()
        nbytes = plain._storage_nbytes()
        geometry = (plain.storage_offset(), tuple(plain.shape), plain.stride())
        kind, handle = _handle(plain)
    return rebuild_tensor, (
        type(tensor), kind, handle, nbytes, plain.dtype, *geometry, tensor.requires_grad, dict(tensor.__dict__),
    )  # fmt: skip


def _rebuild_storage(kind: str, handle: Any, nbytes: int) -> UntypedStorage:
    return UntypedStorage._of(_open(kind, handle, nbytes))


def reduce_storage(storage: UntypedStorage) -> tuple[Any, ...]:
    """The handle of a storage."""
    return _rebuild_storage, (*_handle(storage._bytes), storage.nbytes())


def _rebuild_typed_storage(storage: UntypedStorage, dtype: Any) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


def _reduce_typed_storage(storage: TypedStorage) -> tuple[Any, ...]:
    return _rebuild_typed_storage, (storage.untyped(), storage.dtype)


def init_reductions() -> None:
    """Teaches the pickler of `multiprocessing` about tensors."""
    ForkingPickler.register(Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, _reduce_typed_storage)
