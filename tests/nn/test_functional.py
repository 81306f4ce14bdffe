"""nn.functional beside PyTorch: values, gradients of both orders, nodes, warnings and errors.

Each case is an expression. `x(…)` makes a leaf of that shape in [-1, 1), `p(…)` one in [0, 1), both
tracked for gradients; `u(…)` values in [0, 1) that are not; `i(…)` integers.
"""

import warnings

import pytest

import tensorlite
from side_by_side import plain, same

try:
    import torch
except ImportError:
    torch = None


class Names(dict):
    """What the expressions can name."""

    def __init__(self, T, dtype):
        super().__init__(T=T, F=T.nn.functional)
        self.leaves = []
        self.T, self.dtype = T, dtype
        self["x"] = lambda *shape: self.leaf(T.rand(shape, dtype=T.float64) * 2 - 1)
        self["p"] = lambda *shape: self.leaf(T.rand(shape, dtype=T.float64))
        self["u"] = lambda *shape: T.rand(shape, dtype=T.float64).to(dtype)
        self["i"] = lambda *values: T.tensor(list(values), dtype=T.int64)
        self["t"] = lambda *values: T.tensor(list(values), dtype=dtype)

    def leaf(self, values):
        self.leaves.append(values.to(self.dtype).requires_grad_())
        return self.leaves[-1]


def gradients(T, y, leaves):
    """First and second derivatives, by fixed cotangents."""
    if not (hasattr(y, "grad_fn") and y.grad_fn is not None):
        return []
    weights = T.linspace(0.5, 1.5, y.numel(), dtype=T.float64).to(y.dtype).view(y.shape)
    first = T.autograd.grad((y * weights).sum(), leaves, create_graph=True, allow_unused=True)
    again = [(g * g).sum() for g in first if g is not None and g.requires_grad]
    second = [None] * len(leaves)
    if again:
        second = T.autograd.grad(sum(again), leaves, allow_unused=True)
    # No gradient and one of zeros are the same.
    found = (*first, *second)
    zeros = [T.zeros_like(x) for x in (*leaves, *leaves)]
    return [z if g is None else z + g for g, z in zip(found, zeros, strict=True)]


def evaluate(T, text, dtype):
    T.manual_seed(1)
    names = Names(T, getattr(T, dtype))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            y = eval(text, names)
        except Exception as error:
            return [type(error).__name__, str(error)]
    node = None if getattr(y, "grad_fn", None) is None else y.grad_fn.name()
    said = [(w.category.__name__, plain(str(w.message)), w.filename) for w in caught]
    return [y, node, said, gradients(T, y, names.leaves)]


LOSSES = """
F.cross_entropy(x(3, 2), i(1, 0, 1))
F.cross_entropy(x(3, 2).t(), i(1, 0))
F.cross_entropy(x(3, 2), i(1, 0, 1), reduction='none')
F.cross_entropy(x(3, 2), i(1, 0, 1), reduction='sum')
F.cross_entropy(x(3, 2), i(1, 0, 1).to(T.uint8))
F.cross_entropy(x(3, 2), i(1, 0, 1), label_smoothing=0.1)
F.cross_entropy(x(3, 2), i(1, 0, 1), label_smoothing=0.1, reduction='none')
F.cross_entropy(x(3, 2), i(1, 0, 1), label_smoothing=-1.0)
F.cross_entropy(x(3, 2), i(1, 0, 1), t(1.0, 3.0))
F.cross_entropy(x(3, 2), i(1, 0, 1), t(1.0, 3.0), reduction='none')
F.cross_entropy(x(3, 2), i(1, 0, 1), t(1.0, 3.0), label_smoothing=0.2)
F.cross_entropy(x(3, 2), i(1, 0, 1), t(1.0, 3.0), label_smoothing=0.2, ignore_index=0, reduction='sum')
F.cross_entropy(x(3, 2), i(1, 0, 1), ignore_index=1)
F.cross_entropy(x(3, 2), i(1, -100, 1))
F.cross_entropy(x(3, 2), i(-100, -100, -100))
F.cross_entropy(x(3, 2), i(-100, -100, -100), reduction='sum')
F.cross_entropy(x(4), i(2)[0])
F.cross_entropy(u(4), i(2))
F.cross_entropy(x(4), i(2)[0], reduction='none')
F.cross_entropy(x(0, 2), i(), reduction='none')
F.cross_entropy(x(0, 2), i())
F.cross_entropy(x(0, 2), i(), reduction='sum')
F.cross_entropy(x(2, 3, 4), T.arange(8).view(2, 4) % 3)
F.cross_entropy(x(2, 3, 4), T.arange(8).view(2, 4) % 3, reduction='none')
F.cross_entropy(x(2, 3, 4), T.arange(8).view(2, 4) % 3, t(1.0, 2.0, 3.0), label_smoothing=0.3)
F.cross_entropy(x(2, 3, 2, 2), T.arange(8).view(2, 2, 2) % 3, reduction='none')
F.cross_entropy(x(2, 3, 2, 2), T.arange(8).view(2, 2, 2) % 3, ignore_index=1)
F.cross_entropy(x(2, 3, 2, 2, 2), T.arange(16).view(2, 2, 2, 2) % 3)
F.cross_entropy(x(3, 700), i(600, 0, 699))
F.cross_entropy(x(2, 3, 600), T.arange(1200).view(2, 600) % 3)
F.cross_entropy(x(3, 4), p(3, 4))
F.cross_entropy(x(3, 4), u(3, 4), reduction='none')
F.cross_entropy(x(3, 4), u(3, 4), t(1.0, 2.0, 3.0, 4.0), reduction='sum', label_smoothing=0.1)
F.cross_entropy(x(3, 4, 2), u(3, 4, 2), t(1.0, 2.0, 3.0, 4.0), label_smoothing=0.1)
F.cross_entropy(x(4), u(4))
F.cross_entropy(x(3, 4), i(0, 1, 2), size_average=False)
F.cross_entropy(x(3, 4), i(0, 1, 2), None, None, -100, False)
F.nll_loss(x(3, 2), i(1, 0, 1))
F.nll_loss(x(2, 3).t(), i(1, 0, 1), t(1.0, 3.0), reduction='none')
F.nll_loss(x(3, 2), i(1, -100, 1), t(1.0, 3.0))
F.nll_loss(x(3, 2), i(-100, -100, -100))
F.nll_loss(x(2), i(1)[0])
F.nll_loss(u(2), i(1), reduction='none')
F.nll_loss(x(0, 2), i())
F.nll_loss(x(2, 3, 4), T.arange(8).view(2, 4) % 3, reduction='none')
F.nll_loss(x(2, 3, 2, 2), T.arange(8).view(2, 2, 2) % 3, t(1.0, 2.0, 3.0), ignore_index=1)
F.nll_loss(x(2, 3, 2, 2, 2), T.arange(16).view(2, 2, 2, 2) % 3, reduction='sum')
F.mse_loss(x(3, 4), x(3, 4))
F.mse_loss(x(4, 3).t(), u(3, 4), reduction='none')
F.mse_loss(x(3, 4), x(3, 4), reduction='sum')
F.mse_loss(x(3, 4), x(4))
F.mse_loss(x(3, 1), x(3, 4), reduction='none')
F.mse_loss(x(0), u(0))
F.mse_loss(x(), x())
F.mse_loss(x(3, 4), x(3, 4), weight=u(3, 4))
F.mse_loss(x(3, 4), x(3, 4), weight=p(3, 4), reduction='none')
F.mse_loss(x(3, 4), u(3, 4), weight=u(3, 4), reduction='sum')
F.mse_loss(x(3), i(1, 2, 3))
F.mse_loss(i(1, 2, 3), x(3))
F.mse_loss(x(3), u(3), reduce=False)
F.l1_loss(x(3, 4), x(3, 4))
F.l1_loss(x(3, 4), x(3, 4), reduction='none')
F.l1_loss(x(3, 4), x(4), reduction='sum')
F.l1_loss(x(3, 4), x(3, 4), weight=u(3, 4))
F.l1_loss(i(1, 2), i(3, 4), reduction='sum')
F.l1_loss(t(1.0, 2.0), t(1.0, 2.0))
F.smooth_l1_loss(x(3, 4), x(3, 4))
F.smooth_l1_loss(x(3, 4), x(3, 4), reduction='none', beta=0.3)
F.smooth_l1_loss(x(3, 4), u(4), reduction='sum', beta=0.3)
F.smooth_l1_loss(x(3, 4), x(3, 4), beta=0)
F.huber_loss(x(3, 4), x(3, 4))
F.huber_loss(x(3, 4), x(3, 4), reduction='none', delta=0.3)
F.huber_loss(x(3, 4), u(3, 4), reduction='sum', delta=0.3)
F.huber_loss(x(3, 4), u(3, 4), weight=u(3, 4))
F.binary_cross_entropy(p(3, 4), u(3, 4))
F.binary_cross_entropy(p(3, 4), p(3, 4), reduction='none')
F.binary_cross_entropy(p(4, 3).t(), u(3, 4), u(4), reduction='sum')
F.binary_cross_entropy(p(3, 4), u(3, 4), u(3, 1))
F.binary_cross_entropy(t(0.0, 1.0, 0.5), t(1.0, 0.0, 0.5), reduction='none')
F.binary_cross_entropy(p(0), u(0))
F.binary_cross_entropy_with_logits(x(3, 4), u(3, 4))
F.binary_cross_entropy_with_logits(x(3, 4), p(3, 4), reduction='none')
F.binary_cross_entropy_with_logits(x(3, 4), p(3, 4), u(4), pos_weight=u(4))
F.binary_cross_entropy_with_logits(x(3, 4), u(3, 4), u(3, 4), reduction='sum')
F.binary_cross_entropy_with_logits(x(3, 4), u(3, 4), pos_weight=u(3, 1), reduction='sum')
F.binary_cross_entropy_with_logits(t(1000.0, -1000.0, 0.0), t(0.0, 1.0, 0.5), reduction='none')
F.kl_div(x(3, 4), p(3, 4))
F.kl_div(x(3, 4), u(3, 4), reduction='none')
F.kl_div(x(3, 4), p(3, 4), reduction='batchmean')
F.kl_div(x(3, 4), x(3, 4), reduction='sum', log_target=True)
F.kl_div(x(3, 4), x(3, 4), reduction='none', log_target=True)
F.kl_div(x(3, 4), x(3, 4), reduction='batchmean', log_target=True)
F.kl_div(x(), u(), reduction='batchmean')
F.kl_div(x(3), t(0.0, 0.5, 1.0), reduction='none')
F.kl_div(x(3, 4), u(3, 4), False)
F.soft_margin_loss(x(3), t(1.0, -1.0, 1.0))
F.soft_margin_loss(x(3), i(1, -1, 1), reduction='none')
F.hinge_embedding_loss(x(3), t(1.0, -1.0, 1.0))
F.hinge_embedding_loss(x(3), i(1, -1, 1), 0.3, reduction='none')
F.margin_ranking_loss(x(3), x(3), t(1.0, -1.0, 1.0), 0.1)
F.margin_ranking_loss(x(3), x(3), i(1, -1, 1), reduction='sum')
F.cosine_embedding_loss(x(3, 4), x(3, 4), i(1, -1, 1))
F.cosine_embedding_loss(x(3, 4), x(3, 4), i(1, -1, 1), 0.1, reduction='none')
F.cosine_embedding_loss(x(4), x(4), i(1)[0])
F.poisson_nll_loss(x(3), u(3) * 5)
F.poisson_nll_loss(x(3), t(0.0, 3.0, 7.0), full=True, reduction='none')
F.poisson_nll_loss(p(3), u(3) * 5, log_input=False, reduction='sum')
F.gaussian_nll_loss(x(3, 2), u(3, 2), p(3, 2))
F.gaussian_nll_loss(x(3, 2), x(3, 2), p(3), full=True, reduction='none')
F.gaussian_nll_loss(x(3, 2), u(3, 2), p(3, 1), reduction='sum')
F.gaussian_nll_loss(x(3, 2), u(3, 2), 2.0)
F.triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4))
F.triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4), swap=True, reduction='none')
F.triplet_margin_with_distance_loss(x(3, 4), x(3, 4), x(3, 4), swap=True, reduction='sum')
F.multilabel_soft_margin_loss(x(3, 4), u(3, 4))
F.multilabel_soft_margin_loss(x(3, 4), u(3, 4), u(4), reduction='none')
"""

OTHERS = """
F.linear(x(3, 4), x(2, 4))
F.linear(x(2, 3, 4), x(2, 4), x(2))
F.bilinear(x(3, 2), x(3, 4), x(5, 2, 4), x(5))
F.relu(x(3, 4))
F.relu(u(3) - 0.5, inplace=True)
F.relu6(x(3, 4) * 8)
F.elu(x(3, 4), 0.7)
F.selu(x(3, 4))
F.celu(x(3, 4), 0.5)
F.gelu(x(3, 4))
F.gelu(x(3, 4), approximate='tanh')
F.leaky_relu(x(3, 4), 0.1)
F.prelu(x(2, 3, 4), p(3))
F.rrelu(x(3, 4))
F.silu(x(3, 4))
F.mish(x(3, 4))
F.glu(x(3, 4))
F.glu(x(4, 3), 0)
F.hardtanh(x(3, 4), -0.5, 0.3)
F.hardswish(x(3, 4) * 4)
F.hardshrink(x(3, 4), 0.3)
F.softshrink(x(3, 4), 0.3)
F.softplus(x(3, 4), 2, 1)
F.softsign(x(3, 4))
F.tanhshrink(x(3, 4))
F.threshold(x(3, 4), 0.1, 20.0)
F.logsigmoid(x(3, 4) * 10)
F.sigmoid(x(3, 4))
F.tanh(x(3, 4))
F.softmax(x(3, 4))
F.softmax(x(4))
F.softmax(x(2, 3, 4))
F.softmax(x(2, 3, 4), 1)
F.softmax(x(3, 4), dim=1, dtype=T.float64)
F.softmin(x(3, 4))
F.softmin(x(3, 4), 0)
F.log_softmax(x(3, 4))
F.log_softmax(x(3, 4), -1)
F.dropout(x(3), 0.5, training=False)
F.dropout(x(3), 0.0)
F.dropout(x(3), 1.0)
F.dropout(T.ones(4, 5), 0.5)
F.dropout1d(T.ones(4, 5), 0.5)
F.dropout1d(T.ones(2, 4, 5), 0.5)
F.dropout2d(T.ones(2, 4, 2, 2), 0.5)
F.dropout2d(T.ones(2, 4, 2), 0.5)
F.dropout3d(T.ones(2, 4, 2, 2, 2), 0.5)
F.dropout3d(T.ones(2, 2, 2), 0.5)
F.alpha_dropout(T.ones(2, 4), 0.5, True)
F.feature_alpha_dropout(T.ones(2, 4, 3), 0.5, True)
F.embedding(i(1, 2, 1), x(4, 3))
F.embedding(i(1, 2, 1).view(3, 1), x(4, 3), padding_idx=1)
F.embedding(i(1, 2, 1), x(4, 3), padding_idx=-2)
F.embedding(i(1, 2, 1), x(4, 3), scale_grad_by_freq=True)
F.embedding(i(1, 2, 1), x(4, 3), 2, scale_grad_by_freq=True)
F.embedding(i(1, 2, 1).int(), x(4, 3))
F.embedding(i(1)[0], x(3, 4).t())
F.embedding(i(), x(4, 3))
F.embedding(i(1, 2, 1), x(4, 3), max_norm=0.5)
F.embedding(i(1, 2, 1), x(4, 3), max_norm=0.5, norm_type=1.0)
F.embedding(i(1, 2), T.ones(3, 2, dtype=T.int64))
F.one_hot(i(1, 0, 2))
F.one_hot(i(1, 0, 2).view(1, 3), 5)
F.one_hot(i(1)[0])
F.one_hot(i(), 3)
F.layer_norm(x(3, 4), (4,))
F.layer_norm(x(4, 3).t(), (4,), x(4), x(4))
F.layer_norm(x(2, 3, 4), (3, 4), x(3, 4), None, 0.1)
F.layer_norm(x(0, 4), (4,), x(4), x(4))
F.layer_norm(x(3, 0), (0,))
F.layer_norm(x(3, 300), (300,), x(300), x(300))
F.layer_norm(x(300, 70), (70,), x(70), x(70))
F.rms_norm(x(3, 4), (4,))
F.rms_norm(x(4, 3).t(), (4,), x(4))
F.rms_norm(x(2, 3, 4), (3, 4), x(3, 4), 0.1)
F.normalize(x(3, 4))
F.normalize(x(3, 4), p=1, dim=0)
F.cosine_similarity(x(3, 4), x(3, 4))
F.cosine_similarity(x(3, 4), x(4), dim=-1)
F.cosine_similarity(T.zeros(2, 3), T.zeros(2, 3))
F.pairwise_distance(x(3, 4), x(3, 4))
F.pairwise_distance(x(3, 4), x(4), p=1, keepdim=True)
F.pad(x(3, 4), (1, 2))
F.pad(x(3, 4), (1, -2, 0, 3), value=2.5)
F.pad(i(1, 2), (1, 1), value=1.5)
F.pad(T.tensor([True]), (1, 1))
F.pad(x(2, 3, 4), (2, 1), mode='reflect')
F.pad(x(2, 3, 4), (5, 1), mode='replicate')
F.pad(x(1, 2, 3, 4), (2, 1, 1, 1), mode='circular')
F.pad(x(1, 2, 3, 4), (2, 1, -1, 1), mode='replicate')
"""

ERRORS = """
F.cross_entropy(x(3, 2), i(1, 0, 5))
F.cross_entropy(x(3, 2), i(1, 0, -1))
F.cross_entropy(x(3, 2), i(1, 0))
F.cross_entropy(x(3, 2), t(1.0, 0.0, 1.0))
F.cross_entropy(x(3, 2), i(1, 0, 1).int())
F.cross_entropy(x(3, 2), i(1, 0, 1).bool())
F.cross_entropy(T.ones(3, 2, dtype=T.int64), i(1, 0, 1))
F.cross_entropy(x(3, 0), i(0, 0, 0))
F.cross_entropy(x(3, 2), i(1, 0, 1), reduction='foo')
F.cross_entropy(x(3, 2), i(1, 0, 1), label_smoothing=1.1)
F.cross_entropy(x(3, 2), i(1, 0, 1), t(1.0, 2.0, 3.0))
F.cross_entropy(x(3, 2), i(1, 0, 1), i(1, 2))
F.cross_entropy(x(3, 2), i(1, 0, 1), x(2))
F.cross_entropy(x(3, 2, 4), T.zeros(3, 5, dtype=T.int64))
F.cross_entropy(x(3, 2, 4), T.zeros(3, dtype=T.int64))
F.cross_entropy(x(3, 2, 4, 5), T.zeros(3, 4, dtype=T.int64))
F.cross_entropy(x(3, 2, 4, 5), T.zeros(3, 5, 4, dtype=T.int64))
F.cross_entropy(x(2), i(1, 1))
F.cross_entropy(x(3, 2), i(1)[0])
F.cross_entropy(x(3, 2), i(1, 0, 1).view(3, 1))
F.cross_entropy(x(3, 2), u(3, 2), ignore_index=0)
F.cross_entropy(x(3, 2), T.zeros(3, 2, dtype=T.int64))
F.cross_entropy(x(3, 2), u(3, 2), t(1.0, 2.0, 3.0))
F.cross_entropy(x(), i(1)[0])
F.nll_loss(x(3, 2), i(1, 0, 3))
F.nll_loss(x(), i(1)[0])
F.nll_loss(T.ones(3, 2, dtype=T.int64), i(1, 0, 1))
F.nll_loss(x(3, 2), i(1, 0, 1).view(3, 1))
F.mse_loss(x(3, 2), x(4))
F.mse_loss(x(3), x(3), reduction='foo')
F.mse_loss(i(1), i(1))
F.mse_loss(x(3, 4), x(3, 4), weight=u(4))
F.mse_loss(x(3).to(T.complex64), x(3).to(T.complex64))
F.smooth_l1_loss(x(3), x(3), beta=-1.0)
F.huber_loss(x(3), x(3), delta=0.0)
F.huber_loss(i(1), x(1))
F.binary_cross_entropy(p(3, 2), u(2))
F.binary_cross_entropy(p(3), i(1, 0, 1))
F.binary_cross_entropy(p(3) + 1, u(3))
F.binary_cross_entropy(p(3), u(3) - 1)
F.binary_cross_entropy(t(float('nan')), u(1))
F.binary_cross_entropy(p(3), u(3), p(3))
F.binary_cross_entropy_with_logits(x(3, 2), u(2))
F.binary_cross_entropy_with_logits(i(1, 2), u(2))
F.binary_cross_entropy_with_logits(x(2), i(1, 0))
F.binary_cross_entropy_with_logits(x(2), u(2), p(2))
F.binary_cross_entropy_with_logits(x(2), u(2), pos_weight=p(2))
F.kl_div(i(1), i(1), reduction='sum')
F.kl_div(x(1), u(1), reduction='foo')
F.soft_margin_loss(x(3), x(3))
F.soft_margin_loss(i(1), u(1))
F.cosine_embedding_loss(x(3, 2), x(3, 2), i(1, 1, 1).view(3, 1))
F.cosine_embedding_loss(x(2), x(2), i(1))
F.margin_ranking_loss(x(3), x(3, 1), i(1, 1, 1))
F.gaussian_nll_loss(x(3, 2), u(3, 2), u(4))
F.gaussian_nll_loss(x(3, 2), u(3, 2), -1.0)
F.gaussian_nll_loss(x(3, 2), u(3, 2), u(3, 1) - 2)
F.gaussian_nll_loss(x(3, 2), u(3, 2), 2.0, reduction='foo')
F.triplet_margin_loss(x(3, 2), x(3, 2), x(3, 2), margin=0)
F.dropout(x(3), 1.5)
F.dropout1d(x(3))
F.embedding(i(1), x(5, 3), padding_idx=7)
F.embedding(t(1.0), x(5, 3))
F.embedding(i(1).short(), x(5, 3))
F.embedding(i(1), x(5))
F.one_hot(i(1, 2), 2)
F.one_hot(i(1, -2), 2)
F.one_hot(t(1.0))
F.one_hot(i())
F.layer_norm(x(3, 2), (3,))
F.layer_norm(x(3, 2), ())
F.layer_norm(x(3, 2), (2,), t(1.0, 1.0, 1.0))
F.layer_norm(x(3, 2), (2,), t(1.0, 1.0), t(1.0, 1.0, 1.0))
F.layer_norm(T.ones(3, 2, dtype=T.int64), (2,))
F.rms_norm(x(3, 2), (3,))
F.rms_norm(x(3, 2), (2,), t(1.0, 1.0, 1.0))
F.rms_norm(T.ones(3, 2, dtype=T.int64), (2,))
F.cosine_similarity(i(1, 2), i(1, 2), 0)
F.pad(x(3, 2), (1, 1, 2))
F.pad(x(3, 2), (1, 1, 2, 2, 3, 3))
F.pad(x(3, 2), (2, 1), mode='reflect')
F.pad(x(3, 2), (1, 1), mode='foo')
F.pad(x(3, 2), (1, 1), mode='reflect', value=2)
F.pad(x(2), (1, 1), mode='reflect')
F.glu(x(3))
F.glu(x())
F.relu(x(3), inplace=True)
F.hardtanh(x(3), 1, -1)
F.gelu(x(3), approximate='foo')
F.prelu(x(3, 2), x(3))
"""


def cases(text):
    return text.strip().splitlines()


# Where one fused node, or another composition, stands for PyTorch's; the gradients are compared.
OTHER_NODES = (
    "F.huber_loss(x(3, 4), u(3, 4), weight",
    "F.rms_norm(x(4, 3).t()",
    "F.pad(x(2, 3, 4)",
    "F.pad(x(1, 2, 3, 4)",
    "F.pairwise_distance",
    "F.poisson_nll_loss(p(3)",
    "F.prelu",
    "F.cross_entropy(x(0, 2)",
    "F.cross_entropy(x(3, 4), p(3, 4)",
    "F.cross_entropy(x(3, 4, 2), u(",
    "F.cross_entropy(x(4), u(",
)


@pytest.mark.parametrize("text", cases(LOSSES) + cases(OTHERS))
def test_beside_pytorch(text):
    ours = evaluate(tensorlite, text, "float64")
    if torch is None:
        pytest.skip("torch is not installed: ran without a comparison")
    theirs = evaluate(torch, text, "float64")
    for a, b in ((ours[0], theirs[0]), (ours[3:], theirs[3:])):
        a, b = plain(a), plain(b)
        assert same(a, b, 1e-9), f"\ntensorlite: {a}\n   PyTorch: {b}"
    if not text.startswith(OTHER_NODES):
        assert ours[1] == theirs[1]
    assert [w[:2] for w in ours[2]] == [w[:2] for w in theirs[2]]
    # Warnings name the line that called.
    assert {w[2] for w in ours[2]} <= {"<string>"}


@pytest.mark.parametrize("text", cases(ERRORS))
def test_errors(text):
    ours = evaluate(tensorlite, text, "float32")
    if torch is None:
        pytest.skip("torch is not installed: ran without a comparison")
    theirs = evaluate(torch, text, "float32")
    assert len(theirs) == 2, theirs
    assert ours[0] == theirs[0], (ours, theirs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("text", cases(LOSSES)[::3] + cases(OTHERS)[::3])
def test_half(text, dtype):
    ours = evaluate(tensorlite, text, dtype)
    if torch is None:
        pytest.skip("torch is not installed: ran without a comparison")
    theirs = evaluate(torch, text, dtype)
    if len(theirs) == 2 or "gaussian" in text:
        pytest.skip("PyTorch has no such kernel")
    assert same(plain(ours[0]), plain(theirs[0]), 0.02), (ours[0], theirs[0])


def test_large_losses_do_not_depend_on_threads():
    F = tensorlite.nn.functional
    tensorlite.manual_seed(0)
    x = tensorlite.randn(300, 301, requires_grad=True)
    y = tensorlite.rand(300, 301)
    classes = tensorlite.randint(301, (300,))
    before = tensorlite.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            tensorlite.set_num_threads(threads)
            losses = [
                F.mse_loss(x, y),
                F.binary_cross_entropy_with_logits(x, y),
                F.cross_entropy(x, classes),
                F.layer_norm(x, (301,)).sum(),
            ]
            grads = [tensorlite.autograd.grad(loss, x)[0] for loss in losses]
            results.append([t.tolist() for t in losses + grads])
    finally:
        tensorlite.set_num_threads(before)
    assert results[0] == results[1]


def test_inputs_may_change_after_cross_entropy():
    # Only the probabilities are kept.
    x = tensorlite.randn(3, 2, requires_grad=True)
    h = x * 1
    loss = tensorlite.nn.functional.cross_entropy(h, tensorlite.tensor([1, 0, 1]))
    h.mul_(2)
    loss.backward()
    assert x.grad.sum(1).abs().max() < 1e-6
