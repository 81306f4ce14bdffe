"""The gamma distribution."""

from __future__ import annotations

from typing import Any

import tensorlite as tl

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """Gamma values of a concentration and a rate."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate.pow(2)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(Gamma, batch_shape, _instance, "concentration rate")

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        value = tl._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=tl.finfo(value.dtype).tiny)  # 0 is not in the open support
        return value

    def log_prob(self, value: Any) -> Any:
        value = tl.as_tensor(value, dtype=self.rate.dtype)
        self._checked(value)
        return (
            tl.xlogy(self.concentration, self.rate)
            + tl.xlogy(self.concentration - 1, value)
            - self.rate * value
            - tl.lgamma(self.concentration)
        )

    def cdf(self, value: Any) -> Any:
        self._checked(value)
        return tl.special.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Any:
        a = self.concentration
        return a - tl.log(self.rate) + tl.lgamma(a) + (1.0 - a) * tl.digamma(a)

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        return tl.lgamma(x + 1) + (x + 1) * tl.log(-y.reciprocal())
