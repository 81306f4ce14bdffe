"""Fetchers: the samples that a list of indices (or a call for the next ones) stands for, as a batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .... import _C
from ...._tensor import Tensor
from ..dataset import Subset, TensorDataset
from .collate import default_collate


class MapFetcher:
    """Of a dataset with `__getitem__`."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[..., Any], drop_last: bool
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.rows = Rows.of(dataset) if auto_collation and collate_fn is default_collate else None

    def fetch(self, indices: Any) -> Any:
        if not self.auto_collation:
            return self.collate_fn(self.dataset[indices])
        if self.rows is not None and type(indices) is list and indices:
            batch = self.rows.take_list(indices)
            if batch is not None:
                return batch
        getitems = getattr(self.dataset, "__getitems__", None)
        if getitems:
            return self.collate_fn(getitems(indices))
        return self.collate_fn([self.dataset[i] for i in indices])


class IterableFetcher:
    """Of an iterable dataset."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[..., Any], drop_last: bool
    ) -> None:
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self._iterator = iter(dataset)
        self._ended = False

    def fetch(self, indices: Any) -> Any:
        if self._ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self._iterator))
        data = list(itertools.islice(self._iterator, len(indices)))
        self._ended = len(data) < len(indices)
        if not data or (self.drop_last and self._ended):
            raise StopIteration
        return self.collate_fn(data)


class Rows:
    """A TensorDataset, or a Subset of one, as tensors whose rows are taken by one call a batch.

    What comes out is what `default_collate` makes of the samples: a list of fresh tensors.
    """

    def __init__(self, tensors: tuple[Tensor, ...], chosen: Tensor | None) -> None:
        self.tensors = tensors
        self.chosen = chosen
        self.length = len(tensors[0]) if chosen is None else len(chosen)

    @classmethod
    def of(cls, dataset: Any) -> Rows | None:
        """None where the dataset is of another kind, or does something of its own."""
        chain = []
        while type(dataset) is Subset and "__getitem__" not in vars(dataset):
            chain.append(dataset.indices)
            dataset = dataset.dataset
        if type(dataset) is not TensorDataset or any(
            type(t) is not Tensor or t.dim() == 0 for t in dataset.tensors
        ):
            return None
        chosen = None
        for indices in reversed(chain):
            if not all(type(i) is int and i >= 0 for i in indices) and not isinstance(
                indices, range
            ):
                return None
            order = _C.tensor(list(indices), dtype=_C.int64)
            try:
                chosen = order if chosen is None else chosen.index_select(0, order)
            except IndexError:
                return None
        if (
            chosen is not None
            and len(chosen)
            and (chosen.max() >= len(dataset) or chosen.min() < 0)
        ):
            return None
        return cls(dataset.tensors, chosen)

    def take(self, order: Tensor) -> list[Tensor]:
        """The rows that an index tensor names."""
        if self.chosen is not None:
            order = self.chosen.index_select(0, order)
        return [t.index_select(0, order) for t in self.tensors]

    def take_list(self, indices: list[int]) -> list[Tensor] | None:
        """The same for a list; None where that needs the dataset's own indexing (negative, out of range, not ints)."""
        try:
            return self.take(_C.tensor(indices, dtype=_C.int64))
        except (IndexError, TypeError, ValueError, RuntimeError):
            return None

    def batches(self, sampler: Any, batch_size: int, drop_last: bool) -> Iterator[list[Tensor]]:
        """Batches in the order of a sampler that gives it as tensors, each asked for when it is needed."""
        chunks = sampler._chunks()
        tensors, chosen = self.tensors, self.chosen
        rest = None  # of the last chunk, too little for a batch
        for order in chunks:
            if rest is not None:
                order = _C.ops.cat((rest, order))
            if len(order) < batch_size:
                rest = order
                continue
            rows = order if chosen is None else chosen.index_select(0, order)
            whole = len(rows) - len(rows) % batch_size
            for at in range(0, whole, batch_size):
                batch = rows.narrow(0, at, batch_size)
                yield [t.index_select(0, batch) for t in tensors]
            rest = order.narrow(0, whole, len(order) - whole)
        if rest is not None and len(rest) and not drop_last:
            yield self.take(rest)
