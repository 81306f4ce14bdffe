"""The generalized Pareto distribution."""

from __future__ import annotations

from typing import Any

import tensorlite as tl

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over `loc`, of a scale and a concentration (the tail's index)."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(GeneralizedPareto, batch_shape, _instance, "loc scale concentration")

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(tl.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _near_zero(self) -> Any:
        return tl.isclose(self.concentration, tl.zeros_like(self.concentration))

    def _safe(self, near: Any) -> Any:
        return tl.where(near, tl.ones_like(self.concentration), self.concentration)

    def _log1p_over(self, z: Any) -> Any:
        """log(1 + c z) / c, z where c is 0."""
        near = self._near_zero()
        c = self._safe(near)
        return tl.where(near, z, tl.log1p(c * z) / c)

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        z = (value - self.loc) / self.scale
        near = self._near_zero()
        c = self._safe(near)
        return -tl.where(near, z, (1 + 1 / c) * tl.log1p(c * z)) - self.scale.log()

    def log_survival_function(self, value: Any) -> Any:
        self._checked(value)
        return -self._log1p_over((value - self.loc) / self.scale)

    def log_cdf(self, value: Any) -> Any:
        return tl.log1p(-tl.exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        return tl.exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        near = self._near_zero()
        c = self._safe(near)
        log_q = tl.log1p(-value)
        return self.loc + tl.where(near, -self.scale * log_q, self.scale / c * tl.expm1(-c * log_q))

    @property
    def mean(self) -> Any:
        mean = self.loc + self.scale / (1 - self.concentration)
        return tl.where(self.concentration < 1, mean, tl.inf)

    @property
    def variance(self) -> Any:
        variance = self.scale**2 / ((1 - self.concentration) ** 2 * (1 - 2 * self.concentration))
        return tl.where(self.concentration < 0.5, variance, tl.inf)

    def entropy(self) -> Any:
        return tl.log(self.scale) + self.concentration + 1

    @property
    def mode(self) -> Any:
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        upper = tl.where(self.concentration < 0, self.loc - self.scale / self.concentration, tl.inf)
        return constraints.interval(self.loc, upper)
