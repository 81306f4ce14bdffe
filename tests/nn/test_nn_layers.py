"""Every module's forward and backward beside PyTorch's."""

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn

LAYERS = [
    ("Identity", (1,), {}, (2, 3)),
    ("Linear", (3, 4), {}, (2, 3)),
    ("Linear", (3, 4), {"bias": False}, (3,)),
    ("Linear", (3, 4), {}, (2, 5, 3)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, -1)), {}, (2, 6)),
    ("LayerNorm", (3,), {}, (2, 3)),
    ("LayerNorm", ((2, 3),), {"eps": 0.1, "bias": False}, (4, 2, 3)),
    ("LayerNorm", (3,), {"elementwise_affine": False}, (2, 3)),
    ("RMSNorm", (3,), {}, (2, 3)),
    ("RMSNorm", ((2, 3),), {"eps": 0.1}, (4, 2, 3)),
    ("RMSNorm", (3,), {"elementwise_affine": False}, (2, 3)),
    ("Threshold", (0.1, 20.0), {}, (2, 3)),
    ("CELU", (), {"alpha": 0.5}, (2, 3)),
    ("ELU", (), {"alpha": 0.5}, (2, 3)),
    ("GELU", (), {}, (2, 3)),
    ("GELU", (), {"approximate": "tanh"}, (2, 3)),
    ("GLU", (), {}, (2, 4)),
    ("Hardshrink", (), {}, (2, 3)),
    ("Hardsigmoid", (), {}, (2, 3)),
    ("Hardswish", (), {}, (2, 3)),
    ("Hardtanh", (-0.5, 0.7), {}, (2, 3)),
    ("LeakyReLU", (0.2,), {}, (2, 3)),
    ("LogSigmoid", (), {}, (2, 3)),
    ("LogSoftmax", (1,), {}, (2, 3)),
    ("Mish", (), {}, (2, 3)),
    ("PReLU", (), {}, (2, 3)),
    ("PReLU", (3,), {}, (2, 3, 2)),
    ("ReLU", (), {}, (2, 3)),
    ("ReLU6", (), {}, (2, 3)),
    ("SELU", (), {}, (2, 3)),
    ("SiLU", (), {}, (2, 3)),
    ("Sigmoid", (), {}, (2, 3)),
    ("Softmax", (1,), {}, (2, 3)),
    ("Softmax", (), {}, (2, 3)),
    ("Softmax2d", (), {}, (2, 3, 4)),
    ("Softmin", (0,), {}, (2, 3)),
    ("Softplus", (2.0, 1.0), {}, (2, 3)),
    ("Softshrink", (0.3,), {}, (2, 3)),
    ("Softsign", (), {}, (2, 3)),
    ("Tanh", (), {}, (2, 3)),
    ("Tanhshrink", (), {}, (2, 3)),
]
DROPOUTS = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout RReLU".split()


def check_layer(T, name, args, kwargs, shape):
    m = getattr(T.nn, name)(*args, **kwargs)
    x = (T.rand(shape) * 4 - 2).requires_grad_()
    y = m(x)
    (y * T.rand(y.shape)).sum().backward()
    return [y, x.grad, [p.grad for p in m.parameters()]]


@pytest.mark.parametrize("name, args, kwargs, shape", LAYERS)
def test_layer(name, args, kwargs, shape):
    compare(check_layer, name, args, kwargs, shape, tol=2e-6)


@pytest.mark.parametrize(
    "name",
    "RReLU ReLU Hardtanh ReLU6 Hardsigmoid SiLU Mish Hardswish ELU CELU SELU LeakyReLU".split(),
)
def test_inplace(name):
    m = getattr(nn, name)(inplace=True).eval()
    x = tensorlite.rand(2, 3) - 0.5
    expected = getattr(nn, name)().eval()(x)
    assert m(x) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_in_evaluation(name):
    m = getattr(nn, name)().eval()
    x = tensorlite.rand(2, 3, 4, 5) if name[-2:] in ("2d", "3d") else tensorlite.rand(2, 3, 4)
    assert m(x).tolist() == x.tolist()


def test_dropout_in_training():
    m = nn.Dropout(0.25)
    y = m(tensorlite.ones(10_000))
    kept = y[y != 0]
    assert 0.7 < kept.numel() / 10_000 < 0.8
    assert kept.unique().tolist() == pytest.approx([1 / 0.75])
    x = tensorlite.ones(4)
    assert nn.Dropout(1.0)(x).tolist() == [0.0] * 4
    assert nn.Dropout(0.5, inplace=True)(x) is x
    channels = nn.Dropout2d(0.5)(tensorlite.ones(8, 8, 4, 4)).flatten(2)
    assert ((channels == 0).all(2) | (channels == 2).all(2)).all()


def check_bilinear(T):
    m = T.nn.Bilinear(2, 3, 4)
    a, b = T.rand(5, 2, requires_grad=True), T.rand(5, 3, requires_grad=True)
    y = m(a, b)
    (y * y).sum().backward()
    return [y, a.grad, b.grad, m.weight.grad, m.bias.grad]


def test_bilinear():
    compare(check_bilinear, tol=2e-6)


def check_embedding(T):
    m = T.nn.Embedding(5, 3, padding_idx=1)
    y = m(T.tensor([[0, 1], [4, 0]]))
    (y * y).sum().backward()
    out = [y, m.weight.grad]
    table = T.arange(6.0).view(3, 2)
    e = T.nn.Embedding.from_pretrained(table, padding_idx=-1)
    out += [e.weight.requires_grad, e(T.tensor([1, 2])), e.padding_idx, repr(e)]
    n = T.nn.Embedding.from_pretrained(T.arange(6.0).view(3, 2), freeze=False, max_norm=1.0)
    out += [n(T.tensor([2, 1])), n.weight]
    f = T.nn.Embedding(4, 2, scale_grad_by_freq=True)
    f(T.tensor([1, 1, 2])).sum().backward()
    out.append(f.weight.grad)
    for call in (
        lambda: T.nn.Embedding(3, 2, padding_idx=7),
        lambda: T.nn.Embedding(3, 2, _weight=T.ones(2, 2)),
        lambda: T.nn.Embedding.from_pretrained(T.ones(3)),
        lambda: m(T.tensor([9])),
    ):
        out.append(outcome(call))
    return out


def test_embedding():
    compare(check_embedding, tol=2e-6)


LOSSES = [
    ("L1Loss", {}),
    ("MSELoss", {}),
    ("MSELoss", {"reduction": "sum"}),
    ("MSELoss", {"reduction": "none"}),
    ("SmoothL1Loss", {"beta": 0.5}),
    ("HuberLoss", {"delta": 0.5}),
    ("BCELoss", {}),
    ("BCEWithLogitsLoss", {}),
    ("KLDivLoss", {"reduction": "batchmean"}),
    ("KLDivLoss", {"reduction": "sum", "log_target": True}),
    ("MSELoss", {"size_average": False}),
    ("L1Loss", {"reduce": False}),
    ("SoftMarginLoss", {"reduction": "none"}),
    ("MultiLabelSoftMarginLoss", {}),
    ("HingeEmbeddingLoss", {"margin": 0.4}),
    ("PoissonNLLLoss", {"full": True}),
    ("PoissonNLLLoss", {"log_input": False, "reduction": "sum"}),
]


def check_loss(T, name, kwargs):
    m = getattr(T.nn, name)(**kwargs)
    x, y = T.rand(3, 4, requires_grad=True), T.rand(3, 4)
    loss = m(x, y)
    loss.sum().backward()
    return [loss, x.grad, repr(m), list(m.state_dict()), m.reduction]


@pytest.mark.parametrize("name, kwargs", LOSSES)
def test_loss(name, kwargs):
    compare(check_loss, name, kwargs, tol=2e-6)


def check_pairs(T):
    """Losses and distances of more than one input."""
    a, b, c = (T.rand(3, 4, requires_grad=True) for _ in range(3))
    t = T.tensor([1, -1, 1])
    nn = T.nn
    values = [
        nn.MarginRankingLoss(0.1)(a[:, 0], b[:, 0], t),
        nn.CosineEmbeddingLoss(0.1, reduction="sum")(a, b, t),
        nn.GaussianNLLLoss(full=True)(a, b, c),
        nn.TripletMarginLoss(swap=True)(a, b, c),
        nn.TripletMarginWithDistanceLoss(margin=0.5)(a, b, c),
        nn.PairwiseDistance(1.0, keepdim=True)(a, b).sum(),
        nn.CosineSimilarity(0)(a, b).sum(),
    ]
    sum(values).backward()
    out = [*values, a.grad, b.grad, c.grad]
    out += [repr(m) for m in (nn.PairwiseDistance(), nn.CosineSimilarity(), nn.TripletMarginLoss())]
    out += [outcome(nn.TripletMarginLoss, 0), outcome(nn.TripletMarginWithDistanceLoss, margin=-1)]
    return out


def test_losses_of_pairs():
    compare(check_pairs, tol=2e-6)


def check_weighted(T):
    w = T.tensor([1.0, 2.0, 0.5])
    x = T.rand(4, 3, requires_grad=True)
    t = T.tensor([0, 2, -1, 1])
    probs = T.rand(4, 3)
    losses = [
        T.nn.CrossEntropyLoss(w, ignore_index=-1),
        T.nn.CrossEntropyLoss(w, ignore_index=-1, label_smoothing=0.1, reduction="sum"),
        T.nn.NLLLoss(w, ignore_index=-1, reduction="none"),
    ]
    out = []
    for m in losses:
        loss = m(x, t)
        loss.sum().backward()
        out += [loss, x.grad.clone(), list(m.state_dict())]
    out += [T.nn.CrossEntropyLoss()(x, probs), T.nn.BCELoss(w)(x, probs)]
    logits = T.nn.BCEWithLogitsLoss(weight=w, pos_weight=w * 2)
    out += [logits(x, probs), list(logits.state_dict()), list(logits.to(T.float64).weight.shape)]
    return out


def test_weighted_losses():
    compare(check_weighted, tol=2e-6)


def check_bad_arguments(T):
    nn = T.nn
    return [
        outcome(f)
        for f in (
            lambda: nn.Dropout(1.5),
            lambda: nn.Hardtanh(1, 0),
            lambda: nn.Unflatten(1, 3),
            lambda: nn.Unflatten(1, (1, "b")),
            lambda: nn.Softmax2d()(T.ones(2)),
            lambda: nn.Bilinear(0, 1, 1),
            lambda: nn.Linear(2, 3)(T.ones(5)),
            lambda: nn.Linear("a", 3),
            lambda: nn.MSELoss(reduction="x")(T.ones(1), T.ones(1)),
        )
    ]


def test_bad_arguments():
    compare(check_bad_arguments)


def test_deprecated_options_warn():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        nn.MSELoss(size_average=False)
    with pytest.warns(FutureWarning, match="renamed to `min_val`"):
        nn.Hardtanh(min_value=-2)
    with pytest.warns(FutureWarning, match="NLLLoss2d"):
        nn.NLLLoss2d()
