"""A version that compares as PyTorch's does: with strings and with tuples of numbers."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TorchVersion"]


def _key(version: Any) -> tuple[int, ...]:
    if isinstance(version, str):
        found = re.match(r"\d+(\.\d+)*", version)
        if found is None:
            raise ValueError(f"not a version: {version!r}")
        version = found[0].split(".")
    numbers = [int(part) for part in version]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


class TorchVersion(str):
    """A string such as "2.13.0+cpu" that is greater than "2.9" and than (2, 9); what follows + is left out."""

    def __lt__(self, other: Any) -> bool:
        return _key(self) < _key(other)

    def __le__(self, other: Any) -> bool:
        return _key(self) <= _key(other)

    def __gt__(self, other: Any) -> bool:
        return _key(self) > _key(other)

    def __ge__(self, other: Any) -> bool:
        return _key(self) >= _key(other)

    def __eq__(self, other: object) -> bool:
        if str.__eq__(self, other) is True:
            return True
        try:
            return _key(self) == _key(other)
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__
