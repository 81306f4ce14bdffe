"""`DataParallel`, which on a machine without accelerators calls its module, as PyTorch's does."""

from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
