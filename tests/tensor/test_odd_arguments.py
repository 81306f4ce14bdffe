"""Methods of tensors that are no ops, called with what nobody should call them with: an exception at worst."""

import random
import warnings

import numpy as np
import pytest

import tensorlite

OPS = set(dir(tensorlite._C.ops))
METHODS = sorted(n for n in dir(tensorlite.Tensor) if not n.startswith("__") and n not in OPS)
OBJECTS = [
    None, object(), "text", "\ud800", b"bytes", {}, [None], (2, 3), float, slice(None), ..., np.ones(3), np.float32(2), 0, 1, -1,
    2**31, 2**62, -(2**63), 2**70, 1.5, float("nan"), 1j, True, tensorlite.int64, tensorlite.device("cpu"), tensorlite.Size([2]),
]  # fmt: skip


def some_tensor(rng):
    t = tensorlite.zeros(rng.choice([(), (0,), (3,), (2, 3), (2, 3, 4)]))
    t = t.to(
        rng.choice(
            [
                tensorlite.float32,
                tensorlite.int64,
                tensorlite.bool,
                tensorlite.bfloat16,
                tensorlite.complex64,
            ]
        )
    )
    if t.dim() > 1 and rng.random() < 0.5:
        t = t.transpose(0, 1)
    if t.is_floating_point() and rng.random() < 0.3:
        t = t.requires_grad_().clone() if rng.random() < 0.5 else t.requires_grad_()
    return t


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    rng = random.Random(name)
    for _ in range(25):
        t = some_tensor(rng)
        args = [rng.choice([some_tensor(rng), *OBJECTS]) for _ in range(rng.randrange(4))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                f = getattr(t, name)
                if callable(f):
                    f(*args)
                elif args:
                    setattr(t, name, args[0])
            except (SystemError, RecursionError):
                raise
            except Exception:
                pass
