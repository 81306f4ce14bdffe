"""Schedulers beside PyTorch's: rates over a hundred steps, closed forms, states, warnings, errors."""

import copy
import inspect
import pickle
import random

import pytest

import tensorlite
from side_by_side import compare, outcome


def sgd(T, groups=2, lr=0.5, momentum=0.9, name="SGD"):
    params = [T.nn.Parameter(T.ones(1)) for _ in range(groups)]
    options = {"momentum": momentum} if name == "SGD" else {}
    return getattr(T.optim, name)(
        [{"params": [p], "lr": lr / (i + 1)} for i, p in enumerate(params)], lr=lr, **options
    )


class Halve:
    def __init__(self):
        self.factor = 0.5

    def __call__(self, epoch):
        return self.factor ** (epoch // 10)


def cases(seed):
    """(name, arguments) of all schedulers that act on their own, with random arguments."""
    r = random.Random(seed)
    n = r.randint(1, 40)
    u = r.uniform
    half = Halve()
    return {
        "LambdaLR": ([half, lambda e: 0.9**e],),
        "MultiplicativeLR": (lambda e: 0.99 + 0.001 * (e % 3),),
        "StepLR": (n, u(0.1, 1.5)),
        "MultiStepLR": (sorted(r.choices(range(60), k=5)), u(0.1, 1)),
        "ConstantLR": (u(0.1, 1), n),
        "LinearLR": (u(0.1, 1), u(0, 1), n),
        "ExponentialLR": (u(0.8, 1),),
        "PolynomialLR": (n, u(0.5, 3)),
        "CosineAnnealingLR": (n, u(0, 0.1)),
        "CosineAnnealingWarmRestarts": (n, r.randint(1, 3), u(0, 0.1)),
        "CyclicLR": (
            u(0.001, 0.1), [u(0.2, 1), u(0.2, 1)], n, r.randint(1, 30),
            r.choice(["triangular", "triangular2", "exp_range"]), u(0.9, 1), None, "cycle", True,
            u(0.5, 0.8), u(0.8, 0.95),
        ),
        "OneCycleLR": (
            u(0.1, 1), 101, None, None, u(0.1, 0.4), r.choice(["cos", "linear"]), True, 0.8, 0.9,
            u(5, 30), u(10, 1e4), r.random() < 0.5,
        ),
        "SWALR": (u(0.01, 0.3), r.randint(0, 30), r.choice(["cos", "linear"])),
    }  # fmt: skip


def make(T, name, optimizer, args, **kwargs):
    module = T.optim.swa_utils if name == "SWALR" else T.optim.lr_scheduler
    return getattr(module, name)(optimizer, *args, **kwargs)


def snapshot(opt):
    return [
        {k: v for k, v in group.items() if k not in ("params", "foreach", "fused")}
        for group in opt.param_groups
    ]


def check_hundred_steps(T, name, seed, optimizer="SGD"):
    opt = sgd(T, name=optimizer)
    scheduler = make(T, name, opt, cases(seed)[name])
    out = [snapshot(opt)]
    for _ in range(100):
        opt.step()
        scheduler.step()
        out.append([snapshot(opt), scheduler.get_last_lr(), scheduler.last_epoch])
    return [*out, scheduler.state_dict()]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", cases(0))
def test_hundred_steps(name, seed):
    compare(check_hundred_steps, name, seed, tol=0)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_betas(name):
    compare(check_hundred_steps, name, 1, "Adam", tol=0)


def check_epochs(T, name):
    """The deprecated argument, which goes to the closed form where there is one."""
    opt = sgd(T)
    scheduler = make(T, name, opt, cases(7)[name])
    opt.step()
    out = []
    for epoch in (3, 17, 17, 40, 2):
        scheduler.step(epoch)
        out.append([scheduler.get_last_lr(), scheduler.last_epoch])
    scheduler.step()
    return [*out, scheduler.get_last_lr()]


@pytest.mark.parametrize("name", [n for n in cases(0) if n != "MultiplicativeLR"])
def test_epochs(name):
    compare(check_epochs, name, tol=0)


def check_states(T, name):
    opt = sgd(T)
    scheduler = make(T, name, opt, cases(2)[name])
    for _ in range(5):
        opt.step()
        scheduler.step()
    saved, saved_opt = copy.deepcopy([scheduler.state_dict(), opt.state_dict()])
    if name not in ("LambdaLR", "MultiplicativeLR", "SWALR"):
        pickle.dumps(saved)
    out = [list(saved)]
    opt2 = sgd(T)
    scheduler2 = make(T, name, opt2, cases(3)[name])
    scheduler2.load_state_dict(saved)
    opt2.load_state_dict(saved_opt)
    for _ in range(20):
        opt2.step()
        scheduler2.step()
        out.append(scheduler2.get_last_lr())
    if name != "OneCycleLR":
        # A fresh scheduler that goes on from the epoch.
        opt3 = sgd(T)
        opt3.load_state_dict(saved_opt)
        scheduler3 = make(T, name, opt3, cases(2)[name], last_epoch=5)
        for _ in range(3):
            opt3.step()
            scheduler3.step()
            out.append(scheduler3.get_last_lr())
    return out


@pytest.mark.parametrize("name", cases(0))
def test_states(name):
    compare(check_states, name, tol=0)


def check_plateau(T, seed):
    r = random.Random(seed)
    opt = sgd(T)
    scheduler = T.optim.lr_scheduler.ReduceLROnPlateau(
        opt, mode=r.choice(["min", "max"]), factor=r.uniform(0.1, 0.9), patience=r.randint(0, 4),
        threshold=r.uniform(0, 0.1), threshold_mode=r.choice(["rel", "abs"]),
        cooldown=r.randint(0, 3), min_lr=r.choice([0, 0.01, [0.02, 0.01]]),
    )  # fmt: skip
    out = []
    for i in range(100):
        opt.step()
        measure = r.uniform(0, 1) + 0.01 * i
        scheduler.step(T.tensor(measure) if i % 2 else measure)
        out.append([scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.in_cooldown])
        if i == 50:
            state = copy.deepcopy(scheduler.state_dict())
            scheduler = T.optim.lr_scheduler.ReduceLROnPlateau(opt)
            scheduler.load_state_dict(state)
    scheduler.step(1.0, epoch=3)
    return [*out, scheduler.state_dict()]


@pytest.mark.parametrize("seed", range(6))
def test_plateau(seed):
    compare(check_plateau, seed, tol=1e-7)


def check_composites(T, kind):
    s = T.optim.lr_scheduler
    opt = sgd(T)
    if kind == "sequential":
        members = [s.ConstantLR(opt, 0.1, 10), s.ExponentialLR(opt, 0.9), s.StepLR(opt, 7)]
        scheduler = s.SequentialLR(opt, members, [20, 45])
    elif kind == "warmup":
        members = [s.LinearLR(opt, 0.1, 1.0, 10), s.CosineAnnealingLR(opt, 60)]
        scheduler = s.SequentialLR(opt, members, milestones=[10])
    elif kind == "nested":
        chained = s.ChainedScheduler([s.ConstantLR(opt, 0.5, 5), s.ExponentialLR(opt, 0.95)])
        scheduler = s.SequentialLR(opt, [chained, s.StepLR(opt, 3)], [12])
    else:
        members = [s.ConstantLR(opt, 0.1, 20), s.ExponentialLR(opt, 0.9), s.MultiStepLR(opt, [9])]
        scheduler = s.ChainedScheduler(members, optimizer=opt)
    out = [scheduler.get_last_lr()]
    for i in range(100):
        opt.step()
        scheduler.step()
        out.append(scheduler.get_last_lr())
        if i == 30:
            state = scheduler.state_dict()
            out.append(state)
            scheduler.load_state_dict(copy.deepcopy(state))
            out.append(sorted(state))
    return out


@pytest.mark.parametrize("kind", ["sequential", "warmup", "chained", "nested"])
def test_composites(kind):
    compare(check_composites, kind, tol=0)


def check_tensor_rates(T):
    p = T.nn.Parameter(T.ones(2))
    lr = T.tensor(0.5)
    opt = T.optim.Adam([p], lr=lr)
    scheduler = T.optim.lr_scheduler.StepLR(opt, 2)
    out = []
    for _ in range(5):
        p.grad = T.ones(2)
        opt.step()
        scheduler.step()
        out.append([opt.param_groups[0]["lr"] is lr, lr, scheduler.get_last_lr()])
    return [*out, p, scheduler.base_lrs]


def test_tensor_rates():
    compare(check_tensor_rates)


def check_warnings(T):
    s = T.optim.lr_scheduler
    opt = sgd(T)
    scheduler = s.StepLR(opt, 2)
    scheduler.step()  # before the optimizer
    scheduler.step()
    out = [scheduler.get_lr()]  # outside of step
    opt2 = sgd(T)
    scheduler2 = s.ExponentialLR(opt2, 0.9)
    opt2.step = lambda: None
    scheduler2.step()
    opt3 = sgd(T)
    s.ExponentialLR(opt3, 0.9)
    s.StepLR(opt3, 1)
    opt3.step()
    out.append(hasattr(opt3.step, "_wrapped_by_lr_sched"))
    return out


def test_warnings():
    compare(check_warnings)


def check_errors(T):
    s = T.optim.lr_scheduler
    w = T.optim.swa_utils
    opt, other = sgd(T), sgd(T)
    adagrad = T.optim.Adagrad([T.nn.Parameter(T.ones(1))])
    out = []
    for f in (
        lambda: s.StepLR(3, 1),
        lambda: s.StepLR(opt, 1, last_epoch=3),
        lambda: s.LRScheduler(opt),
        lambda: s.LambdaLR(opt, [abs]),
        lambda: s.MultiplicativeLR(opt, [abs]),
        lambda: s.MultiplicativeLR(opt, [3, 3]),
        lambda: s.ConstantLR(opt, 2),
        lambda: s.LinearLR(opt, 0),
        lambda: s.LinearLR(opt, 0.5, 2),
        lambda: s.CosineAnnealingWarmRestarts(opt, 0),
        lambda: s.CosineAnnealingWarmRestarts(opt, 2, 0),
        lambda: s.CosineAnnealingWarmRestarts(opt, 2, eta_min="a"),
        lambda: s.CosineAnnealingWarmRestarts(opt, 2).step(-1),
        lambda: s.ReduceLROnPlateau(opt, factor=2),
        lambda: s.ReduceLROnPlateau(opt, mode="x"),
        lambda: s.ReduceLROnPlateau(opt, threshold_mode="x"),
        lambda: s.ReduceLROnPlateau(opt, min_lr=[1]),
        lambda: s.ReduceLROnPlateau(3),
        lambda: s.CyclicLR(3, 0.1, 1),
        lambda: s.CyclicLR(opt, 0.1, [1]),
        lambda: s.CyclicLR(opt, 0.1, 1, mode="x"),
        lambda: s.CyclicLR(adagrad, 0.1, 1),
        lambda: s.OneCycleLR(3, 0.1, 10),
        lambda: s.OneCycleLR(opt, 0.1),
        lambda: s.OneCycleLR(opt, 0.1, -1),
        lambda: s.OneCycleLR(opt, 0.1, epochs=-1, steps_per_epoch=1),
        lambda: s.OneCycleLR(opt, 0.1, epochs=1, steps_per_epoch=0),
        lambda: s.OneCycleLR(opt, 0.1, 10, pct_start=2.0),
        lambda: s.OneCycleLR(opt, 0.1, 10, anneal_strategy="x"),
        lambda: s.OneCycleLR(adagrad, 0.1, 10),
        lambda: s.OneCycleLR(opt, [0.1], 10),
        lambda: s.SequentialLR(opt, [], []),
        lambda: s.SequentialLR(opt, [s.StepLR(opt, 1)], [3]),
        lambda: s.SequentialLR(opt, [s.StepLR(other, 1)], []),
        lambda: s.SequentialLR(opt, [s.ReduceLROnPlateau(opt)], []),
        lambda: s.SequentialLR(opt, [3], []),
        lambda: s.ChainedScheduler([]),
        lambda: s.ChainedScheduler([s.StepLR(opt, 1), s.StepLR(other, 1)]),
        lambda: s.ChainedScheduler([s.ReduceLROnPlateau(opt)]),
        lambda: w.SWALR(opt, 0.1, anneal_strategy="x"),
        lambda: w.SWALR(opt, 0.1, anneal_epochs=-1),
        lambda: w.get_ema_avg_fn(2),
        lambda: w.get_ema_multi_avg_fn(-1),
        lambda: w.AveragedModel(T.nn.Linear(1, 1), avg_fn=abs, multi_avg_fn=abs),
    ):
        try:
            f()
            out.append("fine")
        except Exception as e:
            text = str(e)
            out.append([type(e).__name__, text[:120] if "at index" in text else text])
    one = s.OneCycleLR(opt, 0.1, 2)
    opt.step()
    one.step()
    one.step()
    out.append(outcome(one.step))
    opt.add_param_group({"params": [T.nn.Parameter(T.ones(1))], "lr": 0.1})
    plateau = s.ReduceLROnPlateau(opt, patience=0, min_lr=[0.1, 0.1, 0.1])
    opt.add_param_group({"params": [T.nn.Parameter(T.ones(1))], "lr": 0.1})
    plateau.step(1)
    return [*out, outcome(plateau.step, 2)]


def test_errors():
    compare(check_errors, warns=False)


def test_signatures():
    torch = pytest.importorskip("torch")
    for module in ("lr_scheduler", "swa_utils"):
        theirs, ours = (getattr(T.optim, module) for T in (torch, tensorlite))
        assert sorted(theirs.__all__) == sorted(ours.__all__)
        for name in theirs.__all__:
            a, b = (inspect.signature(getattr(m, name)) for m in (ours, theirs))
            assert [(p.name, p.kind, p.default) for p in a.parameters.values()] == [
                (p.name, p.kind, p.default) for p in b.parameters.values()
            ], name
    assert issubclass(
        tensorlite.optim.lr_scheduler._LRScheduler, tensorlite.optim.lr_scheduler.LRScheduler
    )


def check_user_scheduler(T):
    """As users write them: on the old name, without a closed form."""

    class Warmup(T.optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer, warmup, last_epoch=-1):
            self.warmup = warmup
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            factor = min(1.0, (self.last_epoch + 1) / self.warmup)
            return [base * factor for base in self.base_lrs]

    opt = sgd(T)
    scheduler = Warmup(opt, 4)
    out = []
    for _ in range(6):
        opt.step()
        scheduler.step()
        out.append([opt.param_groups[1]["lr"], scheduler.state_dict()])
    return out


def test_user_scheduler():
    compare(check_user_scheduler)


def check_averages(T, how):
    T.manual_seed(0)
    w = T.optim.swa_utils
    model = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.ReLU(), T.nn.Linear(3, 1))
    model.register_buffer("count", T.tensor([1, 2]))
    model.register_buffer("scale", T.tensor([1.0, 2.0]))
    options = {
        "default": {},
        "ema": {"avg_fn": w.get_ema_avg_fn(0.9)},
        "multi_ema": {"multi_avg_fn": w.get_ema_multi_avg_fn(0.9), "use_buffers": True},
        "multi_swa": {"multi_avg_fn": w.get_swa_multi_avg_fn()},
        "swa": {"avg_fn": w.get_swa_avg_fn(), "use_buffers": False},
        "own": {"avg_fn": lambda a, p, n: 0.5 * a + 0.5 * p},
    }[how]
    average = w.AveragedModel(model, **options)
    with T.no_grad():
        for i in range(4):
            for p in model.parameters():
                p.add_(0.1 * (i + 1))
            model.scale.mul_(2)
            average.update_parameters(model)
    x = T.ones(2, 2)
    return [average.state_dict(), average(x), average.n_averaged, repr(average)]


@pytest.mark.parametrize("how", ["default", "ema", "multi_ema", "multi_swa", "swa", "own"])
def test_averages(how):
    compare(check_averages, how)


def check_update_bn(T):
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.BatchNorm1d(3), T.nn.Linear(3, 1)).eval()
    x = T.arange(24.0).view(3, 4, 2)
    T.optim.swa_utils.update_bn(x, model)
    out = [model.state_dict(), model.training, model[1].momentum]
    T.optim.swa_utils.update_bn([(batch, 0) for batch in x], model.train(), device="cpu")
    out += [model.state_dict(), model.training]
    plain = T.nn.Linear(2, 1)
    T.optim.swa_utils.update_bn(iter([3]), plain)  # nothing to do: the loader is not read
    return out


@pytest.mark.skipif(not hasattr(tensorlite.nn, "BatchNorm1d"), reason="needs batch norm")
def test_update_bn():
    compare(check_update_bn, tol=1e-5)


def check_swalr(T):
    opt = sgd(T)
    s = T.optim.swa_utils.SWALR(opt, [0.1, 0.2], anneal_epochs=5, anneal_strategy="linear")
    out = [sorted(s.state_dict()), [g["swa_lr"] for g in opt.param_groups]]
    for _ in range(8):
        opt.step()
        s.step()
        out.append(s.get_last_lr())
    return [*out, s.get_lr()]


def test_swalr():
    compare(check_swalr, tol=0)
