"""Steps of training and calls of inference, for `benchmarks.large`: each takes a library and returns a call."""

from collections.abc import Callable
from typing import Any

from .rows import Program


def training(m: Any, net: Any, loss: Callable[[], Any], lr: float = 1e-3) -> Callable[[], Any]:
    optimizer = m.optim.Adam(net.parameters(), lr=lr)

    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run


def classifier(make: Callable[[Any], Any], shape: tuple[int, ...]) -> Program:
    def program(m: Any) -> Callable[[], Any]:
        net, x, y = make(m.nn), m.randn(shape), m.arange(shape[0]) % 10
        return training(m, net, lambda: m.nn.functional.cross_entropy(net(x), y))

    return program


def mlp(nn: Any) -> Any:
    return nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def lenet(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip


def convnet(nn: Any) -> Any:
    def block(a: int, b: int) -> list[Any]:
        return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(3, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(2048, 10)
    )


def resnet18(nn: Any) -> Any:
    """He et al., 2016, for pictures of 32x32: a 3x3 convolution first, no pooling before the last."""

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
            self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
            plain = a == b and stride == 1
            self.short = (
                nn.Identity()
                if plain
                else nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))
            )

        def forward(self, x: Any) -> Any:
            y = self.bn1(self.conv1(x)).relu()
            return (self.bn2(self.conv2(y)) + self.short(x)).relu()

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    width = 64
    for b, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(width, b, stride), Block(b, b, 1)]
        width = b
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def gpt(m: Any, depth: int, width: int, heads: int, length: int) -> Any:
    nn, F = m.nn, m.nn.functional

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any) -> Any:
            b, n, c = x.shape
            q, k, v = (
                t.view(b, n, heads, c // heads).transpose(1, 2)
                for t in self.qkv(self.n1(x)).split(width, 2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, n, c))
            return x + self.mlp(self.n2(x))

    class Net(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(65, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(depth)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 65)

        def forward(self, x: Any) -> Any:
            h = self.tokens(x) + self.places(m.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(h)))

    return Net()


def gpt_step(batch: int, depth: int, width: int, heads: int, length: int) -> Program:
    def program(m: Any) -> Callable[[], Any]:
        net, x = gpt(m, depth, width, heads, length), m.randint(0, 65, (batch, length))

        def loss() -> Any:
            return m.nn.functional.cross_entropy(net(x).view(-1, 65), x.roll(-1, 1).view(-1))

        return training(m, net, loss)

    return program


def lstm(m: Any) -> Callable[[], Any]:
    net, head, x = m.nn.LSTM(64, 128), m.nn.Linear(128, 10), m.randn(32, 16, 64)
    y = m.arange(16) % 10
    both = m.nn.ModuleList([net, head])
    return training(m, both, lambda: m.nn.functional.cross_entropy(head(net(x)[0][-1]), y))


def vae(m: Any) -> Callable[[], Any]:
    nn, F = m.nn, m.nn.functional
    encode = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decode = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    x = m.rand(128, 784)

    def loss() -> Any:
        mean, log_var = encode(x).chunk(2, 1)
        z = mean + m.randn_like(mean) * (log_var / 2).exp()
        kl = -(1 + log_var - mean**2 - log_var.exp()).sum() / 2
        return F.binary_cross_entropy_with_logits(decode(z), x, reduction="sum") + kl

    return training(m, nn.ModuleList([encode, decode]), loss)


def actor_critic(m: Any) -> Callable[[], Any]:
    nn, F = m.nn, m.nn.functional
    body = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    actor, critic = nn.Linear(64, 4), nn.Linear(64, 1)
    x, action, value = m.randn(256, 8), m.arange(256) % 4, m.randn(256)

    def loss() -> Any:
        h = body(x)
        policy, estimate = m.distributions.Categorical(logits=actor(h)), critic(h).squeeze(-1)
        advantage = (value - estimate).detach()
        gain = (policy.log_prob(action) * advantage).mean() + 0.01 * policy.entropy().mean()
        return F.mse_loss(estimate, value) - gain

    return training(m, nn.ModuleList([body, actor, critic]), loss)


def pinn(m: Any) -> Callable[[], Any]:
    """Poisson's equation u'' = f in one dim, by second derivatives of a network."""
    nn, grad = m.nn, m.autograd.grad
    net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    x = m.linspace(0, 1, 64).reshape(-1, 1).requires_grad_()

    def loss() -> Any:
        (du,) = grad(net(x).sum(), x, create_graph=True)
        (ddu,) = grad(du.sum(), x, create_graph=True)
        return ((ddu - x.sin()) ** 2).mean()

    return training(m, net, loss)


def inference(make: Callable[[Any], Any], inputs: Callable[[Any], Any]) -> Program:
    def program(m: Any) -> Callable[[], Any]:
        net, x = make(m).eval(), inputs(m)

        def run() -> Any:
            with m.no_grad():
                return net(x)

        return run

    return program


SMALL: dict[str, Program] = {
    "MLP 784-128-64-10, batch 64": classifier(mlp, (64, 784)),
    "LeNet, batch 64": classifier(lenet, (64, 1, 28, 28)),
    "LSTM 64 to 128, 32 steps, batch 16": lstm,
    "VAE, batch 128": vae,
    "actor and critic, batch 256": actor_critic,
    "PINN with second derivatives, 64 points": pinn,
    "char GPT 4x64, context 64, batch 8": gpt_step(8, 4, 64, 4, 64),
}
LARGE: dict[str, Program] = {
    "LeNet, batch 2048": classifier(lenet, (2048, 1, 28, 28)),
    "batch-normalised convnet, 32², batch 64": classifier(convnet, (64, 3, 32, 32)),
    "ResNet-18, 32², batch 16": classifier(resnet18, (16, 3, 32, 32)),
    "char GPT 6x384, context 256, batch 4": gpt_step(4, 6, 384, 6, 256),
    "ResNet-18, 32², inference, batch 1": inference(
        lambda m: resnet18(m.nn), lambda m: m.randn(1, 3, 32, 32)
    ),
    "char GPT 4x64, inference, one token": inference(
        lambda m: gpt(m, 4, 64, 4, 64), lambda m: m.randint(0, 65, (1, 1))
    ),
}
