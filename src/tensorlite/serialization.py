"""`save` and `load`: checkpoints in PyTorch's own zip format, readable by it and from it.

An archive holds `data.pkl`, a pickle whose tensors name their storages, and one file of raw bytes per
storage. `load` reads the pickle with an unpickler that knows a short list of harmless names, so that a
file from a stranger cannot run code; `weights_only=False` lifts that.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    beside it first, brought to the disk and renamed, so that an interrupted save leaves what was there.

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
    with _replacing(path) as file:
        _write(obj, file, stem, pickle_protocol)


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when all of it is on the disk, and not before."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:  # a device or a pipe
            yield file
        return
    import secrets

    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name, too, is to outlast a loss of power
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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


def _bytearray(content: Any = b"", *encoding: str) -> bytearray:
    """Not of a number: that would be memory without content."""
    if not isinstance(content, (bytes, list) if not encoding else str):
        raise TypeError("bytearray: bytes, a list of numbers, or a text with its encoding are due")
    return bytearray(content, *encoding)


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
        "builtins.bytearray": _bytearray,
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
    """The records of a checkpoint in the zip format."""

    def __init__(self, file: Any, mapped: bool = False) -> None:
        import zipfile

        self._file = file
        self._mapped = mapped
        try:
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise RuntimeError(
                f"load: PytorchStreamReader failed reading zip archive: the file is damaged: {error}"
            ) from error
        total = file.seek(0, os.SEEK_END)
        # Records are stored as they are: what claims to be more than the file holds is a trap.
        infos = self._zip.infolist()
        if any(i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 for i in infos):
            raise _unpickling_error(
                "load: the archive's records are compressed; those of a checkpoint are not"
            )
        if (
            any(i.file_size != i.compress_size for i in infos)
            or sum(i.file_size for i in infos) > total
        ):
            raise _unpickling_error("load: the archive's records claim to be larger than the file")
        names = [n for n in self._zip.namelist() if n.rpartition("/")[2] == "data.pkl"]
        if not names:
            raise RuntimeError(
                "load: the archive has no data.pkl; it is not a checkpoint of torch.save"
            )
        self._stem = min(names, key=len)[: -len("data.pkl")]
        self._storages: dict[str, Tensor] = {}
        known = self._stem + "byteorder" in self._zip.NameToInfo
        if (self.read("byteorder") if known else b"little").strip() != b"little":
            raise RuntimeError("load: big-endian checkpoints are not supported")

    def read(self, name: str) -> bytes:
        return self._zip.read(self._stem + name)

    def storage(self, key: str, nbytes: int, location: str) -> Tensor:
        found = self._storages.get(key)
        if found is None:
            try:
                info = self._zip.getinfo(f"{self._stem}data/{key}")
            except KeyError:
                raise RuntimeError(f"load: the archive has no storage {key!r}") from None
            found = self._storages[key] = self._map(info) if self._mapped else self._read(info)
        return found

    def _read(self, info: zipfile.ZipInfo) -> Tensor:
        found = _C.ops.empty(info.file_size, dtype=_C.uint8)
        view = memoryview(found)
        with self._zip.open(info) as record:
            at = 0
            while at < info.file_size:
                n = record.readinto(view[at:])  # type: ignore[attr-defined]
                if not n:
                    raise RuntimeError(f"load: {info.filename!r} is cut short")
                at += n
        return found

    def _map(self, info: zipfile.ZipInfo) -> Tensor:
        """The record as private memory that is read from the file where and when it is used."""
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise RuntimeError(f"load: the header of {info.filename!r} is damaged")
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        begin = info.header_offset + 30 + names
        return _C._map_file(self._file.fileno(), info.file_size, False, None, begin)


class _Legacy:
    """The storages of a file in the format before PyTorch 1.6, whose bytes follow the pickle."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._storages: dict[str, tuple[Tensor, int]] = {}

    def storage(self, key: str, nbytes: int, location: str) -> Tensor:
        found = self._storages.get(key)
        if found is None:
            self._left -= nbytes
            if nbytes < 0 or self._left < 0:
                raise _unpickling_error("load: the file is too short for its storages")
            found = self._storages[key] = (_C.ops.empty(nbytes, dtype=_C.uint8), nbytes)
        elif found[1] != nbytes:
            raise _unpickling_error(f"load: storage {key!r} has two sizes")
        return found[0]

    def fill(self, file: Any, keys: Any, item_sizes: dict[str, int]) -> None:
        """Reads the bytes of all storages, each behind its number of elements."""
        if not isinstance(keys, list) or set(keys) != set(self._storages):
            raise _unpickling_error("load: the list of storages does not match the pickle")
        for key in keys:
            data, nbytes = self._storages[key]
            count = int.from_bytes(file.read(8), "little")
            if count * item_sizes[key] != nbytes:
                raise _unpickling_error(
                    f"load: storage {key!r} has another size than its tensors say"
                )
            content = file.read(nbytes)
            if len(content) != nbytes:
                raise _unpickling_error(f"load: storage {key!r} is cut short")
            if nbytes:
                memoryview(data)[:] = content


def _unpickling_error(text: str) -> Exception:
    import pickle

    return pickle.UnpicklingError(text)


def _check_location(location: Any, map_location: Any, storage: Tensor) -> None:
    """Raises where a storage is to go elsewhere than to memory."""
    if not isinstance(location, str):
        raise _unpickling_error("load: a storage's location is no text")
    if callable(map_location):
        from .storage import UntypedStorage

        if map_location(UntypedStorage._of(storage), location) is not None:
            return
        map_location = None
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


def _unpickler(
    storages: Any, map_location: Any, weights_only: bool, item_sizes: dict[str, int]
) -> Any:
    """The class that reads a checkpoint's pickle."""
    import pickle

    allowed = _allowed()
    # Of pickles that are not trusted, in Python: the C one makes room for as many objects as a file claims to number.
    base: Any = pickle._Unpickler if weights_only else pickle.Unpickler  # type: ignore[attr-defined]

    class Unpickler(base):  # type: ignore[misc]
        def persistent_load(self, saved_id: Any) -> Any:
            if isinstance(saved_id, tuple) and saved_id and isinstance(saved_id[0], bytes):
                saved_id = (saved_id[0].decode("ascii"), *saved_id[1:])
            if (
                not isinstance(saved_id, tuple)
                or len(saved_id) not in (5, 6)
                or saved_id[0] != "storage"
            ):
                raise pickle.UnpicklingError(f"load: unknown persistent id {saved_id!r}")
            _, kind, key, location, count = saved_id[:5]
            if isinstance(kind, _StorageType):
                dtype = kind.dtype
            else:
                dtype = None
            if dtype is None or not isinstance(key, str) or not isinstance(count, int):
                raise pickle.UnpicklingError("load: a storage of unknown type")
            item_sizes.setdefault(key, dtype.itemsize)
            data = storages.storage(key, count * dtype.itemsize, location)
            _check_location(location, map_location, data)
            if len(saved_id) == 6 and saved_id[5] is not None:
                _, offset, size = saved_id[5]
                begin, end = offset * dtype.itemsize, (offset + size) * dtype.itemsize
                if not 0 <= begin <= end <= data.numel():
                    raise pickle.UnpicklingError("load: a part of a storage lies outside of it")
                data = data[begin:end]
            return data, dtype

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

        if weights_only:

            def load_bytearray8(self) -> None:
                n = int.from_bytes(self.read(8), "little")
                content = self.read(n) if n < 1 << 40 else b""
                if len(content) != n:
                    raise pickle.UnpicklingError("load: the pickle is cut short")
                self.append(bytearray(content))

            dispatch = {**base.dispatch, pickle.BYTEARRAY8[0]: load_bytearray8}

    return Unpickler


_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


def _load_legacy(file: Any, map_location: Any, weights_only: bool, pickle_load_args: Any) -> Any:
    begin = file.tell()
    total = file.seek(0, os.SEEK_END) - begin
    file.seek(begin)
    storages, item_sizes = _Legacy(total), dict[str, int]()
    unpickler = _unpickler(storages, map_location, weights_only, item_sizes)

    def read() -> Any:
        return unpickler(file, **pickle_load_args).load()

    if read() != _MAGIC:
        raise _unpickling_error(
            "load: Invalid magic number; corrupt file? It is no checkpoint of torch.save, or of a PyTorch before 0.1.10"
        )
    if read() != _LEGACY_PROTOCOL:
        raise RuntimeError("load: Invalid protocol version")
    info = read()
    if not isinstance(info, dict) or info.get("little_endian") is not True:
        raise RuntimeError("load: big-endian checkpoints are not supported")
    result = read()
    storages.fill(file, read(), item_sizes)
    return result


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
        map_location: where tensors saved on another device go: "cpu", a device, a dict of such names, or a
            function of a storage and its location, which returns the storage, or None for the default.
        mmap: of a path: storages are maps of the file, read where and when they are used. Writing to a
            tensor does not write to the file.
        weights_only: True (the default) admits tensors, parameters and plain containers only, and
            names given to `add_safe_globals`. False runs whatever code the file asks for: use it
            for files that you trust.

    Raises:
        pickle.UnpicklingError: the file asks for a name that is not admitted, or is damaged.
    """
    weights_only = True if weights_only is None else weights_only
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a string filename in order to use mmap argument")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, map_location, weights_only, bool(mmap), pickle_load_args)
    if not hasattr(f, "read") or not hasattr(f, "seek"):
        raise AttributeError(
            f"load: a path or a file object with read and seek is due, not {type(f).__name__}"
        )
    return _load(f, map_location, weights_only, False, pickle_load_args)


def _load(
    file: Any, map_location: Any, weights_only: bool, mapped: bool, pickle_load_args: Any
) -> Any:
    import io
    import pickle
    import struct
    import zipfile

    begin = file.tell()
    first = file.read(4)
    if not first:
        raise EOFError("Ran out of input: the file is empty")
    file.seek(begin)
    for place in map_location.values() if isinstance(map_location, dict) else (map_location,):
        if place is not None and not callable(place) and _C.device(place).type != "cpu":
            _C.ops.empty(0, device=place)  # raises what is due
    try:
        if first != b"PK\3\4":
            if mapped:
                raise RuntimeError(
                    "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), "
                    "please torch.save your checkpoint with this option in order to use mmap."
                )
            return _load_legacy(file, map_location, weights_only, pickle_load_args)
        if begin:  # offsets in an archive count from its own beginning
            file = io.BytesIO(file.read())
        archive = _Archive(file, mapped and hasattr(_C, "_map_file"))
        unpickler = _unpickler(archive, map_location, weights_only, {})
        return unpickler(io.BytesIO(archive.read("data.pkl")), **pickle_load_args).load()
    except (zipfile.BadZipFile, struct.error, OSError) as error:
        raise pickle.UnpicklingError(f"load: the checkpoint is damaged: {error!r}") from error
    except (pickle.UnpicklingError, RuntimeError):
        raise
    except Exception as error:
        # Of a file that may run no code, it is the file's fault; otherwise it may be that code's.
        if not weights_only:
            raise
        raise pickle.UnpicklingError(f"load: the checkpoint is damaged: {error!r}") from error
