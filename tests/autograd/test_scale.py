"""Large graphs, long loops, threads."""

import gc
import os
import threading
import weakref

import pytest

import tensorlite


def leaf(*values):
    return tensorlite.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_a_chain_of_a_million():
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.backward()
    assert x.grad.item() == 1
    # Its destruction needs no stack either, nor that of a graph never run.
    z = y
    for _ in range(100_000):
        z = z * 1.0
    del y, z


def test_a_wide_graph():
    x = leaf()
    parts = [x * float(i) for i in range(5_000)]
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    total.sum().backward()
    assert x.grad.tolist() == [sum(range(5_000))] * 3
    x.grad = None
    tensorlite.autograd.backward([x * 1.0 for _ in range(3_000)], [tensorlite.ones(3)] * 3_000)
    assert x.grad.tolist() == [3_000] * 3


def test_a_deep_view_chain_is_destroyed_without_recursion():
    v = tensorlite.zeros(4)
    for _ in range(100_000):
        v = v.view(4)
    del v


def test_deep_in_place_history():
    x = leaf()
    b = x * 1
    for _ in range(3_000):
        b[:2].mul_(1.0)
    b.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def in_use():
    gc.collect()
    return tensorlite.memory_stats()["allocated_bytes.current"]


def losses():
    w, b = leaf(0.1, 0.2, 0.3), leaf(0.5, 0.5, 0.5)
    x = tensorlite.tensor([1.0, 2.0, 3.0])

    class Double(tensorlite.autograd.Function):
        @staticmethod
        def forward(ctx, t):
            ctx.save_for_backward(t)
            return t * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2 + 0 * ctx.saved_tensors[0]

    def plain():
        (w * x + b).exp().sum().backward()

    def double():
        (g,) = tensorlite.autograd.grad((w * w * b).sum(), w, create_graph=True)
        (g * g).sum().backward()

    def function():
        Double.apply(Double.apply(w) * b).sum().backward()

    def hooks():
        y = w * b
        y.register_hook(lambda g: g * 2)
        y.grad_fn.register_hook(lambda i, o: None)
        y.retain_grad()
        h = w.register_hook(lambda g: g)
        y.sum().backward()
        h.remove()

    def views():
        t = w * b
        t[:2].mul_(x[:2])
        t.view(3, 1).unbind()
        t.sum().backward()

    def unused():
        (w * b).exp()

    def failing():
        y = (w * b).exp()
        y.register_hook(lambda g: 1 / 0)
        try:
            y.sum().backward()
        except ZeroDivisionError:
            pass

    def packed():
        with tensorlite.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            (w * b).exp().sum().backward()

    def step(f):
        def run():
            w.grad = b.grad = None
            f()

        return run

    return {
        f.__name__: step(f)
        for f in (plain, double, function, hooks, views, unused, failing, packed)
    }


@pytest.mark.parametrize("name", list(losses()))
def test_a_loop_ends_with_the_memory_it_had(name):
    step = losses()[name]
    for _ in range(10):
        step()
    objects, before, memory = len(gc.get_objects()), in_use(), resident()
    for _ in range(1_000):
        step()
    assert in_use() == before
    assert len(gc.get_objects()) - objects < 50
    if "TENSORLITE_SANITIZED" not in os.environ:  # there, freed memory is quarantined
        assert resident() - memory < 1 << 20


def test_hook_cycles_are_collected():
    x = leaf()
    y = x * 2
    seen = weakref.ref(y)
    y.register_hook(lambda g, y=y: None)
    del y
    gc.collect()
    assert seen() is None
    z = leaf()
    seen = weakref.ref(z)
    z.register_post_accumulate_grad_hook(lambda p, z=z: None)
    z.register_hook(lambda g, z=z: None)
    del z
    gc.collect()
    assert seen() is None


# --- threads ------------------------------------------------------------------------------------


def in_threads(n, work):
    errors = []

    def run(i):
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_threads_with_graphs_of_their_own():
    grads = [None] * 4

    def work(i):
        for _ in range(20):
            x = leaf(float(i), 1.0)
            y = x
            for _ in range(300):
                y = y + x * 1.0
            y.sum().backward()
            grads[i] = x.grad.tolist()

    in_threads(4, work)
    assert grads == [[301, 301]] * 4


def test_threads_that_share_a_leaf():
    x = leaf(1.0, 2.0)

    def work(i):
        for _ in range(100):
            y = x
            for _ in range(20):
                y = y + x * 2.0
            y.sum().backward()

    in_threads(4, work)
    assert x.grad.tolist() == [4 * 100 * 41.0] * 2


def test_threads_that_share_a_large_leaf():
    x = tensorlite.ones(300_000, requires_grad=True)

    def work(i):
        for _ in range(10):
            (x * float(i)).sum().backward()

    in_threads(4, work)
    assert x.grad[0].item() == 60 and x.grad[-1].item() == 60


def test_threads_that_share_a_long_graph():
    """Long enough for backward to run without the interpreter's lock."""
    x = leaf(1.0)
    y = x
    for _ in range(60_000):
        y = y * 1.0
    grads = []

    def work(i):
        for _ in range(2):
            grads.append(tensorlite.autograd.grad(y, x, retain_graph=True)[0].item())

    in_threads(3, work)
    assert grads == [1.0] * 6


def test_threads_over_long_graphs_with_hooks():
    x = leaf(1.0)
    calls = []

    def work(i):
        y = x
        for k in range(60_000):
            y = y * 1.0
            if k % 10_000 == 0:
                y.register_hook(lambda g: calls.append(g.item()))
        y.backward()

    in_threads(3, work)
    assert x.grad.item() == 3 and calls == [1.0] * 18


def test_modes_belong_to_their_thread():
    seen = []
    with tensorlite.no_grad(), tensorlite.inference_mode():
        in_threads(
            1,
            lambda i: seen.append(
                (tensorlite.is_grad_enabled(), tensorlite.is_inference_mode_enabled())
            ),
        )
    assert seen == [(True, False)]


def test_a_hook_may_wait_for_another_thread():
    x = leaf(1.0)
    shared = x * 2
    seen = []

    def hook(g):
        in_threads(
            1,
            lambda i: seen.append(tensorlite.autograd.grad(shared, x, retain_graph=True)[0].item()),
        )

    y = shared
    for _ in range(50_000):
        y = y * 1.0
    middle = shared * 1.0
    middle.register_hook(hook)
    (y + middle).backward()
    assert seen == [2.0] and x.grad.item() == 4.0


def test_cycles_through_the_graph_are_collected():
    class Holder:
        pass

    x = leaf()
    inner = x * 2
    holder = Holder()
    seen = weakref.ref(holder)
    # A hook inside the graph that holds its end.
    inner.register_hook(lambda g, h=holder: None)
    holder.loss = (inner * 3).exp().sum()
    del inner, holder
    gc.collect()
    assert seen() is None
    # A saved tensor whose attribute is the result.
    y = x * 2
    y.mark = Holder()
    y.mark.result = y.exp() * y
    seen = weakref.ref(y.mark)
    del y
    gc.collect()
    assert seen() is None
