"""Calls that make no sense, at random from a fixed seed: an exception, never a crash, and operands as they were.

Each call is a sample of an op with one or more arguments replaced: by tensors of other shapes, dtypes and
memory orders, by numbers at the edges, by None, text and objects.
"""

import random
import warnings

import numpy as np
import pytest
from op_samples import all_samples, tensors_in

import tensorlite
from tools.stubs import parse

INF, NAN = float("inf"), float("nan")
DTYPES = [
    getattr(tensorlite, name)
    for name in "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64".split()
]
SHAPES = [
    (), (0,), (1,), (3,), (4,), (0, 3), (2, 3), (3, 4), (4, 3), (3, 3), (1, 4), (2, 3, 4), (2, 3, 3), (1,) * 6, (2, 1, 3, 2),
]  # fmt: skip
INTEGERS = [0, 1, -1, 2, 3, -2, 4, 7, 1000, 2**31, 2**40, 2**62, -(2**63), 2**63 - 1, 2**70]
NUMBERS = [0, 1, -1, 2.5, True, 1j, NAN, INF, -INF, 2**40, -(2**63), 1e300, 1e-40, 300]
LISTS = [
    (), [], (0,), (1,), (0, 1), (-1,), (2, 3), (0, 0), (-1, -2), (1, 2, 0), (-5,), (2**62, 2**62), (2**40, 2**40), (1,) * 70,
    (0, 2**62), (None,), ("a",), (1.5,), (2**70,),
]  # fmt: skip
TEXTS = ["mean", "sum", "none", "", "ij,jk->ik", "...ij->...ji", "i->", "amax", "fro", "floor", "no such", "\ud800"]
OBJECTS = [None, object(), "text", b"bytes", {}, [None], float, slice(None), ..., np.ones(3), np.float32(2), tensorlite.int64]


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def tensor(self):
        rng = self.rng
        t = tensorlite.randn(rng.choice(SHAPES)) * rng.choice([1, 5, 100])
        dtype = rng.choice(DTYPES + [tensorlite.float32, tensorlite.int64] * 4)
        if rng.random() < 0.05:
            t = t * rng.choice([NAN, INF])
        t = t.to(dtype)
        twist = rng.random()
        if twist < 0.15 and t.dim() >= 2:
            t = t.transpose(0, -1)
        elif twist < 0.25 and t.dim() >= 1 and t.size(0) > 1:
            t = t[::2]
        elif twist < 0.32:
            t = t.expand(2, *t.shape)
        if dtype.is_floating_point and rng.random() < 0.25:
            t = t.detach().requires_grad_()
            if rng.random() < 0.6:
                t = t.clone()
        return t

    def value(self, kind):
        rng = self.rng
        if rng.random() < 0.08:
            return rng.choice(OBJECTS)
        kinds = {
            "Tensor": self.tensor,
            "Operand": lambda: self.tensor() if rng.random() < 0.6 else rng.choice(NUMBERS),
            "Tensor[]": lambda: [self.tensor() for _ in range(rng.randrange(4))],
            "Scalar": lambda: rng.choice(NUMBERS),
            "int": lambda: rng.choice(INTEGERS),
            "int[]": lambda: rng.choice(LISTS),
            "float": lambda: rng.choice([0.0, 1.0, 0.5, -1.0, NAN, INF, 1e300]),
            "float[]": lambda: [rng.random() for _ in range(rng.randrange(4))],
            "bool": lambda: rng.random() < 0.5,
            "str": lambda: rng.choice(TEXTS),
            "ScalarType": lambda: rng.choice(DTYPES),
            "Generator": tensorlite.Generator,
        }
        return kinds.get(kind, lambda: rng.choice(OBJECTS))()


def untouched(tensors):
    return [(t._version, t.shape, t.stride(), t.detach().clone()) for t in tensors]


def same_bytes(a, b):
    return bytes(memoryview(tensorlite._C._storage_bytes(a))) == bytes(memoryview(tensorlite._C._storage_bytes(b)))


SAMPLES = [s for samples in all_samples().values() for s in samples]


@pytest.mark.parametrize("seed", range(6))
def test_random_calls(seed):
    maker = Maker(seed)
    rng = maker.rng
    failed = 0
    tensorlite.manual_seed(seed)
    for _ in range(500):
        sample = rng.choice(SAMPLES)
        args, kwargs = sample.arguments(tensorlite)
        args, params = list(args), parse(sample.signature)[1]
        for _ in range(rng.choice([1, 1, 2, 3])):
            at = rng.randrange(len(params)) if params else 0
            if at < len(args):
                args[at] = maker.value(params[at].kind)
            elif params:
                kwargs[params[at].name] = maker.value(params[at].kind)
        if rng.random() < 0.1:
            kwargs["out"] = maker.tensor()
        ops = [sample.name, sample.name + "_"]
        op = getattr(tensorlite._C.ops, rng.choice([n for n in ops if hasattr(tensorlite._C.ops, n)]))
        tensors = tensors_in([args, kwargs])
        before = untouched(tensors)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = op(*args, **kwargs)
            except Exception as error:
                failed += 1
                assert not isinstance(error, (SystemError, RecursionError)), (sample, error)
                # What cannot be done is found out before anything is written.
                for t, (version, shape, stride, values) in zip(tensors, before, strict=True):
                    if t is kwargs.get("out"):
                        continue
                    assert t._version == version, (op, args, kwargs, error)
                    assert t.shape == shape, (op, args, kwargs, error)
                    assert t.stride() == stride
                    assert same_bytes(t.detach().clone(), values), (op, args, kwargs, error)
                continue
            for t in tensors_in([result]):
                if t.numel() < 2000:
                    t.tolist()
                if t.requires_grad and t.is_floating_point():
                    leaves = [x for x in tensors if x.requires_grad]
                    try:
                        tensorlite.autograd.grad(t.sum(), leaves, allow_unused=True, retain_graph=True)
                    except RuntimeError:
                        pass
    assert failed > 100


@pytest.mark.parametrize("name", sorted(n for n in dir(tensorlite.Tensor) if not n.startswith("__")))
def test_methods_with_odd_arguments(name):
    maker = Maker(name)
    for _ in range(12):
        t = maker.tensor()
        args = [maker.rng.choice([maker.tensor(), *OBJECTS, *INTEGERS]) for _ in range(maker.rng.randrange(4))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                f = getattr(t, name)
                if callable(f):
                    f(*args)
            except Exception as error:
                assert not isinstance(error, (SystemError, RecursionError)), (name, args, error)
