"""Batch, instance and group normalisation beside PyTorch: both modes, gradients of both orders, running
statistics, state dicts, representations, errors, threads."""

import numpy as np
import pytest

import tensorlite
from side_by_side import compare, outcome, torch

MODULES = [
    ("BatchNorm1d", (5,), {}, (6, 5)),
    ("BatchNorm1d", (70,), {"eps": 1e-3}, (300, 70)),
    ("BatchNorm1d", (5,), {"momentum": None}, (4, 5, 7)),
    ("BatchNorm2d", (3,), {"affine": False}, (2, 3, 5, 4)),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, (2, 3, 40, 33)),
    ("BatchNorm3d", (2,), {"bias": False}, (2, 2, 3, 4, 5)),
    ("SyncBatchNorm", (3,), {}, (4, 3, 2)),
    ("InstanceNorm1d", (3,), {}, (2, 3, 9)),
    ("InstanceNorm1d", (3,), {"affine": True}, (3, 9)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (2, 3, 4, 5)),
    ("InstanceNorm3d", (2,), {"track_running_stats": True}, (2, 2, 2, 3, 4)),
    ("GroupNorm", (2, 4), {}, (3, 4)),
    ("GroupNorm", (3, 6), {"affine": False}, (2, 6, 17)),
    ("GroupNorm", (4, 8), {}, (2, 8, 20, 21)),
    ("GroupNorm", (1, 4), {"bias": False}, (2, 4, 3, 3)),
    ("RMSNorm", ((4, 5),), {}, (3, 4, 5)),
    ("LocalResponseNorm", (3,), {"alpha": 0.3, "k": 2.0}, (2, 7, 4, 3)),
    ("LocalResponseNorm", (2,), {}, (2, 7, 4)),
]


def values(lib, shape, seed=0, dtype=None):
    array = np.random.default_rng(seed).standard_normal(shape) * 2 + 3
    return lib.tensor(array, dtype=dtype or lib.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), MODULES)
def test_modules(name, args, kwargs, shape, dtype):
    def scenario(lib):
        if lib is torch and name == "SyncBatchNorm":
            module = lib.nn.BatchNorm1d(*args, **kwargs)
        else:
            module = getattr(lib.nn, name)(*args, **kwargs)
        kind = getattr(lib, dtype)
        module = module.to(kind)
        for i, p in enumerate(module.parameters()):
            with lib.no_grad():
                p.copy_(values(lib, tuple(p.shape), i + 1, kind))
        results = [str(module).replace("SyncBatchNorm", "BatchNorm1d"), list(module.state_dict())]
        for mode in (True, True, False):
            module.train(mode)
            x = values(lib, shape, 9, kind).requires_grad_()
            y = module(x)
            probe = values(lib, shape, 10, kind)
            wanted = [x, *module.parameters()]
            first = lib.autograd.grad((y * probe).sum(), wanted, create_graph=True)
            results += [y, *first, *module.buffers()]
            second = sum(((g * g).sum() for g in first), lib.zeros((), dtype=kind))
            # In evaluation without weights the first gradient is constant.
            if second.requires_grad and (mode or len(wanted) > 1):
                results += [
                    g if g is not None else 0
                    for g in lib.autograd.grad(second, wanted, allow_unused=True)
                ]
            # Without a graph of the gradient the fused backward runs.
            y = module(x)
            results += lib.autograd.grad((y * probe).sum(), wanted)
        return results

    compare(scenario, tol=2e-3 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_input_with_float_parameters(dtype):
    def scenario(lib):
        x = values(lib, (4, 3, 5)).to(getattr(lib, dtype)).requires_grad_()
        module = lib.nn.BatchNorm1d(3)
        y = module(x)
        y.float().square().sum().backward()
        return [y.dtype, y, module.running_mean, module.running_var, module.weight.grad]

    compare(scenario, tol=0.02)


def test_state_goes_both_ways():
    ours, theirs = tensorlite.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3) if torch else None
    if theirs is None:
        pytest.skip("torch is not installed")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype("float32")
    theirs(torch.from_numpy(x))
    ours.load_state_dict({k: tensorlite.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    ours(tensorlite.tensor(x))
    theirs.load_state_dict({k: torch.tensor(v.tolist()) for k, v in ours.state_dict().items()})
    assert theirs.num_batches_tracked.item() == 2
    a = ours.eval()(tensorlite.tensor(x)).detach().numpy()
    b = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_old_state_without_the_count_loads():
    module = tensorlite.nn.BatchNorm1d(2)
    state = {k: v for k, v in module.state_dict().items() if k != "num_batches_tracked"}
    module.load_state_dict(state)
    assert module.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("name", "lazy_input"),
    [
        ("LazyBatchNorm1d", (4, 3)),
        ("LazyBatchNorm2d", (2, 3, 4, 4)),
        ("LazyBatchNorm3d", (2, 3, 2, 2, 2)),
        ("LazyInstanceNorm1d", (2, 3, 5)),
        ("LazyInstanceNorm2d", (2, 3, 4, 4)),
        ("LazyInstanceNorm3d", (2, 3, 2, 2, 2)),
    ],
)
def test_lazy(name, lazy_input):
    def scenario(lib):
        module = getattr(lib.nn, name)()
        lazy = type(module).__name__
        y = module(values(lib, lazy_input))
        return [lazy, type(module).__name__, str(module), y, dict(module.state_dict())]

    compare(scenario, tol=1e-5, warns=False)


def test_functions_and_errors():
    def scenario(lib):
        F, x = lib.nn.functional, values(lib, (4, 3, 5))
        r, v = lib.zeros(3), lib.ones(3)
        return [
            F.batch_norm(x, r, v),
            F.batch_norm(x, r, v, training=True, momentum=0.3),
            r,
            v,
            *lib.native_batch_norm(x, v, None, None, None, True, 0.1, 1e-5),
            *lib.native_group_norm(x, None, None, 4, 3, 5, 3, 1e-5),
            lib.group_norm(x, 1),
            F.instance_norm(x, eps=0.1),
            outcome(F.batch_norm, x, None, None),
            outcome(F.batch_norm, x, lib.zeros(2), v),
            outcome(F.batch_norm, x, r, v, lib.ones(4)),
            outcome(F.batch_norm, x[:1, :, 0], r, v, training=True),
            outcome(F.batch_norm, x.double(), r, v),
            outcome(F.batch_norm, lib.ones(3), r, v),
            outcome(F.instance_norm, x[:, :, :1]),
            outcome(F.group_norm, x, 2),
            outcome(F.group_norm, x, 3, lib.ones(2)),
            outcome(F.group_norm, lib.ones(3), 3),
            outcome(F.local_response_norm, lib.ones(3, 2), 3),
            outcome(lib.nn.GroupNorm, 2, 3),
            outcome(lib.nn.BatchNorm1d(3), lib.ones(2, 3, 4, 5)),
            outcome(lib.nn.BatchNorm2d(3), lib.ones(2, 3, 4)),
            outcome(lib.nn.BatchNorm3d(3), lib.ones(2, 3, 4)),
            outcome(lib.nn.InstanceNorm2d(3), lib.ones(2, 3)),
            F.batch_norm(lib.ones(0, 3, 2), r, v),
        ]

    compare(scenario, tol=1e-5, warns=False)


def test_forward_twice_before_backward():
    def scenario(lib):
        module = lib.nn.BatchNorm1d(3)
        x = values(lib, (4, 3)).requires_grad_()
        a, b = module(x), module(x * 2)
        module.eval()
        c = module(x)
        (a.sin() + b.cos() + c.square()).sum().backward()
        return [x.grad, module.weight.grad, type(a.grad_fn).__name__]

    compare(scenario, tol=1e-4)


def test_evaluation_remembers_its_statistics():
    module = tensorlite.nn.BatchNorm1d(3)
    x = values(tensorlite, (4, 3)).requires_grad_()
    y = module.eval()(x)
    module.train()(x * 3)  # moves the running statistics
    y.sum().backward()
    assert (x.grad - 1).abs().max() < 1e-4


@pytest.mark.parametrize("shape", [(4096, 70), (6, 40, 33, 31)])
def test_same_bits_for_any_number_of_threads(shape):
    results = []
    threads = tensorlite.get_num_threads()
    try:
        for n in (1, 2, 5):
            tensorlite.set_num_threads(n)
            x = values(tensorlite, shape).requires_grad_()
            module = tensorlite.nn.BatchNorm1d if len(shape) == 2 else tensorlite.nn.BatchNorm2d
            module = module(shape[1])
            module(x).sin().sum().backward()
            groups = tensorlite.nn.functional.group_norm(x, 10)
            results.append([x.grad, module.weight.grad, module.running_var, groups.detach()])
    finally:
        tensorlite.set_num_threads(threads)
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other, strict=True))


def test_large_mean_keeps_the_variance():
    x = tensorlite.randn(64, 3, 32, 32) + 10000
    y = tensorlite.nn.BatchNorm2d(3)(x)
    assert abs(y.var().item() - 1) < 1e-3 and y.mean().abs().item() < 1e-3
