"""Neural networks: modules, their functions, initialisation and gradient clipping."""

from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter  # isort: skip
from . import attention, functional, init, modules, parallel, utils
from .modules import *
from .modules import __all__ as _modules
from .parallel import DataParallel

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parallel",
    "utils",
    *_modules,
]
