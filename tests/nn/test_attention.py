"""Attention beside PyTorch's: the function in tiles, and multi-head attention in all its forms."""

import itertools

import pytest

import tensorlite
from sequence_helpers import total
from side_by_side import compare
from tensorlite import nn
from tensorlite.nn import functional as F


def gradients(T, f, inputs):
    # PyTorch's fused kernels have no second gradient.
    with T.nn.attention.sdpa_kernel(T.nn.attention.SDPBackend.MATH):
        y = f(*inputs)
    first = T.autograd.grad(total(T, y), inputs, create_graph=True)
    second = T.autograd.grad(total(T, list(first)), inputs, allow_unused=True)
    return [y, list(first), list(second)]


SHAPES = {
    "heads": ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)),
    "no batch": ((5, 4), (7, 4), (7, 3)),
    "broadcast": ((2, 1, 3, 4), (3, 5, 4), (1, 3, 5, 2)),
    "one row": ((2, 2, 1, 4), (2, 2, 9, 4), (2, 2, 9, 4)),
    "tiles": ((2, 130, 4), (2, 300, 4), (2, 300, 4)),
    "more rows": ((150, 4), (70, 4), (70, 1)),
}


@pytest.mark.parametrize("how", ["plain", "causal", "scale", "bool", "float", "row", "mask grad"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_values_and_gradients(shapes, how):
    def run(T):
        q, k, v = (T.randn(s, dtype=T.float64, requires_grad=True) for s in SHAPES[shapes])
        rows, columns = q.size(-2), k.size(-2)
        kwargs = {}
        inputs = [q, k, v]
        if how == "causal":
            kwargs["is_causal"] = True
        elif how == "scale":
            kwargs["scale"] = 0.3
        elif how == "bool":
            kwargs["attn_mask"] = T.randn(rows, columns) > 0.2
        elif how == "float":
            kwargs["attn_mask"] = T.randn(rows, columns, dtype=T.float64)
        elif how == "row":
            kwargs["attn_mask"] = T.randn(1, columns) > -0.5
        elif how == "mask grad":
            inputs.append(T.randn(rows, columns, dtype=T.float64, requires_grad=True))
        attend = T.nn.functional.scaled_dot_product_attention
        y = gradients(T, lambda q, k, v, *mask: attend(q, k, v, *mask, **kwargs), inputs)
        return y if shapes not in ("tiles", "more rows") else y[:2]

    compare(run, tol=1e-8)


def test_float32_and_transposed_heads():
    def run(T):
        packed = T.randn(2, 70, 3, 4, 16, requires_grad=True)
        q, k, v = (t.transpose(1, 2) for t in packed.unbind(2))
        y = T.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        total(T, y.transpose(1, 2).reshape(2, 70, 64)).backward()
        return [y, y.transpose(1, 2).is_contiguous(), packed.grad]

    compare(run, tol=1e-5)


def test_rows_that_see_nothing():
    def run(T):
        q, k, v = (T.ones(3, 4, requires_grad=True) for _ in range(3))
        mask = T.tensor([[True, False, True], [False] * 3, [True] * 3])
        y = T.nn.functional.scaled_dot_product_attention(q, k, v, mask)
        y.sum().backward()
        return [y, q.grad, k.grad, v.grad]

    compare(run)


def test_groups_of_heads():
    def run(T):
        q = T.randn(2, 6, 5, 4, dtype=T.float64, requires_grad=True)
        k, v = (T.randn(2, 2, 5, 4, dtype=T.float64, requires_grad=True) for _ in range(2))
        mask = T.randn(2, 6, 5, 5, dtype=T.float64)
        attend = T.nn.functional.scaled_dot_product_attention
        return [
            gradients(T, lambda *x: attend(*x, is_causal=True, enable_gqa=True), [q, k, v]),
            attend(q, k, v, mask, enable_gqa=True),
            attend(q, k, v, mask[0, 0], enable_gqa=True),
        ]

    compare(run, tol=1e-9)


def test_dropout():
    def run(T):
        q, k, v = (T.randn(2, 3, 5, 4) for _ in range(3))
        return T.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.4)

    compare(run, tol=1e-5)


def test_half():
    q, k, v = (tensorlite.randn(2, 9, 8) for _ in range(3))
    y = F.scaled_dot_product_attention(q, k, v)
    half = F.scaled_dot_product_attention(q.bfloat16(), k.bfloat16(), v.bfloat16())
    assert half.dtype == tensorlite.bfloat16
    assert (half.float() - y).abs().max() < 0.05


def test_same_bits_for_any_number_of_threads():
    before = tensorlite.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tensorlite.set_num_threads(threads)
            tensorlite.manual_seed(0)
            qkv = [tensorlite.randn(4, 3, 130, 32, requires_grad=True) for _ in range(3)]
            y = F.scaled_dot_product_attention(*qkv, is_causal=True)
            y.square().sum().backward()
            results.append([y.tolist(), [t.grad.tolist() for t in qkv]])
    finally:
        tensorlite.set_num_threads(before)
    assert results[0] == results[1] == results[2]


BAD = {
    "both": lambda T, a: a(T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), T.ones(2, 2), 0.0, True),
    "dtypes": lambda T, a: a(T.ones(2, 3), T.ones(2, 3).double(), T.ones(2, 3)),
    "mask": lambda T, a: a(T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), T.ones(2, 2).long()),
    "mask shape": lambda T, a: a(T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), T.ones(2, 5)),
    "width": lambda T, a: a(T.ones(2, 3), T.ones(2, 4), T.ones(2, 3)),
    "keys": lambda T, a: a(T.ones(2, 3), T.ones(2, 3), T.ones(4, 3)),
    "vector": lambda T, a: a(T.ones(3), T.ones(3), T.ones(3)),
    "batch": lambda T, a: a(T.ones(2, 1, 3), T.ones(3, 1, 3), T.ones(3, 1, 3)),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments(what):
    def run(T):
        with pytest.raises(RuntimeError):
            BAD[what](T, T.nn.functional.scaled_dot_product_attention)

    compare(run)


# --- multi-head attention -------------------------------------------------------------------------

MODULES = [
    {},
    {"bias": False, "batch_first": True},
    {"add_bias_kv": True},
    {"add_zero_attn": True, "add_bias_kv": True, "batch_first": True},
    {"kdim": 3, "vdim": 5},
]
MASKS = ["none", "bool", "float", "per head", "padding", "both", "causal"]


def attention_case(T, kwargs, mask, batched, need_weights, self_attention):
    m = T.nn.MultiheadAttention(8, 2, dtype=T.float64, **kwargs)
    steps, keys, batch = 5, 5 if self_attention or mask == "causal" else 6, 3

    def make(n, width):
        shape = (batch, n, width) if m.batch_first else (n, batch, width)
        return T.randn(shape if batched else (n, width), dtype=T.float64, requires_grad=True)

    q = make(steps, 8)
    k, v = (q, q) if self_attention else (make(keys, m.kdim), make(keys, m.vdim))
    heads = 2 * (batch if batched else 1)
    given = {"need_weights": need_weights}
    if mask in ("bool", "both"):
        given["attn_mask"] = T.randn(steps, keys) > 1
    elif mask == "float":
        given["attn_mask"] = T.randn(steps, keys, dtype=T.float64)
    elif mask == "per head":
        given["attn_mask"] = T.randn(heads, steps, keys) > 1
    elif mask == "causal":
        given["attn_mask"] = T.nn.Transformer.generate_square_subsequent_mask(
            steps, dtype=T.float64
        )
        given["is_causal"] = True
    if mask in ("padding", "both"):
        padding = T.zeros(batch, keys, dtype=T.bool)
        padding[0, 3:] = True
        given["key_padding_mask"] = padding if batched else padding[0]
    y, weights = m(q, k, v, **given)
    inputs = [q, *m.parameters()] + ([] if self_attention else [k, v])
    grads = T.autograd.grad(total(T, y), inputs)
    per_head = m(q, k, v, average_attn_weights=False, **given)[1] if need_weights else None
    return [repr(m), m.state_dict(), y, weights, per_head, list(grads)]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kwargs", MODULES)
def test_multihead_attention(kwargs, mask):
    for batched, need_weights, own in itertools.product([True, False], repeat=3):
        if own and "kdim" in kwargs:
            continue
        compare(attention_case, kwargs, mask, batched, need_weights, own, tol=1e-9)


def test_multihead_dropout_and_second_gradient():
    def run(T):
        m = T.nn.MultiheadAttention(8, 2, dropout=0.3)
        x = T.randn(5, 3, 8)
        return [m(x, x, x), m(x, x, x, need_weights=False), m.eval()(x, x, x)]

    compare(run, tol=1e-5)

    def second(T):
        m = T.nn.MultiheadAttention(4, 2, dtype=T.float64)
        x = T.randn(3, 2, 4, dtype=T.float64, requires_grad=True)
        f = lambda x, *p: m(x, x, x, need_weights=False)[0]
        return gradients(T, f, [x, m.in_proj_weight, m.out_proj.weight])

    compare(second, tol=1e-8)


BAD_MODULES = {
    "heads": lambda T: T.nn.MultiheadAttention(5, 2),
    "zero": lambda T: T.nn.MultiheadAttention(0, 2),
    "dims": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(4)] * 3),
    "unbatched": lambda T: T.nn.MultiheadAttention(4, 2)(T.ones(2, 4), *[T.ones(2, 1, 4)] * 2),
    "padding": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(2, 1, 4)] * 3, T.ones(2)),
    "padding size": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(2, 1, 4)] * 3, T.ones(1, 3)),
    "mask": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(2, 1, 4)] * 3, attn_mask=T.ones(3, 3)),
    "mask 3": lambda T: T.nn.MultiheadAttention(4, 2)(
        *[T.ones(2, 1, 4)] * 3, attn_mask=T.ones(3, 2, 2)
    ),
    "mask dtype": lambda T: T.nn.MultiheadAttention(4, 2)(
        *[T.ones(2, 1, 4)] * 3, attn_mask=T.ones(2, 2, dtype=T.int64)
    ),
    "causal": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(2, 1, 4)] * 3, is_causal=True),
    "embed": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(2, 1, 6)] * 3),
    "key": lambda T: T.nn.MultiheadAttention(4, 2)(
        T.ones(2, 1, 4), T.ones(3, 1, 4), T.ones(2, 1, 4)
    ),
}


@pytest.mark.parametrize("what", BAD_MODULES)
def test_bad_modules(what):
    def run(T):
        try:
            return BAD_MODULES[what](T)
        except Exception as error:
            return [type(error).__name__, str(error).replace("torch.", "").split("\n")[0]]

    compare(run)


def test_choice_of_kernel():
    q = tensorlite.randn(2, 3, 4)
    y = F.scaled_dot_product_attention(q, q, q)
    backends = nn.attention.SDPBackend
    for choice in (backends.MATH, [backends.FLASH_ATTENTION, backends.MATH]):
        with nn.attention.sdpa_kernel(choice):
            assert (F.scaled_dot_product_attention(q, q, q) == y).all()
    with pytest.raises(AssertionError), nn.attention.sdpa_kernel("math"):
        pass
