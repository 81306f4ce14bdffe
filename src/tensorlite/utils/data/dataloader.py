"""`DataLoader`: batches of a dataset, in this process or from workers."""

from __future__ import annotations

import itertools
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ... import _C
from ...random import Generator
from . import _utils
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import IterableFetcher, MapFetcher
from ._utils.worker import get_worker_info
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, WeightedRandomSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_T_co = TypeVar("_T_co", covariant=True)


class _DatasetKind:
    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler[None]):
    """None, for ever: an iterable dataset decides itself."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[_T_co]):
    """Batches of a dataset.

    Data that is in memory already, a `TensorDataset` or a `Subset` of one, with the default collation, is taken
    whole batches at once: one call a tensor, whatever the batch size.

    Args:
        dataset: with `__getitem__` and `__len__`, or an `IterableDataset`.
        batch_size: samples in a batch; None gives samples as they are.
        shuffle: a new random order for each pass.
        sampler: gives indices; instead of `shuffle`.
        batch_sampler: gives lists of indices; instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: processes that load; 0: this one.
        collate_fn: makes a batch of a list of samples; stacks tensors by default.
        pin_memory: accepted; there is no device to pin for.
        drop_last: leave out a last batch that is not whole.
        timeout: seconds to wait for a worker; 0: for ever.
        worker_init_fn: called with the worker's number in each worker, after it was seeded.
        multiprocessing_context: how workers start: a name ("fork", "spawn", …) or a context.
        generator: what draws the order, and the seed of the workers.
        prefetch_factor: batches that each worker is ahead; 2 by default.
        persistent_workers: workers stay from one pass to the next.
        in_order: batches come in the order of the sampler; otherwise as they are ready.
    """

    dataset: Dataset[_T_co]
    batch_size: int | None
    num_workers: int
    drop_last: bool
    timeout: float
    sampler: Any
    _initialized = False

    def __init__(
        self,
        dataset: Dataset[_T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if iterable else _DatasetKind.Map
        if iterable:
            for name, value in (
                ("shuffle", shuffle or None),
                ("sampler", sampler),
                ("batch_sampler", batch_sampler),
            ):
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if sampler is None:
            if iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None and batch_sampler is None:
            indices: Any = sampler
            batch_sampler = BatchSampler(indices, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator: Any = None
        self._warn_of_many_workers()

    @property
    def multiprocessing_context(self) -> Any:
        return self._multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers <= 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            import multiprocessing
            from multiprocessing.context import BaseContext

            if isinstance(context, str):
                known = multiprocessing.get_all_start_methods()
                if context not in known:
                    raise ValueError(
                        "multiprocessing_context option should specify a valid start method in "
                        f"{known!r}, but got multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the "
                    f"start method, but got multiprocessing_context={context}"
                )
        self._multiprocessing_context = context

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        )
        if self._initialized and name in fixed:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self._warn_of_many_workers()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self) -> _BaseDataLoaderIter:
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def _warn_of_many_workers(self) -> None:
        if self.num_workers == 0:
            return
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if cpus is not None and self.num_workers <= cpus:
            return
        known = (
            "" if cpus is None else
            f"Our suggested max number of worker in current system is {cpus}, which is smaller than what this "
            "DataLoader is going to create."
        )  # fmt: skip
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. {known} Please be aware that "
            "excessive worker creation might get DataLoader running slow or even freeze, lower the worker number to "
            "avoid potential slowness/freeze if necessary.",
            stacklevel=3,
        )

    def check_worker_number_rationality(self) -> None:
        """Warns where there are more workers than processors."""
        self._warn_of_many_workers()


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


class _BaseDataLoaderIter:
    """One pass over a loader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._sampler_iter = iter(self._index_sampler)
        # The seed of the workers comes first, whether there are workers or not; the sampler draws later.
        seed = _C.ops.empty((), dtype=_C.int64).random_(generator=loader.generator)
        self._base_seed = int(seed.item())
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't "
                "be used.",
                stacklevel=4,
            )

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_index(self) -> Any:
        return next(self._sampler_iter)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        if (
            self._dataset_kind == _DatasetKind.Iterable
            and self._IterableDataset_len_called is not None
        ):
            self._check_length()
        return data

    def _check_length(self) -> None:
        said = self._IterableDataset_len_called
        if said is None or self._num_yielded <= said:
            return
        text = (
            f"Length of IterableDataset {self._dataset} was reported to be {said}(when accessing len(dataloader)), but "
            f"{self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
            )
        warnings.warn(text, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Loads in this process."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        make: Any = IterableFetcher if self._dataset_kind == _DatasetKind.Iterable else MapFetcher
        self._dataset_fetcher = make(
            self._dataset, self._auto_collation, self._collate_fn, self._drop_last
        )
        self._batches = self._rows_by_tensor()

    def _rows_by_tensor(self) -> Any:
        """Batches taken from tensors by tensors of indices, where nothing of the user's is in between."""
        rows = getattr(self._dataset_fetcher, "rows", None)
        batches = self._index_sampler
        if rows is None or type(batches) is not BatchSampler or "__iter__" in vars(batches):
            return None
        sampler = batches.sampler
        if type(sampler) not in (SequentialSampler, RandomSampler, WeightedRandomSampler):
            return None
        source = getattr(sampler, "data_source", None)
        if (source is not self._dataset and source is not None) or len(self._dataset) == 0:  # type: ignore[arg-type]
            return None
        if type(sampler) is WeightedRandomSampler and len(sampler.weights) > rows.length:
            return None
        return rows.batches(sampler, batches.batch_size, batches.drop_last)

    def _next_data(self) -> Any:
        if self._batches is not None:
            return next(self._batches)
        return self._dataset_fetcher.fetch(self._next_index())

    def __next__(self) -> Any:
        if self._batches is not None:
            return next(self._batches)
        return super().__next__()


_EMPTY = object()


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Loads in worker processes.

    Each worker has a pipe of its own, through which batches come as descriptors of memory (`_channel`). A task is a
    list of indices; tasks go to the workers in turn, and their batches are given out in the order of the tasks.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        import multiprocessing

        from ... import multiprocessing as _  # noqa: F401  (teaches the pickler of processes about tensors)
        from ...multiprocessing import _channel

        self._channel = _channel
        self._prefetch_factor = loader.prefetch_factor or 0
        self._in_order = loader.in_order
        context: Any = loader.multiprocessing_context or multiprocessing.get_context()
        forks = context.get_start_method() == "fork"
        self._shutdown = False
        self._workers: list[Any] = []
        self._connections: list[Any] = []
        iterable = self._dataset_kind == _DatasetKind.Iterable
        try:
            for i in range(self._num_workers):
                ours, theirs = context.Pipe(duplex=True)
                self._connections.append(ours)
                process = context.Process(
                    target=_utils.worker.worker_loop,
                    args=(
                        iterable, self._dataset, theirs, list(self._connections) if forks else [],
                        self._auto_collation, self._collate_fn, self._drop_last, self._base_seed,
                        loader.worker_init_fn, i, self._num_workers,
                    ),
                    daemon=True,
                )  # fmt: skip
                process.start()
                theirs.close()
                self._workers.append(process)
        except BaseException:
            self._shutdown_workers()
            raise
        self._begin()

    def _begin(self) -> None:
        """The state of a new pass, and the first tasks."""
        self._next_task = 0  # the number of the next task to be handed out
        self._due = 0  # the task whose batch is given out next
        self._tasks: dict[int, list[Any]] = {}  # number: [worker, batch or _EMPTY]
        self._outstanding = [0] * self._num_workers
        self._active = [True] * self._num_workers
        self._cycle = itertools.cycle(range(self._num_workers))
        self._unordered: deque[int] = deque()
        for _ in range(
            max(1, self._prefetch_factor) * self._num_workers if self._prefetch_factor else 0
        ):
            self._hand_out()

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        # What is still on its way belongs to the last pass: it ends where the worker says that it has begun anew.
        for i in range(self._num_workers):
            self._send(i, _utils.worker.Resume())
        waiting = set(range(self._num_workers))
        while waiting:
            worker, (task, _) = self._receive(waiting)
            if isinstance(task, _utils.worker.Resume):
                waiting.discard(worker)
        self._begin()

    def _choose(self) -> int | None:
        """The worker for the next task."""
        candidates = [next(self._cycle) for _ in range(self._num_workers)]
        active = [w for w in candidates if self._active[w]]
        if not active:
            return None
        chosen = active[0] if self._in_order else min(active, key=lambda w: self._outstanding[w])
        for _ in range(candidates.index(chosen) + 1):  # the turn goes on behind the chosen one
            next(self._cycle)
        return chosen

    def _hand_out(self) -> None:
        if sum(self._outstanding) >= self._prefetch_factor * self._num_workers or not any(
            self._active
        ):
            return
        try:
            indices = self._next_index()
        except StopIteration:
            return
        worker = self._choose()
        if worker is None:
            return
        self._tasks[self._next_task] = [worker, _EMPTY]
        self._outstanding[worker] += 1
        self._send(worker, (self._next_task, indices))
        self._next_task += 1

    def _send(self, worker: int, message: Any) -> None:
        try:
            self._channel.send(self._connections[worker], message)
        except (BrokenPipeError, ConnectionResetError):
            self._fail([worker])

    def _receive(self, workers: Iterable[int]) -> tuple[int, Any]:
        """The next message of one of the workers."""
        from multiprocessing.connection import wait

        pipes = {self._connections[w]: w for w in workers}
        sentinels = {self._workers[w].sentinel: w for w in workers}
        ready = wait([*pipes, *sentinels], self._timeout if self._timeout > 0 else None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        for connection in ready:
            if connection in pipes:
                try:
                    return pipes[connection], self._channel.receive(connection)  # type: ignore[arg-type]
                except (EOFError, ConnectionResetError, BrokenPipeError):
                    self._fail([pipes[connection]])
        dead = [sentinels[s] for s in ready]  # type: ignore[index]
        for w in dead:  # it may have written just before it ended
            if self._connections[w].poll():
                return self._receive([w])
        return self._fail(dead)

    def _fail(self, dead: list[int]) -> Any:
        """Raises what the end of workers calls for."""
        import signal

        for w in dead:
            self._workers[w].join(5)
        codes = [self._workers[w].exitcode for w in dead]
        pids = ", ".join(str(self._workers[w].pid) for w in dead)
        self._shutdown_workers()
        if codes[0] is not None and codes[0] < 0:
            text = f"DataLoader worker (pid {pids}) is killed by signal: {signal.strsignal(-codes[0])}. "
            if -codes[0] == getattr(signal, "SIGBUS", None):
                text += "The memory that processes share (/dev/shm) may be exhausted. "
            if -codes[0] == getattr(signal, "SIGKILL", None):
                text += "The system may have run out of memory. "
            raise RuntimeError(text)
        raise RuntimeError(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly with exit code {codes[0]}. Details are lost due "
            "to multiprocessing. Rerunning with num_workers=0 may give better error trace."
        )

    def _next_data(self) -> Any:
        if self._shutdown:
            raise StopIteration
        if self._prefetch_factor == 0:
            self._hand_out_one()
        while True:
            if not self._in_order and self._unordered:
                task = self._unordered.popleft()
                return self._give(self._tasks.pop(task)[1])
            # Tasks of workers whose dataset has ended will not be answered.
            while self._due < self._next_task:
                entry = self._tasks.get(self._due)
                if entry is not None and (entry[1] is not _EMPTY or self._active[entry[0]]):
                    break
                self._tasks.pop(self._due, None)
                self._due += 1
            else:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if self._in_order and entry[1] is not _EMPTY:
                del self._tasks[self._due]
                self._due += 1
                return self._give(entry[1])
            busy = [w for w in range(self._num_workers) if self._outstanding[w]]
            worker, (task, data) = self._receive(busy)
            if isinstance(data, _utils.worker.Exhausted):
                self._active[worker] = False
                self._outstanding[worker] = 0
                for number in [
                    n for n, e in self._tasks.items() if e[0] == worker and e[1] is _EMPTY
                ]:
                    del self._tasks[number]
                if not self._persistent_workers:
                    self._send(worker, None)
                self._hand_out()
                continue
            self._outstanding[worker] -= 1
            self._tasks[task][1] = data
            if not self._in_order:
                self._unordered.append(task)

    def _hand_out_one(self) -> None:
        """Without prefetching: one task at a time."""
        self._prefetch_factor = 1
        try:
            if not any(self._outstanding):
                self._hand_out()
        finally:
            self._prefetch_factor = 0

    def _give(self, data: Any) -> Any:
        self._hand_out()
        if isinstance(data, _utils.worker.ExceptionWrapper):
            data.reraise()
        return data

    def _shutdown_workers(self) -> None:
        if self._shutdown:
            return
        self._shutdown = True
        for connection in self._connections:
            try:
                self._channel.send(connection, None)
            except (OSError, ValueError):
                pass
            try:
                connection.close()  # whoever writes to us is told
            except OSError:
                pass
        for process in self._workers:
            process.join(5)
            if process.is_alive():
                process.terminate()
                process.join(5)

    def __del__(self) -> None:
        if getattr(self, "_workers", None) and not self._shutdown:
            try:
                self._shutdown_workers()
            except Exception:  # the interpreter ends
                pass
