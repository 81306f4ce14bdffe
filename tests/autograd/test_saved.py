"""Hooks on what the graph saves."""

import tensorlite
from raised import raised
from side_by_side import compare


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_pack_and_unpack():
    def scenario(lib):
        x = leaf(lib)
        seen = []

        def pack(t):
            seen.append((t.requires_grad, lib.is_grad_enabled(), t.shape))
            return ["packed", t.detach().clone()]

        def unpack(packed):
            assert packed[0] == "packed"
            return packed[1]

        with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = (x * 3).exp()
            z = (y * x).sum()
        z.backward()
        return x.grad, len(seen), sorted(str(s) for s in seen)

    compare(scenario, tol=1e-5)


def test_unpacked_tensors_have_their_history():
    def scenario(lib):
        x = lib.tensor([0.5, 1.5], dtype=lib.float64, requires_grad=True)
        with lib.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            b = x * 2
            y = (b * x).exp()
        s, o = b.grad_fn, y.grad_fn
        out = [o._saved_result.grad_fn is o]
        product = o.next_functions[0][0]
        out += [product._saved_self.grad_fn is s, product._saved_self is b]
        out += [product._saved_other.is_leaf, product._saved_other is x]
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x)
        stand_in = (b * x).grad_fn._saved_other
        return out, g, h, stand_in is x

    compare(scenario)


def test_gradients_through_a_stand_in_reach_the_leaf():
    def scenario(lib):
        x = leaf(lib)
        with lib.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            y = x * x
        stand_in = y.grad_fn._saved_self
        (stand_in * 2).sum().backward()
        return x.grad, stand_in.grad, stand_in.is_leaf

    compare(scenario)


def test_the_stand_in_outlives_the_graph():
    x = leaf(tensorlite)
    with tensorlite.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
        y = x * x
    stand_in = y.grad_fn._saved_self
    del y
    stand_in.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


def test_bad_hooks():
    def scenario(lib):
        x = leaf(lib)
        hooks = lib.autograd.graph.saved_tensors_hooks

        def use(pack, unpack):
            with hooks(pack, unpack):
                y = x * x
            y.sum().backward()

        def write(t):
            t.add_(1)
            return t

        return [
            raised(use, lambda t: t, lambda t: 3),
            raised(use, lambda t: 1 / 0, lambda t: t),
            raised(use, lambda t: t, lambda t: 1 / 0),
            raised(use, 3, lambda t: t)[0],
            raised(lambda: hooks(write, lambda t: t).__enter__() or (x * 2) * (x * 3)),
            lib._C._autograd._pop_saved_tensors_default_hooks()
            if hasattr(lib._C, "_autograd")
            else lib._C._pop_saved_tensors_hooks(),
            x,
        ]

    compare(scenario)


def test_raw_saved_tensors():
    def scenario(lib):
        x = leaf(lib)
        y = x * x
        seen = []
        raw = y.grad_fn._raw_saved_self
        raw.register_hooks(lambda t: (seen.append("pack"), t.detach())[1], lambda t: t * 10)
        out = [y.grad_fn._saved_self, y.grad_fn._saved_other]
        out.append(raised(raw.register_hooks, lambda t: t, lambda t: t))
        out.append(raised(raw.register_hooks, 3, 4)[0])
        y.sum().backward()
        out.append(raised(y.grad_fn._raw_saved_other.register_hooks, lambda t: t, lambda t: t)[0])
        f = type(lib.autograd.Function)(
            "F",
            (lib.autograd.Function,),
            {
                "forward": staticmethod(lambda ctx, x: (ctx.save_for_backward(x), x * 1)[1]),
                "backward": staticmethod(lambda ctx, g: g * ctx.saved_tensors[0]),
            },
        )
        z = f.apply(x)
        z.grad_fn._raw_saved_tensors[0].register_hooks(lambda t: t.detach(), lambda t: t * 5)
        z.sum().backward()
        return out, seen, x.grad

    compare(scenario)


def test_disabled_hooks():
    def scenario(lib):
        graph = lib.autograd.graph
        x = leaf(lib)

        def enter():
            with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                pass

        out = []
        with graph.disable_saved_tensors_hooks("not here"):
            out.append(raised(enter))
            with graph.disable_saved_tensors_hooks("nor here"):
                out.append(raised(enter))
            out.append(raised(enter))
        out.append(raised(enter))
        return out, (x * x).sum()

    compare(scenario)


def test_save_on_cpu_and_mutation():
    def scenario(lib):
        x = leaf(lib)
        out = []
        with lib.autograd.graph.save_on_cpu():
            y = x * 2
            z = (y * y).sum()
        z.backward()
        out.append(x.grad.clone())
        x.grad = None
        with lib.autograd.graph.allow_mutation_on_saved_tensors():
            y = x * 2
            z = (y * y).sum()
            y.mul_(5)
            z.backward()
        return out, x.grad

    compare(scenario)


def test_identity_hooks_do_not_keep_the_graph():
    import gc
    import weakref

    with tensorlite.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = leaf(tensorlite).exp()
    alive = weakref.ref(y)
    node = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert alive() is None and node() is None
