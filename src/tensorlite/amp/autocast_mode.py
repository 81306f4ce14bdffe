"""`autocast`: blocks in which PyTorch casts the inputs of matrix products. Here they change nothing."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from .. import _C

__all__ = [
    "autocast",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
]

_DTYPES = {"cpu": _C.bfloat16, "cuda": _C.float16, "xpu": _C.float16, "mps": _C.float16}


def _checked(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return str(_C.device(device_type).type)


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` takes the device's name."""
    return _checked(device_type) in _DTYPES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """False: nothing is cast."""
    _checked(device_type)
    return False


def is_autocast_cpu_enabled() -> bool:
    """False: nothing is cast."""
    return False


def is_autocast_cache_enabled() -> bool:
    """True, as in PyTorch; nothing is cached."""
    return True


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype that PyTorch casts to by default: bfloat16 on the CPU, float16 elsewhere."""
    return _DTYPES[_checked(device_type)]


def get_autocast_cpu_dtype() -> Any:
    """bfloat16."""
    return _C.bfloat16


def get_autocast_gpu_dtype() -> Any:
    """float16."""
    return _C.float16


class autocast:
    """A block, or a function's decorator, in which nothing changes.

    Args:
        device_type: "cuda", "xpu" and "mps" are not there, and autocast is off, as in a PyTorch without them.
        enabled: True on "cpu" raises NotImplementedError: ops are not cast. `model.to(tensorlite.bfloat16)`
            computes in bfloat16.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = _checked(device_type)
        if self.device not in _DTYPES:
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{self.device}'"
            )
        self.fast_dtype = _DTYPES[self.device] if dtype is None else dtype
        self._cache_enabled = True if cache_enabled is None else cache_enabled
        if enabled and self.device == "cuda":
            warnings.warn("CUDA is not available. Disabling autocast.", stacklevel=2)
        elif enabled and self.device == "cpu":
            if self.fast_dtype in (_C.bfloat16, _C.float16):
                raise NotImplementedError(
                    "autocast: tensorlite does not cast automatically; use enabled=False, or "
                    "model.to(torch.bfloat16) to compute in bfloat16"
                )
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
        self._enabled = False

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: Any) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return func(*args, **kwargs)

        return wrapper


def custom_fwd(fwd: Any = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """Marks the forward of an `autograd.Function` for autocast: the function itself, as autocast is off."""
    return fwd if fwd is not None else lambda fwd: fwd


def custom_bwd(bwd: Any = None, *, device_type: str = "cuda") -> Any:
    """Marks the backward of an `autograd.Function` for autocast: the function itself, as autocast is off."""
    return bwd if bwd is not None else lambda bwd: bwd
