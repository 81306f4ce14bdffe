"""Segments: memory that several processes map, held by an open file without a name where the system has such."""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any

from .. import _C

if TYPE_CHECKING:
    from .._tensor import Tensor

# Descriptors can be sent to other processes, and memory mapped, everywhere but on Windows.
AVAILABLE = hasattr(_C, "_map_file")


def new_file(nbytes: int) -> int:
    """The descriptor of a nameless file of `nbytes` in memory."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("tensorlite", os.MFD_CLOEXEC)
    else:
        fd, path = new_named_file()
        os.unlink(path)
    try:
        os.ftruncate(fd, nbytes)
    except BaseException:
        os.close(fd)
        raise
    return fd


def new_named_file() -> tuple[int, str]:
    """A file in memory that others find by its path, until somebody removes it."""
    import secrets
    import tempfile

    folder = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    path = f"{folder}/tensorlite_{os.getpid()}_{secrets.token_hex(8)}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path


def write_all(fd: int, data: Any, at: int) -> None:
    """Writes the bytes of a buffer at an offset; a full disk is an OSError here, not a signal later."""
    view = memoryview(data).cast("B")
    while view:
        n = os.pwrite(fd, view[: 1 << 30], at)
        view = view[n:]
        at += n


class Segment:
    """An open file in memory that storages are mapped from; closed with the last of them."""

    def __init__(self, fd: int, nbytes: int, path: str | None = None) -> None:
        self.fd = fd
        self.nbytes = nbytes
        self.path = path
        self._pid = os.getpid()

    def map(self) -> Tensor:
        """The bytes, as a tensor that keeps this segment."""
        return _C._map_file(self.fd, self.nbytes, True, self, 0)

    def __del__(self) -> None:
        try:
            os.close(self.fd)
            if self.path is not None and os.getpid() == self._pid:
                os.unlink(self.path)
        except (OSError, AttributeError, TypeError):  # gone already, or the interpreter ends
            pass


def segment_of(tensor: Tensor) -> Segment | None:
    """The segment that a tensor's storage is mapped from, if it can be handed on."""
    mapping = _C._mapping(tensor)
    owner = mapping[1] if mapping is not None and mapping[0] else None
    return owner if isinstance(owner, Segment) else None


def share_storage(tensor: Tensor, named: bool | None = None) -> Segment | None:
    """Moves the tensor's storage into shared memory, unless it lies there; None where there is none to be had."""
    if not AVAILABLE:
        return None
    segment = segment_of(tensor)
    if segment is not None:
        return segment
    mapping = _C._mapping(tensor)
    if named is None and mapping is not None and mapping[0]:
        return None  # shared already, and nobody asks for a handle
    nbytes = tensor._storage_nbytes()
    if named:
        fd, path = new_named_file()
        segment = Segment(fd, nbytes, path)
        os.ftruncate(fd, nbytes)
    else:
        segment = Segment(new_file(nbytes), nbytes)
    if nbytes and sys.platform == "linux":
        # Reserves the pages, so that a lack of memory is an error and not a signal.
        os.posix_fallocate(segment.fd, 0, nbytes)
    _C._move_storage(tensor, segment.fd, segment)
    return segment


# Segments that came from other processes, by the identity of their files: one storage that is sent twice is one here.
_received: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()


def receive(fd: int, nbytes: int) -> Tensor:
    """The bytes of a segment whose descriptor has arrived; the descriptor belongs to the callee."""
    status = os.fstat(fd)
    key = (status.st_dev, status.st_ino)
    known = _received.get(key)
    if known is not None:
        os.close(fd)
        return known.map()
    segment = _received[key] = Segment(fd, nbytes)
    return segment.map()
