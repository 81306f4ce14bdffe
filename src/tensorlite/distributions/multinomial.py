"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

import tensorlite as tl

from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each category comes in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(Multinomial, batch_shape, _instance, "")
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(new._batch_shape)
        new._binomial = Binomial(total_count=new.total_count, probs=new.probs)
        return new

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Any:
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        return self._categorical.param_shape

    @property
    def mean(self) -> Any:
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        drawn = self._categorical.sample(tl.Size((self.total_count, *sample_shape)))
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = drawn.new_zeros(self._extended_shape(sample_shape))
        counts.scatter_add_(-1, drawn, tl.ones_like(drawn))
        return counts.type_as(self.probs)

    def entropy(self) -> Any:
        n = tl.tensor(self.total_count)
        support = self._binomial.enumerate_support(expand=False)[1:]
        weighted = (tl.exp(self._binomial.log_prob(support)) * tl.lgamma(support + 1)).sum([0, -1])
        return n * self._categorical.entropy() - tl.lgamma(n + 1) + weighted

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -tl.inf), 0)
        choose = tl.lgamma(value.sum(-1) + 1) - tl.lgamma(value + 1).sum(-1)
        return choose + (logits * value).sum(-1)
