"""Module's attribute machinery, traversal, conversion and display, beside PyTorch's."""

import copy
import gc
import pickle
import weakref
from importlib import import_module

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(2, 3)
        self.register_buffer("count", tensorlite.zeros(2))
        self.plain = 3

    def forward(self, x):
        return self.lin(x)


def make_net(T):
    class Inner(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = T.nn.Parameter(T.arange(6.0).view(2, 3))
            self.register_buffer("seen", T.tensor(4))
            self.register_buffer("scratch", T.ones(2), persistent=False)
            self.register_parameter("nothing", None)
            self.register_buffer("no_buffer", None)

        def extra_repr(self):
            return "inner"

        def forward(self, x):
            return x @ self.w

    class Outer(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = Inner()
            self.b = T.nn.ModuleList([Inner(), T.nn.Identity()])
            self.shared = self.a
            self.none = None
            self.add_module("missing", None)
            self.bias = T.nn.Parameter(T.ones(3))

        def forward(self, x):
            return self.a(x) + self.b[0](x) + self.bias

    return Outer()


def check_attributes(T):
    nn = T.nn
    out = []

    class Bad(nn.Module):
        def __init__(self, value):
            self.x = value

        def __repr__(self):
            return "Bad"

    for value in (nn.Parameter(T.ones(1)), nn.Linear(1, 1), nn.Buffer(T.ones(1))):
        out.append(outcome(Bad, value))
    early = Bad(3)
    out.append(early.x)
    out.append(outcome(early.register_buffer, "b", T.ones(1)))
    out.append(outcome(early.register_parameter, "b", None))
    out.append(outcome(lambda: early(1)))
    m = nn.Linear(2, 3)
    s = nn.Sequential(m)
    s.register_buffer("b", T.ones(1))
    for f in (
        lambda: setattr(m, "weight", T.ones(3, 2)),
        lambda: setattr(m, "weight", 3),
        lambda: setattr(s, "0", 3),
        lambda: setattr(s, "b", 3),
        lambda: m.register_parameter("weight", None),
        lambda: m.register_parameter("a.b", None),
        lambda: m.register_parameter("", None),
        lambda: m.register_parameter(3, None),
        lambda: m.register_parameter("x", T.ones(1)),
        lambda: m.register_parameter("forward", None),
        lambda: m.register_parameter("bias", None),
        lambda: m.register_buffer("weight", None),
        lambda: m.register_buffer("a.b", None),
        lambda: m.register_buffer("x", 3),
        lambda: m.add_module("weight", None),
        lambda: m.add_module("a.b", None),
        lambda: m.add_module("", None),
        lambda: m.add_module("x", 3),
        lambda: m.nothing,
        lambda: delattr(m, "nothing"),
        lambda: nn.Module()(1),
        lambda: nn.Module(1),
        lambda: nn.Module(a=1),
        lambda: m.train(3),
        lambda: m.to(T.int32),
        lambda: m.to(3, 4, 5),
        lambda: m.get_extra_state(),
        lambda: m.set_extra_state(3),
    ):
        out.append(outcome(f))
    out.append(list(vars(m)))
    # Moving a name from one table to another.
    m.thing = 3
    m.thing = nn.Parameter(T.ones(1))
    out += ["thing" in vars(m), "thing" in m._parameters]
    m.thing = None
    out.append("thing" in m._parameters)
    m.other = T.ones(2)
    out += ["other" in vars(m), "other" in m._buffers]
    del m.other
    m.other = nn.Buffer(T.ones(2), persistent=False)
    out += ["other" in vars(m), "other" in m._buffers, sorted(m._non_persistent_buffers_set)]
    m.other = T.zeros(3)
    out += [m._buffers["other"], sorted(m._non_persistent_buffers_set)]
    m.other = nn.ReLU()
    out += ["other" in m._buffers, "other" in m._modules, sorted(m._non_persistent_buffers_set)]
    m.other = nn.Parameter(T.ones(1))
    out += [list(m._modules), list(m._parameters)]
    del m.other, m.weight
    out += [list(m._parameters), hasattr(m, "weight")]
    m.register_parameter("gone", None)
    out += [m.gone, "gone" in dir(m), "0" in dir(s), "b" in dir(s)]
    return out


def test_attributes():
    compare(check_attributes)


def test_error_messages():
    m = nn.Linear(2, 3)
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'zzz'"):
        _ = m.zzz
    with pytest.raises(TypeError, match=r"cannot assign .* as parameter 'weight'"):
        m.weight = 3
    with pytest.raises(TypeError, match="as child module 'lin'"):
        Net().lin = 3

    class Early(nn.Module):
        def __init__(self):
            self.x = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match="before Module.__init__"):
        Early()
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        nn.Module()(1)


def check_traversal(T):
    net = make_net(T)

    def names(pairs):
        return [name for name, _ in pairs]

    out = [
        names(net.named_parameters()),
        names(net.named_parameters(prefix="p", recurse=False)),
        names(net.named_parameters(remove_duplicate=False)),
        names(net.named_buffers()),
        names(net.named_buffers(prefix="x", remove_duplicate=False)),
        names(net.named_modules()),
        names(net.named_modules(prefix="q", remove_duplicate=False)),
        names(net.named_children()),
        len(list(net.parameters())),
        len(list(net.buffers(recurse=False))),
        len(list(net.modules())),
        len(list(net.children())),
        net.get_submodule("b.1") is net.b[1],
        net.get_submodule("") is net,
        net.get_parameter("b.0.w") is net.b[0].w,
        net.get_buffer("a.seen"),
        outcome(net.get_submodule, "a.x"),
        outcome(net.get_submodule, "a.w"),
        outcome(net.get_parameter, "a.seen"),
        outcome(net.get_buffer, "a.w"),
        outcome(net.set_submodule, "", net.a),
        outcome(net.set_submodule, "b.0", 3),
        outcome(net.set_submodule, "zz.0", net.a),
        outcome(net.set_submodule, "a.zz", T.nn.ReLU(), strict=True),
    ]
    net.set_submodule("b.1", T.nn.Tanh())
    net.set_submodule("a.new", T.nn.ReLU())
    out.append(repr(net))
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    out.append(order)
    net.eval()
    out.append([m.training for m in net.modules()])
    net.train()
    net.requires_grad_(False)
    out.append([p.requires_grad for p in net.parameters()])
    return out


def test_traversal():
    compare(check_traversal)


def check_conversion(T):
    net = make_net(T)
    w = net.a.w
    net(T.ones(1, 2)).sum().backward()
    grad = w.grad
    out = []
    net.double()
    out += [net.a.w is w, w.dtype, w.grad.dtype, net.a.seen.dtype, net.a.scratch.dtype, w, w.grad]
    out.append(w.grad is grad)
    net.to(T.float32)
    out += [w.dtype, w.grad]
    net.to("cpu", T.float64)
    out.append(w.dtype)
    net.to(T.ones(1, dtype=T.float16))
    out += [w.dtype, net.a.seen.dtype]
    net.bfloat16()
    out.append(w.dtype)
    net.half()
    out.append(w.dtype)
    net.type(T.float64)
    out += [w.dtype, net.a.seen.dtype]
    net.float().cpu()
    out += [net.to(device="cpu", dtype=T.float32) is net, w.is_leaf, w.requires_grad]
    net.zero_grad(set_to_none=False)
    out.append(w.grad)
    net.zero_grad()
    out.append(w.grad)
    return out


def test_conversion():
    compare(check_conversion)


def check_overwriting_conversion(T):
    future = import_module(T.__name__ + ".__future__")
    net = T.nn.Linear(2, 3)
    weight = net.weight
    future.set_overwrite_module_params_on_conversion(True)
    try:
        net.double()
    finally:
        future.set_overwrite_module_params_on_conversion(False)
    return [net.weight is weight, weight.dtype, net.weight.dtype, net.weight.requires_grad]


def test_overwriting_conversion():
    compare(check_overwriting_conversion)


ACTIVATIONS = (
    "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax "
    "Mish "
    "PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink "
    "Softsign "
    "Tanh Tanhshrink"
).split()
INPLACE = (
    "RReLU ReLU Hardtanh ReLU6 Hardsigmoid SiLU Mish Hardswish ELU CELU SELU LeakyReLU".split()
)


def check_repr(T):
    nn = T.nn
    modules = [
        nn.Module(),
        nn.Linear(2, 3, bias=False),
        nn.Bilinear(2, 3, 4),
        nn.Identity(1, a=2),
        nn.Flatten(),
        nn.Unflatten(1, (2, 3)),
        nn.Embedding(5, 3, padding_idx=-1, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True),
        nn.LayerNorm((2, 3), bias=False),
        nn.Dropout(0.2, True),
        nn.AlphaDropout(),
        nn.Threshold(1, 2, True),
        *[getattr(nn, n)() for n in ACTIVATIONS],
        *[getattr(nn, n)(inplace=True) for n in INPLACE],
        nn.CrossEntropyLoss(),
        nn.Sequential(),
        nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU(), nn.Tanh())),
        nn.ModuleList(),
        nn.ModuleList([nn.Linear(2, 2)] * 3 + [nn.ReLU()] + [nn.Sequential(nn.Tanh())] * 2),
        nn.ModuleDict({"a": nn.ReLU(), "b": nn.Sequential(nn.Linear(1, 1))}),
        nn.ParameterList([T.ones(2, 3), nn.Parameter(T.ones(1)), "x", None]),
        nn.ParameterDict({"b": T.ones(2), "a": nn.Parameter(T.ones(1, 2)), "c": 3}),
        make_net(T),
    ]
    tensors = [nn.Parameter(T.ones(2)), nn.Parameter(T.ones(1), False), nn.Buffer(T.ones(1))]
    return [repr(x) for x in modules + tensors]


def test_repr():
    compare(check_repr)


def check_parameter(T):
    P = T.nn.Parameter
    data = T.ones(2)
    p = P(data)
    out = [
        p.requires_grad,
        p.is_leaf,
        P(data, requires_grad=False).requires_grad,
        list(P().shape),
        outcome(P, T.ones(2, dtype=T.int64)),
        isinstance(p, T.Tensor),
        isinstance(data, P),
        isinstance(T.nn.Buffer(data), T.nn.Buffer),
        isinstance(data, T.nn.Buffer),
        type(T.nn.Buffer(data)) is T.Tensor,
        type(p + 1) is T.Tensor,
        type(p.detach()) is T.Tensor,
    ]
    data[0] = 5
    out.append(p)
    twin = copy.deepcopy(p)
    again = pickle.loads(pickle.dumps(P(T.arange(3.0), False)))
    out += [type(twin) is P, twin, twin.requires_grad, type(again) is P, again, again.requires_grad]

    class Own(T.Tensor):
        pass

    own = P(T.ones(2).as_subclass(Own))
    out += [type(own) is Own, isinstance(own, P), own.requires_grad]
    m = T.nn.Module()
    m.own = own
    out.append(list(m._parameters))
    return out


def test_parameter():
    compare(check_parameter)


def test_parameter_needs_a_tensor():
    with pytest.raises(TypeError, match="data must be a Tensor, not list"):
        nn.Parameter([1.0])


def check_sequential(T):
    nn = T.nn
    out = []
    s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    out.append(s.insert(1, nn.GELU()) is s)
    s.insert(-1, nn.GLU())
    out += [repr(s), repr(s[1:3]), repr(s[-1]), len(s)]
    del s[1]
    out.append(repr(s))
    del s[-2:]
    out.append(repr(s))
    out += [repr(s * 2), repr(2 * s), repr(s + nn.Sequential(nn.Mish()))]
    s += nn.Sequential(nn.ReLU())
    s *= 2
    s[0] = nn.Identity()
    out += [repr(s), repr(s.pop(0)), repr(s.append(nn.ELU()).extend([nn.CELU()]))]
    out += [[repr(m) for m in s]]
    for f in (
        lambda: s[20],
        lambda: s.insert(30, nn.ReLU()),
        lambda: s.insert(0, 3),
        lambda: s.append(3),
        lambda: nn.Sequential(3),
        lambda: s + 3,
        lambda: s * 1.5,
        lambda: s * 0,
    ):
        out.append(outcome(f))
    return out


def test_sequential():
    compare(check_sequential)


def check_module_containers(T):
    nn = T.nn
    ml = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    ml.insert(0, nn.Tanh())
    ml += [nn.Sigmoid()]
    ml[1] = nn.Identity()
    out = [repr(ml), repr(ml[1:]), repr(ml[-1]), repr([*ml, nn.ELU()]), repr(ml.pop(1)), len(ml)]
    del ml[0]
    out += [repr(ml), outcome(lambda: ml[5]), outcome(ml.extend, 3), outcome(ml, 1)]
    out += [outcome(ml.append, 3)]
    md = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    md["c"] = nn.ELU()
    md.update([("d", nn.Mish()), ("a", nn.GLU())])
    out += [
        repr(md),
        list(md),
        list(md.keys()),
        "a" in md,
        len(md),
        repr(md.pop("a")),
        repr(md["b"]),
    ]
    del md["b"]
    out += [repr(md), outcome(lambda: md["zz"]), outcome(md.update, 3)]
    out += [outcome(md.update, [(1, 2, 3)])]
    md.clear()
    out.append(len(md))
    return out


def test_module_containers():
    compare(check_module_containers)


def check_parameter_containers(T):
    nn = T.nn
    pl = nn.ParameterList([T.ones(2), 3])
    pl.append(T.zeros(1))
    pl += [nn.Parameter(T.ones(1))]
    pl[0] = T.zeros(2)
    out = [repr(pl), repr(pl[1:3]), pl[-1], len(pl), list(pl.state_dict())]
    out += [[type(p).__name__ for p in pl], outcome(pl), outcome(pl.extend, 3)]
    out += [outcome(lambda: pl[7])]
    pd = nn.ParameterDict([("x", T.ones(1)), ("a", 3)])
    pd["y"] = nn.Parameter(T.zeros(2))
    out += [repr(pd), list(pd), list(reversed(pd)), pd.get("q", 5), pd.setdefault("z", T.ones(1))]
    out += [len(pd), repr(pd.copy()), repr(pd | nn.ParameterDict({"new": 1}))]
    out += [next(iter(pd.items())), list(pd.values())[1], pd.popitem(), pd.pop("x"), repr(pd)]
    out += [repr(pd.fromkeys(["k", "l"], 1)), outcome(pd.pop, "zz")]
    pd |= nn.ParameterDict({"w": T.ones(1)})
    out += [repr(pd), outcome(pd, 1), outcome(pd.update, 3), "w" in pd]
    return out


def test_parameter_containers():
    compare(check_parameter_containers)


def test_fast_lookup_has_python_semantics():
    net = Net()
    net.__dict__["lin"] = 1  # an instance attribute goes before registered members
    assert net.lin == 1
    del net.__dict__["lin"]
    assert isinstance(net.lin, nn.Linear)

    class WithClassAttribute(Net):
        bias = "class"

    m = WithClassAttribute()
    m._parameters["bias"] = nn.Parameter(tensorlite.ones(1))
    assert m.bias == "class"
    m.__class__ = Net
    assert isinstance(m.bias, nn.Parameter)
    object.__setattr__(m, "raw", nn.ReLU())
    assert "raw" in vars(m)
    assert "raw" not in m._modules
    assert nn.Module.__getattr__(m, "lin") is m.lin
    with pytest.raises(AttributeError):
        object.__getattribute__(m, "lin")
    with pytest.raises(AttributeError):
        nn.Module.__getattr__(m, "plain")


def check_own_getattr(T):
    asked = []

    class Wrapper(T.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            asked.append(name)
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

        def forward(self, x):
            return self.module(x)

    class Broken(T.nn.Module):
        @property
        def value(self):
            return self.nowhere

    class WithKeyword(T.nn.Module):
        def __init_subclass__(cls, tag=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.tag = tag

    class Tagged(WithKeyword, tag="t"):
        pass

    class Mixed(T.nn.Module, dict):
        def __init__(self):
            super().__init__()
            self.lin = T.nn.Linear(1, 1)

    class SetAttr(T.nn.Module):
        def __setattr__(self, name, value):
            asked.append("set " + name)
            super().__setattr__(name, value)

        def __delattr__(self, name):
            asked.append("del " + name)
            super().__delattr__(name)

    w = Wrapper(T.nn.Linear(2, 3))
    out = [w.in_features, list(w.weight.shape), w.module is w.module, outcome(lambda: w.nope)]
    out += [asked.count("module") > 0, outcome(lambda: Broken().value), Tagged.tag]
    out += [list(Mixed()._modules)]
    s = SetAttr()
    asked.clear()
    s.x = T.nn.Parameter(T.ones(1))
    s.y = 3
    del s.x, s.y
    out += [list(asked), list(s._parameters)]
    Wrapper.late = property(lambda self: "late")
    out.append(w.late)
    return out


def test_own_getattr_and_setattr():
    compare(check_own_getattr)


def check_calls(T):
    class M(T.nn.Module):
        def forward(self, a, b=2, *rest, c=3, **more):
            return (a, b, rest, c, more)

    class Calls(T.nn.Module):
        def __call__(self, *args, **kwargs):
            return "mine", super().__call__(*args, **kwargs)

        def forward(self, x):
            return x

    class Static(T.nn.Module):
        forward = staticmethod(lambda x: x + 1)

    m = M()
    out = [m(1), m(1, c=5), m(1, 2, 3, 4, z=1), m(*range(20)), m(a=1), outcome(m)]
    out += [Calls()(1), Static()(1)]
    m.forward = lambda x: "patched"
    out.append(m(1))
    del m.forward
    M.forward = lambda self, x: "class"
    out += [m(1), T.nn.Module.__call__(m, 1), m._call_impl(1)]
    return out


def test_calls():
    compare(check_calls)


def check_copies(T):
    net = make_net(T)
    twin = copy.deepcopy(net)
    with T.no_grad():
        net.bias.fill_(7)
    shallow = copy.copy(net)
    out = [
        twin.bias,
        twin.shared is twin.a,
        list(twin.state_dict()),
        shallow.bias is net.bias,
        shallow._parameters is net._parameters,
        type(twin.bias) is T.nn.Parameter,
        repr(twin) == repr(net),
    ]
    lin = T.nn.Linear(2, 3)
    again = pickle.loads(pickle.dumps(lin))
    out += [list(vars(again)) == list(vars(lin)), again.weight.tolist() == lin.weight.tolist()]
    out.append(again.weight.requires_grad)
    state = lin.__getstate__()
    del state["_forward_hooks_always_called"], state["_state_dict_pre_hooks"]
    old = T.nn.Linear.__new__(T.nn.Linear)
    old.__setstate__(state)
    out.append(list(old(T.ones(1, 2)).shape))
    return out


def test_copies_and_pickles():
    compare(check_copies)


def test_modules_are_collected():
    net = Net()
    net.myself = [net]
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def check_registration_hooks(T):
    module = import_module(T.__name__ + ".nn.modules.module")
    seen = []

    def note(kind):
        return lambda m, name, value: seen.append((kind, type(m).__name__, name))

    handles = [
        module.register_module_parameter_registration_hook(note("parameter")),
        module.register_module_buffer_registration_hook(note("buffer")),
        module.register_module_module_registration_hook(note("module")),
    ]
    try:
        net = T.nn.Sequential(T.nn.Linear(1, 1, bias=False))
        net.buf = T.nn.Buffer(T.ones(1))
        net.extra = T.nn.ReLU()
    finally:
        for h in handles:
            h.remove()
    T.nn.Linear(1, 1)
    return seen


def test_registration_hooks():
    compare(check_registration_hooks)


def test_every_public_name_is_there():
    torch = pytest.importorskip("torch")
    # Other devices and the compiler.
    absent = {
        "ipu",
        "xpu",
        "mtia",
        "compile",
        "_compiled_call_impl",
        "T_destination",
        "_slow_forward",
    }
    assert set(dir(torch.nn.Module)) - set(dir(nn.Module)) <= absent
