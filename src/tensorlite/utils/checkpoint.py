"""Trading time for memory: parts of the graph that keep no activations, but compute them again in
backward."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from .. import _C, enable_grad, is_grad_enabled, no_grad
from .._tensor import Tensor
from ..autograd import Function, backward
from ..autograd.graph import saved_tensors_hooks
from ..random import fork_rng, get_rng_state, set_rng_state

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]

_Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]

_early_stop: bool | None = None
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """What is computed again is not what was computed at first."""


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether checkpoints that are made within the ``with`` statement stop computing again as soon as
    they have what backward needs, whatever ``early_stop`` says."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """The ``debug`` of checkpoints that are made within the ``with`` statement."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs, tensors without their history."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    out = []
    for x in inputs:
        if isinstance(x, Tensor):
            x, requires_grad = x.detach(), x.requires_grad
            x.requires_grad = requires_grad
        out.append(x)
    return tuple(out)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where no input requires a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


@contextmanager
def _as_then(state: Any) -> Iterator[None]:
    """Random numbers go on from ``state``, and afterwards as if nothing had been drawn."""
    if state is None:
        yield
        return
    with fork_rng():
        set_rng_state(state)
        yield


class CheckpointFunction(Function):
    """The reentrant form: one node, whose backward runs the function again and then backward."""

    @staticmethod
    def forward(ctx: Any, run_function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.rng_state = get_rng_state() if preserve_rng_state else None
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.inputs = [None if isinstance(x, Tensor) else x for x in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if not _C._is_checkpoint_valid():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible"
                " with .grad() or passing an `inputs` parameter to .backward()."
                " To resolve this error, you can either set use_reentrant=False,"
                " or call .backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for i, x in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = x
        with _as_then(ctx.rng_state):
            detached = detach_variable(tuple(inputs))
            with enable_grad():
                outputs = ctx.run_function(*detached)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [
            (y, g)
            for y, g in zip(outputs, grads, strict=False)
            if isinstance(y, Tensor) and y.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([y for y, _ in pairs], [g for _, g in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in detached))


def noop_context_fn() -> _Contexts:
    """No contexts: the default of ``context_fn``."""
    return nullcontext(), nullcontext()


# --- without reentrance ---------------------------------------------------------------------------


class _Stop(Exception):
    """Everything that backward needs is there again."""


class _Holder:
    """What a node keeps in the place of a tensor, and the tensor once it was computed again."""

    __slots__ = ("__weakref__", "value")

    def __init__(self) -> None:
        self.value: Tensor | None = None


class _SaveInputs(Function):
    """Saves tensors as nodes do, so that they are subject to an outer checkpoint and to the check of
    versions."""

    @staticmethod
    def forward(ctx: Any, frame: Any, dummy: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        frame.saver = ctx
        return dummy.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise AssertionError("no gradient flows here")


def _describe(x: Tensor) -> dict[str, Any]:
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


_checks: dict[str, Callable[[Tensor], Any]] = {"default": _describe, "none": lambda x: None}


class _Frame:
    """One call of a checkpointed function."""

    def __init__(self, run: Callable[..., Any], check: str, early_stop: bool) -> None:
        self.run = run
        self.describe = _checks[check]
        self.early_stop = early_stop
        self.holders: list[weakref.ref[_Holder]] = []
        self.described: list[Any] = []
        self.completed = False
        self.lenient = False  # backward began before the forward had ended
        self.saver: Any = None
        self.output: Any = None  # keeps what the saver saved

    def save(self, args: tuple[Any, ...]) -> None:
        """Keeps the arguments."""
        self.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        self.args = [None if isinstance(x, Tensor) else x for x in args]
        from .. import empty

        dummy = empty((0,), requires_grad=True)
        self.output = _SaveInputs.apply(self, dummy, *(args[i] for i in self.places))

    def inputs(self) -> list[Any]:
        args = list(self.args)
        for i, x in zip(self.places, self.saver.saved_tensors, strict=True):
            args[i] = x
        return args

    # The hooks of the forward.

    def pack(self, x: Tensor) -> _Holder:
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        with no_grad():
            self.described.append(self.describe(x))
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        if holder.value is None:
            self.recompute()
        value, holder.value = holder.value, None
        if value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: a tensor that backward needs was not computed again"
            )
        return value

    # Computing again.

    def recompute(self) -> None:
        """Runs the function and fills the holders that are still there."""
        count = 0

        def pack(x: Tensor) -> Tensor:
            nonlocal count
            x = x.detach() if x.requires_grad else x
            at = count
            count += 1
            if at >= len(self.holders):
                if not self.completed:
                    self.lenient = True
                    return x
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during "
                    "recomputation than during the original forward pass."
                )
            holder = self.holders[at]()
            if holder is not None:
                holder.value = x
            if self.early_stop and count == len(self.holders):
                raise _Stop
            return x

        args = self.inputs()
        try:
            with saved_tensors_hooks(pack, lambda x: x), enable_grad():
                self.run(*args)
        except _Stop:
            pass
        if not self.lenient:
            self.check(count)

    def check(self, count: int) -> None:
        """That the tensors are those of the forward, as far as their descriptions tell."""
        if count != len(self.holders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved "
                "during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.holders)}\n"
                f"Number of tensors saved during recomputation: {count}."
            )
        differences = ""
        for i, (ref, before) in enumerate(zip(self.holders, self.described, strict=True)):
            holder = ref()
            if holder is None or holder.value is None:
                continue
            now = self.describe(holder.value)
            if now != before:
                differences += (
                    f"tensor at position {i}:\n"
                    f"saved metadata: {before}\n"
                    f"recomputed metadata: {now}\n"
                )
        if differences:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors "
                f"have different metadata than during the forward pass.\n{differences}"
            )


def _without_reentrance(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    preserve_rng_state: bool,
    context_fn: Callable[[], _Contexts],
    determinism_check: str,
    debug: bool,
    early_stop: bool,
) -> Any:
    if (debug if _debug is None else _debug) and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in _checks:
        raise ValueError(
            f"determinism_check should be one of {list(_checks)}, but got {determinism_check}"
        )
    forward_context, recompute_context = context_fn()
    rng_state = get_rng_state() if preserve_rng_state else None

    def run(*inputs: Any) -> None:
        with _as_then(rng_state), recompute_context:
            function(*inputs, **kwargs)

    frame = _Frame(run, determinism_check, early_stop if _early_stop is None else _early_stop)
    if not is_grad_enabled():
        return function(*args, **kwargs)
    frame.save(args)
    with ExitStack() as stack:
        stack.enter_context(saved_tensors_hooks(frame.pack, frame.unpack))
        stack.enter_context(forward_context)
        result = function(*args, **kwargs)
    frame.completed = True
    return result


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], _Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Calls ``function(*args, **kwargs)`` without keeping its activations; backward calls it again.

    Args:
        function: what to call; it must do the same the second time.
        *args: its arguments.
        use_reentrant: whether the whole is one node, which runs another backward. Then an argument must
            require a gradient, keyword arguments are not allowed, and only ``backward()`` without
            ``inputs`` reaches the parameters within. False is the better choice.
        context_fn: returns two context managers, for the first call and for the second.
        determinism_check: ``"default"`` compares shapes and dtypes of both calls, ``"none"`` does not.
        debug: accepted; errors name the tensors that differ, not the operations.
        early_stop: whether the second call ends as soon as everything is there.
        preserve_rng_state: whether the second call sees the random numbers of the first (the default).
        **kwargs: the function's keyword arguments.

    Returns:
        What the function returns.

    Raises:
        CheckpointError: in backward, where the second call differs from the first.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be "
            "passed explicitly. Starting in PyTorch 2.9, calling checkpoint "
            "without use_reentrant will raise an exception. use_reentrant=False is "
            "recommended, but if you need to preserve the current default "
            "behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _without_reentrance(
            function, args, kwargs, preserve, context_fn, determinism_check, debug, early_stop
        )
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Calls functions one after the other, in ``segments`` of which all but the last are checkpointed.

    Args:
        functions: an ``nn.Sequential`` or a list of functions.
        segments: how many.
        input: the first function's argument.
        use_reentrant: see :func:`checkpoint`.
        preserve_rng_state: see :func:`checkpoint`.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant "
            "parameter should be passed explicitly. "
            "In version 2.9 we will raise an exception if use_reentrant "
            "is not passed. use_reentrant=False is "
            "recommended, but if you need to preserve the current default "
            "behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    from ..nn import Sequential

    if isinstance(functions, Sequential):
        functions = list(functions.children())

    def chain(part: list[Callable[..., Any]]) -> Callable[..., Any]:
        def run(x: Any) -> Any:
            for f in part:
                x = f(x)
            return x

        return run

    size = len(functions) // segments
    end = size * (segments - 1)
    for start in range(0, end, size or 1):
        part = chain(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return chain(functions[end:])(input)
