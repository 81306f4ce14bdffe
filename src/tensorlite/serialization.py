"""`save` and `load`: checkpoints in PyTorch's own zip format, readable by it and from it.

An archive holds `data.pkl`, a pickle whose tensors name their storages, and one file of raw bytes per
storage. `load` reads the pickle with an unpickler that knows a short list of harmless names, so that a
file from a stranger cannot run code; `weights_only=False` lifts that.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from . import _C
from ._tensor import Tensor
from ._tensor_types import _NAMES

if TYPE_CHECKING:
    import zipfile

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

_STORAGE_OF = {dtype: name.replace("Tensor", "Storage") for name, dtype in _NAMES.items()}
_DTYPE_OF = {name: dtype for dtype, name in _STORAGE_OF.items()}
_ALIGNMENT = 64
_PROTOCOL = 2

# --- writing -------------------------------------------------------------------------------------


class _Global:
    """Pickles as the global of this name, which need not exist here."""

    def __init__(self, name: str) -> None:
        self.name = name


_REBUILD_TENSOR = _Global("torch._utils\n_rebuild_tensor_v2")
_REBUILD_PARAMETER = _Global("torch._utils\n_rebuild_parameter")
_REBUILD_PARAMETER_WITH_STATE = _Global("torch._utils\n_rebuild_parameter_with_state")
_REBUILD_TYPE = _Global("torch._tensor\n_rebuild_from_type_v2")
_STORAGE_GLOBALS = {dtype: _Global("torch\n" + name) for dtype, name in _STORAGE_OF.items()}


class _StorageId:
    """Stands for a storage in the pickle."""

    def __init__(self, key: str, dtype: Any, tensor: Tensor) -> None:
        self.key = key
        self.dtype = dtype
        self.bytes = _C._storage_bytes(tensor)

    def persistent_id(self) -> tuple[Any, ...]:
        count = self.bytes.numel() // self.dtype.itemsize
        return ("storage", _STORAGE_GLOBALS[self.dtype], self.key, "cpu", count)


def _pickle(obj: Any, protocol: int) -> tuple[bytes, list[_StorageId]]:
    """The pickle of `obj` under PyTorch's names, and the storages that it refers to."""
    import io
    import pickle

    from .nn.parameter import Parameter

    storages: dict[int, _StorageId] = {}

    def storage_of(tensor: Tensor) -> _StorageId:
        key = tensor._storage_ptr()
        found = storages.get(key)
        if found is None:
            found = storages[key] = _StorageId(str(len(storages)), tensor.dtype, tensor)
        elif found.dtype != tensor.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        return found

    def tensor_args(tensor: Tensor) -> tuple[Any, ...]:
        plain = tensor.detach()
        geometry = (plain.storage_offset(), tuple(plain.shape), plain.stride())
        return (storage_of(plain), *geometry, tensor.requires_grad, OrderedDict())

    base: Any = pickle._Pickler  # type: ignore[attr-defined]

    class Pickler(base):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> Any:
            return obj.persistent_id() if type(obj) is _StorageId else None

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, Tensor):
                return reduce_tensor(obj)
            return NotImplemented

        def save(self, obj: Any, save_persistent_id: bool = True) -> None:
            if type(obj) is _Global:
                if id(obj) in self.memo:
                    self.write(self.get(self.memo[id(obj)][0]))
                else:
                    self.write(pickle.GLOBAL + obj.name.encode() + b"\n")
                    self.memoize(obj)
            elif isinstance(obj, (_C.dtype, _C.layout, _C.memory_format)):
                self.save(_named(f"torch\n{str(obj).rpartition('.')[2]}"))
            elif type(obj) is _C.Size:
                self.save_reduce(_named("torch\nSize"), (tuple(obj),), obj=obj)
            elif type(obj) is _C.device:
                self.save_reduce(_named("torch\ndevice"), (str(obj),), obj=obj)
            else:
                super().save(obj, save_persistent_id)

        def save_global(self, obj: Any, name: str | None = None) -> None:
            module = getattr(obj, "__module__", None) or ""
            if module == "tensorlite" or module.startswith("tensorlite."):
                qualified = name or getattr(obj, "__qualname__", obj.__name__)
                self.save(_named(f"{module.replace('tensorlite', 'torch', 1)}\n{qualified}"))
            else:
                super().save_global(obj, name)

        def save_type(self, obj: type) -> None:
            if obj.__module__.partition(".")[0] == "tensorlite":
                self.save_global(obj)
            else:
                super().save_type(obj)

        # A function's and a class's way through the dispatch table goes past the methods above.
        dispatch = dict(base.dispatch)
        dispatch[type(_pickle)] = save_global
        dispatch[type] = save_type

        def save_reduce(self, func: Any, args: Any, *rest: Any, **kwargs: Any) -> None:
            # The check for __newobj__ wants a name of every function.
            if type(func) is _Global:
                state = kwargs.pop("state", rest[0] if rest else None)
                self.save(func)
                self.save(args)
                self.write(pickle.REDUCE)
                if kwargs.get("obj") is not None:
                    self.memoize(kwargs["obj"])
                if state is not None:
                    self.save(state)
                    self.write(pickle.BUILD)
            else:
                super().save_reduce(func, args, *rest, **kwargs)

    names: dict[str, _Global] = {}

    def _named(name: str) -> _Global:
        return names.setdefault(name, _Global(name))

    def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
        state = tensor.__dict__
        if type(tensor) is Parameter:
            data = tensor.detach()
            if state:
                return (
                    _REBUILD_PARAMETER_WITH_STATE,
                    (data, tensor.requires_grad, OrderedDict(), dict(state)),
                )
            return (_REBUILD_PARAMETER, (data, tensor.requires_grad, OrderedDict()))
        if type(tensor) is Tensor and not state:
            return (_REBUILD_TENSOR, tensor_args(tensor))
        return (_REBUILD_TYPE, (_REBUILD_TENSOR, type(tensor), tensor_args(tensor), dict(state)))

    out = io.BytesIO()
    was_enabled = _C._set_torch_function_enabled(False)
    try:
        Pickler(out, protocol).dump(obj)
    finally:
        _C._set_torch_function_enabled(was_enabled)
    return out.getvalue(), list(storages.values())


def _write_record(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    """Stores `data` uncompressed, its first byte at a multiple of 64, where a file map wants it."""
    import zipfile

    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    start = (archive.fp.tell() if archive.fp else 0) + 30 + len(name.encode()) + 4
    padding = -start % _ALIGNMENT
    info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    info.file_size = len(data)
    with archive.open(info, "w", force_zip64=len(data) >= 1 << 31) as record:
        record.write(data)


def _write(obj: Any, file: Any, stem: str, protocol: int) -> None:
    import sys
    import zipfile

    data, storages = _pickle(obj, protocol)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _write_record(archive, f"{stem}/data.pkl", data)
        _write_record(archive, f"{stem}/.format_version", b"1")
        _write_record(archive, f"{stem}/.storage_alignment", str(_ALIGNMENT).encode())
        _write_record(archive, f"{stem}/byteorder", sys.byteorder.encode())
        for storage in storages:
            _write_record(archive, f"{stem}/data/{storage.key}", memoryview(storage.bytes))
        _write_record(archive, f"{stem}/version", b"3\n")


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = _PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Saves an object with tensors in it to a file that PyTorch and `load` can read.

    Tensors that share memory go on sharing it when loaded. A path is written to a temporary file
    beside it first and renamed, so that an interrupted save leaves what was there.

    Args:
        obj: a tensor, a state dict, or containers of them.
        f: a path, or a file object with `write`.
        pickle_protocol: the pickle protocol; 2 is what `load(weights_only=True)` of PyTorch reads.

    Raises:
        RuntimeError: two tensors view one storage as different dtypes.
    """
    if not _use_new_zipfile_serialization:
        raise ValueError("save: only the zip format is written")
    if not isinstance(f, (str, os.PathLike)):
        if not hasattr(f, "write"):
            raise AttributeError(
                f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, "
                f"not {type(f).__name__}"
            )
        _write(obj, f, "archive", pickle_protocol)
        return
    path = os.fspath(f)
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist.")
    stem = os.path.splitext(os.path.basename(path))[0] or "archive"
    import secrets

    temporary = os.path.join(folder, f".{os.path.basename(path)}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            _write(obj, file, stem, pickle_protocol)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


# --- reading -------------------------------------------------------------------------------------


def _rebuild_tensor_v2(
    storage: tuple[Tensor, Any],
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    data, dtype = storage
    tensor = _C._from_storage(data, dtype, storage_offset, tuple(size), tuple(stride))
    return tensor.requires_grad_(requires_grad) if requires_grad else tensor


def _rebuild_tensor(
    storage: tuple[Tensor, Any], storage_offset: int, size: Any, stride: Any
) -> Tensor:
    return _rebuild_tensor_v2(storage, storage_offset, size, stride, False, None)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Tensor:
    from .nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Tensor:
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    _set_state(parameter, state)
    return parameter


def _rebuild_from_type_v2(
    func: Callable[..., Tensor], new_type: type, args: Any, state: Any
) -> Tensor:
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = tensor.as_subclass(new_type)
    _set_state(tensor, state)
    return tensor


def _set_state(tensor: Tensor, state: Any) -> None:
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
        for name, value in (slots or {}).items():
            object.__setattr__(tensor, name, value)
    if state:
        tensor.__dict__.update(state)


class _StorageType:
    """What a storage's class in a file is read as: its dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype


def _allowed() -> dict[str, Any]:
    """The names that a checkpoint may use, each with what it means here.

    Functions are wrapped anew for every load: a pickle can set attributes of what it can name.
    """
    from .nn.parameter import Parameter

    def fresh(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: f(*args)

    names: dict[str, Any] = {
        "collections.OrderedDict": OrderedDict,
        "torch._utils._rebuild_tensor": fresh(_rebuild_tensor),
        "torch._utils._rebuild_tensor_v2": fresh(_rebuild_tensor_v2),
        "torch._utils._rebuild_parameter": fresh(_rebuild_parameter),
        "torch._utils._rebuild_parameter_with_state": fresh(_rebuild_parameter_with_state),
        "torch._tensor._rebuild_from_type_v2": fresh(
            lambda func, kind, args, state: _rebuild_from_type_v2(
                func, {tensor_type: Tensor, parameter_type: Parameter}[kind], args, state
            )
        ),
        "torch.Size": fresh(_C.Size),
        "torch.device": fresh(_C.device),
        "torch.storage.UntypedStorage": _StorageType(_C.uint8),
        "builtins.set": set,
        "builtins.frozenset": frozenset,
        "builtins.complex": complex,
        "builtins.bytearray": bytearray,
        "_codecs.encode": lambda text, encoding: text.encode("latin1"),
    }
    # Classes are named by marks: the classes themselves could be written to.
    tensor_type, parameter_type = object(), object()
    names["torch.Tensor"] = tensor_type
    names["torch.nn.parameter.Parameter"] = parameter_type
    names.update({f"torch.{name}": _StorageType(dtype) for name, dtype in _DTYPE_OF.items()})
    for name, value in vars(_C).items():
        if isinstance(value, (_C.dtype, _C.layout, _C.memory_format)):
            names[f"torch.{name}"] = value
    names |= {
        f"__builtin__.{n}": names[f"builtins.{n}"]
        for n in ("set", "frozenset", "complex", "bytearray")
    }
    return names


_user_globals: dict[str, Any] = {}


def _global_name(obj: Any) -> str:
    if isinstance(obj, tuple):
        return obj[1]
    return f"{obj.__module__}.{obj.__qualname__}".replace("tensorlite.", "torch.", 1)


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Lets `load(weights_only=True)` use these classes and functions.

    An entry may also be a pair (object, its full name in the file).
    """
    for obj in safe_globals:
        _user_globals[_global_name(obj)] = obj[0] if isinstance(obj, tuple) else obj


def clear_safe_globals() -> None:
    """Forgets what add_safe_globals was given."""
    _user_globals.clear()


def get_safe_globals() -> list[Any]:
    """What add_safe_globals was given."""
    return list(_user_globals.values())


class safe_globals:
    """add_safe_globals for a `with` block."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self._added = safe_globals

    def __enter__(self) -> None:
        self._before = dict(_user_globals)
        add_safe_globals(self._added)

    def __exit__(self, *exc: object) -> None:
        _user_globals.clear()
        _user_globals.update(self._before)


class _Archive:
    """The records of a checkpoint."""

    def __init__(self, file: Any) -> None:
        import zipfile

        try:
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise _unpickling_error(
                "load: the file is no checkpoint in the zip format of torch.save (it may be "
                f"damaged, or of a PyTorch before 1.6): {error}"
            ) from error
        names = [n for n in self._zip.namelist() if n.rpartition("/")[2] == "data.pkl"]
        if not names:
            raise RuntimeError(
                "load: the archive has no data.pkl; it is not a checkpoint of torch.save"
            )
        self._stem = min(names, key=len)[: -len("data.pkl")]
        self._storages: dict[str, Tensor] = {}
        order = (
            self.read("byteorder")
            if self._stem + "byteorder" in self._zip.NameToInfo
            else b"little"
        )
        if order.strip() != b"little":
            raise RuntimeError("load: big-endian checkpoints are not supported")

    def read(self, name: str) -> bytes:
        return self._zip.read(self._stem + name)

    def storage(self, key: str) -> Tensor:
        found = self._storages.get(key)
        if found is None:
            try:
                info = self._zip.getinfo(f"{self._stem}data/{key}")
            except KeyError:
                raise RuntimeError(f"load: the archive has no storage {key!r}") from None
            found = self._storages[key] = _C.ops.empty(info.file_size, dtype=_C.uint8)
            view = memoryview(found)
            with self._zip.open(info) as record:
                at = 0
                while at < info.file_size:
                    n = record.readinto(view[at:])  # type: ignore[attr-defined]
                    if not n:
                        raise RuntimeError(f"load: storage {key!r} is cut short")
                    at += n
        return found


def _unpickling_error(text: str) -> Exception:
    import pickle

    return pickle.UnpicklingError(text)


def _check_location(location: str, map_location: Any) -> None:
    if callable(map_location):
        return
    if isinstance(map_location, dict):
        location = map_location.get(location, location)
    elif map_location is not None:
        location = str(map_location)
    if location.startswith("cuda") and map_location is None:
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If "
            "you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    if _C.device(location).type != "cpu":
        _C.ops.empty(0, device=location)  # raises what is due


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads what `save`, or PyTorch's, wrote.

    Args:
        f: a path, or a file object that can `read` and `seek`.
        map_location: where tensors saved on another device go: "cpu", a dict, or a function (which is
            not called: there is only one place).
        weights_only: True (the default) admits tensors, parameters and plain containers only, and
            names given to `add_safe_globals`. False runs whatever code the file asks for: use it
            for files that you trust.

    Raises:
        pickle.UnpicklingError: the file asks for a name that is not admitted, or is damaged.
    """
    import pickle
    import zipfile

    weights_only = True if weights_only is None else weights_only
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return load(
                file, map_location, pickle_module, weights_only=weights_only, **pickle_load_args
            )
    if not hasattr(f, "read") or not hasattr(f, "seek"):
        raise AttributeError(
            f"load: a path or a file object with read and seek is due, not {type(f).__name__}"
        )
    import io

    archive = _Archive(f)
    allowed = _allowed()

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, saved_id: Any) -> Any:
            if not isinstance(saved_id, tuple) or len(saved_id) != 5 or saved_id[0] != "storage":
                raise pickle.UnpicklingError(f"load: unknown persistent id {saved_id!r}")
            _, kind, key, location, count = saved_id
            if not isinstance(kind, _StorageType) or not isinstance(key, str):
                raise pickle.UnpicklingError("load: a storage of unknown type")
            _check_location(location, map_location)
            return archive.storage(key), kind.dtype

        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            if full in _user_globals:
                return _user_globals[full]
            if full in allowed and (weights_only or not full.startswith("torch.nn.")):
                found = allowed[full]
                if weights_only or type(found) is not object:
                    return found
            if weights_only:
                raise pickle.UnpicklingError(
                    "Weights only load failed. This file can still be loaded with weights_only=False, "
                    "which runs the code that it names: do that only if you trust its source. "
                    f"WeightsUnpickler error: Unsupported global: GLOBAL {full} was not an allowed "
                    f"global by default. Please use `torch.serialization.add_safe_globals([{name}])` "
                    "to allowlist this global if you trust this class/function."
                )
            if module == "torch" or module.startswith("torch."):
                module = "tensorlite" + module[len("torch") :]
            return super().find_class(module, name)

    try:
        return Unpickler(io.BytesIO(archive.read("data.pkl")), **pickle_load_args).load()
    except (zipfile.BadZipFile, EOFError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise pickle.UnpicklingError(f"load: the checkpoint is damaged: {error!r}") from error
