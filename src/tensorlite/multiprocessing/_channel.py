"""Messages between the loader and its workers: small ones through a pipe, what is large as a file in memory.

A message is a pickle; its tensors, and other large buffers, lie in one memory file whose descriptor goes along. The
receiver maps it: nothing is copied, nothing has a name that could be left behind, and a pipe never fills up, since
all that goes through it is small.
"""

from __future__ import annotations

import io
import os
import pickle
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from .. import _C
from .._tensor import Tensor, _TorchFunctionOff
from ..nn.parameter import Parameter
from . import _segment

_PAGE = 4096
# Pickles up to this size go through the pipe.
_INLINE = 2048
FILES = _segment.AVAILABLE and hasattr(reduction, "send_handle") and hasattr(os, "pwrite")


class _Span:
    """The part of a storage that a message's tensors see."""

    def __init__(self, tensor: Tensor) -> None:
        self.bytes = _C._storage_bytes(tensor)
        self.begin = self.bytes.numel()
        self.end = 0

    def include(self, tensor: Tensor) -> None:
        if tensor.numel() == 0:
            return
        item = tensor.element_size()
        begin = tensor.storage_offset() * item
        last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
        self.begin = min(self.begin, begin - begin % 16)
        self.end = max(self.end, begin + (last + 1) * item)

    def part(self) -> Any:
        return memoryview(self.bytes)[self.begin : self.end] if self.end else b""


class _Slot:
    """Stands for a storage of the message while it is unpickled."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        self.buffers: list[Any] = []
        super().__init__(file, 5, buffer_callback=self._keep)
        self.dispatch_table = ForkingPickler(io.BytesIO(), 5).dispatch_table  # type: ignore[attr-defined]
        self.spans: dict[int, tuple[int, _Span]] = {}

    def _keep(self, buffer: Any) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _INLINE:
            return True
        self.buffers.append(raw)
        return False

    def persistent_id(self, obj: Any) -> Any:
        return obj.number if type(obj) is _Slot else None

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is not Tensor and type(obj) is not Parameter:
            return NotImplemented
        if obj.requires_grad and not obj.is_leaf:
            from .reductions import reduce_tensor

            return reduce_tensor(obj)  # raises
        with _TorchFunctionOff():
            plain = obj.detach()
            number, span = self.spans.setdefault(plain._storage_ptr(), (len(self.spans), None))  # type: ignore[arg-type]
            if span is None:
                span = _Span(plain)
                self.spans[plain._storage_ptr()] = number, span
            span.include(plain)
            geometry = (plain.storage_offset(), tuple(plain.shape), plain.stride())
        kind = type(obj) is Parameter
        return _rebuild, (
            _Slot(number),
            kind,
            plain.dtype,
            *geometry,
            obj.requires_grad,
            dict(obj.__dict__),
        )


def _rebuild(
    storage: tuple[Tensor, int],
    parameter: bool,
    dtype: Any,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    state: dict[str, Any],
) -> Tensor:
    data, begin = storage
    if data.numel() == 0:
        tensor = _C._from_storage(data, dtype, 0, size, stride)
    else:
        tensor = _C._from_storage(data, dtype, offset - begin // dtype.itemsize, size, stride)
    if parameter:
        tensor = Parameter(tensor, requires_grad)
    elif requires_grad:
        tensor.requires_grad_()
    if state:
        tensor.__dict__.update(state)
    return tensor


def encode(value: Any) -> tuple[bytes, int | None]:
    """What goes through the pipe, and the descriptor of the file that goes along, if any."""
    stream = io.BytesIO()
    pickler = _Pickler(stream)
    pickler.dump(value)
    body: Any = stream.getbuffer()
    spans = [span for _, span in pickler.spans.values()]
    parts = [span.part() for span in spans] + pickler.buffers
    begins = [span.begin if span.end else 0 for span in spans]
    inline = bytes(body) if len(body) <= _INLINE or not FILES else None
    if not FILES:
        return pickle.dumps((inline, begins, [bytes(p) for p in parts], None)), None
    if inline is None:
        parts.append(body)
    table, at = [], 0
    for part in parts:
        table.append((at, len(part)))
        at += -(-len(part) // _PAGE) * _PAGE
    if at == 0:
        return pickle.dumps((inline, begins, table, 0)), None
    fd = _segment.new_file(at)
    try:
        for (begin, _), part in zip(table, parts, strict=True):
            _segment.write_all(fd, part, begin)
    except BaseException:
        os.close(fd)
        raise
    return pickle.dumps((inline, begins, table, at)), fd


class _Unpickler(pickle.Unpickler):
    def __init__(self, body: Any, storages: list[tuple[Tensor, int]], buffers: list[Any]) -> None:
        super().__init__(io.BytesIO(body), buffers=buffers)
        self.storages = storages

    def persistent_load(self, pid: Any) -> Any:
        return self.storages[pid]


def decode(head: bytes, connection: Connection) -> Any:
    """The value of a message whose first part has arrived."""
    inline, begins, table, nbytes = pickle.loads(head)
    if nbytes is None:
        datas = [
            _C.frombuffer(bytearray(p), dtype=_C.uint8) if p else _C.ops.empty(0, dtype=_C.uint8)
            for p in table
        ]
    elif nbytes == 0:
        datas = [_C.ops.empty(0, dtype=_C.uint8) for _ in table]
    else:
        fd = reduction.recv_handle(connection)
        try:
            datas = [_C._map_file(fd, n, True, None, at) for at, n in table]
        finally:
            os.close(fd)
    body = inline
    if inline is None:
        body = memoryview(datas.pop())
    storages = list(zip(datas, begins, strict=False))
    buffers = [memoryview(d) for d in datas[len(begins) :]]
    return _Unpickler(body, storages, buffers).load()


def send(connection: Connection, value: Any) -> None:
    """Sends a value."""
    head, fd = encode(value)
    try:
        connection.send_bytes(head)
        if fd is not None:
            reduction.send_handle(connection, fd, None)
    finally:
        if fd is not None:
            os.close(fd)


def receive(connection: Connection) -> Any:
    """Waits for a value."""
    return decode(connection.recv_bytes(), connection)
