"""The graph seen from Python: nodes, edges, what they save, and the hooks on all of it."""

from __future__ import annotations

import abc
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .. import _C
from .._tensor import Tensor
from ..utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_warn_on_accumulate_grad_stream_mismatch",
]


class Node(abc.ABC):
    """A recorded operation, what `tensor.grad_fn` is. `isinstance(x.grad_fn, Node)` holds."""

    @abc.abstractmethod
    def name(self) -> str:
        """The operation's name, such as "MulBackward0"."""
        raise NotImplementedError

    @property
    @abc.abstractmethod
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """(node, which of its outputs) for each input."""
        raise NotImplementedError

    @abc.abstractmethod
    def metadata(self) -> dict[Any, Any]:
        """A dict for notes about the node."""
        raise NotImplementedError

    @abc.abstractmethod
    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """`fn(grad_inputs, grad_outputs)` runs after the node."""
        raise NotImplementedError

    @abc.abstractmethod
    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """`fn(grad_outputs)` runs before the node."""
        raise NotImplementedError

    @classmethod
    def __subclasshook__(cls, subclass: type) -> Any:
        if cls is Node and issubclass(subclass, (_C._NodeBase, _C._FunctionBase)):
            return True
        return NotImplemented


class GradientEdge(NamedTuple):
    """One output of a node: what `autograd.grad` and `backward` accept in place of a tensor."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge that the gradient of `tensor` arrives at."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    node = _C._gradient_node(tensor)
    return GradientEdge(node, tensor.output_nr)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Tells autograd that the memory of `tensor` was written by other means."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _C._increment_version(t)


class saved_tensors_hooks:
    """Context manager under which what nodes save is given to `pack_hook`, and its result to
    `unpack_hook` when backward needs the tensor.

    `pack_hook(tensor)` may return anything; `unpack_hook` must make a tensor with the same values
    of it.
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *args: object) -> None:
        _C._pop_saved_tensors_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keeps saved tensors as copies on the CPU, so that later in-place changes do not matter."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Tensor) -> Any:
            return tensor.detach().clone()

        super().__init__(pack, lambda packed: packed)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Makes `saved_tensors_hooks` raise `error_message` within."""
    before = _C._disable_saved_tensors_hooks(error_message)
    try:
        yield
    finally:
        _C._disable_saved_tensors_hooks(before)


class _MultiHandle(RemovableHandle):
    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all"
) -> RemovableHandle:
    """Calls `fn` in each backward that reaches `tensors`.

    With mode "all" it gets the list of their gradients (None where there is none) once all that
    take part have theirs; with "any" the first gradient as it arrives.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        done: set[int] = set()

        def first(grad: Tensor) -> None:
            backward = _C._current_graph_task_id()
            assert backward != -1, "expected this hook to be called inside a backward call"
            if backward not in done:
                done.clear()
                done.add(backward)
                fn(grad)

        return _MultiHandle([t.register_hook(first) for t in tensors if t.requires_grad])

    counts: dict[int, int] = defaultdict(int)
    expected: dict[int, int] = {}
    grads: dict[int, list[Any]] = {}
    nodes = [get_gradient_edge(t).node if t.requires_grad else None for t in tensors]

    def arrival(index: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            backward = _C._current_graph_task_id()
            assert backward != -1, "expected this hook to be called inside a backward call"
            if backward not in expected:
                for old in list(expected):
                    del expected[old], counts[old], grads[old]
                expected[backward] = sum(_C._will_execute_node(n) for n in nodes if n is not None)
                grads[backward] = [None] * len(tensors)
            grads[backward][index] = grad
            counts[backward] += 1
            if counts[backward] == expected[backward]:
                fn(grads.pop(backward))
                del expected[backward], counts[backward]

        return hook

    handles = [t.register_hook(arrival(i)) for i, t in enumerate(tensors) if t.requires_grad]
    return _MultiHandle(handles)


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[Any]:
    """Lets tensors that were saved for backward be written in place: they are saved as copies.

    PyTorch copies only what is really written; the gradients are the same."""

    def pack(tensor: Tensor) -> Any:
        return tensor.detach().clone()

    with saved_tensors_hooks(pack, lambda packed: packed):
        yield None


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Nothing to warn of: there are no streams on the CPU."""
