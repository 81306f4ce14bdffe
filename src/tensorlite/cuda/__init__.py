"""What a PyTorch built for CPUs answers about CUDA: there is none.

Questions are answered (`is_available()` is False, `device_count()` 0, memory figures 0), seeds are
accepted, and whatever needs a device raises what PyTorch raises, "Torch not compiled with CUDA enabled".
"""

from __future__ import annotations

import collections
from typing import Any, NoReturn

from .. import _C, _tensor_types
from .._C import OutOfMemoryError
from . import amp, nvtx, random
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)

has_half = True
has_magma = False
default_generators: tuple[Any, ...] = ()


def _unavailable(*args: Any, **kwargs: Any) -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_initialized() -> bool:
    """False: there is nothing to initialize."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: no device, no dtype of it."""
    return False


def is_tf32_supported() -> bool:
    """False."""
    return False


def get_arch_list() -> list[str]:
    """The architectures built for: none."""
    return []


def get_gencode_flags() -> str:
    """The compiler flags for them: none."""
    return ""


def init() -> None:
    """Raises: there is no CUDA."""
    _unavailable()


# What needs a device.
can_device_access_peer = set_per_process_memory_fraction = set_device = cudart = _unavailable
current_device = get_device_name = get_device_capability = get_device_properties = _unavailable
current_stream = default_stream = mem_get_info = synchronize = ipc_collect = _unavailable
utilization = temperature = power_draw = clock_rate = current_blas_handle = _unavailable


def empty_cache() -> None:
    """Does nothing; `tensorlite.empty_cache` returns unused memory of the CPU."""


def memory_allocated(device: Any = None) -> int:
    """0, as are the figures beside it."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated
memory_cached = max_memory_cached = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:
    """An empty dict."""
    return collections.OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """An empty table."""
    return ""


def memory_snapshot(*args: Any, **kwargs: Any) -> list[Any]:
    """An empty list."""
    return []


def reset_peak_memory_stats(device: Any = None) -> None:
    """Does nothing: there are no peaks."""


reset_accumulated_memory_stats = reset_peak_memory_stats
reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


class _NoDevice:
    """A class whose objects would be on a device."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise RuntimeError(f"torch.cuda.{name} requires CUDA support")


class Stream(_NoDevice):
    """A queue of kernels: raises."""


class ExternalStream(Stream):
    """A queue made elsewhere: raises."""


class Event(_NoDevice):
    """A mark in a queue: raises."""


class CUDAGraph(_NoDevice):
    """A recorded queue: raises."""


class device:
    """A context that makes a device current: raises when entered, unless the index is -1."""

    def __init__(self, device: Any) -> None:
        if device is None or isinstance(device, int):
            self.idx = -1 if device is None else device
        else:
            place: Any = _C.device(device)
            self.idx = 0 if place.index is None else place.index

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError("PyTorch was compiled without CUDA support")

    def __exit__(self, *exc: Any) -> None:
        pass


class device_of(device):
    """The device of a tensor; that of a CPU tensor changes nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


class StreamContext:
    """A context that makes a stream current; with None it does nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        pass


def stream(stream: Any) -> StreamContext:
    """A context that makes `stream` current; None, the only one there can be, does nothing."""
    return StreamContext(stream)


def is_current_stream_capturing() -> bool:
    """False."""
    return False


class _TensorType(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled."
        )

    def __instancecheck__(cls, instance: object) -> bool:
        return False

    def __repr__(cls) -> str:
        return f"<class 'torch.cuda.{cls.__name__}'>"


for _name, _type in _tensor_types.TYPES.items():
    if not _name.startswith("Complex"):
        globals()[_name] = _TensorType(
            _name,
            (),
            {"__module__": "torch.cuda", "dtype": _type.dtype, "is_cuda": True},
        )


def set_sync_debug_mode(debug_mode: Any) -> None:
    """Does nothing."""


def get_sync_debug_mode() -> int:
    """0."""
    return 0
