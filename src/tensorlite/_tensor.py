"""`Tensor`: the Python half of the type whose C++ half is `_C._VariableBase`.

Operators, ops and their in-place forms are put on the base by C++; what is here is what is rarely
called or needs Python.
"""

from __future__ import annotations

import copyreg
import math
import operator
import warnings
from collections import OrderedDict
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import _C

if TYPE_CHECKING:
    import numpy as np

    from .storage import TypedStorage, UntypedStorage


class _TorchFunctionOff:
    """Runs a block with the `__torch_function__` protocol off."""

    def __enter__(self) -> None:
        self._was = _C._set_torch_function_enabled(False)

    def __exit__(self, *exc: object) -> None:
        _C._set_torch_function_enabled(self._was)


class Tensor(_C._VariableBase, metaclass=_C._TensorMeta):
    """An n-dimensional array that can record what is done to it, and be differentiated.

    Made by `tensorlite.tensor(data)`, factories such as `zeros`, or as the result of ops.
    `Tensor(2, 3)` (uninitialised, of that shape) and `Tensor([1, 2])` work as in the first PyTorch.
    """

    # NumPy leaves `array + tensor` to us.
    __array_priority__ = 1000
    is_leaf: bool

    # `_make_subclass(cls, data, requires_grad=False)`: the memory of `data` as a `cls`.
    _make_subclass = staticmethod(_C._make_subclass)

    # --- protocol -------------------------------------------------------------------------------

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Results of ops on a subclass are of the subclass.

        A subclass's own hears of every function and method that one of its tensors is given to, as
        `func` (of properties `Tensor.shape.__get__`), with the classes that take part in `types`.
        """
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with _TorchFunctionOff():
            result = func(*args, **(kwargs or {}))
            return result if func in _not_wrapped() else _as_subclass_result(result, cls)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError("a tensor of another dtype cannot become an array without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if array.dtype == bool:
            array = array.astype("uint8")
        return _C.as_tensor(array)

    def __contains__(self, element: Any, /) -> bool:
        if isinstance(element, (Tensor, bool, int, float, complex)):
            return bool((self == element).any().item())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
        )

    def __format__(self, spec: str) -> str:
        if self.dim() == 0:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __reversed__(self) -> Tensor:
        return self if self.dim() == 0 else self.flip(0)

    def __complex__(self) -> complex:
        return complex(self.item())

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            for slot, value in state[1].items():
                setattr(self, slot, value)
            state = state[0]
        if state:
            self.__dict__.update(state)

    def __copy__(self) -> Tensor:
        with _TorchFunctionOff():
            out = _C._make_subclass(type(self), self.detach(), self.requires_grad)
            out.__dict__.update(self.__dict__)
        return out

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
                "because of a torch.nn.utils.weight_norm usage, see "
                "https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        import copy

        with _TorchFunctionOff():
            # Tensors that share a storage go on sharing it.
            key = ("tensorlite storage", self._storage_ptr())
            base = memo.get(key)  # type: ignore[call-overload]
            if base is None:
                base = _C._storage_bytes(self).clone()
                memo[key] = base  # type: ignore[index]
            data = _C._from_storage(
                base, self.dtype, self.storage_offset(), tuple(self.shape), self.stride()
            )
            out = _C._make_subclass(type(self), data, self.requires_grad)
            memo[id(self)] = out
            if self.grad is not None:
                out.grad = copy.deepcopy(self.grad, memo)
            if self.__dict__:
                out.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        with _TorchFunctionOff():
            state = copyreg_state(self)
            storage = _C._storage_bytes(self.detach())
            args: tuple[Any, ...] = (
                type(self),
                bytes(memoryview(storage)),
                self.dtype,
                self.storage_offset(),
                tuple(self.shape),
                self.stride(),
                self.requires_grad,
                OrderedDict(),
            )
        return (_rebuild_tensor, args, state) if state else (_rebuild_tensor, args)

    # --- conversions ----------------------------------------------------------------------------

    def cpu(self, memory_format: Any = None) -> Tensor:
        """`self`: tensors live on the CPU."""
        return self

    def cuda(
        self, device: Any = None, non_blocking: bool = False, memory_format: Any = None
    ) -> Tensor:
        """Raises: there is no CUDA in a CPU library."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    def pin_memory(self, device: Any = None) -> Tensor:
        """Raises, as in PyTorch without an accelerator."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def get_device(self) -> int:
        """-1: the CPU has no ordinal."""
        return -1

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """`self` where the bool `condition` is set, `other` elsewhere.

        The op's order of arguments is another, so that it cannot be its own method.
        """
        return _C.ops.where(condition, self, other)

    def type(self, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
        """The name of the tensor's type ("torch.FloatTensor"), or the tensor as another type.

        `dtype` is a dtype, a name such as "torch.LongTensor", or a class such as `LongTensor`.
        """
        from ._tensor_types import dtype_of_type, type_name

        if dtype is None:
            return type_name(self.dtype)
        return self.to(dtype_of_type(dtype))

    def new(self, *args: Any, **kwargs: Any) -> Tensor:
        """A new tensor of the same dtype: `new()`, `new(2, 3)`, `new([1, 2])`, `new(other)`."""
        return _C._legacy_tensor(self.dtype, args, kwargs)

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        layout: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:
        """`tensor(data)` with this tensor's dtype unless another is given."""
        dtype = self.dtype if dtype is None else dtype
        return _C.tensor(
            data, dtype=dtype, device=device, requires_grad=requires_grad, pin_memory=pin_memory
        )

    def set_(
        self, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
    ) -> Tensor:
        """Makes this tensor refer to the memory of a tensor or storage; of none without a source."""
        from .storage import TypedStorage, UntypedStorage

        if isinstance(source, (UntypedStorage, TypedStorage)):
            data = source.untyped()._current()
            if size is None:
                size = (data.numel() // self.dtype.itemsize,)
        elif source is None:
            data, size = UntypedStorage(0)._current(), (0,)
        elif isinstance(source, Tensor):
            if source.dtype != self.dtype:
                raise RuntimeError(
                    f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}"
                )
            data = source.detach()
            if size is None:
                storage_offset, size, stride = data.storage_offset(), data.shape, data.stride()
        else:
            raise TypeError(
                "set_() received an invalid combination of arguments: a tensor or a storage is due, "
                f"not {type(source).__name__}"
            )
        size = tuple(size)
        if stride is None:
            stride = tuple(math.prod(max(s, 1) for s in size[d + 1 :]) for d in range(len(size)))
        _C._set_storage(self, data, storage_offset, size, tuple(stride))
        return self

    def untyped_storage(self) -> UntypedStorage:
        """The memory under the tensor, as bytes."""
        from .storage import UntypedStorage

        return UntypedStorage._of(self)

    def _typed_storage(self) -> TypedStorage:
        from .storage import TypedStorage

        return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)

    def storage(self) -> TypedStorage:
        """The memory under the tensor, as numbers of its dtype. Deprecated: use untyped_storage."""
        from .storage import warn_typed_storage

        warn_typed_storage()
        return self._typed_storage()

    def resize(self, *sizes: Any) -> Tensor:
        """reshape under its first name. Deprecated."""
        warnings.warn("non-inplace resize is deprecated", stacklevel=2)
        return self.reshape(*sizes)

    def resize_as(self, tensor: Tensor) -> Tensor:
        """reshape_as under its first name. Deprecated."""
        warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
        return self.reshape(tensor.shape)

    def as_subclass(self, cls: Any) -> Any:
        """The same data and history as an instance of `cls`."""
        return _C._as_subclass(self, cls)

    def is_nonzero(self) -> bool:
        """bool(self): is the single element not zero?"""
        return bool(self)

    def is_same_size(self, other: Tensor) -> bool:
        """Has `other` the same shape?"""
        return self.shape == other.shape

    def is_distributed(self) -> bool:
        return False

    def is_conj(self) -> bool:
        """False: conjugates are computed at once."""
        return False

    def is_neg(self) -> bool:
        return False

    def resolve_conj(self) -> Tensor:
        return self

    def resolve_neg(self) -> Tensor:
        return self

    def share_memory_(self) -> Tensor:
        """Moves the storage, for all its tensors, into memory that other processes can map."""
        from .multiprocessing._segment import share_storage

        with _TorchFunctionOff():
            share_storage(self.detach())
        return self

    def is_shared(self) -> bool:
        """Lies the tensor in memory that processes share?"""
        mapping = _C._mapping(self)
        return mapping is not None and mapping[0]

    def dim_order(self) -> tuple[int, ...]:
        """Dims from the slowest-moving to the fastest in memory."""
        return tuple(sorted(range(self.dim()), key=lambda d: -self.stride(d)))

    def lu(self, pivot: bool = True, get_infos: bool = False) -> Any:
        """See `tensorlite.lu`."""
        from .linalg._older import lu

        return lu(self, pivot, get_infos)

    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        """See `tensorlite.lu_solve`."""
        return _C.ops.linalg_lu_solve(LU_data, LU_pivots, self)

    def _removed(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "This function was deprecated since version 1.9 and is now removed: see torch.linalg."
        )

    eig = symeig = solve = lstsq = _removed

    def narrow_copy(self, dim: int, start: int, length: int) -> Tensor:
        """`narrow` as a copy."""
        return self.narrow(dim, start, length).clone()

    def unsafe_chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        """See `tensorlite.unsafe_chunk`."""
        return tuple(part.clone() for part in self.chunk(chunks, dim))

    def unsafe_split(self, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
        """See `tensorlite.unsafe_split`."""
        return tuple(part.clone() for part in self.split(split_size, dim))

    def unsafe_split_with_sizes(self, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
        """See `tensorlite.unsafe_split_with_sizes`."""
        return tuple(part.clone() for part in self.split_with_sizes(list(split_sizes), dim))

    def map2_(self, x: Tensor, y: Tensor, callable: Any) -> Tensor:
        """Replaces each element by what a Python function makes of it and the ones of x and y."""
        xs, ys = (t.expand(self.shape).reshape(-1).tolist() for t in (x, y))
        values = [callable(*v) for v in zip(self.detach().reshape(-1).tolist(), xs, ys)]
        new = self.new_tensor(values).reshape(self.shape) if values else self
        return self.copy_(new)

    def stft(self, *args: Any, **kwargs: Any) -> Tensor:
        """See `tensorlite.stft`."""
        from .fft._frames import stft

        return stft(self, *args, **kwargs)

    def istft(self, *args: Any, **kwargs: Any) -> Tensor:
        """See `tensorlite.istft`."""
        from .fft._frames import istft

        return istft(self, *args, **kwargs)

    def apply_(self, callable: Any) -> Tensor:
        """Replaces each element by `callable(element)`; slow, and outside autograd."""
        if self.requires_grad:
            raise RuntimeError(
                "Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead."
            )
        flat = [callable(v) for v in self.reshape(-1).tolist()]
        return self.copy_(_C.tensor(flat, dtype=self.dtype).view(self.shape))

    def map_(self, tensor: Tensor, callable: Any) -> Tensor:
        """Replaces each element by `callable(element, other_element)`."""
        if self.requires_grad:
            raise RuntimeError(
                "Can't call map_() on Variable that requires grad. Use var.detach().map_() instead."
            )
        other = tensor.expand(self.shape).reshape(-1).tolist()
        flat = [callable(a, b) for a, b in zip(self.reshape(-1).tolist(), other)]
        return self.copy_(_C.tensor(flat, dtype=self.dtype).view(self.shape))

    def module_load(self, other: Tensor, assign: bool = False) -> Tensor:
        """What load_state_dict puts in place of `self` when it loads `other`."""
        return other.detach() if assign else self.copy_(other)

    @property
    def name(self) -> None:
        """None: names of variables are of the first PyTorch's time."""
        return None


def _not_wrapped() -> set[Any]:
    """What gives back a tensor that exists already, whose class is not the subclass's to choose."""
    if not _never_wrapped:
        for name in ("_base", "grad", "_grad"):
            _never_wrapped.add(vars(_C._VariableBase)[name].__get__)
    return _never_wrapped


_never_wrapped: set[Any] = set()


def _as_subclass_result(result: Any, cls: type) -> Any:
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else _C._as_subclass(result, cls)
    if isinstance(result, (tuple, list)):
        # As they are where there is nothing to do; the named tuples of ops take one sequence too.
        parts = [_as_subclass_result(r, cls) for r in result]
        return result if all(map(operator.is_, parts, result)) else type(result)(parts)
    return result


def _ask_overrides() -> None:
    """Lets the methods above that are written in Python ask a subclass first."""
    own = {"__torch_function__", "__copy__", "as_subclass", "_typed_storage"}
    for name, method in list(vars(Tensor).items()):
        if isinstance(method, FunctionType) and name not in own:
            setattr(Tensor, name, _C._overridable(method))


def copyreg_state(obj: Any) -> Any:
    """The state that pickle keeps of `obj` beside its data: __dict__ and slots."""
    slots = {
        name: getattr(obj, name)
        for name in copyreg._slotnames(type(obj))  # type: ignore[attr-defined]
        if hasattr(obj, name)
    }
    return (obj.__dict__, slots) if slots else obj.__dict__


def _rebuild_tensor(
    cls: type,
    data: bytes,
    dtype: Any,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    hooks: Any,
) -> Tensor:
    """Undoes `Tensor.__reduce_ex__`."""
    storage = _C.tensor(bytearray(data), dtype=_C.uint8)
    tensor = _C._from_storage(storage, dtype, offset, size, stride)
    return _C._make_subclass(cls, tensor, requires_grad)


Tensor.__module__ = "tensorlite"
_ask_overrides()
_C._set_tensor_class(Tensor)
