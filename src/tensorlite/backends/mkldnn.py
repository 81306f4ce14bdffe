"""Intel's oneDNN: not used; tensorlite has kernels and threads of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ._flags import changed


def is_available() -> bool:
    """False."""
    return False


VERBOSE_OFF = 0
VERBOSE_ON = 1
VERBOSE_ON_CREATION = 2

enabled = True
deterministic = False
allow_tf32 = True


def is_acl_available() -> bool:
    """False."""
    return False


class verbose:
    """A block in which the library would print what it does; it does nothing."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> AbstractContextManager[None]:
    """The settings, for a block; they change nothing."""
    return changed(globals(), enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32)
