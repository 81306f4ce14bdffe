"""`save_file` and `load_file`: dicts of tensors in the safetensors format, which holds nothing but tensors.

The format is read and written by the `safetensors` package: `pip install tensorlite[safetensors]`.
"""

from __future__ import annotations

import os
from typing import Any

from . import _C
from ._tensor import Tensor
from .serialization import _replacing

__all__ = ["load", "load_file", "save", "save_file"]

# As the package names dtypes when it writes, and as it calls them in files.
_WRITTEN = {
    _C.bool: "bool",
    _C.uint8: "uint8",
    _C.int8: "int8",
    _C.int16: "int16",
    _C.int32: "int32",
    _C.int64: "int64",
    _C.float16: "float16",
    _C.bfloat16: "bfloat16",
    _C.float32: "float32",
    _C.float64: "float64",
    _C.complex64: "complex64",
}
_READ = {
    "BOOL": _C.bool,
    "U8": _C.uint8,
    "I8": _C.int8,
    "I16": _C.int16,
    "I32": _C.int32,
    "I64": _C.int64,
    "F16": _C.float16,
    "BF16": _C.bfloat16,
    "F32": _C.float32,
    "F64": _C.float64,
    "C64": _C.complex64,
}


def _package() -> Any:
    try:
        # Under its full name: a program's own module of that name is not meant.
        import importlib

        return importlib.import_module("safetensors")
    except ImportError as error:
        raise ImportError(
            "tensorlite.safetensors needs the package safetensors: pip install tensorlite[safetensors]"
        ) from error


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The tensors in the safetensors format.

    Raises:
        ValueError: something is no tensor, or of a dtype that the format has not.
        RuntimeError: two tensors share memory, which the format cannot say.
    """
    package = _package()
    spec = getattr(package, "TensorSpec", None)
    parts: dict[str, Any] = {}
    owners: dict[int, str] = {}
    kept = []  # the package is told addresses
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(
                f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}"
            )
        if tensor.dtype not in _WRITTEN:
            raise ValueError(f"save: the format has no {tensor.dtype}, of which {name!r} is")
        plain = tensor.detach()
        if plain.numel():
            other = owners.setdefault(plain._storage_ptr(), name)
            if other != name:
                raise RuntimeError(
                    f"Some tensors share memory, this will lead to duplicate memory on disk and potential differences "
                    f"when loading them again: {{{other!r}, {name!r}}}."
                )
        whole = plain.contiguous()
        begin = whole.storage_offset() * whole.element_size()
        end = begin + whole.numel() * whole.element_size()
        kept.append(whole)
        dtype, shape = _WRITTEN[plain.dtype], list(plain.shape)
        if spec is not None:
            address = whole._storage_ptr() + begin if whole.numel() else 0
            parts[name] = spec(dtype=dtype, shape=shape, data_ptr=address, data_len=end - begin)
        else:  # before 0.8
            content = bytes(memoryview(_C._storage_bytes(whole))[begin:end])
            parts[name] = {"dtype": dtype, "shape": shape, "data": content}
    return bytes(package.serialize(parts, metadata=metadata))


def save_file(
    tensors: dict[str, Tensor],
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Writes the tensors to a file, which is replaced when all is written, and not before."""
    content = save(tensors, metadata)
    with _replacing(os.fspath(filename)) as file:
        file.write(content)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in bytes of the safetensors format.

    Raises:
        safetensors.SafetensorError: the bytes are damaged.
    """
    found = {}
    for name, part in _package().deserialize(data):
        dtype = _READ.get(part["dtype"])
        if dtype is None:
            raise ValueError(f"load: tensorlite has no dtype {part['dtype']}, of which {name!r} is")
        content, shape = bytearray(part["data"]), tuple(part["shape"])
        data_bytes = (
            _C.frombuffer(content, dtype=_C.uint8) if content else _C.ops.empty(0, dtype=_C.uint8)
        )
        strides, step = [], 1
        for n in reversed(shape):
            strides.append(step)
            step *= max(n, 1)
        found[name] = _C._from_storage(
            data_bytes.clone(), dtype, 0, shape, tuple(reversed(strides))
        )
    return found


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors in a safetensors file."""
    if _C.device(device).type != "cpu":
        _C.ops.empty(0, device=device)  # raises what is due
    with open(filename, "rb") as file:
        return load(file.read())
