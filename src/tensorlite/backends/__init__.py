"""Switches of PyTorch's libraries: what scripts set is kept, and changes nothing here.

Results never depend on them: products of float32 are always computed in float32, and every op gives
the same bits in every run.
"""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = frozenset(
    {"cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized"}
)
fp32_precision = "none"


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
