"""Conversion of modules to other dtypes and devices, and their modes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import _C, __future__
from ..._tensor import Tensor
from ..parameter import Parameter
from ._tree import _ModuleTree

if TYPE_CHECKING:
    from typing_extensions import Self

    from .module import Module


class _ModuleConversion(_ModuleTree):
    """The part of Module that changes its tensors and its mode."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the values of all parameters, their gradients and buffers by ``fn`` of them."""
        from ... import no_grad

        if recurse:
            for module in self.children():
                module._apply(fn)
        overwrite = __future__.get_overwrite_module_params_on_conversion()
        for key, param in self._parameters.items():
            if param is None:
                continue
            with no_grad():
                applied = fn(param)
            grad = param.grad
            if overwrite or (type(applied) is not type(param) and applied.device != param.device):
                target = Parameter(applied, param.requires_grad)
                self._parameters[key] = target
            else:
                # The optimizer holds the parameter object, so it stays and its memory changes.
                if applied is not param:
                    param.data = applied
                target = param
            if grad is not None:
                with no_grad():
                    grad_applied = fn(grad)
                if target is not param:
                    target.grad = grad_applied.requires_grad_(grad.requires_grad)
                elif grad_applied is not grad:
                    grad.data = grad_applied
                    target.grad = grad
        for key, buf in self._buffers.items():
            if buf is not None:
                self._buffers[key] = fn(buf)
        return self

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls ``fn`` on every submodule, then on this module. Returns self."""
        for module in self.children():
            module.apply(fn)
        me: Any = self
        fn(me)
        return self

    def cuda(self, device: Any = None) -> Self:
        """Moves everything to a CUDA device; raises where there is none."""
        return self.to(
            "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device
        )

    def cpu(self) -> Self:
        """Moves parameters and buffers to the CPU. Returns self."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type: Any) -> Self:
        """Casts parameters and buffers to ``dst_type``. Returns self."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Casts floating point parameters and buffers to float32. Returns self."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Casts floating point parameters and buffers to float64. Returns self."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Casts floating point parameters and buffers to float16. Returns self."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Casts floating point parameters and buffers to bfloat16. Returns self."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Moves to ``device`` without copying values. Returns self."""
        from ... import empty_like

        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves and casts parameters and buffers, in place. Returns self.

        ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype, non_blocking=False)``,
        ``to(tensor, non_blocking=False)`` or ``to(memory_format=...)``. The dtype must be floating
        point or complex, and integer parameters and buffers keep theirs.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(t: Tensor) -> Tensor:
            options: dict[str, Any] = {"non_blocking": non_blocking}
            if device is not None:
                options["device"] = device
            if dtype is not None and (t.is_floating_point() or t.is_complex()):
                options["dtype"] = dtype
            if memory_format is not None and t.dim() in (4, 5):
                options["memory_format"] = memory_format
            return t.to(**options) if len(options) > 1 else t

        return self._apply(convert)

    # Modes.

    def train(self, mode: bool = True) -> Self:
        """Sets training mode here and in all submodules, which matters to Dropout and the like.
        Returns self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Sets evaluation mode: ``train(False)``. Returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether autograd records operations on the parameters. Returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or fills them with zeros.

        Args:
            set_to_none: whether they become None.
        """
        if getattr(self, "_is_replica", False):
            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect. "
                "The parameters are copied (in a differentiable manner) from the original module. "
                "This means they are not leaf nodes in autograd and so don't accumulate gradients. "
                "If you need gradients in your forward method, consider using autograd.grad "
                "instead.",
                stacklevel=2,
            )
        _C._zero_grads(list(self.parameters()), set_to_none)

    def share_memory(self) -> Self:
        """Moves parameters and buffers to memory that processes can share. Returns self."""
        return self._apply(lambda t: t.share_memory_())


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """The device, dtype, non_blocking and memory_format that the forms of ``to`` ask for."""
    from ... import device as device_type
    from ... import dtype as dtype_type

    def wrong() -> TypeError:
        shown = ", ".join(
            [
                *(type(a).__name__ for a in args),
                *(f"{k}={type(v).__name__}" for k, v in kwargs.items()),
            ]
        )
        return TypeError(
            f"to() received an invalid combination of arguments - got ({shown}), but expected one "
            "of:\n"
            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, "
            "bool copy = False, "
            "*, torch.memory_format memory_format = None)\n"
            " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, "
            "*, torch.memory_format memory_format = None)\n"
            " * (Tensor tensor, bool non_blocking = False, bool copy = False, "
            "*, torch.memory_format memory_format = None)\n"
        )

    if args and isinstance(args[0], dtype_type):
        names = ["dtype", "non_blocking", "copy"]
    elif args and isinstance(args[0], Tensor):
        names = ["tensor", "non_blocking", "copy"]
    else:
        names = ["device", "dtype", "non_blocking", "copy"]
    if len(args) > len(names):
        raise wrong()
    given = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if (
            key in given
            or key not in (*names, "tensor", "memory_format")
            or (key == "tensor" and args)
        ):
            raise wrong()
        given[key] = value
    tensor = given.get("tensor")
    device, dtype = given.get("device"), given.get("dtype")
    if tensor is not None:
        if not isinstance(tensor, Tensor) or device is not None or dtype is not None:
            raise wrong()
        device, dtype = tensor.device, tensor.dtype
    if dtype is not None and not isinstance(dtype, dtype_type):
        raise wrong()
    if device is not None:
        if isinstance(device, (str, int)) and not isinstance(device, bool):
            device = device_type(device)
        elif not isinstance(device, device_type):
            raise wrong()
    non_blocking = given.get("non_blocking", False)
    if not isinstance(non_blocking, bool):
        raise wrong()
    return device, dtype, non_blocking, given.get("memory_format")
