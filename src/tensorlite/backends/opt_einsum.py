"""The package opt_einsum: `einsum` goes from left to right without it."""

from __future__ import annotations

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """False: it is not used."""
    return False
