"""Handles that undo a registration, and the hooks around a module's backward."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """What a ``register_*hook`` call returns; ``remove()`` takes the hook away again.

    Also a context manager that removes the hook on exit. The handle holds the table of hooks
    weakly, so it never keeps a module or a tensor alive. ``extra_dict`` names further tables (one
    or a list of them) in which the hook's id appears."""

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.extra_dict_ref: tuple[Any, ...] = ()
        if isinstance(extra_dict, dict):
            self.extra_dict_ref = (weakref.ref(extra_dict),)
        elif isinstance(extra_dict, list):
            self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self) -> None:
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        state: tuple[Any, ...] = (self.hooks_dict_ref(), self.id)
        if self.extra_dict_ref:
            state += (tuple(ref() for ref in self.extra_dict_ref),)
        return state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        def ref_to(table: Any) -> Any:
            # A table that was gone already: any dead reference will do.
            return weakref.ref(OrderedDict() if table is None else table)

        self.hooks_dict_ref = ref_to(state[0])
        self.id = state[1]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        self.extra_dict_ref = tuple(ref_to(t) for t in state[2]) if len(state) > 2 else ()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, type: Any, value: Any, tb: Any) -> None:
        self.remove()


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a hook that a pickled tensor should lose without a warning."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warns that the hooks of ``tensor`` do not travel with its pickle."""
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate "
                "the function with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )


_identity: Any = None


def _identity_function() -> Any:
    """An autograd function whose node marks where gradients enter or leave a module."""
    global _identity
    if _identity is None:
        from ..autograd import Function

        class BackwardHookFunction(Function):
            @staticmethod
            def forward(ctx: Any, *args: Any) -> Any:
                ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
                return args

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                return grads

        _identity = BackwardHookFunction
    return _identity


class BackwardHook:
    """Runs a module's full backward hooks and pre-hooks.

    Two identity nodes bracket the forward: the one behind the module sees the gradients of its
    outputs (pre-hooks run there), the one before it those of its inputs, where the hooks get both.
    """

    def __init__(self, module: Any, user_hooks: Any, user_pre_hooks: Any) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: Any = None
        self.n_outputs = -1
        self.output_tensors_index: list[int] | None = None
        self.n_inputs = -1
        self.input_tensors_index: list[int] | None = None

    @staticmethod
    def _spread(indices: list[int] | None, values: Any, size: int) -> tuple[Any, ...]:
        """``values`` at their places among ``size`` arguments, None at the others."""
        full = [None] * size
        for i, v in zip(indices or (), values, strict=False):
            full[i] = v
        return tuple(full)

    @staticmethod
    def _gather(indices: list[int] | None, values: Any) -> tuple[Any, ...]:
        return tuple(values[i] for i in indices or ())

    def _run_user_hooks(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.user_hooks:
            out = hook(self.module, grad_input, self.grad_outputs)
            if out is None:
                continue
            if not isinstance(out, tuple):
                out = (out,)
            if len(out) != len(grad_input):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(out)}, "
                    f"but expected {len(grad_input)}"
                )
            grad_input = out
        return grad_input

    def _on_input_grads(self, grad_input: tuple[Any, ...], _: Any) -> tuple[Any, ...]:
        if self.grad_outputs is None:
            raise RuntimeError(
                "Module backward hook for grad_input is called before the grad_output one: a "
                "gradient reached the "
                "module's input without passing through its output. Make sure the output depends "
                "on the input and "
                "that the loss is computed from the output."
            )
        result = self._run_user_hooks(
            self._spread(self.input_tensors_index, grad_input, self.n_inputs)
        )
        self.grad_outputs = None
        return self._gather(self.input_tensors_index, result)

    def _on_output_grads(self, grad_output: tuple[Any, ...]) -> tuple[Any, ...] | None:
        grads = self._spread(self.output_tensors_index, grad_output, self.n_outputs)
        for hook in self.user_pre_hooks:
            out = hook(self.module, grads)
            if out is None:
                continue
            if not isinstance(out, tuple):
                out = (out,)
            if len(out) != len(grads):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(out)}, but expected {len(grads)}"
                )
            grads = out
        self.grad_outputs = grads
        replaced = self._gather(self.output_tensors_index, grads)
        if self.input_tensors_index is None:
            # No input wants a gradient, so no node sits before the module: its hooks run here.
            if self.user_hooks:
                warnings.warn(
                    "Full backward hook is firing when gradients are computed with respect to "
                    "module outputs since "
                    "no inputs require gradients. See "
                    "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
                    "#torch.nn.Module.register_full_backward_hook for more details.",
                    stacklevel=5,
                )
            for hook in self.user_hooks:
                out = hook(self.module, self._spread([], [], self.n_inputs), self.grad_outputs)
                if out is not None and not (isinstance(out, tuple) and all(g is None for g in out)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None "
                        "or None for all gradients."
                    )
            self.grad_outputs = None
        return replaced if self.user_pre_hooks else None

    def _bracket(
        self, args: tuple[Any, ...], attach: Callable[[Any], None]
    ) -> tuple[Any, list[int] | None]:
        from .. import is_grad_enabled
        from .._tensor import Tensor

        indices = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        if not (is_grad_enabled() and any(args[i].requires_grad for i in indices)):
            return args, None
        marked = _identity_function().apply(*(args[i] for i in indices))
        attach(next(t.grad_fn for t in marked if t.grad_fn is not None))
        new_args = list(args)
        for i, t in zip(indices, marked, strict=True):
            new_args[i] = t
        if type(args) is not tuple:  # a named tuple
            return type(args)(*new_args), indices
        return tuple(new_args), indices

    def setup_input_hook(self, args: tuple[Any, ...]) -> Any:
        def attach(node: Any) -> None:
            node.register_hook(self._on_input_grads)

        self.n_inputs = len(args)
        args, self.input_tensors_index = self._bracket(args, attach)
        return args

    def setup_output_hook(self, args: Any) -> Any:
        def attach(node: Any) -> None:
            node.register_prehook(self._on_output_grads)

        single = not isinstance(args, tuple)
        if single:
            args = (args,)
        self.n_outputs = len(args)
        args, self.output_tensors_index = self._bracket(args, attach)
        return args[0] if single else args
