"""The multivariate normal distribution with a covariance of low rank and a diagonal."""

from __future__ import annotations

import math
from typing import Any

import tensorlite as tl

from . import constraints
from .distribution import Distribution
from .multivariate_normal import _batch_mahalanobis, _batch_mv
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _capacitance_tril(W: Any, D: Any) -> Any:
    """The lower Cholesky factor of I + W^T D^-1 W, by which Woodbury's identity inverts."""
    m = W.size(-1)
    k = tl.matmul(W.mT / D.unsqueeze(-2), W)
    return tl.linalg.cholesky(k + tl.eye(m, dtype=W.dtype))


def _batch_lowrank_logdet(W: Any, D: Any, capacitance_tril: Any) -> Any:
    return 2 * capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) + D.log().sum(-1)


def _batch_lowrank_mahalanobis(W: Any, D: Any, x: Any, capacitance_tril: Any) -> Any:
    weighted = W.mT / D.unsqueeze(-2)
    return (x.pow(2) / D).sum(-1) - _batch_mahalanobis(capacitance_tril, _batch_mv(weighted, x))


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of the covariance cov_factor cov_factor^T + diag(cov_diag)."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        n = loc.shape[-1]
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1] != n:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {tl.Size((n,))}")
        try:
            batch_shape = tl.broadcast_shapes(
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand((*batch_shape, n))
        self.cov_factor = cov_factor.expand((*batch_shape, *cov_factor.shape[-2:]))
        self.cov_diag = cov_diag.expand((*batch_shape, n))
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = _capacitance_tril(cov_factor, cov_diag)
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._expanded(
            LowRankMultivariateNormal, batch_shape, _instance, "", event="loc cov_diag cov_factor"
        )
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return new

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    def _whole(self, value: Any, dims: int) -> Any:
        return value.expand(tuple(self._batch_shape) + tuple(self._event_shape) * dims)

    @lazy_property
    def variance(self) -> Any:  # type: ignore[override]
        return self._whole(
            self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag, 1
        )

    def _scaled_factor(self) -> tuple[Any, Any]:
        """D^-1/2 W, and D^1/2 as a column."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        return self._unbroadcasted_cov_factor / root, root

    @lazy_property
    def scale_tril(self) -> Any:
        factor, root = self._scaled_factor()
        n = self._event_shape[0]
        return self._whole(
            root * tl.linalg.cholesky(factor @ factor.mT + tl.eye(n, dtype=factor.dtype)), 2
        )

    @lazy_property
    def covariance_matrix(self) -> Any:
        w = self._unbroadcasted_cov_factor
        return self._whole(w @ w.mT + tl.diag_embed(self._unbroadcasted_cov_diag), 2)

    @lazy_property
    def precision_matrix(self) -> Any:
        weighted = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        a = tl.linalg.solve_triangular(self._capacitance_tril, weighted, upper=False)
        return self._whole(
            tl.diag_embed(self._unbroadcasted_cov_diag.reciprocal()) - a.transpose(-2, -1) @ a, 2
        )

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        eps_w = _standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc.dtype)
        eps_d = _standard_normal(shape, self.loc.dtype)
        spread = self._unbroadcasted_cov_diag.sqrt() * eps_d
        return self.loc + _batch_mv(self._unbroadcasted_cov_factor, eps_w) + spread

    def _log_det(self) -> Any:
        return _batch_lowrank_logdet(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, self._capacitance_tril
        )

    def log_prob(self, value: Any) -> Any:
        self._checked(value)
        squared = _batch_lowrank_mahalanobis(
            self._unbroadcasted_cov_factor,
            self._unbroadcasted_cov_diag,
            value - self.loc,
            self._capacitance_tril,
        )
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + squared)

    def entropy(self) -> Any:
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return entropy if len(self._batch_shape) == 0 else entropy.expand(self._batch_shape)
