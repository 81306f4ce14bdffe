"""Every distribution beside PyTorch's: densities, moments, gradients, samples, shapes, errors."""

import math
import pickle

import pytest

import tensorlite
from distribution_cases import cases, leaves
from side_by_side import compare, outcome

torch = pytest.importorskip("torch")

NAMES = list(cases(torch))
MOMENTS = (
    "mean",
    "variance",
    "stddev",
    "mode",
    "batch_shape",
    "event_shape",
    "has_rsample",
    "has_enumerate_support",
)


def made(m, name):
    return cases(m)[name]


@pytest.mark.parametrize("name", NAMES)
def test_densities_and_moments(name):
    def scenario(m):
        dist, value = made(m, name)
        calls = {
            "log_prob": lambda: dist.log_prob(value), "entropy": dist.entropy, "perplexity": dist.perplexity,
            "cdf": lambda: dist.cdf(value), "icdf": lambda: dist.icdf(m.tensor([0.2, 0.9], dtype=m.float64)),
            "enumerate": dist.enumerate_support, "enumerate few": lambda: dist.enumerate_support(False),
        }  # fmt: skip
        out = {k: outcome(f) for k, f in calls.items()}
        # PyTorch's mode of the Kumaraswamy distribution is a NaN.
        moments = [k for k in MOMENTS if (name, k) != ("Kumaraswamy", "mode")]
        out |= {k: outcome(lambda k=k: getattr(dist, k)) for k in moments}
        out["shapes"] = [list(dist.batch_shape), list(dist.event_shape)]
        return [[k, v] for k, v in out.items()]

    compare(scenario, tol=1e-6, warns=False)


@pytest.mark.parametrize("name", NAMES)
def test_representations(name):
    def scenario(m):
        dist, _ = made(m, name)
        constraints = {
            k: repr(c) for k, c in dist.arg_constraints.items() if "ependent" not in repr(c)
        }
        return [
            repr(dist),
            constraints,
            outcome(lambda: repr(dist.support)),
            outcome(lambda: dist.support.is_discrete),
        ]

    compare(scenario)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_densities(name):
    def scenario(m):
        out = []
        for f in (lambda d, v: d.log_prob(v), lambda d, v: d.entropy()):
            dist, value = made(m, name)
            params = leaves()
            try:
                total = f(dist, value).sum()
            except NotImplementedError:
                out.append("none")
                continue
            if params and total.requires_grad:
                out.append(m.autograd.grad(total, params, allow_unused=True))
        return out

    compare(scenario, tol=1e-7, warns=False)


# PyTorch takes every Wishart sample for a singular one, and draws again.
OTHER_STREAMS = ("Wishart", "Wishart batch")


@pytest.mark.parametrize("name", [n for n in NAMES if n not in OTHER_STREAMS])
def test_samples_are_pytorchs(name):
    def scenario(m):
        dist, _ = made(m, name)
        one = dist.sample()
        many = dist.sample((3, 2))
        return [one, many, many.requires_grad, m.rand(())]

    compare(scenario, tol=1e-6, warns=False)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if made(torch, n)[0].has_rsample and n not in OTHER_STREAMS]
)
def test_gradients_of_samples(name):
    def scenario(m):
        dist, _ = made(m, name)
        sample = dist.rsample((2,))
        params = leaves()
        weight = m.arange(1.0, sample.numel() + 1, dtype=m.float64).view(sample.shape).sin()
        if not sample.requires_grad:
            return [sample]
        return [sample, m.autograd.grad((sample * weight).sum(), params, allow_unused=True)]

    # PyTorch's derivative of gamma samples is itself an approximation.
    compare(scenario, tol=2e-3, warns=False)


@pytest.mark.parametrize("name", NAMES)
def test_expand(name):
    def scenario(m):
        dist, value = made(m, name)
        shape = (2, *dist.batch_shape)
        wide = dist.expand(shape)
        return [
            list(wide.batch_shape), list(wide.event_shape), wide.log_prob(value), type(wide).__name__,
            outcome(lambda: wide.mean), list(wide.sample((2,)).shape),
        ]  # fmt: skip

    compare(scenario, tol=1e-6, warns=False)


def test_pickled():
    for name, (dist, value) in cases(tensorlite).items():
        if name in ("LowRank",):
            continue
        try:
            copy = pickle.loads(pickle.dumps(dist))
        except (AttributeError, RuntimeError):
            continue
        assert copy.log_prob(value).tolist() == dist.log_prob(value).tolist(), name


# --- gradients of gamma and beta samples against what they are ---------------------------------------


def test_gamma_derivative_is_the_implicit_one():
    """-(dP/da)/(dP/dx), by differences of the distribution function with 150 digits, where mpmath is there."""
    mp = pytest.importorskip("mpmath")
    mp.mp.dps = 150
    for a in (0.01, 0.3, 1.0, 2.5, 20.0, 300.0):
        for q in (1e-6, 0.01, 0.3, 0.9, 0.9999):
            x = a * (0.2 + 2 * q)
            p = lambda s: mp.gammainc(s, 0, x, regularized=True)
            density = mp.power(x, a - 1) * mp.exp(-x) / mp.gamma(a)
            h = mp.mpf(10) ** -12
            expected = -(p(a + h) - p(a - h)) / (2 * h) / density
            got = tensorlite._standard_gamma_grad(
                tensorlite.tensor(a, dtype=tensorlite.float64),
                tensorlite.tensor(x, dtype=tensorlite.float64),
            ).item()
            assert got == pytest.approx(float(expected), rel=1e-6), (a, x)


def test_dirichlet_derivative_beside_pytorchs():
    a = torch.tensor([0.02, 0.4, 1.0, 3.0, 40.0, 900.0], dtype=torch.float64)
    x = torch.tensor([1e-4, 0.1, 0.5, 0.8, 0.999], dtype=torch.float64)
    grid = torch.cartesian_prod(x, a, a)
    theirs = torch._dirichlet_grad(grid[:, 0], grid[:, 1], grid[:, 1] + grid[:, 2])
    ours = tensorlite._dirichlet_grad(
        *(
            tensorlite.tensor(c.tolist(), dtype=tensorlite.float64)
            for c in (grid[:, 0], grid[:, 1], grid[:, 1] + grid[:, 2])
        )
    )
    near = (
        ((torch.tensor(ours.tolist()) - theirs).abs() <= 5e-3 * theirs.abs() + 1e-6).double().mean()
    )
    assert near > 0.85, near  # PyTorch's approximation is off in the far tails
    assert torch.tensor(ours.tolist()).isfinite().all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_gamma_of_other_dtypes(dtype):
    def scenario(m):
        a = m.tensor([0.01, 0.5, 3.0, 100.0], dtype=getattr(m, dtype))
        return [m._standard_gamma(a).dtype, m._sample_dirichlet(a).dtype]

    if dtype == "float32":
        compare(scenario)
    x = tensorlite._standard_gamma(tensorlite.full((2000,), 3.0, dtype=getattr(tensorlite, dtype)))
    assert x.float().mean().item() == pytest.approx(3, abs=0.2)
    a = tensorlite.ones(2, requires_grad=True)
    (g,) = tensorlite.autograd.grad(tensorlite._standard_gamma(a).sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="is not implemented"):
        g.sum().backward()


# --- errors and settings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda m, d: d.Normal(0.0, -1.0),
        lambda m, d: d.Normal(m.tensor([0.0, math.nan]), 1.0),
        lambda m, d: d.Normal(0.0, 1.0).log_prob(3),
        lambda m, d: d.Exponential(1.0).log_prob(m.tensor(-1.0)),
        lambda m, d: d.Bernoulli(1.5),
        lambda m, d: d.Bernoulli(),
        lambda m, d: d.Bernoulli(0.5, 0.5),
        lambda m, d: d.Bernoulli(0.5).log_prob(m.tensor(0.5)),
        lambda m, d: d.Categorical(m.tensor(1.0)),
        lambda m, d: d.Categorical(m.tensor([-1.0, 2.0])),
        lambda m, d: d.Categorical(m.ones(3)).log_prob(m.tensor(3)),
        lambda m, d: d.Uniform(1.0, 0.0),
        lambda m, d: d.Dirichlet(m.tensor(1.0)),
        lambda m, d: d.Normal(m.zeros(3), 1.0).log_prob(m.zeros(2)),
        lambda m, d: d.Dirichlet(m.ones(3)).log_prob(m.ones(2) / 2),
        lambda m, d: d.Independent(d.Normal(0.0, 1.0), 1),
        lambda m, d: d.MultivariateNormal(m.zeros(2)),
        lambda m, d: d.MultivariateNormal(m.tensor(0.0), m.eye(2)),
        lambda m, d: d.MultivariateNormal(m.zeros(2), -m.eye(2)),
        lambda m, d: d.Wishart(m.tensor(0.5), m.eye(2)),
        lambda m, d: d.LKJCholesky(1),
        lambda m, d: d.Multinomial(m.ones(2), m.ones(2)),
        lambda m, d: d.MixtureSameFamily(d.Categorical(m.ones(2)), d.Normal(m.zeros(3), 1.0)),
        lambda m, d: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]),
        lambda m, d: d.Distribution().sample(),
        lambda m, d: d.Normal(0.0, 1.0).enumerate_support(),
        lambda m, d: d.Distribution.set_default_validate_args(3),
        lambda m, d: d.biject_to(d.constraints.boolean),
        lambda m, d: d.Normal(0.0, "a"),
        lambda m, d: d.ExpTransform(cache_size=2),
        lambda m, d: d.ReshapeTransform((2, 3), (5,)),
    ],
)
def test_errors(make):
    def scenario(m):
        try:
            make(m, m.distributions)
        except Exception as error:
            return [type(error).__name__, str(error).split("\n")[0]]

    compare(scenario)


def test_validation_can_be_turned_off():
    d = tensorlite.distributions
    assert math.isnan(
        d.Normal(0.0, -1.0, validate_args=False).log_prob(tensorlite.tensor(0.0)).item()
    )
    before = d.Distribution._validate_args
    try:
        d.Distribution.set_default_validate_args(False)
        d.Normal(0.0, -1.0)
    finally:
        d.Distribution.set_default_validate_args(before)
    with pytest.raises(ValueError, match="to satisfy the constraint"):
        d.Normal(0.0, -1.0)


def test_wishart_samples():
    d = tensorlite.distributions
    scale = tensorlite.tensor([[2.0, 0.5], [0.5, 1.0]])
    samples = d.Wishart(tensorlite.tensor(5.0), scale).rsample((4000,))
    assert (samples.mean(0) - 5 * scale).abs().max().item() < 0.4
    with pytest.raises(NotImplementedError):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Bernoulli(0.5))


def test_subclasses_need_their_own_expand():
    class Mine(tensorlite.distributions.Normal):
        def __init__(self):
            super().__init__(0.0, 1.0)

    with pytest.raises(NotImplementedError, match="must also define a custom .expand"):
        Mine().expand((2,))


def test_numbers_as_parameters():
    def scenario(m):
        d = m.distributions
        return [
            repr(d.Normal(0, 1)), d.Normal(0, 1).sample((2,)), d.Beta(1.0, 2.0).mean, d.Gumbel(0.0, 1.0).sample(),
            d.Uniform(0, m.tensor([1.0, 2.0])).mean, d.Bernoulli(0.5).sample(), d.StudentT(3.0).sample((2,)),
            d.Geometric(0.5).sample((3,)), d.Normal(0.0, 1.0).sample_n(2), d.Exponential(1).mean,
        ]  # fmt: skip

    compare(scenario)
