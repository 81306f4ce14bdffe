"""LBFGS beside PyTorch's."""

from importlib import import_module

import pytest

from side_by_side import compare, outcome

CASES = [
    {"lr": 0.1},
    {"lr": 0.5, "history_size": 3, "max_iter": 7},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2, "max_eval": 7},
    {"lr": 1e-3, "tolerance_grad": 1.0, "tolerance_change": 1e-2},
]


def check_steps(T, options, dtype):
    dtype = getattr(T, dtype)
    x = T.nn.Parameter(T.tensor([-1.2, 1.0, 0.3], dtype=dtype))
    y = T.nn.Parameter(T.tensor([[0.5], [2.0]], dtype=dtype))
    unused = T.nn.Parameter(T.ones(2, dtype=dtype))
    opt = T.optim.LBFGS([x, y, unused], **options)
    log = []

    def closure():
        opt.zero_grad()
        loss = (100 * (x[1:] - x[:-1] ** 2) ** 2).sum() + ((1 - x) ** 2).sum() + (y**4 - y).sum()
        loss.backward()
        log.append(loss.item())
        return loss

    for _ in range(5):
        opt.step(closure)
    state = opt.state_dict()
    entry = dict(state["state"][0])
    # Here numbers, there 0-d tensors, as far as the arithmetic needs them.
    t = float(entry.pop("t"))
    return [x, y, unused, log, t, entry, state["param_groups"], repr(opt)]


@pytest.mark.parametrize("options", CASES)
def test_steps(options):
    compare(check_steps, options, "float64", tol=1e-6, warns=False)


def check_complex(T):
    z = T.nn.Parameter(T.tensor([1 + 2j, -3 + 0.5j], dtype=T.complex128))
    opt = T.optim.LBFGS([z], line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = ((z - (2 - 1j)).abs() ** 2).sum()
        loss.backward()
        return loss

    opt.step(closure)
    return [T.view_as_real(z.detach())]


def test_complex():
    compare(check_complex, tol=1e-8)


def check_errors(T):
    p, q = T.nn.Parameter(T.ones(2)), T.nn.Parameter(T.ones(2))
    o = T.optim

    def bad_search():
        opt = o.LBFGS([p], line_search_fn="x")

        def closure():
            p.grad = T.ones(2)
            return p.sum()

        opt.step(closure)

    def nothing_to_do():
        opt = o.LBFGS([p])

        def closure():
            p.grad = T.zeros(2)
            return p.sum()

        return opt.step(closure).item(), len(opt.state[p])

    return [
        outcome(o.LBFGS, [{"params": [p]}, {"params": [q]}]),
        outcome(o.LBFGS, [p], lr=-1),
        outcome(o.LBFGS([p]).step),
        outcome(bad_search),
        outcome(nothing_to_do),
    ]


def test_errors():
    compare(check_errors)


def check_line_search(T):
    """As other packages call it."""
    lbfgs = import_module(T.__name__ + ".optim.lbfgs")
    x = T.tensor([-1.0, 3.0], dtype=T.float64)
    d = T.tensor([0.5, -2.0], dtype=T.float64)

    def evaluate(x, t, d):
        y = x + t * d
        return (y**4).sum().item(), 4 * y**3

    f, g = evaluate(x, 0, d)
    out = [lbfgs._strong_wolfe(evaluate, x, t, d, f, g, g.dot(d)) for t in (0.01, 1.0, 9.0)]
    out.append(lbfgs._strong_wolfe(evaluate, x, 0.1, d, f, g, g.dot(d), c1=0.1, c2=0.2, max_ls=3))
    two = (T.tensor(2.0), T.tensor(-1.0))
    out.append(float(lbfgs._cubic_interpolate(0.0, 1.0, two[1], 1.0, 2.0, two[0])))
    return [[float(v[0]), v[1], float(v[2]), v[3]] if isinstance(v, tuple) else v for v in out]


def test_line_search():
    compare(check_line_search, tol=1e-9)
