"""Tensors to and from other libraries without a copy, by the DLPack protocol."""

from __future__ import annotations

import enum
from typing import Any

from .._C import from_dlpack
from .._tensor import Tensor

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


# The protocol's numbers of devices.
DLDeviceType = enum.IntEnum(
    "DLDeviceType",
    {
        "kDLCPU": 1,
        "kDLCUDA": 2,
        "kDLCUDAHost": 3,
        "kDLOpenCL": 4,
        "kDLVulkan": 7,
        "kDLMetal": 8,
        "kDLVPI": 9,
        "kDLROCM": 10,
        "kDLROCMHost": 11,
        "kDLExtDev": 12,
        "kDLCUDAManaged": 13,
        "kDLOneAPI": 14,
        "kDLWebGPU": 15,
        "kDLHexagon": 16,
        "kDLMAIA": 17,
    },
)


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule that lends the tensor's memory to another library, once."""
    return tensor.__dlpack__()
