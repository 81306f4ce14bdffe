"""The programs that `benchmarks.overhead` times: each takes a library and returns a call to repeat.

`m` is tensorlite or torch: every program is the same text for both.
"""

from collections.abc import Callable
from typing import Any

Program = Callable[[Any], Callable[[], Any]]


def add(m: Any) -> Callable[[], Any]:
    x, y = m.randn(4), m.randn(4)
    return lambda: x + y


def add_grad(m: Any) -> Callable[[], Any]:
    x, y = m.randn(4, requires_grad=True), m.randn(4, requires_grad=True)
    return lambda: x + y


def add_inplace(m: Any) -> Callable[[], Any]:
    x, y = m.zeros(4), m.randn(4)
    return lambda: x.add_(y)


def square_sum_backward(m: Any) -> Callable[[], Any]:
    x = m.randn(4, requires_grad=True)

    def run() -> None:
        (x * x).sum().backward()

    return run


def pointwise_chain(m: Any) -> Callable[[], Any]:
    x = m.rand(4, requires_grad=True)

    def run() -> None:
        y = x
        for _ in range(25):
            y = (y * 1.01 + x).tanh().sigmoid()
        y.sum().backward()

    return run


def view_chain(m: Any) -> Callable[[], Any]:
    x = m.randn(2, 3, 4)
    return lambda: x.view(6, 4).t()[1:3].unsqueeze(0).transpose(0, 2).squeeze(1).reshape(-1)


def item(m: Any) -> Callable[[], Any]:
    x = m.randn(8, 8)
    return lambda: x[3, 4].item()


def seed_classifier(m: Any) -> Callable[[], Any]:
    """A step of examples/seed.py."""
    F, variable = m.nn.functional, m.autograd.Variable

    class Net(m.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear = m.nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return F.softmax(self.linear(x), dim=1)

    net = Net()
    optimizer = m.optim.SGD(net.parameters(), lr=0.001)
    features = variable(m.randn(3, 4), requires_grad=True)
    target = variable(m.LongTensor([1, 0, 1]))

    def run() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(features), target)
        loss.backward()
        optimizer.step()

    return run


def policy(m: Any) -> Callable[[], Any]:
    """An agent's policy, one observation at a time."""
    nn = m.nn
    net = nn.Sequential(
        nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2), nn.Softmax(-1)
    )
    x = m.randn(1, 4)

    def run() -> Any:
        with m.no_grad():
            return net(x)

    return run


def optimizer_step(make: Callable[..., Any]) -> Program:
    def program(m: Any) -> Callable[[], Any]:
        parameters = [m.nn.Parameter(m.randn(8, 8)) for _ in range(20)]
        for p in parameters:
            p.grad = m.randn(8, 8)
        return make(m, parameters).step

    return program


def mlp_step(batch: int) -> Program:
    def program(m: Any) -> Callable[[], Any]:
        nn = m.nn
        net = nn.Sequential(
            nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4)
        )
        optimizer = m.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        x, target = m.randn(batch, 16), m.arange(batch) % 4

        def run() -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), target).backward()
            optimizer.step()

        return run

    return program


def nested_grad(m: Any) -> Callable[[], Any]:
    x = m.randn(4, requires_grad=True)
    grad = m.autograd.grad

    def run() -> Any:
        y = (x * x * x).sum()
        (g,) = grad(y, x, create_graph=True)
        (h,) = grad(g.sum(), x, create_graph=True)
        return h

    return run


ROWS: dict[str, Program] = {
    "`x + y`, 4 floats": add,
    "`x + y`, 4 floats, with grad": add_grad,
    "`x.add_(y)`": add_inplace,
    "`(x*x).sum().backward()`": square_sum_backward,
    "100 pointwise ops and their backward": pointwise_chain,
    "chain of 7 views": view_chain,
    "`x[3, 4].item()`": item,
    "step of the seed's classifier": seed_classifier,
    "MLP policy, batch 1, no grad": policy,
    "Adam, 20 parameters of 8 x 8": optimizer_step(lambda m, p: m.optim.Adam(p, lr=1e-3)),
    "SGD with momentum, 20 parameters": optimizer_step(
        lambda m, p: m.optim.SGD(p, lr=1e-3, momentum=0.9)
    ),
    "small MLP's step, batch 1": mlp_step(1),
    "small MLP's step, batch 32": mlp_step(32),
    "two nested `autograd.grad`, create_graph": nested_grad,
}
