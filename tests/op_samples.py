"""The ops' own samples, evaluated for tensorlite or for PyTorch: what tests/test_ops.py runs."""

from dataclasses import dataclass

import numpy as np
from tools.stubs import parse

import tensorlite

FUNCTION, METHOD, INPLACE, OUT, INTERNAL, CREATES, WRITES_SELF, NONDIFFERENTIABLE, VIEW = (
    1 << i for i in range(9)
)


@dataclass(frozen=True)
class Sample:
    """One call of one record: `text` is what stands between the parentheses."""

    name: str
    signature: str
    flags: int
    text: str

    def __str__(self):
        return f"{self.name}({self.text})"

    def arguments(self, m, grad=False):
        """The sample's arguments as tensors of the library `m`, the same numbers in each.

        With `grad`, the random ones among them require it; `tensor([1.0, 2.0])` is a constant.
        """
        m.manual_seed(0)
        return eval(f"_call({self.text})", {}, Names(m, grad))

    def named(self, args, kwargs):
        """(name of the parameter, argument) of a call."""
        names = [p.name for p in parse(self.signature)[1]]
        return [*zip(names, args, strict=False), *kwargs.items()]

    def run(self, args, kwargs, op=None):
        """Calls the op, random ones from the same state each time."""
        tensorlite.manual_seed(1)
        return (op or getattr(tensorlite._C.ops, self.name))(*args, **kwargs)


class Names(dict):
    """What samples may name: random tensors of double precision and all of the library."""

    def __init__(self, m, grad):
        rng = np.random.default_rng(0)

        def made(array, dtype=None, **kwargs):
            dtype = dtype or m.float64
            if grad:
                kwargs["requires_grad"] = True
            if array.size == 0:
                return m.empty(array.shape, dtype=dtype, **kwargs)
            return m.tensor(array if array.ndim else array.item(), dtype=dtype, **kwargs)

        def sizes(shape):
            return tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape

        super().__init__(
            _call=lambda *args, **kwargs: (args, kwargs),
            randn=lambda *shape, **kw: made(np.asarray(rng.standard_normal(sizes(shape))), **kw),
            rand=lambda *shape, **kw: made(np.asarray(rng.random(sizes(shape))), **kw),
            slice=slice,
            float=float,  # as in float("nan"); dtypes are named float32 and so on
            m=m,
        )
        self.m = m

    def __missing__(self, name):
        if hasattr(self.m, name):
            return getattr(self.m, name)
        raise KeyError(name)


def all_records():
    """(name, record) of every op under the names of its records, without generic in-place forms."""
    for name, op in sorted(vars(tensorlite._C.ops).items()):
        for record in getattr(op, "records", ()):
            if not record[4]:
                yield name, record


def all_samples():
    """The samples of every op, by name."""
    found = {}
    for name, (signature, flags, _, samples, _) in all_records():
        texts = [t.strip() for t in (samples or "").split(" | ")]
        found.setdefault(name, []).extend(
            Sample(name, signature, flags, t) for t in texts if t or "()" in signature
        )
    return found


def tensors_in(value):
    """All tensors in a nested structure."""
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in tensors_in(v)]
    if isinstance(value, dict):
        return tensors_in(list(value.values()))
    return [value] if isinstance(value, tensorlite.Tensor) else []


def map_tensors(f, value):
    """The structure with every tensor replaced by `f(tensor)`."""
    if isinstance(value, tensorlite.Tensor):
        return f(value)
    if isinstance(value, (tuple, list)):
        items = [map_tensors(f, v) for v in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {k: map_tensors(f, v) for k, v in value.items()}
    return value
