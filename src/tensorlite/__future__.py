"""Switches for behaviour that is to become the default."""

from __future__ import annotations

_overwrite_module_params_on_conversion = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether ``module.to(...)`` and its kin make new parameters, instead of changing the memory of
    those that the module has."""
    global _overwrite_module_params_on_conversion
    _overwrite_module_params_on_conversion = value


def get_overwrite_module_params_on_conversion() -> bool:
    """See :func:`set_overwrite_module_params_on_conversion`."""
    return _overwrite_module_params_on_conversion
