"""Mixed precision: autocast, which changes nothing, and GradScaler, as PyTorch's on the CPU."""

import pytest

import tensorlite
from compat_helpers import alike
from outcomes import same_outcome

CALLS = {
    "scale": lambda m: m.GradScaler("cpu").scale([m.ones(1), (m.zeros(2),)]),
    "disabled": lambda m: m.GradScaler("cpu", enabled=False).scale(m.ones(1)),
    "no device": lambda m: [
        (s := m.GradScaler()).is_enabled(),
        s.get_scale(),
        s.scale(m.ones(1)),
        s.state_dict(),
    ],
    "state": lambda m: m.amp.GradScaler("cpu", 8.0, growth_interval=3).state_dict(),
    "not a tensor": lambda m: m.GradScaler("cpu").scale(3),
    "update too early": lambda m: m.GradScaler("cpu").update(),
    "factors": lambda m: m.GradScaler("cpu", growth_factor=1.0),
    "empty state": lambda m: m.GradScaler("cpu").load_state_dict({}),
    "old names": lambda m: [m.cuda.amp.GradScaler().is_enabled(), m.cuda.amp.autocast().fast_dtype],
    "cuda": lambda m: m.autocast("cuda")._enabled,
    "off": lambda m: m.autocast("cpu", enabled=False).__enter__()._enabled,
    "wrong dtype": lambda m: m.autocast("cpu", dtype=m.float64)._enabled,
    "wrong name": lambda m: m.autocast("foo"),
    "wrong type": lambda m: m.autocast(3),
    "enabled": lambda m: [m.is_autocast_enabled(), m.is_autocast_enabled("cpu")],
    "dtypes": lambda m: [m.get_autocast_dtype("cpu"), m.get_autocast_dtype("cuda")],
    "available": lambda m: [
        m.amp.is_autocast_available("cpu"),
        m.amp.is_autocast_available("cuda"),
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    alike(CALLS[name])


def _train(m, double_step=False, late_unscale=False):
    m.manual_seed(0)
    model = m.nn.Linear(3, 1)
    optimizer = m.optim.SGD(model.parameters(), lr=0.1)
    scaler = m.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    out = []
    for i in range(6):
        x = m.full((2, 3), float("inf") if i == 3 else float(i))
        optimizer.zero_grad()
        scaler.scale(model(x).sum()).backward()
        if i % 2:
            scaler.unscale_(optimizer)
            m.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        if double_step:
            scaler.step(optimizer)
        if late_unscale:
            scaler.unscale_(optimizer)
        scaler.update()
        out += [scaler.get_scale(), model.weight.detach().clone()]
    return [out, scaler.state_dict()]


def test_training():
    alike(_train)
    same_outcome(lambda m: _train(m, double_step=True))
    same_outcome(lambda m: _train(m, late_unscale=True))


def test_autocast_says_what_it_does_not_do():
    with pytest.raises(NotImplementedError, match="bfloat16"):
        tensorlite.autocast("cpu")

    @tensorlite.autocast("cpu", enabled=False)
    def f(x):
        return x + 1

    assert f(1) == 2 and f.__name__ == "f"
    assert (
        tensorlite.amp.custom_fwd(f) is f and tensorlite.amp.custom_bwd(device_type="cpu")(f) is f
    )
