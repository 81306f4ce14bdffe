"""Single operations on large operands, for `benchmarks.large`.

A row is a program (as in `benchmarks.rows`) with its arithmetic in multiply-adds counted twice, or the
bytes that it has to read and write: one of the two is its limit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .rows import Program


class Row(NamedTuple):
    program: Program
    flops: float = 0
    bytes: float = 0


def product(n: int, k: int, m: int, dtype: str = "float32") -> Row:
    def program(t: Any) -> Callable[[], Any]:
        a, b = (t.randn(*s).to(getattr(t, dtype)) for s in ((n, k), (k, m)))
        return lambda: t.mm(a, b)

    return Row(program, flops=2 * n * k * m)


def batched(b: int, n: int) -> Row:
    def program(t: Any) -> Callable[[], Any]:
        x, y = t.randn(b, n, n), t.randn(b, n, n)
        return lambda: t.bmm(x, y)

    return Row(program, flops=2 * b * n**3)


def tall_linear(t: Any) -> Callable[[], Any]:
    x, w, bias = t.randn(4096, 256), t.randn(128, 256), t.randn(128)
    return lambda: t.nn.functional.linear(x, w, bias)


def of(shape: tuple[int, ...], call: str, traffic: int, grad: bool = False) -> Row:
    """`call` on x and y of that shape; `traffic` tensors of it are read or written."""
    code = compile(call, call, "eval")

    def program(t: Any) -> Callable[[], Any]:
        x, y = t.rand(shape, requires_grad=grad), t.rand(shape)
        row, index = t.rand(shape[-1]), t.randint(0, shape[0], (shape[0],))
        names = {"m": t, "F": t.nn.functional, "x": x, "y": y, "row": row, "index": index}
        if not grad:
            return lambda: eval(code, names)

        def run() -> None:
            x.grad = None
            eval(code, names).backward(y)

        return run

    elements = 1
    for n in shape:
        elements *= n
    return Row(program, bytes=4.0 * elements * traffic)


def classes(rows: int, n: int) -> Row:
    def program(t: Any) -> Callable[[], Any]:
        x, target = t.randn(rows, n, requires_grad=True), t.randint(0, n, (rows,))

        def run() -> None:
            x.grad = None
            t.nn.functional.cross_entropy(x, target).backward()

        return run

    return Row(program, bytes=4.0 * rows * n * 3)


def embedding(t: Any) -> Callable[[], Any]:
    layer, index = t.nn.Embedding(10_000, 128), t.randint(0, 10_000, (4096,))

    def run() -> None:
        layer.weight.grad = None
        layer(index).sum().backward()

    return run


def convolution(
    shape: tuple[int, int, int],
    channels: int,
    size: int,
    backward: bool,
    kind: str = "conv2d",
    **options: Any,
) -> Row:
    """Over (batch, channels, side); flops are those of the forward, three times over with gradients."""
    batch, inputs, side = shape
    groups = options.get("groups", 1)

    def program(t: Any) -> Callable[[], Any]:
        f = getattr(t.nn.functional, kind)
        x = t.randn(batch, inputs, side, side, requires_grad=backward)
        sizes = (channels, inputs // groups) if kind == "conv2d" else (inputs, channels // groups)
        w = t.randn(*sizes, size, size, requires_grad=backward)
        if not backward:
            return lambda: f(x, w, **options)
        g = t.randn(f(x, w, **options).shape)

        def run() -> None:
            x.grad = w.grad = None
            f(x, w, **options).backward(g)

        return run

    stride = options.get("stride", 1)
    positions = side**2 if kind != "conv2d" else (side // stride) ** 2
    flops = 2.0 * batch * positions * channels * inputs // groups * size**2
    return Row(program, flops=flops * (3 if backward else 1))


def attention(batch: int, heads: int, length: int, width: int, backward: bool) -> Row:
    def program(t: Any) -> Callable[[], Any]:
        f = t.nn.functional.scaled_dot_product_attention
        q, k, v = (t.randn(batch, heads, length, width, requires_grad=backward) for _ in range(3))
        if not backward:
            return lambda: f(q, k, v, is_causal=True)
        g = t.randn(batch, heads, length, width)

        def run() -> None:
            q.grad = k.grad = v.grad = None
            f(q, k, v, is_causal=True).backward(g)

        return run

    return Row(program, flops=2.0 * batch * heads * length**2 * width * (3.5 if backward else 1))


def step(name: str, **options: Any) -> Row:
    def program(t: Any) -> Callable[[], Any]:
        parameters = [t.nn.Parameter(t.randn(1000, 1000)) for _ in range(10)]
        for p in parameters:
            p.grad = t.randn(1000, 1000)
        return getattr(t.optim, name)(parameters, **options).step  # type: ignore[no-any-return]

    return Row(program, bytes=4e7 * (7 if name == "Adam" else 5))


SMALL, LARGE = (256, 256), (2048, 2048)


def rows() -> dict[str, Row]:
    found = {f"mm {n}³": product(n, n, n) for n in (32, 64, 128, 256, 512, 1024, 2048)}
    found["mm 512³, float64"] = product(512, 512, 512, "float64")
    found["mm 512³, bfloat16"] = product(512, 512, 512, "bfloat16")
    found["linear 4096x256 to 128, with bias"] = Row(tall_linear, flops=2.0 * 4096 * 256 * 128)
    found["bmm 64x32³"] = batched(64, 32)
    calls = {
        "x + y": 3, "x.add_(y)": 3, "x * row": 2, "x.exp()": 2, "x.tanh()": 2, "F.gelu(x)": 2,
        "m.where(x > 0.5, x, y)": 3, "x.relu()": 2, "x.sum()": 1, "x.sum(0)": 1, "x.sum(1)": 1, "x.var()": 1,
        "x.softmax(-1)": 2, "x.log_softmax(-1)": 2, "F.layer_norm(x, x.shape[-1:])": 2, "x.t().contiguous()": 2,
        "m.cat([x, y])": 4, "x[index]": 2, "x.sort()": 4, "x.topk(8)": 1, "x.cumsum(0)": 2, "m.randn(x.shape)": 1,
        "F.dropout(x)": 2,
    }  # fmt: skip
    for label, shape in (("64 k", SMALL), ("4 M", LARGE)):
        for call, traffic in calls.items():
            found[f"{call}, {label}"] = of(shape, call, traffic)
        found[f"gelu and its gradient, {label}"] = of(shape, "F.gelu(x)", 5, grad=True)
    image = (32, 64, 16, 16)
    found["batch_norm 32x64x16², forward and backward"] = of(
        image, "F.batch_norm(x, None, None, training=True)", 6, grad=True
    )
    found["max_pool2d 2, 32x64x16²"] = of(image, "F.max_pool2d(x, 2)", 1)
    found["cross_entropy, 1 k classes, with gradient"] = classes(1024, 1000)
    found["cross_entropy, 32 k classes, with gradient"] = classes(128, 32_000)
    found["embedding 4096 of 10 k, with gradient"] = Row(
        embedding, bytes=4.0 * 128 * (3 * 4096 + 10_000)
    )
    shapes: dict[str, tuple[tuple[tuple[int, int, int], int, int], dict[str, Any]]] = {
        "3x3, 64 of 32²": (((16, 64, 32), 64, 3), {"padding": 1}),
        "3x3, 256 of 8²": (((16, 256, 8), 256, 3), {"padding": 1}),
        "1x1, 64 of 32²": (((16, 64, 32), 64, 1), {}),
        "7x7 stride 2, 3 of 112²": (((8, 3, 112), 64, 7), {"padding": 3, "stride": 2}),
        "depthwise 3x3, 64 of 32²": (((16, 64, 32), 64, 3), {"padding": 1, "groups": 64}),
    }
    for label, ((where, channels, size), options) in shapes.items():
        for backward in (False, True):
            text = f"conv {label}" + (", with gradients" if backward else "")
            found[text] = convolution(where, channels, size, backward, **options)
    found["transposed conv 4x4 stride 2, 64 of 16²"] = convolution(
        (16, 64, 16), 64, 4, False, "conv_transpose2d", padding=1, stride=2
    )
    for backward in (False, True):
        text = "attention 8x6x256x64, causal" + (", with gradients" if backward else "")
        found[text] = attention(8, 6, 256, 64, backward)
    found["SGD with momentum, 10 M parameters"] = step("SGD", lr=1e-3, momentum=0.9)
    found["Adam, 10 M parameters"] = step("Adam", lr=1e-3)
    return found
