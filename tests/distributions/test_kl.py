"""Divergences of all pairs, beside PyTorch's."""

import pytest

import tensorlite
from distribution_cases import cases
from side_by_side import compare

torch = pytest.importorskip("torch")
from torch.distributions.kl import _KL_REGISTRY  # noqa: E402


def others(m):
    """A second distribution of each type, with other parameters."""
    d, f = m.distributions, m.float64

    def v(*x):
        return m.tensor(x, dtype=f)

    spd = m.tensor([[1.0, 0.2, 0.1], [0.2, 2.0, 0.2], [0.1, 0.2, 0.5]], dtype=f)
    return {
        "Bernoulli": d.Bernoulli(v(0.5, 0.1)), "Beta": d.Beta(v(1, 2), v(3, 0.5)), "Binomial": d.Binomial(10, v(0.5, 0.1)),
        "Categorical": d.Categorical(m.ones(2, 3, dtype=f)), "Cauchy": d.Cauchy(v(0, 0), v(2, 3)),
        "ContinuousBernoulli": d.ContinuousBernoulli(v(0.6, 0.3)), "Dirichlet": d.Dirichlet(m.ones(2, 3, dtype=f)),
        "Exponential": d.Exponential(v(1, 2)), "Gamma": d.Gamma(v(2, 3), v(1, 0.5)), "Geometric": d.Geometric(v(0.5, 0.1)),
        "Gumbel": d.Gumbel(v(0, 0), v(2, 3)), "HalfNormal": d.HalfNormal(v(0.5, 3)), "Laplace": d.Laplace(v(0, 0), v(2, 3)),
        "LowRank": d.LowRankMultivariateNormal(v(0, 1, 0), m.tensor([[1.0, 0], [0, 1], [1, 1]], dtype=f), v(1, 1, 2)),
        "MultivariateNormal": d.MultivariateNormal(v(0, 1, 0), spd), "Normal": d.Normal(v(0, 0), v(2, 3)),
        "OneHotCategorical": d.OneHotCategorical(m.ones(2, 3, dtype=f)), "Pareto": d.Pareto(v(0.1, 2), v(2.5, 3)),
        "Poisson": d.Poisson(v(2, 20)), "Uniform": d.Uniform(v(-5, 0), v(2, 3)),
        "Independent": d.Independent(d.Normal(v(0, 0), v(2, 3)), 1), "LogNormal": d.LogNormal(v(0, 0), v(2, 3)),
        "Chi2": d.Chi2(v(2, 3)), "Transformed": d.TransformedDistribution(d.Normal(v(0, 0), v(2, 3)), [d.AffineTransform(1, -2.0), d.SigmoidTransform()]),
    }  # fmt: skip


NAMES = list(others(torch))


@pytest.mark.parametrize("p", NAMES)
def test_pairs(p):
    def scenario(m):
        out = []
        for q in NAMES:
            try:
                value = m.distributions.kl_divergence(cases(m)[p][0], others(m)[q])
                out.append([q, value])
            except (NotImplementedError, RuntimeError, ValueError) as error:
                out.append([q, type(error).__name__])
        return out

    compare(scenario, tol=1e-8, warns=False)


def test_all_pairs_are_there():
    ours = {(p.__name__, q.__name__) for p, q in tensorlite.distributions.kl._KL_REGISTRY}
    assert {(p.__name__, q.__name__) for p, q in _KL_REGISTRY} <= ours


def test_ones_own():
    d = tensorlite.distributions

    class Mine(d.Normal):
        pass

    @d.register_kl(Mine, Mine)
    def kl(p, q):
        return "mine"

    try:
        assert d.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)) == "mine"
        assert d.kl_divergence(Mine(0.0, 1.0), d.Normal(0.0, 1.0)).item() == 0
    finally:
        del d.kl._KL_REGISTRY[Mine, Mine]
        d.kl._KL_MEMOIZE.clear()
