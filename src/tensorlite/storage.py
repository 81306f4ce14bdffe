"""Storages: the memory under tensors, as bytes (`UntypedStorage`) or as numbers (`TypedStorage`)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _C

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """The bytes under one or more tensors, without a dtype.

    `tensor.untyped_storage()` gives that of a tensor; `UntypedStorage(n)` has n bytes of its own.
    """

    is_cuda = False
    is_sparse = False

    def __init__(self, size: Any = 0, *, device: Any = None) -> None:
        # A uint8 tensor over the whole storage stands for it.
        data = _C.ops.empty(size, dtype=_C.uint8, device=device) if isinstance(size, int) else None
        self._bytes: Tensor = (
            _C.tensor(list(size), dtype=_C.uint8, device=device) if data is None else data
        )

    @classmethod
    def _of(cls, tensor: Tensor) -> UntypedStorage:
        self = cls.__new__(cls)
        self._bytes = _C._storage_bytes(tensor)
        return self

    def _current(self) -> Tensor:
        """The bytes as they are now: the storage may have been resized since."""
        if self._bytes._storage_nbytes() != self._bytes.numel():
            self._bytes = _C._storage_bytes(self._bytes)
        return self._bytes

    @property
    def device(self) -> Any:
        return self._bytes.device

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes._storage_nbytes()

    size = nbytes

    def __len__(self) -> int:
        return self.nbytes()

    def element_size(self) -> int:
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte; 0 where there is none."""
        return self._bytes._storage_ptr() if self.nbytes() else 0

    def __getitem__(self, index: int | slice) -> int | UntypedStorage:
        part = self._current()[index]
        if isinstance(index, slice):
            return UntypedStorage._of(part.clone())
        return part.item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._current()[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """The bytes as a list of ints."""
        return self._current().tolist()

    def clone(self) -> UntypedStorage:
        """A copy in memory of its own."""
        return UntypedStorage._of(self._current().clone())

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> UntypedStorage:
        """Writes the bytes of another storage of the same size."""
        self._current().copy_(source._current())
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Writes one byte everywhere."""
        self._current().fill_(value)
        return self

    def resize_(self, size: int) -> UntypedStorage:
        """Changes the number of bytes, for all tensors over the storage."""
        _C._resize_storage(self._bytes, size)
        return self

    def cpu(self) -> UntypedStorage:
        return self

    def is_shared(self) -> bool:
        """Lies the storage in memory that processes share?"""
        return self._bytes.is_shared()

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def share_memory_(self) -> UntypedStorage:
        """Moves the storage into memory that other processes can map."""
        self._bytes.share_memory_()
        return self

    def untyped(self) -> UntypedStorage:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and (
            self is other or (self.data_ptr(), self.nbytes()) == (other.data_ptr(), other.nbytes())
        )

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        key = ("tensorlite storage", self.data_ptr())
        if key not in memo:  # type: ignore[comparison-overlap]
            memo[key] = self._current().clone()  # type: ignore[index]
        return UntypedStorage._of(memo[key])  # type: ignore[index]

    def __reduce__(self) -> Any:
        return (UntypedStorage, (self.tolist(),))

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        name = f"torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}"
        return f"{lines}[{name}]"


class TypedStorage:
    """A storage seen as numbers of one dtype, as in the first PyTorch."""

    is_cuda = False
    is_sparse = False

    def __init__(
        self,
        *args: Any,
        wrap_storage: UntypedStorage | None = None,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        self.dtype = _C.get_default_dtype() if dtype is None else dtype
        if wrap_storage is not None:
            self._untyped_storage = wrap_storage
        elif args and not isinstance(args[0], int):
            data = _C.tensor(list(args[0]), dtype=self.dtype, device=device)
            self._untyped_storage = UntypedStorage._of(data)
        else:
            size = args[0] if args else 0
            self._untyped_storage = UntypedStorage(size * self.dtype.itemsize, device=device)

    def _values(self) -> Tensor:
        data = self._untyped_storage._current()
        return _C._from_storage(data, self.dtype, 0, (len(self),), (1,))

    @property
    def device(self) -> Any:
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The storage without its dtype."""
        return self._untyped_storage

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def __len__(self) -> int:
        return self.nbytes() // self.dtype.itemsize

    size = __len__

    def element_size(self) -> int:
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    def __getitem__(self, index: int | slice) -> Any:
        part = self._values()[index]
        if isinstance(index, slice):
            return TypedStorage(wrap_storage=UntypedStorage._of(part.clone()), dtype=self.dtype)
        return part.item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._values()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """The numbers as a list."""
        return self._values().tolist()

    def clone(self) -> TypedStorage:
        return TypedStorage(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype)

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        self._values().copy_(source._values())
        return self

    def fill_(self, value: Any) -> TypedStorage:
        self._values().fill_(value)
        return self

    def resize_(self, size: int) -> TypedStorage:
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def cpu(self) -> TypedStorage:
        return self

    def is_shared(self) -> bool:
        return self._untyped_storage.is_shared()

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def share_memory_(self) -> TypedStorage:
        self._untyped_storage.share_memory_()
        return self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TypedStorage)
            and self.dtype == other.dtype
            and self._untyped_storage == other._untyped_storage
        )

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self.tolist())
        name = f"torch.storage.TypedStorage(dtype={self.dtype}, device={self.device})"
        return f"{lines}[{name} of size {len(self)}]"


_warned = False


def warn_typed_storage() -> None:
    """Warns of TypedStorage, once."""
    global _warned
    if _warned:
        return
    _warned = True
    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the "
        "only storage class. This should only matter to you if you are using storages directly.  To "
        "access UntypedStorage directly, use tensor.untyped_storage() instead of tensor.storage()",
        stacklevel=3,
    )
