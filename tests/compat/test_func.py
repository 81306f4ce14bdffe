"""torch.func: derivatives in any nesting, vmap, and modules as functions."""

import pytest

import tensorlite
from compat_helpers import alike

X, Y = [0.5, -1.0, 2.0], [1.0, 3.0, -2.0]


def _x(m):
    return m.tensor(X, dtype=m.float64)


def _y(m):
    return m.tensor(Y, dtype=m.float64)


DERIVATIVES = {
    "grad": lambda m: m.func.grad(lambda x: (x**3).sum())(_x(m)),
    "second argument": lambda m: m.func.grad(lambda x, y: (x * y**2).sum(), argnums=1)(
        _x(m), _y(m)
    ),
    "both": lambda m: m.func.grad(lambda x, y: (x * y**2).sum(), argnums=(0, -1))(_x(m), _y(m)),
    "container": lambda m: m.func.grad(lambda p, k: (p["a"] * p["b"][0]).sum() * k)(
        {"a": _x(m), "b": [_y(m)]}, 2
    ),
    "unused": lambda m: m.func.grad(lambda x, y: x.sum(), argnums=1)(_x(m), _y(m)),
    "aux": lambda m: m.func.grad(lambda x: ((x**2).sum(), x + 1), has_aux=True)(_x(m)),
    "value": lambda m: m.func.grad_and_value(lambda x: (x**2).sum())(_x(m)),
    "value aux": lambda m: m.func.grad_and_value(lambda x: ((x**2).sum(), {"k": x}), has_aux=True)(
        _x(m)
    ),
    "third": lambda m: m.func.grad(m.func.grad(m.func.grad(lambda x: x**4)))(m.tensor(2.0)),
    "not a number": lambda m: m.func.grad(lambda x: x * 2)(_x(m)),
    "not a tensor": lambda m: m.func.grad(lambda x: 1.0)(_x(m)),
    "argnums": lambda m: m.func.grad(lambda x: x.sum(), argnums=1)(_x(m)),
    "aux missing": lambda m: m.func.grad(lambda x: x.sum(), has_aux=True)(_x(m)),
    "vjp": lambda m: (lambda out, pull: [out, pull(_y(m)), pull(_x(m))])(*m.func.vjp(m.sin, _x(m))),
    "vjp of many": lambda m: (lambda out, pull: [out, pull((_y(m), {"b": _x(m)}))])(
        *m.func.vjp(lambda x, y: (x * y, {"b": x.cos()}), _x(m), _y(m))
    ),
    "vjp structure": lambda m: m.func.vjp(m.sin, _x(m))[1]((_y(m),)),
    "vjp aux": lambda m: (lambda out, pull, aux: [out, pull(_y(m)), aux])(
        *m.func.vjp(lambda x: (x.sin(), x), _x(m), has_aux=True)
    ),
    "jvp": lambda m: m.func.jvp(lambda x, y: x * y.exp(), (_x(m), _y(m)), (_y(m), _x(m))),
    "jvp of many": lambda m: m.func.jvp(lambda x: (x.sin(), [x**2]), (_x(m),), (_y(m),)),
    "jvp aux": lambda m: m.func.jvp(lambda x: (x.sin(), x + 1), (_x(m),), (_y(m),), has_aux=True),
    "jvp list": lambda m: m.func.jvp(m.sin, [_x(m)], [_y(m)]),
    "jacrev": lambda m: m.func.jacrev(lambda x: m.outer(x, x.cos()))(_x(m)),
    "jacfwd": lambda m: m.func.jacfwd(lambda x: m.outer(x, x.cos()))(_x(m)),
    "jacrev of many": lambda m: m.func.jacrev(
        lambda x, y: {"a": x * y, "b": (y.sum(), x)}, argnums=(0, 1)
    )(_x(m), _y(m)),
    "jacrev aux": lambda m: m.func.jacrev(lambda x: (x.sin(), x), has_aux=True)(_x(m)),
    "hessian": lambda m: m.func.hessian(lambda x: (x**3).sum() * x[0])(_x(m)),
    "hessian of many": lambda m: m.func.hessian(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(
        _x(m), _y(m)
    ),
    "grad of jvp": lambda m: m.func.grad(lambda x: m.func.jvp(m.exp, (x,), (_y(m),))[1].sum())(
        _x(m)
    ),
    "jvp of grad": lambda m: m.func.jvp(m.func.grad(lambda x: (x**3).sum()), (_x(m),), (_y(m),)),
    "grad of vjp": lambda m: m.func.grad(lambda x: m.func.vjp(m.exp, x)[1](_y(m))[0].sum())(_x(m)),
    "linearize": lambda m: (lambda out, push: [out, push(_y(m))])(*m.func.linearize(m.sin, _x(m))),
    "within no_grad": lambda m: m.no_grad()(m.func.grad(lambda x: (x**3).sum()))(_x(m)),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(name):
    alike(DERIVATIVES[name])


@pytest.mark.parametrize("name", ["grad", "jacrev", "hessian"])
def test_what_requires_a_gradient_outside(name):
    """Results depend on tensors from outside as results of any function do."""

    def run(m):
        w = _y(m).requires_grad_()
        x = _x(m).requires_grad_()
        out = getattr(m.func, name)(lambda x: (x**3 * w).sum())(x)
        inside = getattr(m.func, name)(lambda x: (x**3 * w).sum())(_x(m))
        return [out, inside, *m.autograd.grad((out**2).sum() + inside.sum(), (w, x))]

    alike(run)


def _a(m):
    return m.arange(6.0).view(2, 3)


MAPS = {
    "plain": lambda m: m.vmap(m.dot)(_a(m), _a(m) + 1),
    "in_dims": lambda m: m.vmap(m.dot, in_dims=(1, None))(_a(m), m.ones(2)),
    "negative": lambda m: m.vmap(lambda x: x * 2, in_dims=-1, out_dims=-1)(_a(m)),
    "out_dims": lambda m: m.vmap(lambda x: (x, x.sum()), out_dims=(1, 0))(_a(m)),
    "container": lambda m: m.vmap(lambda p: {"s": p["a"] + p["b"]}, in_dims=({"a": 0, "b": None},))(
        {"a": _a(m), "b": m.ones(3)}
    ),
    "nested": lambda m: m.vmap(m.vmap(m.mul, in_dims=(0, None)), in_dims=(None, 0))(
        _a(m)[0], _a(m)[1]
    ),
    "keywords": lambda m: m.vmap(lambda x, y: x + y)(_a(m), y=_a(m)),
    "chunks": lambda m: m.vmap(m.sum, chunk_size=1)(_a(m)),
    "constant": lambda m: m.vmap(lambda x: m.ones(2))(_a(m)),
    "empty": lambda m: m.vmap(lambda x: x.sum())(m.zeros(0, 3)),
    "in_dims of func": lambda m: m.func.vmap(m.func.grad(lambda x: (x**2).sum()))(_a(m)),
    "jacobian": lambda m: m.vmap(m.func.jacrev(m.sin))(_a(m)),
    "through": lambda m: m.func.grad(lambda x: (m.vmap(m.dot)(x, x)).sum())(_a(m)),
    "no inputs": lambda m: m.vmap(lambda: 1)(),
    "sizes": lambda m: m.vmap(m.add)(m.ones(2), m.ones(3)),
    "not a tensor": lambda m: m.vmap(m.mul)(m.ones(2), 3),
    "out of range": lambda m: m.vmap(m.sin, in_dims=2)(_a(m)),
    "structure": lambda m: m.vmap(m.sin, in_dims=(0, 0))(_a(m)),
    "list": lambda m: m.vmap(m.sin, in_dims=[0])(_a(m)),
    "returns a number": lambda m: m.vmap(lambda x: 1)(_a(m)),
    "out_dims structure": lambda m: m.vmap(lambda x: x, out_dims=(0, 0))(_a(m)),
    "randomness": lambda m: m.vmap(lambda x: x + m.rand(3))(_a(m)),
    "randomness name": lambda m: m.vmap(lambda x: x, randomness="some")(_a(m)),
}


@pytest.mark.parametrize("name", MAPS)
def test_vmap(name):
    alike(MAPS[name])


def test_randomness():
    same = tensorlite.vmap(lambda x: x + tensorlite.rand(3), randomness="same")(
        tensorlite.zeros(2, 3)
    )
    other = tensorlite.vmap(lambda x: x + tensorlite.rand(3), randomness="different")(
        tensorlite.zeros(2, 3)
    )
    assert same[0].tolist() == same[1].tolist()
    assert other[0].tolist() != other[1].tolist()


def _model(m):
    m.manual_seed(0)
    return m.nn.Sequential(m.nn.Linear(3, 4), m.nn.Tanh(), m.nn.Linear(4, 1)).double()


def test_functional_call():
    def run(m):
        model = _model(m)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        values = {k: v.detach() * 2 for k, v in model.named_parameters()}
        x = m.ones(5, 3, dtype=m.float64)

        def loss(p):
            return m.func.functional_call(model, p, (x,)).sum()

        gradient = m.func.grad(loss)(values)
        samples = m.vmap(
            m.func.grad(lambda p, x: m.func.functional_call(model, p, x).sum()), (None, 0)
        )
        per_sample = samples(values, x)
        same = all(m.equal(v, before[k]) for k, v in model.state_dict().items())
        part = m.func.functional_call(model, {"0.bias": m.zeros(4, dtype=m.float64)}, x)
        return [gradient, per_sample, same, isinstance(model[0].weight, m.nn.Parameter), part]

    alike(run)


def test_ensemble():
    def run(m):
        models = [_model(m), _model(m)]
        with m.no_grad():
            models[1][0].weight.mul_(2)
        params, buffers = m.func.stack_module_state(models)
        x = m.ones(5, 3, dtype=m.float64)
        call = m.vmap(lambda p, b: m.func.functional_call(models[0], (p, b), (x,)))
        return [call(params, buffers), params, buffers]

    alike(run)


@pytest.mark.parametrize(
    "names, strict", [(["x"], False), (["x"], True), (["0.weight"], True), (["0.weight"], False)]
)
def test_names_that_do_not_fit(names, strict):
    def run(m):
        values = {name: m.ones(4, 3, dtype=m.float64) for name in names}
        return m.func.functional_call(
            _model(m), values, m.ones(2, 3, dtype=m.float64), strict=strict
        )

    alike(run)


def test_tied_weights():
    def run(m, tie):
        model = m.nn.Sequential(m.nn.Linear(2, 2, bias=False), m.nn.Linear(2, 2, bias=False))
        model[1].weight = model[0].weight
        with m.no_grad():
            model[0].weight.fill_(1.0)
        values = {"0.weight": m.eye(2)}
        return m.func.functional_call(model, values, m.ones(1, 2), tie_weights=tie).detach()

    alike(lambda m: run(m, True))
    alike(lambda m: run(m, False))
