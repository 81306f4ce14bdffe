"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any

import tensorlite as tl

from . import constraints
from .bernoulli import _BinaryParams
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(_BinaryParams, ExponentialFamily):
    """Values in [0, 1] of the density C p**x (1-p)**(1-x) (Loaiza-Ganem and Cunningham, 2019).

    `lims` is where p is so near to one half that series replace the quotients.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._take(probs, logits)
        if logits is None:
            if validate_args is not None and not constraints.unit_interval.check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(ContinuousBernoulli, batch_shape, _instance, "probs logits")
        new._lims = self._lims
        return new

    def _outside_unstable_region(self) -> Any:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self) -> Any:
        return tl.where(
            self._outside_unstable_region(), self.probs, self._lims[0] * tl.ones_like(self.probs)
        )

    def _cont_bern_log_norm(self) -> Any:
        p = self._cut_probs()
        low = tl.where(p <= 0.5, p, tl.zeros_like(p))
        high = tl.where(p >= 0.5, p, tl.ones_like(p))
        log_norm = tl.log(tl.abs(tl.log1p(-p) - tl.log(p))) - tl.where(
            p <= 0.5, tl.log1p(-2.0 * low), tl.log(2.0 * high - 1.0)
        )
        x = (self.probs - 0.5) ** 2
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return tl.where(self._outside_unstable_region(), log_norm, series)

    @property
    def mean(self) -> Any:
        p = self._cut_probs()
        mean = p / (2.0 * p - 1.0) + 1.0 / (tl.log1p(-p) - tl.log(p))
        x = self.probs - 0.5
        return tl.where(
            self._outside_unstable_region(), mean, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        )

    @property
    def stddev(self) -> Any:
        return tl.sqrt(self.variance)

    @property
    def variance(self) -> Any:
        p = self._cut_probs()
        variance = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / (tl.log1p(-p) - tl.log(p)) ** 2
        x = (self.probs - 0.5) ** 2
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return tl.where(self._outside_unstable_region(), variance, series)

    def sample(self, sample_shape: Any = ()) -> Any:
        with tl.no_grad():
            return self.icdf(tl.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(tl.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        likelihood = -tl.nn.functional.binary_cross_entropy_with_logits(
            logits, value, reduction="none"
        )
        return likelihood + self._cont_bern_log_norm()

    def cdf(self, value: Any) -> Any:
        self._checked(value)
        p = self._cut_probs()
        inside = (tl.pow(p, value) * tl.pow(1.0 - p, 1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        unbounded = tl.where(self._outside_unstable_region(), inside, value)
        return tl.where(
            tl.le(value, 0.0),
            tl.zeros_like(value),
            tl.where(tl.ge(value, 1.0), tl.ones_like(value), unbounded),
        )

    def icdf(self, value: Any) -> Any:
        p = self._cut_probs()
        inside = (tl.log1p(-p + value * (2.0 * p - 1.0)) - tl.log1p(-p)) / (
            tl.log(p) - tl.log1p(-p)
        )
        return tl.where(self._outside_unstable_region(), inside, value)

    def entropy(self) -> Any:
        log_q = tl.log1p(-self.probs)
        return self.mean * (log_q - tl.log(self.probs)) - self._cont_bern_log_norm() - log_q

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = tl.where(outside, x, (self._lims[0] - 0.5) * tl.ones_like(x))
        log_norm = tl.log(tl.special.expm1(cut).abs()) - tl.log(tl.abs(cut))
        return tl.where(outside, log_norm, 0.5 * x + tl.pow(x, 2) / 24.0 - tl.pow(x, 4) / 2880.0)
