"""Modules whose parameters get their shapes from the first input."""

from __future__ import annotations

from typing import Any

from ... import _C
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


# Of the base that modules have: only then may a module's class be changed.
class LazyModuleMixin(_C._ModuleBase):  # type: ignore[misc]
    """What a lazy module adds to the module it turns into.

    Its parameters begin as :class:`UninitializedParameter`. A hook before the first forward calls
    :meth:`initialize_parameters` with the inputs; when all of them have their shapes, the module's
    class becomes ``cls_to_become`` and the hook is gone. Until then the module can be moved,
    converted and registered with an optimizer only after a dry run.

    A subclass defines ``cls_to_become`` and :meth:`initialize_parameters`, and in its constructor
    calls the parent's with sizes of 0 before it replaces the parameters.
    """

    cls_to_become: type[Any] | None = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def _save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            if tensor is not None and name not in self._non_persistent_buffers_set:
                keep = is_lazy(tensor) or keep_vars
                destination[prefix + name] = tensor if keep else tensor.detach()

    def _lazy_load_hook(
        self: Any,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        # Parameters without a shape take that of what is loaded.
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            key = prefix + name
            if key in state_dict and tensor is not None and is_lazy(tensor):
                value = state_dict[key]
                if not is_lazy(value):
                    tensor.materialize(value.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters the shapes that the inputs of forward ask for, and their values."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self: Any) -> bool:
        """Whether any parameter or buffer of this module has no shape yet."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self: Any, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized by initialize_parameters"
            )
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self: Any) -> Any:
        raise RuntimeError(
            "a lazy module cannot be replicated before its parameters are initialised by a "
            "first forward"
        )
