"""Settings that a block changes and puts back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def changed(module: dict[str, Any], **settings: Any) -> Iterator[None]:
    """Sets names of a module for a block; None leaves one as it is."""
    settings = {name: value for name, value in settings.items() if value is not None}
    before = {name: module[name] for name in settings}
    module.update(settings)
    try:
        yield
    finally:
        module.update(before)
