"""The functions of neural networks: activations, normalisation, dropout, embeddings and losses.

Functions that are one op are that op itself, so that calling them costs nothing more.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .. import _C
from .._tensor import Tensor
from ..autograd import no_grad
from . import _reduction as _Reduction
from ._functions import bag as _bag
from ._functions import folding as _folding
from ._functions import losses as _losses
from ._functions import normalization as _normalization
from ._functions import resize as _resize
from ._functions.attention import (  # noqa: F401
    _canonical_mask,
    _none_or_dtype,
    multi_head_attention_forward,
)
from ._functions.pooling import (
    adaptive_avg_pool2d as adaptive_avg_pool2d,
)
from ._functions.pooling import (
    adaptive_avg_pool3d as adaptive_avg_pool3d,
)
from ._functions.pooling import (
    adaptive_max_pool1d as adaptive_max_pool1d,
)
from ._functions.pooling import (
    adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices,
)
from ._functions.pooling import (
    adaptive_max_pool2d as adaptive_max_pool2d,
)
from ._functions.pooling import (
    adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices,
)
from ._functions.pooling import (
    adaptive_max_pool3d as adaptive_max_pool3d,
)
from ._functions.pooling import (
    adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices,
)
from ._functions.pooling import (
    fractional_max_pool2d as fractional_max_pool2d,
)
from ._functions.pooling import (
    fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices,
)
from ._functions.pooling import (
    fractional_max_pool3d as fractional_max_pool3d,
)
from ._functions.pooling import (
    fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices,
)
from ._functions.pooling import (
    lp_pool1d as lp_pool1d,
)
from ._functions.pooling import (
    lp_pool2d as lp_pool2d,
)
from ._functions.pooling import (
    lp_pool3d as lp_pool3d,
)
from ._functions.pooling import (
    max_pool1d_with_indices as max_pool1d_with_indices,
)
from ._functions.pooling import (
    max_pool2d_with_indices as max_pool2d_with_indices,
)
from ._functions.pooling import (
    max_pool3d_with_indices as max_pool3d_with_indices,
)
from ._functions.pooling import (
    max_unpool1d as max_unpool1d,
)
from ._functions.pooling import (
    max_unpool2d as max_unpool2d,
)
from ._functions.pooling import (
    max_unpool3d as max_unpool3d,
)

_ops = _C.ops


# --- maps -----------------------------------------------------------------------------------------

linear = _ops.linear
bilinear = _ops.bilinear
scaled_dot_product_attention = _ops.scaled_dot_product_attention
pad = _ops.pad
conv1d = _ops.conv1d
conv2d = _ops.conv2d
conv3d = _ops.conv3d
conv_transpose1d = _ops.conv_transpose1d
conv_transpose2d = _ops.conv_transpose2d
conv_transpose3d = _ops.conv_transpose3d
conv_tbc = _ops.conv_tbc
fold = _folding.fold
unfold = _folding.unfold
pixel_shuffle = _ops.pixel_shuffle
pixel_unshuffle = _ops.pixel_unshuffle
channel_shuffle = _ops.channel_shuffle
native_channel_shuffle = _ops.native_channel_shuffle
interpolate = _resize.interpolate
upsample = _resize.upsample
upsample_bilinear = _resize.upsample_bilinear
upsample_nearest = _resize.upsample_nearest
grid_sample = _resize.grid_sample
affine_grid = _resize.affine_grid
max_pool1d = _ops.max_pool1d
max_pool2d = _ops.max_pool2d
max_pool3d = _ops.max_pool3d
avg_pool1d = _ops.avg_pool1d
avg_pool2d = _ops.avg_pool2d
avg_pool3d = _ops.avg_pool3d
adaptive_avg_pool1d = _ops.adaptive_avg_pool1d

# --- activations ----------------------------------------------------------------------------------

gelu = _ops.gelu
hardshrink = _ops.hardshrink
logsigmoid = _ops.logsigmoid
prelu = _ops.prelu
softplus = _ops.softplus
softshrink = _ops.softshrink
celu_ = _ops.celu_
elu_ = _ops.elu_
hardtanh_ = _ops.hardtanh_
leaky_relu_ = _ops.leaky_relu_
relu_ = _ops.relu_
rrelu_ = _ops.rrelu_
selu_ = _ops.selu_
threshold_ = _ops.threshold_
_relu = _ops.relu
_relu6 = _ops.relu6
_relu6_ = _ops.relu6_
_celu = _ops.celu
_elu = _ops.elu
_hardsigmoid = _ops.hardsigmoid
_hardsigmoid_ = _ops.hardsigmoid_
_hardswish = _ops.hardswish
_hardswish_ = _ops.hardswish_
_hardtanh = _ops.hardtanh
_leaky_relu = _ops.leaky_relu
_mish = _ops.mish
_mish_ = _ops.mish_
_rrelu = _ops.rrelu
_selu = _ops.selu
_sigmoid = _ops.sigmoid
_silu = _ops.silu
_silu_ = _ops.silu_
_softmax = _ops.softmax
_log_softmax = _ops.log_softmax
_tanh = _ops.tanh
_threshold = _ops.threshold
_glu = _ops.glu


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``input`` where it is above ``threshold``, ``value`` elsewhere."""
    return threshold_(input, threshold, value) if inplace else _threshold(input, threshold, value)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The larger of ``input`` and 0."""
    return relu_(input) if inplace else _relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``input`` clamped to [0, 6]."""
    return _relu6_(input) if inplace else _relu6(input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """``input`` clamped to [``min_val``, ``max_val``]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return hardtanh_(input, min_val, max_val) if inplace else _hardtanh(input, min_val, max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``input / 6 + 1 / 2`` clamped to [0, 1]."""
    return _hardsigmoid_(input) if inplace else _hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input`` times its hardsigmoid."""
    return _hardswish_(input) if inplace else _hardswish(input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` where positive, ``alpha * (exp(input) - 1)`` elsewhere."""
    return elu_(input, alpha) if inplace else _elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1."""
    return selu_(input) if inplace else _selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, input) + min(0, alpha * (exp(input / alpha) - 1))``."""
    return celu_(input, alpha) if inplace else _celu(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``input`` where positive, ``negative_slope * input`` elsewhere."""
    return leaky_relu_(input, negative_slope) if inplace else _leaky_relu(input, negative_slope)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """leaky_relu with a slope drawn for each element in training, and their mean otherwise."""
    return (rrelu_ if inplace else _rrelu)(input, lower, upper, training)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``."""
    return _silu_(input) if inplace else _silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))``."""
    return _mish_(input) if inplace else _mish(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return _glu(input, dim)


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    return _sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return _tanh(input)


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + |input|)``."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return input - input.tanh()


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Exponentials that sum to one along ``dim``.

    Without ``dim`` it is 0 for tensors of 0, 1 and 3 dimensions and 1 otherwise, with a warning.
    """
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return _softmax(input, dim) if dtype is None else _softmax(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The softmax of ``-input``."""
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return _softmax(-input, dim) if dtype is None else _softmax(-input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The logarithm of the softmax, computed without overflow."""
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return _log_softmax(input, dim) if dtype is None else _log_softmax(input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of the Gumbel-Softmax distribution. Jang et al. and Maddison et al., 2016.

    Args:
        tau: the temperature.
        hard: whether the sample is one-hot, with the gradient of the soft one.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -_ops.empty_like(logits.detach()).exponential_().log()
    soft = _softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = _ops.zeros_like(soft.detach()).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft


# --- dropout --------------------------------------------------------------------------------------

_dropout = _ops.dropout
_dropout_ = _ops.dropout_
_alpha_dropout = _ops.alpha_dropout
_alpha_dropout_ = _ops.alpha_dropout_
_feature_dropout = _ops.feature_dropout
_feature_dropout_ = _ops.feature_dropout_
_feature_alpha_dropout = _ops.feature_alpha_dropout
_feature_alpha_dropout_ = _ops.feature_alpha_dropout_


def _check_p(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes each element with probability ``p`` and scales the others by ``1 / (1 - p)``."""
    _check_p(p)
    return (_dropout_ if inplace else _dropout)(input, p, training)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance, for use with selu."""
    _check_p(p)
    return (_alpha_dropout_ if inplace else _alpha_dropout)(input, p, training)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of a ``(N, C, L)`` or ``(C, L)`` input."""
    _check_p(p)
    ndim = input.dim()
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. "
            "Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial "
            "dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    if ndim == 3:
        return (_feature_dropout_ if inplace else _feature_dropout)(input, p, training)
    batch = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    if inplace:
        return _feature_dropout_(batch, p, training).squeeze_(0)
    return _feature_dropout(batch, p, training).squeeze(0)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of a ``(N, C, H, W)`` or ``(N, C, L)`` input."""
    _check_p(p)
    ndim = input.dim()
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    elif ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return (_feature_dropout_ if inplace else _feature_dropout)(input, p, training)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels of a ``(N, C, D, H, W)`` or ``(C, D, H, W)`` input."""
    _check_p(p)
    ndim = input.dim()
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout3d exists to provide "
            "channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=2,
        )
    batched = ndim == 5
    if not batched:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = (_feature_dropout_ if inplace else _feature_dropout)(input, p, training)
    if not batched:
        result = result.squeeze_(0) if inplace else result.squeeze(0)
    return result


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Alpha dropout of whole channels."""
    _check_p(p)
    return (_feature_alpha_dropout_ if inplace else _feature_alpha_dropout)(input, p, training)


# --- embedding ------------------------------------------------------------------------------------

one_hot = _ops.one_hot
embedding_bag = _bag.embedding_bag
_embedding = _ops.embedding


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` at the indices ``input``.

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows looked up that are longer are scaled down to it, in ``weight``.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether a row's gradient is divided by how often it was looked up.
        sparse: not supported.
    """
    if padding_idx is not None and not -weight.size(0) <= padding_idx < weight.size(0):
        raise AssertionError("Padding_idx must be within num_embeddings")
    return _embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)


# --- normalisation and distances ------------------------------------------------------------------

batch_norm = _normalization.batch_norm
group_norm = _normalization.group_norm
instance_norm = _normalization.instance_norm
local_response_norm = _normalization.local_response_norm
layer_norm = _ops.layer_norm
rms_norm = _ops.rms_norm
pairwise_distance = _ops.pairwise_distance
pdist = _ops.pdist
cosine_similarity = _ops.cosine_similarity


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """``input`` divided by its p-norm along ``dim``, or by ``eps`` where that is larger."""
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / length if out is None else _ops.div(input, length, out=out)


# --- losses ---------------------------------------------------------------------------------------

binary_cross_entropy = _ops.binary_cross_entropy
binary_cross_entropy_with_logits = _ops.binary_cross_entropy_with_logits
cross_entropy = _ops.cross_entropy
ctc_loss = _losses.ctc_loss
linear_cross_entropy = _losses.linear_cross_entropy
multi_margin_loss = _losses.multi_margin_loss
multilabel_margin_loss = _losses.multilabel_margin_loss
huber_loss = _ops.huber_loss
kl_div = _ops.kl_div
l1_loss = _ops.l1_loss
mse_loss = _ops.mse_loss
nll_loss = _ops.nll_loss
smooth_l1_loss = _ops.smooth_l1_loss
soft_margin_loss = _ops.soft_margin_loss


def _reduce(
    values: Tensor, size_average: bool | None, reduce: bool | None, reduction: str
) -> Tensor:
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    kind = _Reduction.get_enum(reduction)
    return values.mean() if kind == 1 else values.sum() if kind == 2 else values


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of counts ``target`` under a Poisson distribution.

    Args:
        log_input: whether ``input`` is the log of the rate.
        full: whether the log of the factorial is added, by Stirling's formula.
        eps: added to a rate before its log is taken.
    """
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, size_average, reduce, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of ``target`` under normal distributions of mean ``input``.

    Args:
        var: the variance: a number, or a tensor of the input's shape, or with its last dimension
            missing or 1.
        full: whether the constant term is added.
        eps: the least variance.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * _ops.ones_like(input.detach())
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif var.dim() != input.dim() or any(
            v not in (1, n) for v, n in zip(var.size(), input.size(), strict=True)
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    # The bound leaves the gradient as it is.
    with no_grad():
        bound = var.clamp_min(eps) - var
    var = var + bound
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, None, None, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``input`` where ``target`` is 1, ``max(0, margin - input)`` where it is -1."""
    zero = _ops.zeros((), dtype=input.dtype)
    apart = _ops.where(target != 1, (margin - input).clamp_min(0), zero)
    together = _ops.where(target != -1, input, zero)
    return _reduce(apart + together, size_average, reduce, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``."""
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    loss = (-target * (input1 - input2) + margin).clamp_min(0)
    return _reduce(loss, size_average, reduce, reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` where ``target`` is 1, ``max(0, cos - margin)`` where it is -1."""
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1:
        if input1.dim() != 2 or input2.dim() != 2:
            raise RuntimeError(
                "1D target tensor expects 2D input tensors, but found inputs with sizes "
                f"{list(input1.size())} and {list(input2.size())}."
            )
    elif input1.dim() != 1 or input2.dim() != 1:
        raise RuntimeError(
            "0D target tensor expects 1D input tensors, but found inputs with sizes "
            f"{list(input1.size())} and {list(input2.size())}."
        )
    squares = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cos = (input1 * input2).sum(-1) / squares.sqrt()
    zero = _ops.zeros_like(cos.detach())
    loss = _ops.where(target == 1, 1 - cos, zero) + _ops.where(
        target == -1, (cos - margin).clamp_min(0), zero
    )
    return _reduce(loss, size_average, reduce, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the p-norm's distance.

    Args:
        swap: whether the distance of positive and negative is taken where it is smaller.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return _reduce((margin + near - far).clamp_min(0), size_average, reduce, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = distance_function if distance_function is not None else pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return _reduce((margin + near - far).clamp_min(0), None, None, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The binary cross entropy of the sigmoid, as the mean over the classes (the last dimension)."""
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(input.dim() - 1) / input.size(input.dim() - 1)
    return _reduce(loss, size_average, reduce, reduction)
