"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import tensorlite as tl

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Points of the simplex, of concentrations along the last dim."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(Dirichlet, batch_shape, _instance, "", event="concentration")

    def rsample(self, sample_shape: Any = ()) -> Any:
        return tl._sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        c = self.concentration
        return tl.xlogy(c - 1.0, value).sum(-1) + tl.lgamma(c.sum(-1)) - tl.lgamma(c).sum(-1)

    @property
    def mean(self) -> Any:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Any:
        less_one = (self.concentration - 1).clamp(min=0.0)
        mode = less_one / less_one.sum(-1, True)
        corners = (self.concentration < 1).all(dim=-1)
        if corners.any():
            best = mode[corners].argmax(dim=-1)
            mode[corners] = tl.nn.functional.one_hot(best, mode.shape[-1]).to(mode)
        return mode

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self) -> Any:
        c, k = self.concentration, self.concentration.size(-1)
        total = c.sum(-1)
        return (
            tl.lgamma(c).sum(-1) - tl.lgamma(total) - (k - total) * tl.digamma(total)
            - ((c - 1.0) * tl.digamma(c)).sum(-1)
        )  # fmt: skip

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.concentration,)

    def _log_normalizer(self, x: Any) -> Any:
        return x.lgamma().sum(-1) - tl.lgamma(x.sum(-1))
