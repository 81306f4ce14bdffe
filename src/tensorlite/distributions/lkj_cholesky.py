"""Cholesky factors of random correlation matrices."""

from __future__ import annotations

import math
from typing import Any

import tensorlite as tl

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors of correlation matrices R of the density det(R) ** (concentration - 1).

    Samples by the onion method (Lewandowski, Kurowicka and Joe, 2009).
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        batch_shape = self.concentration.size()
        marginal = self.concentration + 0.5 * (dim - 2)
        offset = tl.arange(dim - 1, dtype=self.concentration.dtype)
        offset = tl.cat([offset.new_zeros((1,)), offset])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(batch_shape, tl.Size((dim, dim)), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(LKJCholesky, batch_shape, _instance, "concentration")
        new.dim = self.dim
        new._beta = self._beta.expand((*batch_shape, self.dim))
        return new

    def sample(self, sample_shape: Any = ()) -> Any:
        with tl.no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            normal = tl.randn(self._extended_shape(sample_shape), dtype=y.dtype).tril(-1)
            direction = normal / normal.norm(dim=-1, keepdim=True)
            direction[..., 0, :].fill_(0.0)
            w = tl.sqrt(y) * direction
            tiny = tl.finfo(w.dtype).tiny
            diagonal = tl.clamp(1 - tl.sum(w**2, dim=-1), min=tiny).sqrt()
            return w + tl.diag_embed(diagonal)

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = tl.arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = tl.sum(order * diagonal.log(), dim=-1)
        k = self.dim - 1
        alpha = self.concentration + 0.5 * k
        denominator = tl.lgamma(alpha) * k
        numerator = tl.mvlgamma(alpha - 0.5, k)
        constant = 0.5 * k * math.log(math.pi)
        return unnormalized - (constant + numerator - denominator)
