"""tensorlite: PyTorch's tensors, autograd, modules and optimizers in a small, fast package for CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _C
from ._C import (
    OutOfMemoryError,
    Size,
    as_tensor,
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
    from_numpy,
    frombuffer,
    get_default_dtype,
    get_num_threads,
    int8,
    int16,
    int32,
    int64,
    layout,
    memory_format,
    memory_stats,
    preserve_format,
    reset_peak_memory_stats,
    set_default_dtype,
    set_num_threads,
    sparse_coo,
    strided,
    tensor,
    uint8,
)
from ._tensor import Tensor
from ._tensor_str import get_printoptions, set_printoptions
from ._tensor_types import TYPES as _TYPES
from ._tensor_types import set_default_tensor_type

from .version import __version__

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128
inf = __builtins__["float"]("inf") if isinstance(__builtins__, dict) else __import__("math").inf
nan = inf - inf
from math import e, pi  # noqa: E402

newaxis = None

globals().update(_TYPES)
# Every op that is a function; `_C.ops` holds all of them.
if TYPE_CHECKING:
    from ._ops import *  # noqa: F403
for _name in _C._function_names:
    globals()[_name] = getattr(_C.ops, _name)
del _name

from . import autograd, random  # noqa: E402
from .autograd import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .functional import *  # noqa: E402, F403
from .random import (  # noqa: E402
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

try:  # bootstrap, until every op that they import has landed
    from . import nn, optim  # noqa: E402
except ImportError:
    pass
