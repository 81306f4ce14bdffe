"""Nested containers as lists of leaves and back: tuples, lists, dicts, named tuples, deques, and
what `register_pytree_node` adds. Anything else, None too, is a leaf."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

PyTree = Any
Context = Any


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """Position in a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """Key in a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """Name of a field."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        return getattr(obj, self.name)


KeyPath = tuple[Any, ...]


class NodeDef(NamedTuple):
    """How one type of container is taken apart and put together."""

    type: type[Any]
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    keys_fn: Callable[[Any], list[Any]] | None


def _indices(x: Any) -> list[Any]:
    return [SequenceKey(i) for i in range(len(x))]


def _keys(x: Any) -> list[Any]:
    return [MappingKey(key) for key in x]


def _fields(x: Any) -> list[Any]:
    return [GetAttrKey(name) for name in x._fields]


def _pairs(children: Iterable[Any], keys: Any) -> zip[Any]:
    return zip(keys, children, strict=True)


SUPPORTED_NODES: dict[Any, NodeDef] = {}


def _add(kind: Any, flatten: Any, unflatten: Any, keys: Any) -> None:
    SUPPORTED_NODES[kind] = NodeDef(kind, flatten, unflatten, keys)


def _namedtuple() -> None:
    """Stands for the type of every named tuple."""


_NAMEDTUPLE: Any = _namedtuple

_add(tuple, lambda x: (list(x), None), lambda c, _: tuple(c), _indices)
_add(list, lambda x: (x, None), lambda c, _: list(c), _indices)
_add(deque, lambda x: (list(x), x.maxlen), lambda c, size: deque(c, maxlen=size), _indices)
_add(dict, lambda x: (list(x.values()), list(x)), lambda c, k: dict(_pairs(c, k)), _keys)
_add(
    OrderedDict,
    lambda x: (list(x.values()), list(x)),
    lambda c, k: OrderedDict(_pairs(c, k)),
    _keys,
)
_add(
    defaultdict,
    lambda x: (list(x.values()), [x.default_factory, list(x)]),
    lambda c, k: defaultdict(k[0], _pairs(c, k[1])),
    _keys,
)
_add(_NAMEDTUPLE, lambda x: (list(x), type(x)), lambda c, kind: kind(*c), _fields)


def register_pytree_node(
    cls: type[Any],
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:
    """Makes objects of a class containers.

    Args:
        flatten_fn: gives the children and whatever else is needed to build the object again.
        unflatten_fn: builds it, from the children and that.
        flatten_with_keys_fn: as `flatten_fn`, with a key before every child.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    keys = None
    if flatten_with_keys_fn is not None:

        def keys(x: Any) -> list[Any]:
            return [key for key, _ in flatten_with_keys_fn(x)[0]]

    _add(cls, flatten_fn, unflatten_fn, keys)


_register_pytree_node = _private_register_pytree_node = register_pytree_node


def is_namedtuple_class(cls: type) -> bool:
    """Whether a class is a named tuple's."""
    fields = getattr(cls, "_fields", None)
    return (
        issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)
    )


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a named tuple, or the class of one."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def _node(tree: Any) -> NodeDef | None:
    node = SUPPORTED_NODES.get(type(tree))
    if node is None and isinstance(tree, tuple) and is_namedtuple_instance(tree):
        return SUPPORTED_NODES[_NAMEDTUPLE]
    return node


class TreeSpec:
    """The shape of a tree: the type of its root, what that needs besides children, the children's specs."""

    __slots__ = ("_children", "_context", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Any = None, children_specs: Any = ()) -> None:
        self.type, self._context, self._children = type, context, list(children_specs)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in self._children)

    @property
    def context(self) -> Any:
        return self._context

    @property
    def num_children(self) -> int:
        return len(self._children)

    @property
    def children_specs(self) -> list[TreeSpec]:
        return list(self._children)

    def is_leaf(self) -> bool:
        return self.type is None

    def children(self) -> list[TreeSpec]:
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        return self._children[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (
            self.type is other.type
            and self._context == other._context
            and self._children == other._children
        )

    def __hash__(self) -> int:
        return hash((self.type, repr(self._context), tuple(self._children)))

    def __repr__(self, indent: int = 0) -> str:
        if self.is_leaf():
            return "*"
        name = "namedtuple" if self.type is _NAMEDTUPLE else self.type.__name__
        inner = f",\n{' ' * (indent + 2)}".join(c.__repr__(indent + 2) for c in self._children)
        return f"TreeSpec({name}, {self._context}, [{inner}])"

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this shape with these leaves."""
        leaves = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to "
                f"a pytree that holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        children = [child._build(leaves) for child in self._children]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self._context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of `tree` that lie where this shape has leaves."""
        out: list[Any] = []
        self._cut(tree, out)
        return out

    def _cut(self, tree: Any, out: list[Any]) -> None:
        if self.type is None:
            out.append(tree)
            return
        node = _node(tree)
        if node is None or node.type is not self.type:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = node.flatten_fn(tree)
        if len(children) != len(self._children):
            raise ValueError(
                f"Node arity mismatch; expected {len(self._children)}, but got {len(children)}."
            )
        if isinstance(tree, dict):
            keys = self._context[1] if self.type is defaultdict else self._context
            missing, extra = set(keys) - set(tree), set(tree) - set(keys)
            if missing or extra:
                parts = [f"missing key(s): {missing}"] * bool(missing)
                parts += [f"extra key(s): {extra}"] * bool(extra)
                raise ValueError(f"Node keys mismatch; {'; '.join(parts)}.")
            children = [tree[key] for key in keys]
        elif self.type is not deque and context != self._context:
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}: {self._context}, {context}."
            )
        for spec, child in zip(self._children, children, strict=True):
            spec._cut(child, out)


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The shape of a leaf."""

    def __init__(self) -> None:
        super().__init__(None)


_LEAF = TreeSpec(None)


def treespec_leaf() -> TreeSpec:
    """The shape of a leaf."""
    return _LEAF


def treespec_pprint(treespec: TreeSpec) -> str:
    """The shape as the tree of asterisks that it stands for."""
    return repr(treespec.unflatten([_Star()] * treespec.num_leaves))


class _Star:
    def __repr__(self) -> str:
        return "*"


def _flatten(tree: Any, leaves: list[Any], is_leaf: Any) -> TreeSpec:
    node = None if is_leaf is not None and is_leaf(tree) else _node(tree)
    if node is None:
        leaves.append(tree)
        return _LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(node.type, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree: Any, is_leaf: Any = None) -> tuple[list[Any], TreeSpec]:
    """The leaves, in order, and the shape. `is_leaf` stops at what it says True to."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of that shape with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got "
            f"item of type {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: Any = None) -> Iterator[Any]:
    """The leaves, one by one."""
    return iter(tree_leaves(tree, is_leaf))


def tree_leaves(tree: Any, is_leaf: Any = None) -> list[Any]:
    """The leaves, in order."""
    return tree_flatten(tree, is_leaf)[0]


def arg_tree_leaves(*args: Any, **kwargs: Any) -> list[Any]:
    """The leaves of positional and keyword arguments."""
    return tree_leaves((list(args), kwargs))


def tree_structure(tree: Any, is_leaf: Any = None) -> TreeSpec:
    """The shape."""
    return tree_flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: Any, is_leaf: Any = None) -> bool:
    """Whether it is a leaf rather than a container."""
    return (is_leaf is not None and is_leaf(tree)) or _node(tree) is None


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Any = None) -> Any:
    """A tree of the same shape whose leaves are `func` of the leaves (of several trees at once)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(list(map(func, leaves, *(spec.flatten_up_to(rest) for rest in rests))))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Any = None) -> Any:
    """Calls `func` with the leaves, and returns the tree as it was."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for parts in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests), strict=True):
        func(*parts)
    return tree


def map_only(kinds: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Makes a function leave alone what is not of a type, or of several, or fails a predicate."""

    def wrap(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        test = _test(kinds)
        return lambda x: func(x) if test(x) else x

    return wrap


def _test(kinds: Any) -> Callable[[Any], bool]:
    if callable(kinds) and not isinstance(kinds, type):
        return kinds
    return lambda x: isinstance(x, kinds)


def tree_map_only(kinds: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None) -> Any:
    """`tree_map` over the leaves of a type; the others stay."""
    return tree_map(map_only(kinds)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    kinds: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None
) -> Any:
    """`tree_map_` over the leaves of a type."""
    return tree_map_(map_only(kinds)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Whether it holds for every leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Whether it holds for a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(
    kinds: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None
) -> bool:
    """Whether it holds for every leaf of a type."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kinds))


def tree_any_only(
    kinds: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None
) -> bool:
    """Whether it holds for a leaf of a type."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, kinds))


def _paths(tree: Any, path: KeyPath, is_leaf: Any) -> Iterator[tuple[KeyPath, Any]]:
    node = None if is_leaf is not None and is_leaf(tree) else _node(tree)
    if node is None:
        yield path, tree
        return
    if node.keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {node.type}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    children = node.flatten_fn(tree)[0]
    for key, child in zip(node.keys_fn(tree), children, strict=True):
        yield from _paths(child, (*path, key), is_leaf)


def tree_leaves_with_path(tree: Any, is_leaf: Any = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each behind the keys that lead to it."""
    return list(_paths(tree, (), is_leaf))


def tree_flatten_with_path(
    tree: Any, is_leaf: Any = None
) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """`tree_leaves_with_path`, and the shape."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Any = None
) -> Any:
    """`tree_map` with a function that takes the path before the leaf."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = (spec.flatten_up_to(rest) for rest in rests)
    return spec.unflatten([func(*pair, *rest) for pair, *rest in zip(pairs, *others, strict=True)])


def keystr(kp: KeyPath) -> str:
    """A path as it is written in Python."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What lies at the end of a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


def _broadcast_to_and_flatten(tree: Any, treespec: TreeSpec, is_leaf: Any = None) -> Any:
    """The leaves of `tree` repeated for all that lies under them in a shape; None if it does not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    node = _node(tree)
    if treespec.is_leaf() or node is None or node.type is not treespec.type:
        return None
    children, context = node.flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    out: list[Any] = []
    for child, spec in zip(children, treespec.children(), strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        out += part
    return out
