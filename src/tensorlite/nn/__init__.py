"""Neural networks: modules, their functions, initialisation and gradient clipping."""

from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter  # isort: skip
from . import attention, functional, init, modules, utils
from .modules import *
from .modules import __all__ as _modules

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "utils",
    *_modules,
]
