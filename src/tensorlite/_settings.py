"""Settings of PyTorch's that scripts touch: kept and answered, most of them without effect here."""

from __future__ import annotations

import warnings
from typing import Any

from . import _C

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_deterministic = _warn_only = _warn_always = False
_precision = "highest"
_interop_threads = 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Kept, without effect: every op gives the same bits in every run and for any number of threads."""
    global _deterministic, _warn_only
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument '{name}' must be bool, not "
                f"{type(value).__name__}"
            )
    _deterministic, _warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What :func:`use_deterministic_algorithms` was given."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What :func:`use_deterministic_algorithms` was given as `warn_only`."""
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same by number or name: 0 "default", 1 "warn", 2 "error"."""
    modes = ("default", "warn", "error")
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in modes:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = modes.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """The mode as a number."""
    return 0 if not _deterministic else 1 if _warn_only else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Kept, without effect: products of float32 are computed in float32, which is "highest"."""
    global _precision
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` was given."""
    return _precision


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers below the smallest normal one are always computed with."""
    return False


def get_num_interop_threads() -> int:
    """What :func:`set_num_interop_threads` was given; ops never run beside each other here."""
    return _interop_threads


def set_num_interop_threads(num: int) -> None:
    """Kept, without effect."""
    global _interop_threads
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = num


def set_warn_always(b: bool, /) -> None:
    """Kept, without effect: what warns once goes on warning once."""
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What :func:`set_warn_always` was given."""
    return _warn_always


def set_default_device(device: Any) -> None:
    """Where new tensors are made: the CPU, or None for the same.

    Raises at once what a tensor on another device raises; PyTorch takes the name, and raises when the first
    tensor is made.
    """
    if device is not None:
        _C.ops.empty(0, device=_C.device(device))


def get_default_device() -> Any:
    """Where new tensors are made: the CPU."""
    return _C.device("cpu")


def _assert(condition: Any, message: str) -> None:
    """`assert` as a function."""
    if not condition:
        raise AssertionError(message)


def _enter(self: Any) -> Any:
    """`with device:` makes new tensors there, which is where they are made anyway."""
    _C.ops.empty(0, device=self)
    return self


def _exit(self: Any, *exc: Any) -> None:
    pass


_device: Any = _C.device
_device.__enter__, _device.__exit__ = _enter, _exit
