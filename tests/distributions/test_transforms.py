"""Transforms, constraints and their registry, beside PyTorch's."""

import pytest

import tensorlite
from side_by_side import compare, outcome

torch = pytest.importorskip("torch")


def transforms(m):
    d, f = m.distributions, m.float64
    return {
        "abs": d.AbsTransform(), "affine": d.AffineTransform(1.0, m.tensor([2.0, -3.0, 1.0], dtype=f)),
        "affine of events": d.AffineTransform(1.0, m.tensor([2.0, -3.0, 1.0], dtype=f), event_dim=1),
        "affine number": d.AffineTransform(0.5, -2.0), "cat": d.CatTransform([d.ExpTransform(), d.TanhTransform()], dim=-1, lengths=[1, 2]),
        "compose": d.ComposeTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0), d.ExpTransform().inv]),
        "to the simplex": d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.StickBreakingTransform()]),
        "corr": d.CorrCholeskyTransform(), "exp": d.ExpTransform(), "independent": d.IndependentTransform(d.ExpTransform(), 1),
        "lower": d.LowerCholeskyTransform(), "definite": d.PositiveDefiniteTransform(), "power": d.PowerTransform(m.tensor(2.0, dtype=f)),
        "reshape": d.ReshapeTransform((3,), (3, 1)), "sigmoid": d.SigmoidTransform(), "softplus": d.SoftplusTransform(),
        "tanh": d.TanhTransform(), "softmax": d.SoftmaxTransform(), "stick": d.StickBreakingTransform(),
        "stack": d.StackTransform([d.ExpTransform(), d.AffineTransform(0, 2.0), d.TanhTransform()], dim=-1),
        "distribution": d.CumulativeDistributionTransform(d.Normal(0.0, 2.0)), "inverse": d.ExpTransform().inv,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(transforms(torch)))
@pytest.mark.parametrize("cache", [0, 1])
def test_transforms(name, cache):
    def scenario(m):
        t = transforms(m)[name]
        if cache:
            t = t.with_cache(1)
        shape = (2, 3, 3) if name in ("lower", "definite") else (2, 3)
        x = (
            m.linspace(0.1, 0.9, 18 if len(shape) == 3 else 6, dtype=m.float64)
            .view(shape)
            .requires_grad_()
        )
        y = t(x)
        out = [y, t.inv(y), m.autograd.grad(y.sin().sum(), x)]
        out.append(outcome(lambda: t.log_abs_det_jacobian(x, y)))
        out.append(outcome(lambda: t.inv.log_abs_det_jacobian(y, x)))
        out += [outcome(lambda: getattr(t, k)) for k in ("bijective", "sign", "event_dim")]
        out += [repr(t), repr(t.inv), t.domain.event_dim, t.codomain.event_dim, t.inv.inv is t]
        out += [list(t.forward_shape((5, 3, 3))), outcome(lambda: list(t.inverse_shape((5, 3, 3))))]
        out += [repr(t.domain) if name != "distribution" else "", repr(t.codomain)]
        out += [
            t == transforms(m)[name],
            t == m.distributions.TanhTransform(),
            outcome(lambda: t.codomain.check(y)),
        ]
        return out

    compare(scenario, tol=1e-8, warns=False)


def constraints(m):
    c = m.distributions.constraints
    return {
        "boolean": c.boolean, "one_hot": c.one_hot, "interval": c.interval(0.0, 2.0), "half": c.half_open_interval(0.0, 2.0),
        "unit": c.unit_interval, "integers": c.integer_interval(0, 2), "nonnegative_integer": c.nonnegative_integer,
        "positive_integer": c.positive_integer, "real": c.real, "real_vector": c.real_vector, "positive": c.positive,
        "nonnegative": c.nonnegative, "greater": c.greater_than(1.0), "greater_eq": c.greater_than_eq(1.0), "less": c.less_than(1.0),
        "simplex": c.simplex, "multinomial": c.multinomial(3), "lower_triangular": c.lower_triangular, "lower_cholesky": c.lower_cholesky,
        "corr_cholesky": c.corr_cholesky, "square": c.square, "symmetric": c.symmetric, "semidefinite": c.positive_semidefinite,
        "definite": c.positive_definite, "independent": c.independent(c.positive, 1), "cat": c.cat([c.positive, c.real], -1, [1, 1]),
        "stack": c.stack([c.positive, c.less_than(1.0)], -1), "dependent": c.dependent,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(constraints(torch)))
def test_constraints(name):
    values = [
        [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.2, 0.9]], [[-1.0, 3.0], [3.0, -1.0]], [[1.0, 2.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.6, 0.8]], [[2.0, 1.0], [1.0, 2.0]], [[float("nan"), 1.0], [1.0, 1.0]],
    ]  # fmt: skip

    def scenario(m):
        c = constraints(m)[name]
        out = [outcome(lambda v=v: c.check(m.tensor(v))) for v in values]
        return [out, repr(c), outcome(lambda: c.event_dim), outcome(lambda: c.is_discrete)]

    compare(scenario)


@pytest.mark.parametrize("name", list(constraints(torch)))
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registry(name, registry):
    def scenario(m):
        try:
            t = getattr(m.distributions, registry)(constraints(m)[name])
        except NotImplementedError as error:
            return [str(error)]
        shape = (
            (2, 2, 2)
            if "definite" in name or name == "lower_cholesky"
            else (3, 2)
            if name in ("cat", "stack")
            else (3, 3)
        )
        x = m.arange(float(m.Size(shape).numel()), dtype=m.float64).view(shape) / 10
        y = t(x)
        return [repr(t), y, t.inv(y), constraints(m)[name].check(y)]

    compare(scenario)


def test_names():
    for module in ("constraints", "transforms"):
        theirs = set(getattr(torch.distributions, module).__all__)
        assert theirs <= set(getattr(tensorlite.distributions, module).__all__)
    assert set(torch.distributions.__all__) <= set(tensorlite.distributions.__all__)
    for name in tensorlite.distributions.__all__:
        assert hasattr(tensorlite.distributions, name)


def test_utils():
    def scenario(m):
        u = m.distributions.utils
        x = m.arange(6.0)
        return [
            u.broadcast_all(1, m.ones(2)), u.probs_to_logits(m.tensor([0.1, 0.9])), u.probs_to_logits(m.tensor([0.1, 1.0]), True),
            u.logits_to_probs(m.tensor([0.1, 0.9])), u.logits_to_probs(m.tensor([0.1, 0.9]), True), u.clamp_probs(m.tensor([0.0, 1.0])),
            u.vec_to_tril_matrix(x), u.vec_to_tril_matrix(x, -1), u.tril_matrix_to_vec(x.view(2, 3)[:, :2]), u._sum_rightmost(x.view(2, 3), 1),
        ]  # fmt: skip

    compare(scenario)
