"""Distributions for the tests: how each is made in either library, and values to try."""

_leaves = []


def cases(m):
    """name: (distribution, values within the support, does our stream of samples equal PyTorch's)."""
    d = m.distributions
    _leaves.clear()

    def t(*args, **kwargs):
        made = m.tensor(*args, **kwargs)
        if made.requires_grad:
            _leaves.append(made)
        return made

    f = m.float64

    def v(*x):
        return t(x, dtype=f)

    def leaf(*x):
        return t(x, dtype=f, requires_grad=True)

    spd = t([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 1.5]], dtype=f)
    simplex = t([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=f)
    unit = v(0.2, 0.7)
    counts = v(0, 3)
    angles = v(0.3, -2.0)
    corr = t([[1.0, 0.0], [0.6, 0.8]], dtype=f)
    return {
        "Bernoulli": (d.Bernoulli(leaf(0.2, 0.7)), v(0, 1)),
        "Bernoulli logits": (d.Bernoulli(logits=leaf(-0.2, 0.7)), v(0, 1)),
        "Beta": (d.Beta(leaf(0.7, 3), leaf(2, 1.5)), unit),
        "Binomial": (d.Binomial(10, leaf(0.2, 0.7)), counts),
        "Binomial logits": (d.Binomial(v(40, 60), logits=leaf(0.2, 0.7)), counts),
        "Categorical": (d.Categorical(t([[1.0, 2, 3], [3, 1, 1]], dtype=f, requires_grad=True)), t([2, 0])),
        "Categorical logits": (d.Categorical(logits=t([[1.0, 2, 3], [3, 1, 1]], dtype=f, requires_grad=True)), t([2, 0])),
        "Cauchy": (d.Cauchy(leaf(0.2, 1), leaf(1, 2)), angles),
        "Chi2": (d.Chi2(leaf(1, 4)), v(0.5, 3)),
        "ContinuousBernoulli": (d.ContinuousBernoulli(leaf(0.2, 0.4999)), unit),
        "Dirichlet": (d.Dirichlet(t([[0.5, 1, 3], [2, 2, 2]], dtype=f, requires_grad=True)), simplex),
        "Exponential": (d.Exponential(leaf(0.5, 3)), v(0.5, 3)),
        "FisherSnedecor": (d.FisherSnedecor(leaf(3, 6), leaf(5, 7)), v(0.5, 3)),
        "Gamma": (d.Gamma(leaf(0.5, 3), leaf(1, 2)), v(0.5, 3)),
        "GeneralizedPareto": (d.GeneralizedPareto(t([0.0, 1]), t([1.0, 2]), t([0.3, 0.2])), t([0.5, 3])),
        "Geometric": (d.Geometric(leaf(0.2, 0.7)), counts),
        "Geometric logits": (d.Geometric(logits=leaf(0.2, 0.7)), counts),
        "Gumbel": (d.Gumbel(leaf(0.2, 1), leaf(1, 2)), angles),
        "HalfCauchy": (d.HalfCauchy(leaf(1, 2)), v(0.5, 3)),
        "HalfNormal": (d.HalfNormal(leaf(1, 2)), v(0.5, 3)),
        "Independent": (d.Independent(d.Normal(leaf(0.2, 1), leaf(1, 2)), 1), angles),
        "InverseGamma": (d.InverseGamma(leaf(2.5, 3), leaf(1, 2)), v(0.5, 3)),
        "Kumaraswamy": (d.Kumaraswamy(leaf(1.5, 3), leaf(2, 1.2)), unit),
        "LKJCholesky": (d.LKJCholesky(2, leaf(0.5)[0]), corr),
        "Laplace": (d.Laplace(leaf(0.2, 1), leaf(1, 2)), angles),
        "LogNormal": (d.LogNormal(leaf(0.2, 1), leaf(1, 0.5)), v(0.5, 3)),
        "LogisticNormal": (d.LogisticNormal(leaf(0.2, 1), leaf(1, 2)), simplex),
        "LowRank": (d.LowRankMultivariateNormal(leaf(1, 2, 3), t([[1.0], [2], [0.5]], dtype=f, requires_grad=True), leaf(1, 2, 1)), t([[0.5, 1, 2]], dtype=f)),
        "Mixture": (d.MixtureSameFamily(d.Categorical(leaf(0.3, 0.7)), d.Normal(leaf(0, 3), leaf(1, 2))), angles),
        "Mixture of vectors": (d.MixtureSameFamily(d.Categorical(leaf(0.3, 0.7)), d.Independent(d.Normal(m.ones(2, 3, dtype=f), 1.0), 1)), t([[0.5, 1, 2]], dtype=f)),
        "Multinomial": (d.Multinomial(5, t([[1.0, 2, 3], [3, 1, 1]], dtype=f, requires_grad=True)), t([[1.0, 2, 2], [5, 0, 0]], dtype=f)),
        "MultivariateNormal": (d.MultivariateNormal(leaf(1, 2, 3), t(spd.tolist(), dtype=f, requires_grad=True)), t([[0.5, 1, 2], [1, 1, 1]], dtype=f)),
        "MultivariateNormal tril": (d.MultivariateNormal(m.zeros(2, 3, dtype=f), scale_tril=m.linalg.cholesky(spd)), t([[0.5, 1, 2], [1, 1, 1]], dtype=f)),
        "MultivariateNormal precision": (d.MultivariateNormal(leaf(1, 2, 3), precision_matrix=spd), t([[0.5, 1, 2]], dtype=f)),
        "NegativeBinomial": (d.NegativeBinomial(leaf(3, 5), leaf(0.2, 0.7)), counts),
        "Normal": (d.Normal(leaf(0.2, 1), leaf(1, 2)), angles),
        "OneHotCategorical": (d.OneHotCategorical(t([[1.0, 2, 3], [3, 1, 1]], dtype=f, requires_grad=True)), t([[0.0, 1, 0], [0, 0, 1]], dtype=f)),
        "StraightThrough": (d.OneHotCategoricalStraightThrough(logits=t([[1.0, 2, 3]], dtype=f, requires_grad=True)), t([[0.0, 1, 0]], dtype=f)),
        "Pareto": (d.Pareto(leaf(0.3, 1), leaf(2.5, 3)), v(0.5, 3)),
        "Poisson": (d.Poisson(leaf(0.5, 30)), counts),
        "RelaxedBernoulli": (d.RelaxedBernoulli(v(0.5), leaf(0.2, 0.7)), unit),
        "RelaxedOneHotCategorical": (d.RelaxedOneHotCategorical(v(0.5), t([[1.0, 2, 3], [3, 1, 1]], dtype=f, requires_grad=True)), simplex),
        "StudentT": (d.StudentT(leaf(2.5, 5), leaf(0.2, 1), leaf(1, 2)), angles),
        "Transformed": (d.TransformedDistribution(d.Normal(leaf(0.2, 1), leaf(1, 2)), [d.AffineTransform(1, -2.0), d.SigmoidTransform()]), unit),
        "Uniform": (d.Uniform(leaf(-3, -4), leaf(1, 2)), angles),
        "VonMises": (d.VonMises(leaf(0.2, 1), leaf(1, 20)), angles),
        "Weibull": (d.Weibull(leaf(0.5, 1), leaf(1.5, 3)), v(0.5, 3)),
        "Wishart": (d.Wishart(v(4.0)[0], spd), spd),
        "Wishart batch": (d.Wishart(leaf(4, 6), scale_tril=m.linalg.cholesky(spd)), spd),
    }  # fmt: skip


def leaves():
    """The parameters of the distributions that `cases` made last."""
    return list(_leaves)
