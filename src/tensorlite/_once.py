"""Remarks that are made once in a process."""

from __future__ import annotations

import warnings

_said: set[str] = set()


def say_once(text: str, stacklevel: int = 3) -> None:
    """Warns, the first time it is called with this text."""
    if text not in _said:
        _said.add(text)
        warnings.warn(text, UserWarning, stacklevel=stacklevel)
