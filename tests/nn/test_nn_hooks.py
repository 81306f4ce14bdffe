"""Forward, backward and global module hooks, beside PyTorch's."""

import gc
import pickle
import weakref
from importlib import import_module

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn


def double_net(T):
    class Double(T.nn.Module):
        def forward(self, x, scale=2):
            if scale == 0:
                raise ValueError("no scale")
            return x * scale

    return Double()


def check_forward_hooks(T):
    m = double_net(T)
    x = T.ones(2)
    log = []
    m.register_forward_pre_hook(lambda m, args: log.append(("pre", len(args))))
    h1 = m.register_forward_pre_hook(lambda m, args: args[0] + 1)
    h2 = m.register_forward_pre_hook(lambda m, args: (args[0] * 10,), prepend=True)
    h3 = m.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"scale": 3 + kwargs.get("scale", 0)}), with_kwargs=True
    )
    out = [m(x), m(x, scale=1)]
    h2.remove()
    out.append(m(x))
    h3.remove()
    h1.remove()
    out += [m(x), len(m._forward_pre_hooks), len(m._forward_pre_hooks_with_kwargs)]
    m.register_forward_hook(lambda m, args, y: log.append(("post", len(args))))
    f1 = m.register_forward_hook(lambda m, args, y: y + 1)
    f2 = m.register_forward_hook(lambda m, args, y: y * 10, prepend=True)
    f3 = m.register_forward_hook(
        lambda m, args, kwargs, y: y + kwargs.get("scale", 0), with_kwargs=True
    )
    out += [m(x), m(x, scale=5)]
    f2.remove()
    with f3:
        pass
    out += [m(x, scale=5), log, outcome(m, x, scale=0)]
    f1.remove()
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    out.append(outcome(m, x))
    return out


def test_forward_hooks():
    compare(check_forward_hooks)


def check_always_call(T):
    module = import_module(T.__name__ + ".nn.modules.module")
    m = double_net(T)
    log = []
    m.register_forward_hook(lambda m, a, y: log.append(("always", y is None)), always_call=True)
    m.register_forward_hook(lambda m, a, y: log.append("normal"))
    m.register_forward_hook(
        lambda m, a, k, y: log.append(sorted(k)), always_call=True, with_kwargs=True
    )
    handle = module.register_module_forward_hook(
        lambda m, a, y: log.append("global"), always_call=True
    )
    out = [m(T.ones(1)), outcome(m, T.ones(1), scale=0), outcome(m)]
    handle.remove()
    m.register_forward_hook(lambda m, a, y: 1 / 0, always_call=True)
    out += [outcome(m, T.ones(1), scale=0), outcome(m, T.ones(1)), log]
    return out


def test_always_call():
    compare(check_always_call)


def check_global_hooks(T):
    module = import_module(T.__name__ + ".nn.modules.module")
    log = []
    handles = [
        module.register_module_forward_pre_hook(lambda m, a: log.append("pre")),
        module.register_module_forward_hook(lambda m, a, y: log.append("post")),
        module.register_module_forward_hook(lambda m, a, k, y: y + len(k), with_kwargs=True),
        module.register_module_full_backward_pre_hook(lambda m, g: log.append(("bpre", g))),
        module.register_module_full_backward_hook(lambda m, gi, go: log.append(("bw", gi, go))),
    ]
    try:
        m = double_net(T)
        m.register_forward_pre_hook(lambda m, a: log.append("own pre"))
        x = T.ones(2, requires_grad=True)
        y = m(x, scale=4)
        y.sum().backward()
        out = [y, x.grad, outcome(module.register_module_backward_hook, print)]
    finally:
        for h in handles:
            h.remove()
        module._global_is_full_backward_hook = None
    m(x)
    return [*out, log]


def test_global_hooks():
    compare(check_global_hooks)


def check_backward_hooks(T):
    log = []

    class Two(T.nn.Module):
        def forward(self, a, n, b):
            return a * 2, b * n

    def hook(m, grad_input, grad_output):
        log.append((grad_input, grad_output))

    m = Two()
    m.register_full_backward_hook(hook)
    m.register_full_backward_pre_hook(lambda m, g: (g[0] * 10, g[1]))
    h = m.register_full_backward_hook(lambda m, gi, go: (gi[0], None, gi[2] + 1), prepend=True)
    a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
    x, y = m(a, 3, b)
    (x.sum() + y.sum()).backward()
    out = [a.grad, b.grad]
    h.remove()
    # Inputs without gradients.
    lin = T.nn.Linear(2, 2, bias=False)
    with T.no_grad():
        lin.weight.fill_(1)
    lin.register_full_backward_hook(hook)
    lin.register_full_backward_pre_hook(lambda m, g: (g[0] * 3,))
    lin(T.ones(1, 2)).sum().backward()
    out.append(lin.weight.grad)
    with T.no_grad():
        out.append(lin(T.ones(1, 2)))
    # Wrong numbers of gradients.
    for bad in (lambda m, gi, go: (None, None), lambda m, gi, go: 3):
        d = double_net(T)
        d.register_full_backward_hook(bad)
        v = T.ones(2, requires_grad=True)
        out.append(outcome(lambda d=d, v=v: d(v).sum().backward()))
    # Each of the two kinds excludes the other.
    d = double_net(T)
    h = d.register_backward_hook(print)
    out.append(outcome(d.register_full_backward_hook, print))
    h.remove()
    # A hook sees only the gradients that pass its module; double backward.
    d = double_net(T)
    d.register_full_backward_hook(hook)
    v = T.ones(2, requires_grad=True)
    (g,) = T.autograd.grad((d(v) ** 3).sum(), v, create_graph=True)
    g.sum().backward()
    out.append(v.grad)
    # Same module called twice.
    v = T.ones(2, requires_grad=True)
    d(d(v)).sum().backward()
    out += [v.grad, log]
    return out


def test_full_backward_hooks():
    compare(check_backward_hooks)


def check_legacy_hook(T):
    log = []
    m = double_net(T)
    m.register_backward_hook(lambda m, gi, go: log.append((gi, go)))
    x = T.ones(2, requires_grad=True)
    m(x).sum().backward()
    m.register_backward_hook(lambda m, gi, go: (gi[0] * 5, *gi[1:]))
    x.grad = None
    m(x).sum().backward()
    return [x.grad, log[0][1], log[0][0][0], m(T.ones(2))]


def test_legacy_backward_hook():
    compare(check_legacy_hook)


def test_non_tensor_output_warns():
    m = nn.Module()
    m.forward = lambda x: [x * 2]
    m.register_full_backward_hook(lambda *a: None)
    with pytest.warns(UserWarning, match="module output should be a Tensor or a tuple of Tensors"):
        m(tensorlite.ones(1, requires_grad=True))


def test_handles_do_not_keep_modules_alive():
    m = nn.Linear(1, 1)
    handle = m.register_forward_hook(lambda *a: None)
    gone = weakref.ref(m)
    del m
    gc.collect()
    assert gone() is None
    handle.remove()


def test_handles_are_picklable():
    m = nn.Linear(1, 1)
    handle = m.register_forward_hook(print)
    m2, again = pickle.loads(pickle.dumps((m, handle)))
    assert len(m2._forward_hooks) == 1
    again.remove()
    assert len(m2._forward_hooks) == 0
    assert len(m._forward_hooks) == 1
