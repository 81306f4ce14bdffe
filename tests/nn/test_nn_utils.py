"""Pruning, fusion, stateless calls and the rest of nn.utils beside PyTorch's."""

import copy
from importlib import import_module

import pytest

import tensorlite
from side_by_side import compare, outcome, torch


def prune_of(T):
    return import_module(T.__name__ + ".nn.utils.prune")


def linear(T, n=4, m=3, seed=0):
    T.manual_seed(seed)
    return T.nn.Linear(n, m)


def show(m):
    return [m.state_dict(), [n for n, _ in m.named_parameters()], len(m._forward_pre_hooks)]


METHODS = {
    "identity": (),
    "l1_unstructured": (0.5,),
    "random_unstructured": (4,),
    "random_structured": (1, 0),
    "ln_structured": (0.5, 2, 1),
}


def check_prune(T, name, second):
    p = prune_of(T)
    m = linear(T)
    out = [p.is_pruned(m), getattr(p, name)(m, "weight", *METHODS[name]) is m, *show(m)]
    x = T.ones(2, 4)
    m(x).sum().backward()
    out += [m.weight, m(x), [q.grad for q in m.parameters()], p.is_pruned(T.nn.Sequential(m))]
    with T.no_grad():
        m.weight_orig.add_(1)
    m(x)
    out.append(m.weight)
    getattr(p, second)(m, "weight", *METHODS[second])
    out += [*show(m), m.weight, len(next(iter(m._forward_pre_hooks.values())))]
    with T.no_grad():
        m(x)
    twin = copy.deepcopy(m)
    out += [p.remove(m, "weight") is m, *show(m), m.weight, outcome(p.remove, m, "weight")]
    return [*out, twin(x)]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("second", ["l1_unstructured", "ln_structured"])
def test_prune(name, second):
    compare(check_prune, name, second)


def check_prune_others(T):
    p = prune_of(T)
    m, other = linear(T), linear(T, 3, 2, 1)
    p.custom_from_mask(m, "bias", T.tensor([1, 0, 1]))
    out = [*show(m), m.bias]
    pairs = [(m, "weight"), (other, "weight")]
    p.global_unstructured(pairs, pruning_method=p.L1Unstructured, amount=5)
    out += [*show(m), *show(other)]
    scores = {(m, "weight"): T.arange(12.0).view(3, 4)}
    p.global_unstructured(pairs, p.L1Unstructured, importance_scores=scores, amount=0.3)
    out += [m.weight, other.weight]
    t = T.arange(6.0).view(2, 3)
    out += [p.L1Unstructured(2).prune(t), p.LnStructured(1, float("inf"), 0).prune(t)]
    out.append(p.L1Unstructured(1).prune(t, importance_scores=-t + 9))
    p.l1_unstructured(other, "bias", 1, importance_scores=T.tensor([2.0, 1.0]))
    out.append(other.bias)
    conv = T.nn.Conv2d(2, 4, 2)
    p.ln_structured(conv, "weight", 2, n=1, dim=0)
    out += [conv.weight_mask.sum((1, 2, 3)).sort().values, conv(T.ones(1, 2, 3, 3)).shape]

    class Evens(p.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    fresh = linear(T)
    Evens.apply(fresh, "weight")
    out.append(fresh.weight)
    Evens.apply(fresh, "weight")
    return [*out, fresh.weight]


def test_prune_others():
    compare(check_prune_others)


def check_prune_errors(T):
    p = prune_of(T)
    m = linear(T)
    out = []
    for f in (
        lambda: p.l1_unstructured(m, "weight", 99),
        lambda: p.l1_unstructured(m, "weight", 1.5),
        lambda: p.l1_unstructured(m, "weight", -1),
        lambda: p.l1_unstructured(m, "weight", "a"),
        lambda: p.l1_unstructured(m, "nothing", 1),
        lambda: p.l1_unstructured(m, "weight", 1, importance_scores=T.ones(2)),
        lambda: p.ln_structured(m, "bias", 1, 2, 0),
        lambda: p.ln_structured(m, "weight", 1, 2, 5),
        lambda: p.random_structured(m, "weight", 9, 0),
        lambda: p.custom_from_mask(m, "weight", T.ones(2)),
        lambda: p.global_unstructured(3, p.L1Unstructured, amount=1),
        lambda: p.global_unstructured([(m, "weight")], p.LnStructured, amount=1, n=2),
        lambda: p.global_unstructured([(m, "weight")], p.L1Unstructured, [1], amount=1),
        lambda: p.PruningContainer(3),
        lambda: p.remove(m, "weight"),
        lambda: p.BasePruningMethod(),
    ):
        out += [outcome(f), [n for n, _ in m.named_parameters()]]
    return out


def test_prune_errors():
    compare(check_prune_errors)


def check_functional_call(T):
    s = T.nn.utils.stateless
    m = T.nn.Sequential(linear(T), T.nn.Tanh(), linear(T, 3, 4, 1))
    m[2].register_buffer("count", T.zeros(1))
    x = T.ones(1, 4)
    before = {k: v.clone() for k, v in m.state_dict().items()}
    new = {k: (v * 2).requires_grad_() for k, v in m.named_parameters()}
    out = [
        m(x),
        s.functional_call(m, new, x),
        s.functional_call(m, {"0.bias": new["0.bias"]}, (x,)),
    ]
    out[1].sum().backward()
    out += [v.grad for v in new.values()]
    out += [outcome(s.functional_call, m, {"0.nothing.x": x}, x)]
    out += [outcome(s.functional_call, m, {"nothing": x}, x, strict=True)]
    out += [outcome(s.functional_call, m, new, x, strict=True)]
    out += [outcome(s.functional_call, m, {"0.weight": 3}, x)]
    out += [outcome(s.functional_call, m, {"0.weight": T.ones(2, 2)}, x)]
    out += [
        list(m.state_dict()),
        all(bool((v == before[k]).all()) for k, v in m.state_dict().items()),
    ]

    class Counter(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", T.zeros(()))
            self.a = T.nn.Parameter(T.ones(()))
            self.b = self.a

        def forward(self, x, scale=1):
            self.n = self.n + 1
            return (self.a + self.b * x) * scale

    c = Counter()
    given = {"n": T.tensor(5.0), "a": T.tensor(2.0)}
    out += [s.functional_call(c, given, T.tensor(3.0), {"scale": 2}), given, c.n]
    out += [s.functional_call(c, {"a": T.tensor(2.0)}, T.tensor(3.0), tie_weights=False)]
    two = {"a": T.tensor(2.0), "b": T.tensor(3.0)}
    out += [outcome(s.functional_call, c, two, T.tensor(3.0)), c.a is c.b]
    return out


def test_functional_call():
    compare(check_functional_call, warns=False)
    m = tensorlite.nn.Linear(1, 1)
    with pytest.warns(FutureWarning, match="is deprecated"):
        tensorlite.nn.utils.stateless.functional_call(m, {}, tensorlite.ones(1, 1))


class Norm:
    """What fusion reads of a batch norm."""

    def __init__(self, T, n, affine=True):
        self.training = False
        self.num_features, self.eps = n, 1e-3
        self.running_mean, self.running_var = T.rand(n), T.rand(n) + 0.5
        self.weight, self.bias = (T.rand(n), T.rand(n)) if affine else (None, None)

    def __call__(self, x):
        shape = [1, -1] + [1] * (x.dim() - 2)
        y = (x - self.running_mean.view(shape)) * (self.running_var + self.eps).rsqrt().view(shape)
        return y if self.weight is None else y * self.weight.view(shape) + self.bias.view(shape)


def check_fusion(T):
    T.manual_seed(0)
    u = T.nn.utils
    out = []
    x = T.rand(2, 2, 5, 5)
    for conv, transpose in (
        (T.nn.Conv2d(2, 3, 2), False),
        (T.nn.Conv2d(2, 3, 2, bias=False), False),
        (T.nn.ConvTranspose2d(2, 3, 2), True),
    ):
        for bn in (Norm(T, 3), Norm(T, 3, affine=False)):
            conv.eval()
            fused = u.fuse_conv_bn_eval(conv, bn, transpose=transpose)
            out += [fused.weight, fused.bias, bool(((fused(x) - bn(conv(x))).abs() < 1e-5).all())]
            out += [fused.bias.requires_grad, fused is conv]
    for bias in (True, False):
        lin = T.nn.Linear(4, 3, bias=bias).eval()
        bn = Norm(T, 3)
        fused = u.fuse_linear_bn_eval(lin, bn)
        y = T.rand(5, 4)
        out += [fused.weight, fused.bias, bool(((fused(y) - bn(lin(y))).abs() < 1e-5).all())]
    out += [
        outcome(u.fuse_linear_bn_eval, lin.train(), bn),
        outcome(u.fuse_conv_bn_eval, conv.train(), bn),
    ]
    out.append(outcome(u.fuse_linear_bn_eval, lin.eval(), Norm(T, 7)))
    bn.running_mean = None
    out.append(outcome(u.fuse_linear_bn_eval, lin, bn))
    return out


def test_fusion():
    compare(check_fusion, tol=1e-5)


def check_rest(T):
    u = T.nn.utils
    m = u.skip_init(T.nn.Linear, 3, 4, bias=False)
    out = [m.weight.shape, str(m.weight.device), repr(m)]
    out += [outcome(u.skip_init, int), outcome(u.skip_init, T.nn.Sequential)]
    net = T.nn.Sequential(T.nn.Conv2d(2, 3, 2), T.nn.Conv3d(2, 3, 2), T.nn.Linear(2, 2))
    before = [p.clone() for p in net.parameters()]
    out.append(u.convert_conv2d_weight_memory_format(net, T.channels_last) is net)
    out.append(u.convert_conv3d_weight_memory_format(net, T.channels_last_3d) is net)
    out.append([p.stride() for p in net.parameters()])
    same = zip(before, net.parameters(), strict=True)
    return [*out, [bool((a == b).all()) for a, b in same]]


def test_rest():
    compare(check_rest)


def test_names():
    if torch is None:
        pytest.skip("torch is not installed")
    ours = tensorlite.nn.utils
    missing = {n for n in torch.nn.utils.__all__ if not hasattr(ours, n)}
    assert missing <= {"rnn"}
    for name in ("parametrize", "parametrizations", "stateless"):
        theirs = getattr(torch.nn.utils, name)
        assert set(theirs.__all__) <= set(getattr(ours, name).__all__)
    theirs, prune = (prune_of(T) for T in (torch, tensorlite))
    public = {n for n, v in vars(theirs).items() if getattr(v, "__module__", "") == theirs.__name__}
    assert public <= set(vars(prune)), public - set(vars(prune))
