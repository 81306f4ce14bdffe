"""Optimizers beside PyTorch's: many steps from the same weights, their state, options and
errors."""

import copy
import pickle
from importlib import import_module

import pytest

import tensorlite
from side_by_side import compare, outcome, plain, same
from tensorlite import nn, optim

SHAPES = [(3, 4), (4,), (), (0,), (2, 2, 2)]


def params_of(T, dtype="float32", seed=3):
    T.manual_seed(seed)
    dtype = getattr(T, dtype)
    return [T.nn.Parameter(T.rand(s, dtype=T.float64).to(dtype)) for s in SHAPES]


def loss_of(params, step):
    # Curved and different in every step, but rounding does not grow from one to the next.
    wave = 1 + 0.1 * (step % 6)
    return sum(((p - i) ** 2 / 2 + 0.3 * (p * wave).sin()).sum() for i, p in enumerate(params))


def check_steps(T, name, options, dtype="float32", steps=6):
    params = params_of(T, dtype)
    opt = getattr(T.optim, name)(params, **options)
    for i in range(steps):
        opt.zero_grad(set_to_none=i % 2 == 0)
        loss_of(params, i).backward()
        if i == 3:
            params[1].grad = None
        opt.step()
    return [params, opt.state_dict()]


SGD = [
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.5, "maximize": True},
    {"lr": 0.1, "weight_decay": 0.3, "maximize": True, "foreach": True},
    {"lr": 0.1, "momentum": 0.9, "differentiable": False, "fused": None},
]
ADAM = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
    {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "amsgrad": True},
    {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "maximize": True},
    {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
]
ADAMW = [{}, {"lr": 0.1, "weight_decay": 0.3}, {"lr": 0.01, "amsgrad": True, "maximize": True}]
CASES = [("SGD", o) for o in SGD] + [("Adam", o) for o in ADAM] + [("AdamW", o) for o in ADAMW]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", CASES)
def test_steps(name, options, dtype):
    compare(check_steps, name, options, dtype, tol=3e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(
    "name, options",
    [
        ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("Adam", {"lr": 0.05, "amsgrad": True}),
        ("AdamW", {"lr": 0.05}),
    ],
)
def test_hundred_steps(name, options):
    compare(check_steps, name, options, "float32", 100, tol=1e-5)
    compare(check_steps, name, options, "float64", 100, tol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_half_precision(name, dtype):
    # PyTorch rounds after every operation, this after every step.
    options = {"lr": 0.01, "eps": 1e-3} if name == "Adam" else {"lr": 0.01}
    compare(check_steps, name, options, dtype, 1, tol=0.02)


def check_layouts(T, name):
    a = T.nn.Parameter(T.arange(6.0).view(2, 3).t())
    b = T.nn.Parameter(T.arange(12.0).view(3, 4)[:, ::2])
    c = T.nn.Parameter(T.arange(4.0))
    opt = getattr(T.optim, name)([a, b, c], lr=0.1, weight_decay=0.1)
    a.grad = T.ones(3, 2)
    b.grad = T.arange(6.0).view(2, 3).t()
    c.grad = T.ones(1).expand(4)
    for _ in range(3):
        opt.step()
    return [a, b, c]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_layouts(name):
    compare(check_layouts, name)


def test_large_parameters():
    p = nn.Parameter(tensorlite.ones(300, 301))
    q = nn.Parameter(tensorlite.ones(301, 300).t())
    for make in (
        lambda ps: optim.SGD(ps, lr=0.5, momentum=0.5),
        lambda ps: optim.Adam(ps, lr=0.5),
    ):
        opt = make([p, q])
        p.grad = tensorlite.ones(300, 301)
        q.grad = tensorlite.ones(300, 301)
        before = p.detach().clone()
        opt.step()
        assert p.min() == p.max()
        assert (p - before).abs().max().item() == pytest.approx(0.5)
        assert (p - q).abs().max().item() == 0


def check_users_change_things(T):
    params = params_of(T)
    opt = T.optim.SGD(params, lr=0.1, momentum=0.9)
    out = []

    def step():
        opt.zero_grad()
        loss_of(params, 1).backward()
        opt.step()
        out.append([p.tolist() for p in params])

    step()
    opt.param_groups[0]["lr"] = 0.01
    step()
    params[0].grad = T.ones(3, 4)
    opt.step()
    params[0].data = T.zeros(3, 4)
    step()
    opt.state[params[0]]["momentum_buffer"] = T.ones(3, 4)
    step()
    del opt.state[params[1]]
    step()
    opt.state[params[2]]["momentum_buffer"] = None
    step()
    opt.param_groups[0]["momentum"] = 0.0
    step()
    opt.param_groups[0]["params"] = params[:2]
    step()
    extra = T.nn.Parameter(T.ones(2))
    params.append(extra)
    opt.add_param_group({"params": extra, "lr": 0.5})
    step()
    opt.param_groups[0]["lr"] = T.tensor(0.25)
    step()
    opt.param_groups.pop(0)
    step()
    opt.state.clear()
    step()
    return out


def test_users_change_things_between_steps():
    compare(check_users_change_things)


def check_state_dict(T):
    params = params_of(T)
    opt = T.optim.Adam([{"params": params[:2]}, {"params": params[2:], "lr": 1.0}], amsgrad=True)
    loss_of(params, 0).backward()
    opt.step()
    sd = opt.state_dict()
    out = [sd, list(sd["state"][0])]
    other = params_of(T, "float64")
    opt2 = T.optim.Adam([{"params": other[:2]}, {"params": other[2:]}])
    opt2.load_state_dict(copy.deepcopy(sd))
    out += [
        opt2.state_dict(),
        opt2.param_groups[1]["lr"],
        opt2.param_groups[0]["params"][0] is other[0],
    ]
    loss_of(other, 0).backward()
    opt2.step()
    out.append(opt2.state_dict())
    out.append(outcome(T.optim.Adam(params).load_state_dict, sd))
    out.append(
        outcome(T.optim.Adam([{"params": params[:1]}, {"params": params[1:]}]).load_state_dict, sd)
    )
    again = pickle.loads(pickle.dumps(opt2))
    out += [repr(again), again.state_dict(), list(vars(again))[:9]]
    twin = copy.deepcopy(opt)
    out.append(twin.state_dict())
    old = copy.deepcopy(sd)
    for s in old["state"].values():
        s["step"] = 4
    for g in old["param_groups"]:
        del g["maximize"], g["foreach"], g["capturable"]
    opt.load_state_dict(old)
    out += [opt.state_dict()["state"][1]["step"], opt.param_groups[0]["maximize"]]
    return out


def test_state_dict():
    compare(check_state_dict, tol=1e-5)


def into(T, value):
    """A state dict of either library as one of `T`."""
    if hasattr(value, "detach"):
        return T.tensor(value.tolist(), dtype=getattr(T, str(value.dtype).split(".")[1]))
    if isinstance(value, dict):
        return {k: into(T, v) for k, v in value.items()}
    return [into(T, v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name, options", [("SGD", SGD[3]), ("Adam", ADAM[4]), ("AdamW", {})])
def test_state_dicts_travel(name, options):
    """Three steps with one library, three more with the other."""
    torch = pytest.importorskip("torch")

    def steps(T, params, first, state=None):
        opt = getattr(T.optim, name)(params, **options)
        if state is not None:
            opt.load_state_dict(into(T, state))
        for i in range(first, first + 3):
            opt.zero_grad()
            loss_of(params, i).backward()
            opt.step()
        return opt.state_dict()

    ends = []
    for one, other in ((tensorlite, torch), (torch, tensorlite)):
        params = params_of(one, "float64")
        state = steps(one, params, 0)
        params = [other.nn.Parameter(into(other, p)) for p in params]
        ends.append([params, steps(other, params, 3, state)])
    assert same(plain(ends[0]), plain(ends[1]), 1e-12)


def check_groups_and_errors(T):
    o = T.optim
    p = T.nn.Parameter(T.ones(2))
    q = T.nn.Parameter(T.ones(2))
    out = []
    for f in (
        lambda: o.SGD([], 0.1),
        lambda: o.SGD(p, 0.1),
        lambda: o.SGD([p], -1),
        lambda: o.SGD([p], 0.1, momentum=-1),
        lambda: o.SGD([p], 0.1, weight_decay=-1),
        lambda: o.SGD([p], 0.1, nesterov=True),
        lambda: o.SGD([p], lr=T.ones(2)),
        lambda: o.SGD([p], 0.1, foreach=True, fused=True),
        lambda: o.SGD([p], 0.1, differentiable=True, fused=True),
        lambda: o.SGD([{"params": [p]}, {"params": [p]}], 0.1),
        lambda: o.SGD([3], 0.1),
        lambda: o.SGD([p * 2], 0.1),
        lambda: o.SGD([{"params": {p}}], 0.1),
        lambda: o.SGD([("a", p), q], 0.1),
        lambda: o.SGD([p], "a"),
        lambda: o.Adam([p], lr=-1),
        lambda: o.Adam([p], eps=-1),
        lambda: o.Adam([p], betas=(1, 1)),
        lambda: o.Adam([p], betas=(0.9, 1.0)),
        lambda: o.Adam([p], weight_decay=-1),
        lambda: o.Optimizer([p], {}).step(),
        lambda: o.SGD([p], 0.1).add_param_group(3),
        lambda: o.SGD([p], 0.1).add_param_group({"params": [p]}),
        lambda: o.SGD([("a", p)], 0.1).add_param_group({"params": [q]}),
    ):
        out.append(outcome(f))
    opt = o.SGD([("a", p)], 0.1, momentum=0.9)
    opt.add_param_group({"params": [("b", q)], "lr": 3})
    out += [repr(opt), opt.state_dict(), repr(o.Adam(iter([p, q]))), repr(o.AdamW([p]))]
    out += [opt.step(), opt.step(lambda: 3), opt.defaults]
    out.append(repr(o.SGD([{"params": p, "custom": 1}])))
    return out


def test_groups_and_errors():
    compare(check_groups_and_errors)


def test_duplicate_parameters_warn():
    p = nn.Parameter(tensorlite.ones(2))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p], 0.1)


def check_hooks(T):
    module = import_module(T.__name__ + ".optim.optimizer")
    p = T.nn.Parameter(T.ones(2))
    p.grad = T.ones(2)
    log = []

    class Mine(T.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1})

        def step(self, closure=None, twice=False):
            log.append(("step", twice))

    opt = T.optim.SGD([p], lr=0.1)
    mine = Mine([p])
    handles = [
        module.register_optimizer_step_pre_hook(lambda o, a, k: log.append("global pre")),
        module.register_optimizer_step_post_hook(lambda o, a, k: log.append("global post")),
    ]
    opt.register_step_pre_hook(lambda o, a, k: log.append(("pre", o is opt, len(a), k)))
    opt.register_step_post_hook(lambda o, a, k: log.append(("post", len(a))))
    mine.register_step_pre_hook(lambda o, a, k: (a, {"twice": True}))
    try:
        out = [opt.step(), opt.step(lambda: 3), mine.step()]
    finally:
        for h in handles:
            h.remove()
    opt.step(closure=None)
    mine.register_step_pre_hook(lambda o, a, k: 3)
    out.append(outcome(mine.step))
    opt.register_state_dict_pre_hook(lambda o: log.append("sd pre"))
    opt.register_state_dict_post_hook(lambda o, sd: {**sd, "more": 1})
    opt.register_state_dict_post_hook(lambda o, sd: log.append(sorted(sd)), prepend=True)
    opt.register_load_state_dict_pre_hook(
        lambda o, sd: {k: v for k, v in sd.items() if k != "more"}
    )
    opt.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    sd = opt.state_dict()
    opt.load_state_dict(sd)
    return [*out, sorted(sd), log, p]


def test_hooks():
    compare(check_hooks)


def check_closure(T):
    p = T.nn.Parameter(T.ones(2))
    opt = T.optim.Adam([p], lr=0.1)
    modes = []

    def closure():
        modes.append(T.is_grad_enabled())
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with T.no_grad():
        loss = opt.step(closure)
    return [loss, modes, p, opt.state[p]["step"].dtype, list(opt.state[p]["step"].shape)]


def test_closure():
    compare(check_closure)


def check_differentiable(T, name, options):
    lr = T.tensor(0.1, requires_grad=True)
    start = T.ones(3, requires_grad=True)
    p = start.clone()
    opt = getattr(T.optim, name)([p], lr=0.1, differentiable=True, **options)
    for _ in range(3):
        q = p.clone()
        p.grad = q * q
        with T.enable_grad():
            opt.step()
    p.sum().backward()
    return [p, start.grad, lr]


@pytest.mark.parametrize(
    "name, options", [("SGD", {"momentum": 0.9, "weight_decay": 0.1}), ("Adam", {}), ("AdamW", {})]
)
def test_differentiable(name, options):
    # PyTorch computes the bias corrections in float32 here.
    compare(check_differentiable, name, options, tol=1e-5)


def test_versions_and_autograd_see_the_step():
    p = nn.Parameter(tensorlite.ones(2))
    opt = optim.SGD([p], lr=0.1, momentum=0.9)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    before = p._version
    opt.step()
    assert p._version > before
    assert p.is_leaf
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_bad_state_leaves_parameters_untouched():
    p, q = nn.Parameter(tensorlite.ones(2)), nn.Parameter(tensorlite.ones(3))
    opt = optim.SGD([p, q], lr=0.1, momentum=0.9)
    p.grad, q.grad = tensorlite.ones(2), tensorlite.ones(3)
    opt.step()
    values = p.tolist()
    opt.state[q]["momentum_buffer"] = tensorlite.ones(7)
    with pytest.raises(RuntimeError, match="momentum_buffer has shape"):
        opt.step()
    opt.state[q]["momentum_buffer"] = 3
    with pytest.raises(TypeError, match="must be a Tensor"):
        opt.step()
    opt.state[q] = 3
    with pytest.raises(TypeError, match="must be a dict"):
        opt.step()
    opt.param_groups[0]["lr"] = "fast"
    with pytest.raises(TypeError, match="'lr' must be a number"):
        opt.step()
    del opt.param_groups[0]["lr"]
    with pytest.raises(KeyError):
        opt.step()
    assert p.tolist() == values


def check_handwritten(T):
    """An optimizer as users write it, in the first idiom."""

    class Own(T.optim.Optimizer):
        def __init__(self, params, lr, momentum=0.9):
            super().__init__(params, {"lr": lr, "momentum": momentum})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    d_p = p.grad.data
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = d_p.new().resize_as_(d_p).zero_()
                    buf = state["momentum_buffer"]
                    buf.mul_(group["momentum"]).add_(1 - 0.5, d_p)
                    p.data.add_(-group["lr"], buf)

    params = params_of(T)
    opt = Own(params, 0.1)
    for i in range(3):
        opt.zero_grad()
        loss_of(params, i).backward()
        opt.step()
    return [params, opt.state_dict()]


def test_handwritten_optimizer():
    compare(check_handwritten, warns=False)


def check_swapped_in(T):
    params = params_of(T)
    opt = T.optim.Adam(params, lr=0.1)
    swap = T.optim.swap_in_optimizer_params_and_state
    out = [outcome(lambda: swap(opt, {}, opt.state_dict()).__enter__())]
    loss_of(params, 0).backward()
    opt.step()
    others = {str(i): T.nn.Parameter(p.detach() * 2) for i, p in enumerate(params)}
    for p in others.values():
        p.grad = T.ones_like(p)
    state = copy.deepcopy(opt.state_dict())
    state["param_groups"][0]["lr"] = 0.5
    with swap(opt, others, state):
        opt.step()
        out.append(opt.param_groups[0]["lr"])
    out += [list(others.values()), params, opt.state_dict(), state]
    for bad in (
        3, {"state": 3, "param_groups": []}, {"state": {}, "param_groups": 3},
        {"state": {}, "param_groups": []}, {"state": {0: 3}, "param_groups": []},
        {**state, "state": {77: {}}},
        {**state, "param_groups": [3]}, {**state, "param_groups": [{"params": [0]}]},
        {**state, "param_groups": [{**state["param_groups"][0], "more": 1}]},
    ):  # fmt: skip
        out.append(outcome(lambda: swap(opt, others, bad).__enter__()))
    out.append(outcome(lambda: swap(opt, {}, state).__enter__()))
    return out


def test_swapped_in():
    compare(check_swapped_in, tol=1e-5)


def check_other_packages_optimizer(T):
    """As the optimizers of packages are written: on helpers of the base module."""
    module = import_module(T.__name__ + ".optim.optimizer")

    class Sign(T.optim.Optimizer):
        def __init__(self, params, lr=module.required, differentiable=False):
            super().__init__(params, {"lr": lr, "differentiable": differentiable})

        @module._use_grad_for_differentiable
        def step(self, closure=None):
            for group in self.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                grads = T._foreach_sign([p.grad for p in params])
                T._foreach_add_(params, grads, alpha=-group["lr"])

    params = params_of(T)
    opt = Sign(params, lr=0.1)
    loss_of(params, 0).backward()
    opt.step()
    out = [params, module._get_value(T.tensor(2.0))]
    out += [module._default_to_fused_or_foreach(params, False), module._get_scalar_dtype()]
    out.append(module._get_capturable_supported_devices())
    mixed = [T.ones(2), T.ones(1, dtype=T.float64), T.ones(3)]
    groups = T.optim.Optimizer._group_tensors_by_device_and_dtype([mixed, mixed], True)
    out.append(sorted((str(k[1])[-1], v[1], len(v[0])) for k, v in groups.items()))
    return [*out, module._to_scalar(T.tensor([2.0])), repr(opt)]


def test_other_packages_optimizer():
    compare(check_other_packages_optimizer)
