"""The loop of a worker process."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from multiprocessing import connection as mp_connection
from multiprocessing import parent_process
from typing import Any

from .... import _C
from ...._utils import ExceptionWrapper
from ....multiprocessing import _channel
from ....random import manual_seed
from .fetch import IterableFetcher, MapFetcher

__all__ = ["WorkerInfo", "get_worker_info"]

# How often a worker looks whether its parent still lives, should the system not tell it.
_CHECK_SECONDS = 5.0


class WorkerInfo:
    """Which worker this is: `id`, `num_workers`, its `seed`, and its copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any

    def __init__(self, **values: Any) -> None:
        self._names = tuple(values)
        for name, value in values.items():
            setattr(self, name, value)
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if "_ready" in self.__dict__:
            raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)}' for n in self._names)})"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a loader, which one it is; None elsewhere."""
    return _worker_info


class Resume:
    """Tells a persistent worker that a new pass begins; comes back when it is ready."""


class Exhausted:
    """A worker's iterable dataset has ended."""


def _seed_numpy(base_seed: int, worker_id: int) -> None:
    try:
        import numpy as np
    except ImportError:
        return
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))


def worker_loop(
    iterable: bool,
    dataset: Any,
    connection: mp_connection.Connection,
    others: list[mp_connection.Connection],
    auto_collation: bool,
    collate_fn: Callable[..., Any],
    drop_last: bool,
    base_seed: int,
    init_fn: Callable[[int], Any] | None,
    worker_id: int,
    num_workers: int,
) -> None:
    """Answers (task, indices) with (task, batch) until None comes or the parent is gone."""
    global _worker_info
    for other in others:
        other.close()  # the parent's ends, which a fork has copied
    _C.set_num_threads(1)
    seed = base_seed + worker_id
    random.seed(seed)
    manual_seed(seed)
    _seed_numpy(base_seed, worker_id)
    _worker_info = WorkerInfo(id=worker_id, num_workers=num_workers, seed=seed, dataset=dataset)
    make: Any = IterableFetcher if iterable else MapFetcher
    where = f"in DataLoader worker process {worker_id}"
    failed: ExceptionWrapper | None = None
    fetcher: Any = None
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = make(dataset, auto_collation, collate_fn, drop_last)
    except Exception:
        failed = ExceptionWrapper(where=where)
    parent = parent_process()
    watched: list[Any] = [connection] if parent is None else [connection, parent.sentinel]
    inbox = None if _channel.FILES else _inbox(connection)
    ended = False
    try:
        while True:
            if inbox is not None:
                message = inbox.get()
            else:
                ready = mp_connection.wait(watched, _CHECK_SECONDS)
                if connection not in ready:
                    if ready or (
                        parent is not None and os.name == "posix" and os.getppid() != parent.pid
                    ):
                        return
                    continue
                message = _channel.receive(connection)
            if message is None:
                return
            if isinstance(message, Resume):
                ended = False
                if failed is None:
                    try:
                        fetcher = make(dataset, auto_collation, collate_fn, drop_last)
                    except Exception:
                        failed = ExceptionWrapper(where=where)
                _channel.send(connection, (message, None))
                continue
            task, indices = message
            if ended:
                continue
            data: Any
            if failed is not None:
                data, failed = failed, None
            else:
                try:
                    data = fetcher.fetch(indices)
                except Exception as error:
                    if iterable and isinstance(error, StopIteration):
                        data, ended = Exhausted(), True
                    else:
                        data = ExceptionWrapper(where=where)
            try:
                _channel.send(connection, (task, data))
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception:
                _channel.send(connection, (task, ExceptionWrapper(where=where)))
            del data, message
    except (KeyboardInterrupt, EOFError, ConnectionResetError):
        pass  # the parent knows, or is gone


def _inbox(connection: mp_connection.Connection) -> Any:
    """Where large messages go through the pipe: a thread that empties it, lest both sides wait in writing."""
    import queue
    import threading

    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                messages.put(_channel.receive(connection))
        except (EOFError, OSError):
            messages.put(None)

    threading.Thread(target=read, daemon=True).start()
    return messages
