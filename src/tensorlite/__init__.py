"""tensorlite: PyTorch's tensors, autograd, modules and optimizers in a small, fast package for CPUs."""

from __future__ import annotations

from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from . import _C
from ._C import (
    OutOfMemoryError,
    Size,
    as_tensor,
    asarray,
    bfloat16,
    bool,
    channels_last,
    channels_last_3d,
    complex64,
    complex128,
    contiguous_format,
    device,
    dtype,
    empty_cache,
    float16,
    float32,
    float64,
    from_dlpack,
    from_numpy,
    frombuffer,
    get_default_dtype,
    get_num_threads,
    int8,
    int16,
    int32,
    int64,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    layout,
    memory_format,
    memory_stats,
    preserve_format,
    reset_peak_memory_stats,
    set_num_threads,
    sparse_coo,
    strided,
    tensor,
    uint8,
)
from ._tensor import Tensor
from ._tensor_str import get_printoptions, set_printoptions
from ._tensor_types import TYPES as _TYPES
from ._tensor_types import set_default_dtype, set_default_tensor_type
from .version import __version__

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128
newaxis = None

# FloatTensor and its kin, then every op that is a function.
globals().update(_TYPES)
if TYPE_CHECKING:
    from ._ops import *
globals().update({name: getattr(_C.ops, name) for name in _C._function_names})

# Below what they import.
from . import _foreach, autograd, random
from ._copies import (
    alias_copy,
    as_strided_copy,
    detach_copy,
    diagonal_copy,
    expand_copy,
    narrow_copy,
    permute_copy,
    select_copy,
    slice_copy,
    split_copy,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unfold_copy,
    unsqueeze_copy,
    view_as_complex_copy,
    view_as_real_copy,
    view_copy,
)
from ._numeric import (
    gradient,
    histogramdd,
    unravel_index,
    unsafe_chunk,
    unsafe_split,
    unsafe_split_with_sizes,
)
from ._settings import (
    _assert,
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_default_device,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from ._windows import (
    bartlett_window,
    blackman_window,
    hamming_window,
    hann_window,
    kaiser_window,
)
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .functional import (
    broadcast_shapes,
    can_cast,
    einsum,
    finfo,
    iinfo,
    is_complex,
    is_floating_point,
    is_inference,
    is_nonzero,
    is_same_size,
    is_signed,
    is_storage,
    is_tensor,
    numel,
    promote_types,
    tensordot,
    typename,
)
from .random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .serialization import load, save
from .storage import TypedStorage, UntypedStorage

globals().update(_foreach.functions)

# isort: split
from . import fft, linalg, nn, optim, special
from .fft._frames import istft, stft
from .linalg._older import (
    eig,
    frobenius_norm,
    lstsq,
    lu,
    lu_solve,
    matrix_rank,
    nuclear_norm,
    pca_lowrank,
    solve,
    svd_lowrank,
    symeig,
)

# Imported when first asked for: submodules, and names with the submodule they are in.
_LAZY = frozenset(
    "accelerator amp backends compiler cpu cuda distributed distributions func hub jit "
    "mps multiprocessing onnx overrides safetensors testing types utils xpu".split()
)
_LAZY_NAMES = {
    "GradScaler": "amp",
    "autocast": "amp",
    "compile": "compiler",
    "get_autocast_cpu_dtype": "amp.autocast_mode",
    "get_autocast_dtype": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode",
    "is_autocast_cache_enabled": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode",
    "is_autocast_enabled": "amp.autocast_mode",
    "vmap": "func",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY_NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = sorted(
    name for name in globals() if not name.startswith("_") and name not in ("Any", "annotations")
)
