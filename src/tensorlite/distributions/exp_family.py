"""Exponential families."""

from __future__ import annotations

from typing import Any

import tensorlite as tl

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)), with natural parameters theta and log normalizer F."""

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        """The expectation of k(x)."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """F(theta) - <theta, grad F(theta)> - E[k] (Nielsen and Nock, 2010)."""
        params = [p.detach().requires_grad_() for p in self._natural_params]
        with tl.enable_grad():
            normalizer = self._log_normalizer(*params)
            gradients = tl.autograd.grad(normalizer.sum(), params, create_graph=True)
        result = -self._mean_carrier_measure + normalizer
        for param, gradient in zip(params, gradients, strict=True):
            part = param * gradient
            result = result - part.reshape((*self._batch_shape, -1)).sum(-1)
        return result
