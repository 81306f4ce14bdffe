"""Module: the base class of everything that has parameters or is called on tensors."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ... import _C
from ..._tensor import Tensor
from ...utils.hooks import BackwardHook, RemovableHandle
from ..parameter import Buffer, Parameter
from ._state import _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX
from ._state import _INITIAL_STATE, _ModuleState, _register, _WrappedHook
from ._state import _IncompatibleKeys as _IncompatibleKeys

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

T = TypeVar("T", bound="Module")
_Hooks = dict[int, Callable[..., Any]]


def _addindent(s_: str, numSpaces: int) -> str:
    """``s_`` with every line but the first indented."""
    return s_.replace("\n", "\n" + " " * numSpaces)


# Hooks on every module. The four tables that a call looks at are shared with the C++ side.
_global_backward_pre_hooks: _Hooks = OrderedDict()
_global_backward_hooks: _Hooks = OrderedDict()
_global_is_full_backward_hook: bool | None = None
_global_forward_pre_hooks: _Hooks = OrderedDict()
_global_forward_hooks: _Hooks = OrderedDict()
_global_forward_hooks_always_called: dict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
_global_buffer_registration_hooks: _Hooks = OrderedDict()
_global_module_registration_hooks: _Hooks = OrderedDict()
_global_parameter_registration_hooks: _Hooks = OrderedDict()

_C._set_module_hook_tables(
    (
        _global_forward_hooks,
        _global_forward_pre_hooks,
        _global_backward_hooks,
        _global_backward_pre_hooks,
    )
)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` whenever a module gets a buffer; what it returns, if not
    None, is registered instead."""
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, submodule)`` whenever a module gets a submodule; what it returns,
    if not None, is registered instead."""
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(module, name, parameter)`` whenever a module gets a parameter; what it returns,
    if not None, is registered instead."""
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers ``hook(module, args)`` before the forward of every module, ahead of its own
    hooks."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Registers ``hook(module, args, output)`` after the forward of every module, ahead of its own
    hooks.

    See :meth:`Module.register_forward_hook` for the arguments.
    """
    handle = _register(
        _global_forward_hooks,
        hook,
        extra_dict=[_global_forward_hooks_with_kwargs, _global_forward_hooks_always_called],
    )
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers a backward hook of the old kind on every module.

    Prefer :func:`register_module_full_backward_hook`.
    """
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is True:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = False
    return _register(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers ``hook(module, grad_output)`` before the backward of every module."""
    return _register(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is False:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = True
    return _register(_global_backward_hooks, hook)


def _forward_unimplemented(self: Module, *input: Any) -> None:
    """Computes the module's output; every subclass defines it.

    Call the module itself rather than this method, so that hooks run.
    """
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(_ModuleState):
    """Base class of all neural network modules.

    A subclass makes its submodules and parameters in ``__init__`` (after ``super().__init__()``)
    and computes in ``forward``::

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Linear(4, 16)
                self.out = nn.Linear(16, 2)

            def forward(self, x):
                return self.out(self.hidden(x).relu())

    Tensors of type :class:`Parameter` and modules that are assigned to attributes are registered:
    they appear in :meth:`parameters`, :meth:`modules` and :meth:`state_dict` and follow :meth:`to`.

    The base class, in C++, holds the two paths that run in every forward: calling a module
    (straight to ``forward`` where no hook is set) and reading a registered attribute.

    Attributes:
        training (bool): whether the module is in training mode; see :meth:`train`.
    """

    dump_patches: bool = False
    # Whether __init__ passes its arguments on to the next class in the MRO.
    call_super_init: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _C._use_fast_lookup(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                    f"'{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but "
                    f"{len(args) + 1} were given"
                )
        state = self.__dict__
        state["training"] = True
        for name, make in _INITIAL_STATE:
            state[name] = make()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward: Callable[..., Any] = _forward_unimplemented

    # Registration.

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: a tensor of the module's state that is not learned.

        Args:
            name: the attribute it is found under.
            tensor: the buffer, or None, which is remembered but not part of the state.
            persistent: whether it is part of :meth:`state_dict`.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_new_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (torch Tensor or "
                "None required)"
            )
        for hook in _global_buffer_registration_hooks.values():
            output = hook(self, name, tensor)
            if output is not None:
                tensor = output
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under the attribute ``name``; None is remembered but not part of the
        state."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_new_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"cannot assign a non-leaf Tensor to parameter '{name}': a parameter must be "
                    "created explicitly; "
                    f"to make '{name}' depend on another tensor, compute it in forward()"
                )
            for hook in _global_parameter_registration_hooks.values():
                output = hook(self, name, param)
                if output is not None:
                    param = output
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under the attribute ``name``."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_new_name("module", name, self._modules)
        self._modules[name] = _run_module_registration_hooks(self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of :meth:`add_module`."""
        self.add_module(name, module)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the module runs as it is written. Takes the arguments of `tensorlite.compile`."""
        from ...compiler import compile

        compile(self, *args, **kwargs)

    def _check_new_name(self, kind: str, name: str, table: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in table and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def _assign_member(self, name: str, value: Any) -> None:
        """Attribute assignment where a module, a tensor or a registered name is involved;
        everything else is set without coming here."""
        state = self.__dict__
        params, buffers, modules = (
            state.get("_parameters"),
            state.get("_buffers"),
            state.get("_modules"),
        )
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, state, buffers, modules, self._non_persistent_buffers_set)
            self.register_parameter(name, value)
        elif params is not None and name in params:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as parameter '{name}' (torch.nn.Parameter "
                    "or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, state, params, buffers, self._non_persistent_buffers_set)
            modules[name] = _run_module_registration_hooks(self, name, value)
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as child module '{name}' (torch.nn.Module "
                    "or None expected)"
                )
            modules[name] = _run_module_registration_hooks(self, name, value)
        elif isinstance(value, Buffer):
            if buffers is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, state, params, modules)
            self.register_buffer(name, value, value.persistent)
        elif buffers is not None and name in buffers:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
        else:
            object.__setattr__(self, name, value)

    @staticmethod
    def _forget(name: str, *tables: Any) -> None:
        for table in tables:
            if table is not None and name in table:
                if isinstance(table, set):
                    table.discard(name)
                else:
                    del table[name]

    def _delete_member(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    # Hooks.

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(module, grad_output) -> tuple or None``, called when the gradients of
        the module's outputs are known; what it returns replaces them.

        Args:
            hook: the hook.
            prepend: whether it runs before the hooks that are there.
        """
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Registers a backward hook of the old kind, which sees the gradients of the last op of the
        module only. Prefer :meth:`register_full_backward_hook`."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = False
        return _register(self._backward_hooks, hook)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(module, grad_input, grad_output) -> tuple or None``, called when the
        gradients of the module's inputs are known; what it returns replaces ``grad_input``.

        Both are tuples, with None for arguments that are no tensors. Keyword arguments are not
        seen. Arguments and outputs may not be modified in place while the hook is set.

        Args:
            hook: the hook.
            prepend: whether it runs before the hooks that are there.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. "
                "Please use only one of them."
            )
        self._is_full_backward_hook = True
        return _register(self._backward_hooks, hook, prepend)

    def _get_backward_hooks(self) -> tuple[list[Any], list[Any]]:
        """The full hooks and the old ones that apply, global ones first."""
        full: list[Any] = []
        old: list[Any] = []
        if _global_is_full_backward_hook is not None:
            (full if _global_is_full_backward_hook else old).extend(_global_backward_hooks.values())
        if self._is_full_backward_hook is not None:
            (full if self._is_full_backward_hook else old).extend(self._backward_hooks.values())
        return full, old

    def _get_backward_pre_hooks(self) -> list[Any]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _maybe_warn_non_full_backward_hook(self, inputs: Any, result: Any, grad_fn: Any) -> None:
        results = result if isinstance(result, tuple) else (result,)
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        if not all(isinstance(r, Tensor) for r in results):
            case = "hooks on a Module that does not return a single Tensor or a tuple of Tensors"
            missed = "some of the grad_output"
        elif not all(isinstance(i, Tensor) for i in inputs):
            case = (
                "hooks on a Module that does not take as input a single Tensor or a tuple of "
                "Tensors"
            )
            missed = "some of the grad_input"
        elif len({r.grad_fn for r in results if r.grad_fn is not None}) > 1:
            case = "hook when outputs are generated by different autograd Nodes"
            missed = "some grad_output"
        elif {n for n, _ in grad_fn.next_functions} != {
            i.grad_fn for i in inputs if i.grad_fn is not None
        }:
            case = "hook when the forward contains multiple autograd Nodes"
            missed = "some grad_input"
        else:
            return
        article = "a " if case.startswith("hook ") else ""
        warnings.warn(
            f"Using {article}non-full backward {case} is deprecated and will be removed in future "
            "versions. "
            f"This hook will be missing {missed}. "
            "Please use register_full_backward_hook to get the documented behavior.",
            FutureWarning,
            stacklevel=2,
        )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Registers ``hook(module, args)``, called before ``forward``; what it returns replaces
        ``args`` (a single value is put in a tuple).

        Args:
            hook: the hook.
            prepend: whether it runs before the hooks that are there (but after global ones).
            with_kwargs: whether it is called as ``hook(module, args, kwargs)``; it then returns
                None or both of them.
        """
        handle = _register(
            self._forward_pre_hooks, hook, prepend, extra_dict=self._forward_pre_hooks_with_kwargs
        )
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Registers ``hook(module, args, output)``, called after ``forward``; what it returns, if
        not None, replaces the output.

        Args:
            hook: the hook.
            prepend: whether it runs before the hooks that are there (but after global ones).
            with_kwargs: whether it is called as ``hook(module, args, kwargs, output)``.
            always_call: whether it runs even where ``forward`` raised.
        """
        handle = _register(
            self._forward_hooks,
            hook,
            prepend,
            extra_dict=[self._forward_hooks_with_kwargs, self._forward_hooks_always_called],
        )
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    # Calling. `_C._ModuleBase.__call__` goes straight to forward without hooks, and here with them.

    def _wrapped_call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_impl(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or _global_backward_pre_hooks
            or _global_backward_hooks
            or _global_forward_hooks
            or _global_forward_pre_hooks
        ):
            return self.forward(*args, **kwargs)
        if not (_global_forward_hooks_always_called or self._forward_hooks_always_called):
            return self._call_with_hooks(args, kwargs, set())[1]
        called: set[int] = set()
        try:
            return self._call_with_hooks(args, kwargs, called)[1]
        except Exception:
            self._run_always_called_hooks(args, kwargs, called)
            raise

    def _call_with_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]
    ) -> tuple[tuple[Any, ...], Any]:
        full_hooks: list[Any] = []
        old_hooks: list[Any] = []
        pre_hooks: list[Any] = []
        if self._backward_pre_hooks or _global_backward_pre_hooks:
            pre_hooks = self._get_backward_pre_hooks()
        if self._backward_hooks or _global_backward_hooks:
            full_hooks, old_hooks = self._get_backward_hooks()

        for hook_id, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
            if hook_id in self._forward_pre_hooks_with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            "new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
            else:
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)

        bracket = None
        if full_hooks or pre_hooks:
            bracket = BackwardHook(self, full_hooks, pre_hooks)
            args = bracket.setup_input_hook(args)

        result = self.forward(*args, **kwargs)

        for hook_id, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
            if (
                hook_id in self._forward_hooks_always_called
                or hook_id in _global_forward_hooks_always_called
            ):
                called.add(hook_id)
            if (
                hook_id in self._forward_hooks_with_kwargs
                or hook_id in _global_forward_hooks_with_kwargs
            ):
                changed = hook(self, args, kwargs, result)
            else:
                changed = hook(self, args, result)
            if changed is not None:
                result = changed

        if bracket is not None:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    "of Tensors"
                    f" but received {type(result)}",
                    stacklevel=3,
                )
            result = bracket.setup_output_hook(result)

        if old_hooks:
            var = result
            while not isinstance(var, Tensor):
                var = (
                    next(v for v in var.values() if isinstance(v, Tensor))
                    if isinstance(var, dict)
                    else var[0]
                )
            grad_fn = var.grad_fn
            if grad_fn is not None:
                for hook in old_hooks:
                    grad_fn.register_hook(_WrappedHook(hook, self))
                self._maybe_warn_non_full_backward_hook(args, result, grad_fn)
        return args, result

    def _run_always_called_hooks(self, args: Any, kwargs: Any, called: set[int]) -> None:
        """After an exception: the hooks that asked for it and have not run, their own errors
        silenced."""
        tables = (
            (
                "global module",
                _global_forward_hooks,
                _global_forward_hooks_always_called,
                _global_forward_hooks_with_kwargs,
            ),
            (
                "module",
                self._forward_hooks,
                self._forward_hooks_always_called,
                self._forward_hooks_with_kwargs,
            ),
        )
        for kind, hooks, always, with_kwargs in tables:
            for hook_id, hook in list(hooks.items()):
                if hook_id not in always or hook_id in called:
                    continue
                try:
                    if hook_id in with_kwargs:
                        hook(self, args, kwargs, None)
                    else:
                        hook(self, args, None)
                except Exception as error:
                    warnings.warn(
                        f"{kind} forward hook with ``always_call=True`` raised an exception that "
                        "was silenced as "
                        f"another error was raised in forward: {error}",
                        stacklevel=3,
                    )

    # Display.

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What ``repr`` shows of the module besides its submodules; subclasses override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()
        ]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def __dir__(self) -> list[str]:
        names = {
            *dir(type(self)),
            *self.__dict__,
            *self._parameters,
            *self._modules,
            *self._buffers,
        }
        # Names of containers such as "0" cannot be typed as attributes.
        return sorted(name for name in names if not name[0].isdigit())

    def _replicate_for_data_parallel(self) -> Self:
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        # A replica's parameters are computed from the original's, and so are no leaves.
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica.__dict__["_is_replica"] = True
        return replica


_C._use_fast_lookup(Module)


def _run_module_registration_hooks(parent: Module, name: str, module: Any) -> Any:
    for hook in _global_module_registration_hooks.values():
        output = hook(parent, name, module)
        if output is not None:
            module = output
    return module


def _typename(obj: Any) -> str:
    from ... import typename

    return typename(obj)
