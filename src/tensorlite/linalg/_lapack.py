"""Finds LAPACK in what is installed: scipy-openblas32, the OpenBLAS inside NumPy's wheel, or SciPy."""

from __future__ import annotations

import ctypes
import glob
import importlib
import importlib.util
import os
import re
from collections.abc import Callable

__all__ = ["find"]


def _folder(package: str) -> str | None:
    """Where a package lies, without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else None


def _libraries() -> list[str]:
    """The paths of OpenBLAS, the best first."""
    patterns = []
    for package in ("scipy_openblas32", "scipy_openblas64"):
        folder = _folder(package)
        if folder is not None:
            patterns.append(os.path.join(folder, "lib", "libscipy_openblas*"))
    numpy = _folder("numpy")
    if numpy is not None:
        patterns.append(os.path.join(os.path.dirname(numpy), "numpy.libs", "libscipy_openblas*"))
        patterns.append(os.path.join(numpy, ".dylibs", "libscipy_openblas*"))
    shared = re.compile(r"\.(so|dylib|dll)(\.|$)")
    return [path for p in patterns for path in sorted(glob.glob(p)) if shared.search(path)]


def _addresses(symbol: Callable[[str], int], names: list[str]) -> list[int] | None:
    try:
        return [symbol(name) for name in names]
    except (AttributeError, KeyError):
        return None


def _from_library(path: str, names: list[str]) -> tuple[bool, list[int]] | None:
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None

    def address(symbol: str) -> int:
        return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0

    for wide, pattern in ((True, "scipy_{}_64_"), (False, "scipy_{}_")):
        found = _addresses(lambda name, p=pattern: address(p.format(name)), names)  # type: ignore[misc]
        if found is not None:
            return wide, found
    return None


def _from_scipy(names: list[str]) -> tuple[bool, list[int]] | None:
    if _folder("scipy") is None:
        return None
    try:
        blas = importlib.import_module("scipy.linalg.cython_blas")
        lapack = importlib.import_module("scipy.linalg.cython_lapack")
    except ImportError:
        return None
    capsules = {**blas.__pyx_capi__, **lapack.__pyx_capi__}
    get_name, get_pointer = (
        ctypes.pythonapi.PyCapsule_GetName,
        ctypes.pythonapi.PyCapsule_GetPointer,
    )
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    # The capsule's name is the C signature; libraries of 64-bit integers say so in it.
    if not re.search(rb"\bint \*", get_name(capsules["dgetrf"])):
        return None
    found = _addresses(lambda name: get_pointer(capsules[name], get_name(capsules[name])), names)
    return None if found is None else (False, found)


def find(names: list[str]) -> tuple[bool, list[int]]:
    """(whether integers have 64 bits, the addresses of these routines)."""
    for path in _libraries():
        found = _from_library(path, names)
        if found is not None:
            return found
    found = _from_scipy(names)
    if found is not None:
        return found
    raise RuntimeError(
        "linear algebra needs LAPACK, and none was found: install scipy-openblas32 "
        "(pip install scipy-openblas32), or NumPy or SciPy from their wheels on PyPI"
    )
