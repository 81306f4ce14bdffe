"""Special functions, under SciPy's names."""

from __future__ import annotations

from .. import _C

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]

airy_ai = _C.ops.special_airy_ai
bessel_j0 = _C.ops.special_bessel_j0
bessel_j1 = _C.ops.special_bessel_j1
bessel_y0 = _C.ops.special_bessel_y0
bessel_y1 = _C.ops.special_bessel_y1
chebyshev_polynomial_t = _C.ops.special_chebyshev_polynomial_t
chebyshev_polynomial_u = _C.ops.special_chebyshev_polynomial_u
chebyshev_polynomial_v = _C.ops.special_chebyshev_polynomial_v
chebyshev_polynomial_w = _C.ops.special_chebyshev_polynomial_w
entr = _C.ops.special_entr
erfcx = _C.ops.special_erfcx
gammainc = _C.ops.special_gammainc
gammaincc = _C.ops.special_gammaincc
hermite_polynomial_h = _C.ops.special_hermite_polynomial_h
hermite_polynomial_he = _C.ops.special_hermite_polynomial_he
i0 = _C.ops.special_i0
i0e = _C.ops.special_i0e
i1 = _C.ops.special_i1
i1e = _C.ops.special_i1e
laguerre_polynomial_l = _C.ops.special_laguerre_polynomial_l
legendre_polynomial_p = _C.ops.special_legendre_polynomial_p
log_ndtr = _C.ops.special_log_ndtr
modified_bessel_i0 = _C.ops.special_modified_bessel_i0
modified_bessel_i1 = _C.ops.special_modified_bessel_i1
modified_bessel_k0 = _C.ops.special_modified_bessel_k0
modified_bessel_k1 = _C.ops.special_modified_bessel_k1
multigammaln = _C.ops.special_multigammaln
ndtr = _C.ops.special_ndtr
ndtri = _C.ops.special_ndtri
scaled_modified_bessel_k0 = _C.ops.special_scaled_modified_bessel_k0
scaled_modified_bessel_k1 = _C.ops.special_scaled_modified_bessel_k1
shifted_chebyshev_polynomial_t = _C.ops.special_shifted_chebyshev_polynomial_t
shifted_chebyshev_polynomial_u = _C.ops.special_shifted_chebyshev_polynomial_u
shifted_chebyshev_polynomial_v = _C.ops.special_shifted_chebyshev_polynomial_v
shifted_chebyshev_polynomial_w = _C.ops.special_shifted_chebyshev_polynomial_w
spherical_bessel_j0 = _C.ops.special_spherical_bessel_j0
xlog1py = _C.ops.special_xlog1py
zeta = _C.ops.special_zeta

# Under another name, or the same, in `tensorlite` itself.
digamma = _C.ops.digamma
psi = _C.ops.digamma
erf = _C.ops.erf
erfc = _C.ops.erfc
erfinv = _C.ops.erfinv
exp2 = _C.ops.exp2
expit = _C.ops.sigmoid
expm1 = _C.ops.expm1
gammaln = _C.ops.lgamma
log1p = _C.ops.log1p
log_softmax = _C.ops.log_softmax
logit = _C.ops.logit
logsumexp = _C.ops.logsumexp
polygamma = _C.ops.polygamma
round = _C.ops.round
sinc = _C.ops.sinc
softmax = _C.ops.softmax
xlogy = _C.ops.xlogy
