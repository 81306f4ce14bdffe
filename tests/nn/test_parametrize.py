"""Parametrizations, weight and spectral norm beside PyTorch's."""

import copy
import pickle

import pytest

import tensorlite
from side_by_side import compare, outcome


def linear(T, n=3, m=4, seed=0):
    T.manual_seed(seed)
    return T.nn.Linear(n, m).double()


class Named:
    """Parametrizations, of either library."""

    def __init__(self, T):
        class Symmetric(T.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).mT

            def right_inverse(self, a):
                return a.triu()

        class Double(T.nn.Module):
            def forward(self, x):
                return x * 2

            def right_inverse(self, x):
                return x / 2

        class NoInverse(T.nn.Module):
            def forward(self, x):
                return x + 1

        class RankOne(T.nn.Module):
            def forward(self, u, v):
                return u.unsqueeze(-1) * v

            def right_inverse(self, w):
                return w.sum(1), w.sum(0)

        class Wrong(T.nn.Module):
            def __init__(self, what):
                super().__init__()
                self.what = what

            def forward(self, x):
                return {"dtype": x.float(), "shape": x[:1], "type": 3}.get(self.what, x)

            def right_inverse(self, x):
                return {"inverse": 3, "inverse dtype": x.float(), "parts": [x, 3]}.get(self.what, x)

        self.symmetric, self.double, self.no_inverse = Symmetric(), Double(), NoInverse()
        self.rank_one, self.wrong = RankOne(), Wrong


def names_of(module):
    """All that a module shows of itself."""
    return [
        repr(module),
        type(module).__name__,
        module.state_dict(),
        [n for n, _ in module.named_parameters()],
        [n for n, _ in module.named_buffers()],
    ]


def check_register(T):
    p = T.nn.utils.parametrize
    f = Named(T)
    m = linear(T, 4, 4)
    out = [p.is_parametrized(m)]
    p.register_parametrization(m, "weight", f.symmetric)
    out += [*names_of(m), p.is_parametrized(m), p.is_parametrized(m, "weight")]
    out += [p.is_parametrized(m, "bias"), p.type_before_parametrizations(m).__name__]
    p.register_parametrization(m, "weight", f.double)
    p.register_parametrization(m, "bias", f.no_inverse)
    x = T.ones(2, 4, dtype=T.float64)
    m(x).sum().backward()
    out += [*names_of(m), m.weight, m.bias, m(x)]
    out += [[q.grad for q in m.parameters()], m.weight.grad_fn is None]
    m.weight = T.arange(16.0, dtype=T.float64).view(4, 4)
    out += [m.weight, outcome(setattr, m, "bias", T.ones(4, dtype=T.float64))]
    out.append(isinstance(m, T.nn.Linear))
    twin = copy.deepcopy(m)
    with T.no_grad():
        m.parametrizations.weight.original.mul_(0)
    out += [*names_of(twin), twin.weight, twin(x), m.weight]
    out.append(outcome(pickle.dumps, m))
    other = linear(T, 4, 4, 1)
    p.register_parametrization(other, "weight", Named(T).symmetric)
    other.load_state_dict({k: v for k, v in twin.state_dict().items() if "bias" not in k}, False)
    out.append(other.weight)
    p.remove_parametrizations(twin, "weight", leave_parametrized=False)
    p.remove_parametrizations(twin, "bias")
    return [*out, *names_of(twin), twin.weight, twin.bias]


def test_register():
    compare(check_register, tol=1e-12)


def check_several_tensors(T):
    p = T.nn.utils.parametrize
    f = Named(T)
    m = linear(T)
    p.register_parametrization(m, "weight", f.rank_one)
    out = [*names_of(m), m.weight, [q.requires_grad for q in m.parameters()]]
    m.weight = T.ones(4, 3, dtype=T.float64)
    out += [m.weight, outcome(p.remove_parametrizations, m, "weight", False)]
    m(T.ones(1, 3, dtype=T.float64)).sum().backward()
    out += [q.grad for q in m.parameters()]
    target = T.nn.Linear(3, 4).double()
    p.transfer_parametrizations_and_params(m, target)
    out += [*names_of(target), target.weight]
    p.remove_parametrizations(m, "weight")
    return [*out, *names_of(m)]


def test_several_tensors():
    compare(check_several_tensors, tol=1e-12)


def check_buffers_and_modes(T):
    p = T.nn.utils.parametrize
    m = T.nn.Module()
    m.register_buffer("table", T.arange(4.0).view(2, 2))
    m.eval()
    f = Named(T).double
    p.register_parametrization(m, "table", f)
    out = [f.training, *names_of(m), m.table]
    m.train()
    m.to(T.float64)
    out += [f.training, m.table]
    p.remove_parametrizations(m, "table")
    out += names_of(m)
    target = T.nn.Linear(2, 2)
    return [*out, p.transfer_parametrizations_and_params(target, target) is target]


def test_buffers_and_modes():
    compare(check_buffers_and_modes)


def check_cached(T):
    p = T.nn.utils.parametrize
    m = linear(T)
    p.register_parametrization(m, "weight", Named(T).double)
    out = [m.weight is m.weight]
    with p.cached():
        first = m.weight
        out.append(m.weight is first)
        with p.cached():
            out.append(m.weight is first)
        out.append(m.weight is first)
    return [*out, m.weight is first]


def test_cached():
    compare(check_cached)


def check_errors(T):
    p = T.nn.utils.parametrize
    f = Named(T)
    out = []

    def attempt(call):
        try:
            call()
            out.append("fine")
        except Exception as error:
            out.append([type(error).__name__, str(error)[:60]])

    for what in ("dtype", "shape", "type", "inverse", "inverse dtype", "parts"):
        attempt(lambda: p.register_parametrization(linear(T), "weight", f.wrong(what)))
        m = linear(T)
        p.register_parametrization(m, "weight", f.double)
        attempt(lambda: p.register_parametrization(m, "weight", f.wrong(what)))
        out.append(len(m.parametrizations.weight))
    m = linear(T)
    p.register_parametrization(m, "weight", f.wrong("shape"), unsafe=True)
    out.append(m.weight)
    attempt(lambda: p.register_parametrization(m, "nothing", f.double))
    attempt(lambda: p.remove_parametrizations(m, "bias"))
    attempt(lambda: p.ParametrizationList([], m.bias))
    m = linear(T)
    p.register_parametrization(m, "weight", f.double)
    attempt(lambda: setattr(m, "weight", m.weight.float()))
    return out


def test_errors():
    compare(check_errors)


# Weight norm, the hook and the parametrization.


def check_weight_norm(T, dim, new):
    m = linear(T)
    f = T.nn.utils.parametrizations.weight_norm if new else T.nn.utils.weight_norm
    out = [f(m, dim=dim) is m]
    x = T.linspace(0, 1, 6, dtype=T.float64).view(2, 3)
    for _ in range(2):
        m.zero_grad()
        loss = (m(x) ** 2).sum()
        loss.backward()
        with T.no_grad():
            for q in m.parameters():
                q.sub_(q.grad, alpha=0.1)
        out.append(loss)
    out += [*names_of(m), m.weight, [q.grad for q in m.parameters()]]
    if not new:
        out.append(outcome(f, m))
        twin = T.nn.utils.parametrizations.weight_norm(linear(T, seed=1), dim=dim)
        twin.load_state_dict(m.state_dict())
        out += [twin.weight, T.nn.utils.remove_weight_norm(m) is m, *names_of(m)]
        out.append(outcome(T.nn.utils.remove_weight_norm, m))
    return out


@pytest.mark.parametrize("dim", [0, 1, None, -1])
@pytest.mark.parametrize("new", [False, True])
def test_weight_norm(dim, new):
    compare(check_weight_norm, dim, new, tol=1e-12)


def check_weight_norm_of_convolutions(T):
    T.manual_seed(0)
    m = T.nn.utils.weight_norm(T.nn.Conv2d(2, 3, 2))
    x = T.ones(1, 2, 3, 3)
    m(x).sum().backward()
    return [m.weight, m(x), [q.grad for q in m.parameters()], names_of(m)]


def test_weight_norm_of_convolutions():
    compare(check_weight_norm_of_convolutions, tol=1e-5)


# Spectral norm.


def check_spectral_norm(T, kind, new):
    T.manual_seed(0)
    m = {
        "linear": lambda: T.nn.Linear(3, 4),
        "conv": lambda: T.nn.Conv1d(2, 3, 2),
        "transposed": lambda: T.nn.ConvTranspose2d(2, 3, 2),
    }[kind]().double()
    f = T.nn.utils.parametrizations.spectral_norm if new else T.nn.utils.spectral_norm
    T.manual_seed(1)
    out = [f(m, n_power_iterations=2) is m, names_of(m)]
    shape = {"linear": (2, 3), "conv": (1, 2, 4), "transposed": (1, 2, 3, 3)}[kind]
    n = 1
    for s in shape:
        n *= s
    x = T.linspace(0, 1, n, dtype=T.float64).view(shape)
    for _ in range(2):
        m.zero_grad()
        loss = (m(x) ** 2).sum() + (m(x) ** 3).sum()
        loss.backward()
        out += [loss, [q.grad for q in m.parameters()]]
    m.eval()
    out += [
        m(x),
        m(x),
        names_of(m),
        T.linalg.svdvals(m.weight.detach().transpose(0, int(kind == "transposed")).flatten(1))[0]
        < 1.2,
    ]
    state = copy.deepcopy(m.state_dict())
    m.load_state_dict(state)
    out.append(getattr(state, "_metadata", None))
    if not new:
        out += [outcome(f, m), T.nn.utils.remove_spectral_norm(m) is m, names_of(m)]
        out.append(len(m._state_dict_hooks))
        out.append(outcome(T.nn.utils.remove_spectral_norm, m))
    else:
        T.nn.utils.parametrize.remove_parametrizations(m, "weight")
        out.append(names_of(m))
    return out


@pytest.mark.parametrize("kind", ["linear", "conv", "transposed"])
@pytest.mark.parametrize("new", [False, True])
def test_spectral_norm(kind, new):
    compare(check_spectral_norm, kind, new, tol=1e-9)


def check_spectral_norm_corners(T):
    n = T.nn.utils.parametrizations
    m = linear(T)
    n.spectral_norm(m, "bias")
    out = [names_of(m), m.bias]
    for f in (
        lambda: n.spectral_norm(m, "nothing"),
        lambda: n.spectral_norm(linear(T), dim=5),
        lambda: n.spectral_norm(linear(T), n_power_iterations=0),
        lambda: T.nn.utils.spectral_norm(linear(T), n_power_iterations=0),
        lambda: T.nn.utils.spectral_norm(T.nn.Linear(2, 2, bias=False), "bias"),
        lambda: n.orthogonal(linear(T), "bias"),
        lambda: n.orthogonal(linear(T), "nothing"),
        lambda: n.orthogonal(linear(T), orthogonal_map="x"),
    ):
        out.append(outcome(f))
    # A checkpoint of before there was a v.
    m = T.nn.utils.spectral_norm(linear(T))
    m(T.ones(1, 3, dtype=T.float64))
    old = m.state_dict()
    old["weight"] = m.weight.detach().clone()
    del old["weight_v"]
    old._metadata[""].pop("spectral_norm")
    fresh = T.nn.utils.spectral_norm(linear(T, seed=3))
    out.append(repr(fresh.load_state_dict(old)))
    return [*out, fresh.eval()(T.ones(1, 3, dtype=T.float64))]


def test_spectral_norm_corners():
    compare(check_spectral_norm_corners, tol=1e-9)


# Orthogonal matrices.


def check_orthogonal(T, shape, kind, trivialization):
    T.manual_seed(0)
    m = linear(T, *shape)
    T.manual_seed(1)
    options = {"use_trivialization": trivialization}
    T.nn.utils.parametrizations.orthogonal(m, orthogonal_map=kind, **options)
    w = m.weight
    small = w @ w.mT if w.size(0) <= w.size(1) else w.mT @ w
    out = [
        T.allclose(small, T.eye(len(small), dtype=T.float64)),
        m(T.ones(1, shape[0], dtype=T.float64)),
        w,
    ]
    (w**3).sum().backward()
    out += [m.parametrizations.weight.original.grad, [n for n, _ in m.named_buffers()]]
    target = T.nn.init.orthogonal_(T.empty_like(w.detach()))
    if trivialization or kind == "householder":
        m.weight = target
        out.append(T.allclose(m.weight, target))
    else:
        out.append(outcome(setattr, m, "weight", target))
    return out


@pytest.mark.skipif(not hasattr(tensorlite, "geqrf"), reason="needs geqrf")
@pytest.mark.parametrize("trivialization", [True, False])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_orthogonal(shape, kind, trivialization):
    if kind == "matrix_exp" and not hasattr(tensorlite.linalg, "matrix_exp"):
        pytest.skip("needs matrix_exp")
    compare(check_orthogonal, shape, kind, trivialization, tol=1e-8)
