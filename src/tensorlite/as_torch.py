"""Importing this module makes `import torch` mean tensorlite, for programs written for PyTorch.

    import tensorlite.as_torch
    import torch.nn.functional as F  # tensorlite.nn.functional

`torch` and its submodules are then tensorlite's own modules, each imported when it is asked for; a submodule
that tensorlite lacks raises ModuleNotFoundError. `torch.__version__` is that of the PyTorch whose behaviour is
followed, since libraries compare it. Programs need no line changed with `python -m tensorlite run script.py`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import tensorlite

from .torch_version import TorchVersion

__all__ = ["FOLLOWED"]

#: The PyTorch whose behaviour is followed.
FOLLOWED = "2.13.0"


class _Loader(importlib.abc.Loader):
    """Gives a module of tensorlite's under its name in torch."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put its own spec there; the module stays what it was.
        module.__spec__ = self.spec


class _Distribution(importlib.metadata.Distribution):
    """What `importlib.metadata.version("torch")` finds."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: torch\nVersion: {tensorlite.__version__}\n"

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `torch.x` where `tensorlite.x` is."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if package != "torch" or not rest:
            return None
        name = f"tensorlite.{rest}"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name + ".").startswith(error.name + "."):
                return None
            raise
        return ModuleSpec(fullname, _Loader(module), is_package=hasattr(module, "__path__"))

    def find_distributions(self, context: Any) -> Iterable[importlib.metadata.Distribution]:
        return [_Distribution()] if context.name == "torch" else []


def _install() -> None:
    if sys.modules.get("torch", tensorlite) is not tensorlite:
        raise ImportError(
            "tensorlite.as_torch: PyTorch is imported already; import tensorlite.as_torch before anything "
            "that imports torch"
        )
    sys.meta_path.insert(0, _Finder())
    sys.modules["torch"] = tensorlite
    tensorlite.__version__ = TorchVersion(f"{FOLLOWED}+tensorlite{tensorlite.__version__}")


_install()
