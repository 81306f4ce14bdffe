"""OpenMP: not used; tensorlite has kernels and threads of its own."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False
