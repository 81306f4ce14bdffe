"""The von Mises distribution."""

from __future__ import annotations

import math
from typing import Any

import tensorlite as tl

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles around `loc`."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, tl.Size(), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._expanded(VonMises, batch_shape, _instance, "loc concentration")

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        # I0 is taken times exp(-k), which is added back, so that nothing overflows.
        k = self.concentration
        return (
            k * (tl.cos(value - self.loc) - 1) - math.log(2 * math.pi) - tl.log(tl.special.i0e(k))
        )

    @lazy_property
    def _loc(self) -> Any:
        return self.loc.to(tl.double)

    @lazy_property
    def _concentration(self) -> Any:
        return self.concentration.to(tl.double)

    @lazy_property
    def _proposal_r(self) -> Any:
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        r = (1 + rho**2) / (2 * rho)
        return tl.where(kappa < 1e-5, 1 / kappa + kappa, r)  # its series for small concentrations

    def sample(self, sample_shape: Any = ()) -> Any:
        """By rejection from a wrapped Cauchy distribution (Best and Fisher, 1979)."""
        shape = self._extended_shape(sample_shape)
        with tl.no_grad():
            x = tl.empty(shape, dtype=tl.double)
            loc, kappa, r = (
                t.expand(shape) for t in (self._loc, self._concentration, self._proposal_r)
            )
            done = tl.zeros(shape, dtype=tl.bool)
            while not done.all():
                u1, u2, u3 = tl.rand((3, *shape), dtype=tl.double).unbind()
                z = tl.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                x = tl.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # type: ignore[override]
        """The circular variance, 1 - I1(k)/I0(k)."""
        k = self.concentration
        return 1 - tl.special.i1e(k) / tl.special.i0e(k)
