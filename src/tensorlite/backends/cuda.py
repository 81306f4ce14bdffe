"""Settings of CUDA's libraries, which are not there: kept, without effect."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import Any

from ._flags import changed

_flash = _mem_efficient = _math = _cudnn = True


def is_built() -> bool:
    """False."""
    return False


class cuBLASModule:
    """How products would be rounded; float32 is always computed in float32 here."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


class cuFFTPlanCacheManager:
    """The plans of transforms: none."""

    size = 0
    max_size = 0

    def clear(self) -> None:
        """Does nothing."""


matmul = cuBLASModule()
cufft_plan_cache = cuFFTPlanCacheManager()


def flash_sdp_enabled() -> bool:
    """Whether `enable_flash_sdp` is on."""
    return _flash


def enable_flash_sdp(enabled: bool) -> None:
    """Kept, without effect: attention has one implementation here."""
    globals()["_flash"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """Whether `enable_mem_efficient_sdp` is on."""
    return _mem_efficient


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Kept, without effect."""
    globals()["_mem_efficient"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """Whether `enable_math_sdp` is on."""
    return _math


def enable_math_sdp(enabled: bool) -> None:
    """Kept, without effect."""
    globals()["_math"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """Whether `enable_cudnn_sdp` is on."""
    return _cudnn


def enable_cudnn_sdp(enabled: bool) -> None:
    """Kept, without effect."""
    globals()["_cudnn"] = bool(enabled)


def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> AbstractContextManager[None]:
    """Which implementations of attention may run, for a block; kept, without effect."""
    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be "
        "removed. Please see `torch.nn.attention.sdpa_kernel()` for the new context manager, with updated "
        "signature.",
        FutureWarning,
        stacklevel=2,
    )
    return changed(
        globals(),
        _flash=enable_flash,
        _math=enable_math,
        _mem_efficient=enable_mem_efficient,
        _cudnn=enable_cudnn,
    )


def preferred_linalg_library(backend: Any = None) -> str:
    """Always "default": LAPACK on the CPU."""
    return "default"


preferred_blas_library = preferred_linalg_library
