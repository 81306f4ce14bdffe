"""Sequences of unequal length: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ... import _C
from ..._tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

_ops = _C.ops


class _PackedFields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_PackedFields):
    """A batch of sequences of unequal length without padding. Recurrent layers take and give them.

    Made by :func:`pack_padded_sequence` or :func:`pack_sequence`. The fields:

    data: the first elements of all sequences, then the second ones of those that have one, and so on.
    batch_sizes: how many sequences go on to each step.
    sorted_indices: how the sequences were reordered, the longest first; None where they were in order.
    unsorted_indices: the way back.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        assert batch_sizes is not None
        if batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with_data(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with ``data.to(…)``; itself where that changes nothing."""
        return self._with_data(self.data.to(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self.to(*args, device="cuda", **kwargs)

    def double(self) -> PackedSequence:
        return self.to(dtype=_C.float64)

    def float(self) -> PackedSequence:
        return self.to(dtype=_C.float32)

    def half(self) -> PackedSequence:
        return self.to(dtype=_C.float16)

    def long(self) -> PackedSequence:
        return self.to(dtype=_C.int64)

    def int(self) -> PackedSequence:
        return self.to(dtype=_C.int32)

    def short(self) -> PackedSequence:
        return self.to(dtype=_C.int16)

    def char(self) -> PackedSequence:
        return self.to(dtype=_C.int8)

    def byte(self) -> PackedSequence:
        return self.to(dtype=_C.uint8)

    def pin_memory(self) -> PackedSequence:
        return self

    def is_pinned(self) -> bool:
        return False

    @property
    def is_cuda(self) -> bool:
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes ``permutation``; None for None."""
    if permutation is None:
        return None
    places = _ops.arange(0, permutation.numel())
    return _ops.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs sequences that were padded to one length.

    Args:
        input: of shape ``(steps, batch, *)``, or ``(batch, steps, *)`` with ``batch_first``.
        lengths: of each sequence; a list or a tensor.
        batch_first: see ``input``.
        enforce_sorted: whether the lengths must not increase; otherwise the sequences are sorted, and
            what is packed remembers their order.

    Raises:
        RuntimeError: a length is not positive, or the lengths increase though ``enforce_sorted``.
    """
    if not isinstance(lengths, Tensor):
        lengths = _C.as_tensor(lengths, dtype=_C.int64)
    else:
        lengths = lengths.to(dtype=_C.int64)
    order = None
    if not enforce_sorted:
        lengths, order = _ops.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = _ops._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The inverse of :func:`pack_padded_sequence`: the padded sequences and their lengths.

    Args:
        batch_first: whether the result is ``(batch, steps, *)`` rather than ``(steps, batch, *)``.
        padding_value: what stands behind the end of a sequence.
        total_length: the number of steps; by default the length of the longest sequence.

    Raises:
        ValueError: ``total_length`` is less than the longest sequence.
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    padded, lengths = _ops._pad_packed_sequence(
        sequence.data,
        sequence.batch_sizes,
        batch_first,
        padding_value,
        longest if total_length is None else total_length,
    )
    order = sequence.unsorted_indices
    if order is not None:
        return padded.index_select(0 if batch_first else 1, order), lengths[order]
    return padded, lengths


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stacks tensors whose first dimensions differ, padded to the longest.

    Args:
        sequences: tensors of shape ``(length, *)``, or one of shape ``(batch, length, *)``.
        batch_first: whether the result is ``(batch, steps, *)`` rather than ``(steps, batch, *)``.
        padding_value: what fills the places that no sequence has.
        padding_side: ``"right"`` or ``"left"``.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    return _ops.pad_sequence(tuple(sequences), batch_first, padding_value, padding_side)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The inverse of :func:`pad_sequence`: a list of tensors of the given lengths."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    counts = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return [row[:n] for row, n in zip(padded_sequences.unbind(0), counts)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of tensors of shape ``(length, *)``.

    Args:
        sequences: the tensors.
        enforce_sorted: whether they must be ordered by length, the longest first.
    """
    lengths = _C.as_tensor([s.size(0) for s in sequences], dtype=_C.int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The inverse of :func:`pack_sequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
