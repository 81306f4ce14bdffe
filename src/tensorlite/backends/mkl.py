"""Intel's MKL: not used; tensorlite has kernels and threads of its own."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


VERBOSE_OFF = 0
VERBOSE_ON = 1


class verbose:
    """A block in which the library would print what it does; it does nothing."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
