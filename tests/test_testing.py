"""tensorlite.testing beside torch.testing."""

import pytest

import tensorlite
from side_by_side import compare
from tensorlite.testing import assert_close, make_tensor


def both_close(f, **kwargs):
    """Whether assert_close passes, and what it says where it does not, in both libraries."""

    def scenario(m):
        from importlib import import_module

        testing = import_module(m.__name__ + ".testing")
        a, b = f(m)
        try:
            testing.assert_close(a, b, **kwargs)
        except Exception as e:
            return [type(e).__name__, str(e).strip().splitlines()]
        return "close"

    compare(scenario)


CASES = {
    "same": (lambda m: (m.ones(3), m.ones(3)), {}),
    "near": (lambda m: (m.tensor([1.0, 2.0]), m.tensor([1.0, 2.000001])), {}),
    "far": (lambda m: (m.tensor([1.0, 2.0]), m.tensor([1.0, 2.5])), {}),
    "scalars": (lambda m: (1.0, 1.5), {}),
    "close_scalars": (lambda m: (1.0, 1.0 + 1e-9), {}),
    "zero_d": (lambda m: (m.tensor(1.0), m.tensor(1.5)), {}),
    "integers": (lambda m: (m.tensor([1, 2, 3]), m.tensor([1, 2, 4])), {}),
    "dtype": (lambda m: (m.ones(2), m.ones(2, dtype=m.float64)), {}),
    "dtype_ignored": (lambda m: (m.ones(2), m.ones(2, dtype=m.float64)), {"check_dtype": False}),
    "shape": (lambda m: (m.ones(2), m.ones(3)), {}),
    "stride": (lambda m: (m.ones(2, 3).t(), m.ones(3, 2)), {"check_stride": True}),
    "nan": (lambda m: (m.tensor([float("nan")]), m.tensor([float("nan")])), {}),
    "equal_nan": (
        lambda m: (m.tensor([float("nan")]), m.tensor([float("nan")])),
        {"equal_nan": True},
    ),
    "infinite": (lambda m: (m.tensor([float("inf")]), m.tensor([float("inf")])), {}),
    "tolerances": (lambda m: (m.tensor([1.0]), m.tensor([1.4])), {"rtol": 0, "atol": 0.5}),
    "one_tolerance": (lambda m: (m.tensor([1.0]), m.tensor([1.4])), {"rtol": 0.5}),
    "lists": (lambda m: ([m.ones(2), 1.0], [m.ones(2), 1.0]), {}),
    "list_lengths": (lambda m: ([1.0], [1.0, 2.0]), {}),
    "list_item": (lambda m: ([m.ones(2), 1.0], [m.ones(2), 2.0]), {}),
    "mapping": (lambda m: ({"a": m.ones(2)}, {"a": m.zeros(2)}), {}),
    "message": (lambda m: (1, 2), {"msg": "no"}),
    "message_function": (lambda m: (1, 2), {"msg": lambda text: "Header\n" + text}),
    "none": (lambda m: (None, None), {}),
    "half": (lambda m: (m.tensor([1.0]).half(), m.tensor([1.001]).half()), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_assert_close(case):
    f, kwargs = CASES[case]
    both_close(f, **kwargs)


def test_accepts_arrays():
    import numpy as np

    assert_close(np.ones(3), tensorlite.ones(3, dtype=tensorlite.float64))
    with pytest.raises(AssertionError):
        assert_close(np.ones(3), np.zeros(3))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "complex64"])
def test_make_tensor(dtype):
    t = make_tensor(3, 4, dtype=getattr(tensorlite, dtype))
    assert str(t.dtype).endswith(dtype)
    assert t.shape == (3, 4)
    assert make_tensor((2, 3), dtype=t.dtype, noncontiguous=True).is_contiguous() is False


def test_make_tensor_options():
    t = make_tensor(200, dtype=tensorlite.float32, low=-1, high=1, requires_grad=True)
    assert t.requires_grad
    assert -1 <= t.min().item() <= t.max().item() < 1
    t = make_tensor(200, dtype=tensorlite.int64, low=0, high=2, exclude_zero=True)
    assert (t != 0).all()
    with pytest.raises(ValueError, match="requires_grad"):
        make_tensor(2, dtype=tensorlite.int64, requires_grad=True)
