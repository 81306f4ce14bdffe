"""autograd.Function: forward and backward in Python."""

import gc
import weakref

import pytest

import tensorlite
from raised import raised
from side_by_side import compare


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def make(lib, forward, backward=None, **members):
    members.update(forward=staticmethod(forward))
    members.update(backward=staticmethod(backward or (lambda ctx, *g: g)))
    return type(lib.autograd.Function)("F", (lib.autograd.Function,), members)


def test_forward_and_backward():
    def scenario(lib):
        class Scale(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, factor, note=None):
                ctx.factor = factor
                ctx.save_for_backward(x)
                return x * factor

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                assert x.requires_grad
                return g * ctx.factor, None, None

        x = leaf(lib)
        y = Scale.apply(x, 3)
        z = Scale.apply(y, 2.0, "text")
        z.sum().backward()
        return (
            y,
            z.grad_fn.name(),
            type(z.grad_fn).__name__,
            z.grad_fn.next_functions[0][0] is y.grad_fn,
            len(z.grad_fn.next_functions),
            y.grad_fn.factor,
            y.grad_fn.needs_input_grad,
            x.grad,
            Scale.apply(x, note=1, factor=2),
            isinstance(y.grad_fn, lib.autograd.graph.Node),
        )

    compare(scenario)


def test_setup_context():
    def scenario(lib):
        class Power(lib.autograd.Function):
            @staticmethod
            def forward(x, n=3):
                assert not lib.is_grad_enabled()
                return x**n

            @staticmethod
            def setup_context(ctx, inputs, output):
                x, ctx.n = inputs
                ctx.save_for_backward(x, output)

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * ctx.n * x ** (ctx.n - 1) + 0 * y, None

        x = leaf(lib)
        outs = [Power.apply(x), Power.apply(x, 2), Power.apply(x, n=4)]
        sum(o.sum() for o in outs).backward(create_graph=False)
        return outs, x.grad, raised(Power.apply)[0]

    compare(scenario)


def test_twice_differentiable():
    def scenario(lib):
        class Cube(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x.clone() * x * x
                ctx.save_for_backward(x, y)
                return y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * 3 * y / x

        x = lib.tensor([0.5, 2.0], dtype=lib.float64, requires_grad=True)
        (g,) = lib.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x, create_graph=True)
        (k,) = lib.autograd.grad(h.sum(), x)
        return g, h, k

    compare(scenario)


def test_once_differentiable():
    def scenario(lib):
        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            @lib.autograd.function.once_differentiable
            def backward(ctx, g):
                assert not lib.is_grad_enabled()
                return g * 2 * ctx.saved_tensors[0]

        x = leaf(lib)
        Square.apply(x).sum().backward()
        out = [x.grad]
        (g,) = lib.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
        out.append(g.requires_grad)
        w = leaf(lib)
        (g,) = lib.autograd.grad((Square.apply(x) * w).sum(), x, create_graph=True)
        return out, g, g.requires_grad, raised(g.sum().backward)

    compare(scenario)


def test_materialized_gradients():
    def scenario(lib):
        seen = []

        def forward(ctx, x, flag):
            ctx.set_materialize_grads(flag)
            return x * 1, x * 2, 3, None

        def backward(ctx, *g):
            seen.append(g)
            return g[1], None

        f = make(lib, forward, backward)
        x = leaf(lib)
        for flag in (True, False):
            out = f.apply(x, flag)
            out[1].sum().backward()
        return (
            seen,
            x.grad,
            out,
            raised(make(lib, lambda c, x: c.set_materialize_grads(1)).apply, x)[0],
        )

    compare(scenario)


def test_outputs():
    def scenario(lib):
        x = leaf(lib)
        results = [
            make(lib, f).apply(x)
            for f in (
                lambda c, x: (x * 2, 3, None, "s"),
                lambda c, x: [x * 2, 3],
                lambda c, x: None,
                lambda c, x: (),
                lambda c, x: (x * 2,),
                lambda c, x: x.long(),
            )
        ]
        return results, results[0][0].requires_grad, results[5].requires_grad

    compare(scenario)


def test_numbers_of_gradients():
    def scenario(lib):
        x = leaf(lib)

        def run(result):
            f = make(lib, lambda ctx, x, k, y: x * 1, lambda ctx, g: result(g))
            f.apply(x, 3, x).sum().backward()

        return [
            raised(run, r, length=200)
            for r in (
                lambda g: g,
                lambda g: (g, None, g, None, None),
                lambda g: (g, None, g, g),
                lambda g: (g, g, g),
                lambda g: (g, None, 3),
                lambda g: [g, None, g],
                lambda g: (g[:2], None, g),
                lambda g: (g.double(), None, g),
                lambda g: (g.expand(2, 3), None, g),
                lambda g: None,
                lambda g: (None, None, None),
                lambda g: 1 / 0,
            )
        ], x.grad

    compare(scenario)


def test_inputs_returned_as_they_are():
    def scenario(lib):
        f = make(lib, lambda ctx, x: x, lambda ctx, g: g * 5)
        x, n = leaf(lib), lib.ones(3)
        y, m = f.apply(x), f.apply(n)
        with lib.no_grad():
            k = f.apply(x)
        y.sum().backward()
        return (
            [y is x, y._is_view(), y._base is x, y.grad_fn.name(), raised(y.add_, 1)],
            [m is n, m._is_view(), m.requires_grad],
            [k is x, k._is_view(), k.requires_grad],
            x.grad,
        )

    compare(scenario)


def test_views_returned():
    def scenario(lib):
        x = leaf(lib)
        f = make(lib, lambda ctx, x: x[:2], lambda ctx, g: lib.cat([g, g[:1]]))
        y = f.apply(x * 1)
        out = [y.requires_grad, y._is_view(), raised(y.add_, 1)]
        two = make(lib, lambda c, x: (x[:2], x[1:]), lambda c, g, h: lib.cat([g, h[:1]]))
        z, _ = two.apply(x * 1)
        out += [z._is_view(), raised(z.add_, 1)]
        b = x * 1
        y = f.apply(b)
        b.add_(1)
        out += [raised(lambda: y.grad_fn), raised(y.sum), x.grad]
        return out

    compare(scenario)


def test_non_differentiable_outputs():
    def scenario(lib):
        def forward(ctx, x):
            y = x * 2
            ctx.mark_non_differentiable(y)
            return y, x * 3

        seen = []

        def backward(ctx, *g):
            seen.append(g)
            return g[1]

        x = leaf(lib)
        y, z = make(lib, forward, backward).apply(x)
        z.sum().backward()
        out = [y.requires_grad, z.requires_grad, z.output_nr, seen, x.grad]

        def itself(ctx, x):
            ctx.mark_non_differentiable(x)
            return x

        w = make(lib, itself).apply(x)
        out += [w is x, w.requires_grad, w.grad_fn, w._is_view(), x.requires_grad]

        def view(ctx, x):
            y = x[:2]
            ctx.mark_non_differentiable(y)
            return y

        v = make(lib, view).apply(x)
        return out, v.requires_grad, v.grad_fn, v._is_view()

    compare(scenario)


def test_dirty_inputs():
    def scenario(lib):
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        x = leaf(lib)
        f = make(lib, forward, lambda ctx, g: g * 3)
        b = x * 1
        y = f.apply(b)
        out = [y is b, y.grad_fn.name()]
        (y * 2).sum().backward()
        out += [x.grad, raised(f.apply, x)]
        b = x * 1
        v = b[:2]
        f.apply(v)
        out += [v.grad_fn.name(), b.grad_fn.name()]
        x.grad = None
        b.sum().backward()
        out += [x.grad, raised(f.apply, x[:2])[0]]
        with lib.no_grad():
            w = b[:2]
            f.apply(b)
        out += [raised(f.apply, w)[0], raised(f.apply, (x * 1).unbind()[0])]

        def forgotten(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x * 2

        out.append(raised(make(lib, forgotten).apply, x * 1))

        def two(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x, x * 2

        g = make(lib, two, lambda ctx, a, b: a + b)
        out.append(raised(g.apply, (x * 1)[:2]))
        b = x * 1
        out.append(g.apply(b)[0] is b)
        return out

    compare(scenario)


def test_a_dirty_view_that_is_not_the_first_input():
    def forward(ctx, a, v):
        v.mul_(2)
        ctx.mark_dirty(v)
        return v

    f = make(tensorlite, forward, lambda ctx, g: (g * 7, g * 2))
    a, x = leaf(tensorlite, 1.0, 1.0), leaf(tensorlite)
    b = x * 1
    f.apply(a, b[:2])
    (b * tensorlite.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert a.grad.tolist() == [7, 70]
    assert x.grad.tolist() == [2, 20, 100]


def test_what_can_be_saved():
    def scenario(lib):
        x = leaf(lib)
        out = []

        def save(value):
            def forward(ctx, x):
                ctx.save_for_backward(value)
                return x * 2

            return raised(make(lib, forward).apply, x)

        out.append(save(3))
        out.append(save("s"))

        def forward(ctx, x):
            mid = x.exp()
            ctx.save_for_backward(None, x, mid)
            out.append(ctx.needs_input_grad)
            y = x * 2
            return y

        def backward(ctx, g):
            none, a, mid = ctx.saved_tensors
            out.append([none, a is x, mid.requires_grad])
            return g

        y = make(lib, forward, backward).apply(x)
        y.sum().backward()
        out.append(raised(lambda: y.grad_fn.saved_tensors))
        f = make(lib, lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1])
        b = x * 1
        y = f.apply(b)
        b.add_(1)
        out.append(raised(lambda: y.grad_fn.saved_tensors, length=60))
        f = make(lib, lambda ctx, x: (ctx.mark_dirty(3), x)[1])
        out.append(raised(f.apply, x, length=40))
        f = make(lib, lambda ctx, x: (ctx.mark_non_differentiable(3), x)[1])
        out.append(raised(f.apply, x, length=40))
        return out

    compare(scenario, tol=1e-5)


def test_a_saved_output_gets_its_history_back():
    def scenario(lib):
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

        f = make(lib, forward, backward)
        x = leaf(lib)
        y = f.apply(x)
        out = [y.grad_fn.saved_tensors[0].grad_fn is y.grad_fn]
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x)
        return out, g, h

    compare(scenario, tol=1e-5)


def test_old_and_wrong_uses():
    def scenario(lib):
        x = leaf(lib)
        function = lib.autograd.Function

        class Legacy(function):
            def forward(self, x):
                return x * 2

            def backward(self, g):
                return g

        class NoBackward(function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

        class Vjp(NoBackward):
            @staticmethod
            def vjp(ctx, g):
                return g * 2

        class Both(Vjp):
            @staticmethod
            def backward(ctx, g):
                return g

        Vjp.apply(x).sum().backward()
        return [
            raised(Legacy(), x),
            raised(function.apply, x),
            raised(lambda: NoBackward.apply(x).sum().backward()),
            raised(lambda: Both.apply(x).sum().backward()),
            x.grad,
            raised(NoBackward.apply),
            raised(NoBackward.jvp, None, x)[0],
            raised(NoBackward.vmap, None, None)[0],
            NoBackward.generate_vmap_rule,
        ]

    compare(scenario)


def test_nothing_is_recorded_without_need():
    def scenario(lib):
        contexts = []
        f = make(lib, lambda ctx, x: (contexts.append(ctx), ctx.save_for_backward(x), x * 2)[2])
        n = lib.ones(3)
        y = f.apply(n)
        with lib.no_grad():
            z = f.apply(leaf(lib))
        return (
            [y.requires_grad, z.requires_grad],
            [c.needs_input_grad for c in contexts],
            [c.saved_tensors for c in contexts],
        )

    compare(scenario)


def test_the_context_after_its_graph():
    f = make(tensorlite, lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1])
    x = leaf(tensorlite)
    y = f.apply(x)
    c = y.grad_fn
    c.note = 7
    del y
    assert c.saved_tensors[0] is x
    assert c.next_functions[0][0].variable is x
    assert c.name() == "FBackward"
    contexts = []
    f = make(tensorlite, lambda ctx, x: (contexts.append(ctx), x * 2)[1])
    y = f.apply(x)
    del y
    assert contexts[0].name() == "FBackward"
    with pytest.raises(RuntimeError):
        contexts[0].next_functions


def test_contexts_are_freed_with_their_graph():
    alive = []

    def forward(ctx, x):
        alive.append(weakref.ref(ctx))
        ctx.save_for_backward(x)
        return x * 2

    f = make(tensorlite, forward)
    y = f.apply(leaf(tensorlite))
    assert alive[0]() is y.grad_fn
    y.sum().backward()
    del y
    assert alive[0]() is None


def test_cycles_through_the_context_are_collected():
    alive = []

    def forward(ctx, x):
        alive.append(weakref.ref(ctx))
        y = x * 2
        return y

    f = make(tensorlite, forward)
    y = f.apply(leaf(tensorlite))
    y.grad_fn.output = y
    del y
    gc.collect()
    assert alive[0]() is None


def test_a_deep_chain_of_functions():
    f = make(tensorlite, lambda ctx, x: x * 1, lambda ctx, g: g)
    x = leaf(tensorlite)
    y = x
    for _ in range(20_000):
        y = f.apply(y)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    del y


def test_hooks_on_a_function_node():
    def scenario(lib):
        f = make(lib, lambda ctx, x: x * 2, lambda ctx, g: g * 2)
        x = leaf(lib)
        y = f.apply(x)
        seen = []
        y.grad_fn.register_hook(lambda i, o: seen.append(("post", i, o)))
        y.grad_fn.register_prehook(lambda o: seen.append(("pre", o)))
        y.register_hook(lambda g: g * 10)
        y.grad_fn.metadata["a"] = 1
        y.sum().backward()
        return seen, x.grad, y.grad_fn.metadata

    compare(scenario)


def test_backward_inside_backward():
    def scenario(lib):
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with lib.enable_grad():
                d = x.detach().requires_grad_()
                (h,) = lib.autograd.grad((d * d).sum(), d)
            return g * h

        f = make(lib, forward, backward)
        x = leaf(lib)
        f.apply(f.apply(x)).sum().backward()
        return x.grad

    compare(scenario)
