"""autograd.functional: values, errors, and that results can be differentiated again."""

import pytest

import tensorlite
from compat_helpers import alike

X, Y = [0.5, -1.0, 2.0], [1.0, 3.0, -2.0]


def _functions(m):
    return {
        "pointwise": lambda x: x.exp() * x,
        "number": lambda x: (x**3).sum(),
        "two": lambda x, y: (x * y).sum() + (x**2 * y**3).sum(),
        "many": lambda x, y: (x * y, y.sin()),
        "matrix": lambda x: m.outer(x, x.cos()),
        "constant": lambda x: m.ones(2),
        "half constant": lambda x, y: (x**2).sum(),
    }


def _inputs(m, count):
    values = tuple(m.tensor(v, dtype=m.float64) for v in (X, Y))
    return values[0] if count == 1 else values


CALLS = [
    ("jacobian", "pointwise", 1),
    ("jacobian", "number", 1),
    ("jacobian", "two", 2),
    ("jacobian", "many", 2),
    ("jacobian", "matrix", 1),
    ("jacobian", "constant", 1),
    ("jacobian", "half constant", 2),
    ("hessian", "number", 1),
    ("hessian", "two", 2),
    ("hessian", "half constant", 2),
    ("hessian", "pointwise", 1),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("api, name, count", CALLS)
def test_tables(api, name, count, create_graph, strict):
    def call(m):
        f = getattr(m.autograd.functional, api)
        return f(_functions(m)[name], _inputs(m, count), create_graph=create_graph, strict=strict)

    alike(call)


PRODUCTS = [
    ("vjp", "pointwise", 1, X),
    ("vjp", "number", 1, None),
    ("vjp", "two", 2, None),
    ("vjp", "pointwise", 1, None),
    ("vjp", "pointwise", 1, [1.0]),
    ("vjp", "constant", 1, [1.0, 2.0]),
    ("jvp", "pointwise", 1, Y),
    ("jvp", "two", 2, (X, Y)),
    ("jvp", "many", 2, (X, Y)),
    ("jvp", "matrix", 1, Y),
    ("jvp", "constant", 1, Y),
    ("jvp", "pointwise", 1, None),
    ("vhp", "number", 1, Y),
    ("vhp", "two", 2, (X, Y)),
    ("vhp", "half constant", 2, (X, Y)),
    ("hvp", "number", 1, Y),
    ("hvp", "two", 2, (Y, X)),
    ("hvp", "pointwise", 1, Y),
]


def _vector(m, v):
    if isinstance(v, tuple):
        return tuple(m.tensor(x, dtype=m.float64) for x in v)
    return v if v is None else m.tensor(v, dtype=m.float64)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("api, name, count, v", PRODUCTS)
def test_products(api, name, count, v, create_graph, strict):
    def call(m):
        f = getattr(m.autograd.functional, api)
        x = _inputs(m, count)
        return f(_functions(m)[name], x, _vector(m, v), create_graph=create_graph, strict=strict)

    alike(call)


@pytest.mark.parametrize("api", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_differentiated_again(api):
    def call(m):
        x = _inputs(m, 1).requires_grad_()
        v = _vector(m, Y)
        f = _functions(m)["pointwise" if api in ("jacobian", "vjp", "jvp") else "number"]
        arguments = (f, x) if api in ("jacobian", "hessian") else (f, x, v)
        result = getattr(m.autograd.functional, api)(*arguments, create_graph=True)
        result = result[1] if isinstance(result, tuple) else result
        return m.autograd.grad((result**2).sum(), x)

    alike(call)


@pytest.mark.parametrize("argument", [1, [1.0], (1.0,)])
def test_what_is_not_a_tensor(argument):
    alike(lambda m: m.autograd.functional.jacobian(lambda x: x, argument))
    alike(lambda m: m.autograd.functional.vjp(lambda x: 1, m.ones(1)))
    alike(lambda m: m.autograd.functional.jacobian(lambda x: x, m.ones(1), strategy="none"))


def test_jacobian_of_nothing():
    """PyTorch raises."""
    x = tensorlite.ones(3)
    assert tensorlite.autograd.functional.jacobian(lambda x: x[:0], x).shape == (0, 3)
