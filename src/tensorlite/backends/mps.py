"""Apple's GPUs: not there."""

from __future__ import annotations

__all__ = [
    "get_core_count",
    "get_name",
    "is_available",
    "is_built",
    "is_macos13_or_newer",
    "is_macos_or_newer",
]


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Raises: asked of the device, which is not there."""
    raise RuntimeError("Cannot execute isOnMacOSorNewer() without MPS backend.")


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Raises: asked of the device, which is not there."""
    return is_macos_or_newer(13, minor)


def get_name() -> str:
    """Raises: asked of the device, which is not there."""
    raise RuntimeError("Cannot execute getName() without MPS backend.")


def get_core_count() -> int:
    """Raises: asked of the device, which is not there."""
    raise RuntimeError("Cannot execute getCoreCount() without MPS backend.")
