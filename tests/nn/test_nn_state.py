"""state_dict and load_state_dict with their options and hooks, beside PyTorch's."""

import warnings
from collections import OrderedDict

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn


def make_net(T):
    class Versioned(T.nn.Linear):
        _version = 7

    class Extra(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 5

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    net = T.nn.Sequential(OrderedDict(a=Versioned(2, 3), e=Extra(), i=T.nn.Identity()))
    net.register_buffer("buf", T.arange(2.0))
    net.register_buffer("tmp", T.arange(2.0), persistent=False)
    net.register_buffer("none", None)
    return net


def check_state_dict(T):
    net = make_net(T)
    sd = net.state_dict()
    out = [type(sd).__name__, sd, sd._metadata, sd["a.weight"].requires_grad]
    sd["buf"].add_(1)
    out.append(net.buf)
    kept = net.state_dict(keep_vars=True)
    out += [kept["a.weight"] is net.a.weight, kept["a.weight"].requires_grad]
    out.append(list(net.state_dict(prefix="p.")))
    mine = OrderedDict(first=1)
    out += [net.state_dict(destination=mine) is mine, list(mine)]
    out.append(list(net.state_dict(OrderedDict(), "old.", False)))
    return out


def test_state_dict():
    compare(check_state_dict, warns=False)
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        nn.Linear(1, 1).state_dict(OrderedDict())


def check_load(T):
    net, other = make_net(T), make_net(T)
    sd = other.state_dict()
    out = [repr(net.load_state_dict(sd)), net.a.weight.tolist() == other.a.weight.tolist()]
    before = net.a.weight
    part = OrderedDict(sd)
    del part["buf"], part["e._extra_state"]
    part["extra"] = T.ones(1)
    part["a.more"] = T.ones(1)
    part["zz.w"] = T.ones(1)
    part["i._extra_state"] = 3
    result = net.load_state_dict(part, strict=False)
    out += [repr(result), result.missing_keys, result.unexpected_keys, net.a.weight is before]
    for bad in (
        part,
        {"a.weight": T.ones(5, 5)},
        {**sd, "a.bias": 3},
        {**sd, "buf": T.ones(2, 2)},
    ):
        try:
            net.load_state_dict(bad)
        except RuntimeError as error:
            out.append(str(error))
    out += [outcome(net.load_state_dict, 3), outcome(net.load_state_dict, [("a", 1)])]
    double = {k: v.double() if hasattr(v, "double") else v for k, v in sd.items()}
    net.load_state_dict(double)
    out.append(net.a.weight.dtype)
    net.load_state_dict(double, assign=True)
    out += [net.a.weight.dtype, type(net.a.weight) is T.nn.Parameter, net.a.weight.requires_grad]
    out += [net.buf is double["buf"], net.a.weight is before]
    net.a.weight.requires_grad_(False)
    net.load_state_dict(other.state_dict(keep_vars=True), assign=True)
    out += [net.a.weight is other.a.weight, net.a.weight.requires_grad]
    scalar = T.nn.Module()
    scalar.x = T.nn.Parameter(T.tensor(1.0))
    scalar.load_state_dict({"x": T.tensor([4.0])})
    out.append(scalar.x)
    return out


def test_load_state_dict():
    compare(check_load)


def check_hooks(T):
    net = make_net(T)
    log = []

    def post(module, sd, prefix, metadata):
        log.append(("post", type(module).__name__, prefix, metadata, len(sd)))

    def load_pre(module, sd, prefix, metadata, strict, missing, unexpected, errors):
        log.append(("load pre", prefix, strict, len(sd), metadata))
        if prefix + "renamed" in sd:
            sd[prefix + "weight"] = sd.pop(prefix + "renamed")

    def load_post(module, keys):
        log.append(("load post", type(module).__name__, list(keys.missing_keys)))
        keys.missing_keys.clear()

    net.register_state_dict_pre_hook(lambda m, prefix, keep: log.append(("pre", prefix, keep)))
    net.a.register_state_dict_post_hook(post)
    handle = net._register_state_dict_hook(lambda m, sd, prefix, meta: OrderedDict(sd, added=1))
    sd = net.state_dict()
    out = [list(sd)]
    handle.remove()
    sd = net.state_dict()
    net.a.register_load_state_dict_pre_hook(load_pre)
    net.register_load_state_dict_post_hook(load_post)
    sd["a.renamed"] = sd.pop("a.weight")
    del sd["buf"]
    out.append(repr(net.load_state_dict(sd)))
    out.append(log)
    net.a.register_state_dict_post_hook(lambda *args: 3)
    out.append(outcome(net.state_dict))
    net.register_load_state_dict_post_hook(lambda *args: 3)
    out.append(outcome(net.load_state_dict, sd, strict=False))
    plain = T.nn.Linear(1, 1)
    plain._register_load_state_dict_pre_hook(lambda sd, *rest: log.append(("old", list(sd))))
    plain.load_state_dict(plain.state_dict())
    out.append(log[-1])
    return out


def test_hooks():
    compare(check_hooks)


def test_loading_checks_do_not_stop_at_the_first():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    bad = {
        "0.weight": tensorlite.ones(3, 3),
        "0.bias": tensorlite.full((2,), 5.0),
        "1.bias": tensorlite.ones(1),
    }
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(bad)
    text = str(caught.value)
    assert "size mismatch for 0.weight" in text
    assert "size mismatch for 1.bias" in text
    assert 'Missing key(s) in state_dict: "1.weight"' in text
    assert net[0].bias.tolist() == [5.0, 5.0]


def check_prefix(T):
    sd = OrderedDict([("module.a", 1), ("module.b.c", 2), ("other", 3)])
    sd._metadata = OrderedDict([("module", 1), ("module.b", 2)])
    T.nn.modules.utils.consume_prefix_in_state_dict_if_present(sd, "module.")
    return [sorted(sd), sorted(sd._metadata)]


def test_consume_prefix():
    compare(check_prefix)


def test_no_warnings_in_plain_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = make_net(tensorlite)
        net.load_state_dict(net.state_dict())
