"""backward and autograd.grad: results, arguments, errors, what is accumulated and how."""

import pytest

import tensorlite
from raised import raised
from side_by_side import compare


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_gradients_accumulate_over_paths_and_calls():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib, 4.0, 5.0, 6.0)
        y = x * w
        z = y * y + x
        z.sum().backward(retain_graph=True)
        first = [x.grad.clone(), w.grad.clone()]
        same = x.grad
        z.sum().backward()
        return first, x.grad, w.grad, same is x.grad

    compare(scenario)


def test_a_diamond_runs_each_node_once():
    def scenario(lib):
        x = leaf(lib)
        seen = []
        y = x * 2
        y.register_hook(lambda g: seen.append(g.tolist()))
        a, b = y * 3, y.exp()
        (a * b + y).sum().backward()
        return seen, x.grad

    compare(scenario, tol=1e-5)


@pytest.mark.parametrize("seed", [1.0, -2.0])
def test_several_roots_with_weights(seed):
    def scenario(lib):
        x = leaf(lib)
        a, b = x * x, (x * 3).sum()
        lib.autograd.backward([a, b], [lib.full((3,), seed), None])
        return x.grad

    compare(scenario)


def test_a_root_below_another_root():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        z = (y * y).sum()
        lib.autograd.backward([z, y, y], [None, lib.ones(3), lib.ones(3)])
        return x.grad, lib.autograd.grad([x * 1, x], [x], [lib.ones(3), lib.ones(3)])

    compare(scenario)


def test_backward_arguments():
    def scenario(lib):
        x = leaf(lib)
        y = x * x
        y.backward(lib.ones(3), True)
        y.backward(gradient=lib.ones(3), retain_graph=True)
        y.backward(lib.tensor([1.0, 0.0, 0.0]), retain_graph=False, create_graph=False, inputs=None)
        z = (x * x).sum()
        z.backward(inputs=x)
        z = (x * x).sum()
        z.backward(inputs=[x])
        return x.grad, raised(y.backward, lib.ones(3))

    compare(scenario)


def test_inputs_select_what_accumulates():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib, 4.0, 5.0, 6.0)
        y = x * w
        ran = []
        y.grad_fn.register_hook(lambda i, o: ran.append([g is not None for g in i]))
        x.register_hook(lambda g: ran.append("x"))
        w.register_hook(lambda g: ran.append("w"))
        z = (y * y).sum()
        z.backward(inputs=[w], retain_graph=True)
        first = [x.grad, w.grad.clone(), y.retains_grad]
        z.backward(inputs=[y], retain_graph=True)
        return first, x.grad, w.grad, y.grad, y.retains_grad, ran

    compare(scenario, warns=False)


def test_grad_returns_and_leaves_grad_alone():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib, 4.0, 5.0, 6.0)
        y = x * w
        z = (y * y).sum()
        unused = leaf(lib)
        out = [
            lib.autograd.grad(z, [x, y, w], retain_graph=True),
            lib.autograd.grad(z, y, retain_graph=True),
            lib.autograd.grad([y, z], (w, x), [lib.ones(3), None], retain_graph=True),
            lib.autograd.grad(z, [x, unused], retain_graph=True, allow_unused=True),
            lib.autograd.grad(z, [x, unused], retain_graph=True, materialize_grads=True),
            lib.autograd.grad(z, [x, x], retain_graph=True),
            lib.autograd.grad(x.sum(), x),
            lib.autograd.grad(outputs=z, inputs=[w], grad_outputs=lib.tensor(2.0)),
        ]
        return out, x.grad, w.grad, raised(lib.autograd.grad, z, x)

    compare(scenario)


def test_higher_orders():
    def scenario(lib):
        x = leaf(lib, 0.5, -1.5, 2.0)
        y = (x.exp() * x * x).sum()
        out = []
        for _ in range(4):
            (y,) = lib.autograd.grad(y, x, create_graph=True)
            out.append(y)
            y = y.sum()
        (y * 2).backward()
        return out, x.grad, out[0].requires_grad, out[0].grad_fn is not None

    compare(scenario, tol=1e-5)


def test_create_graph_makes_grad_part_of_the_graph():
    def scenario(lib):
        x = leaf(lib)
        (x * x * x).sum().backward(create_graph=True)
        g = x.grad
        x.grad = None
        g.sum().backward()
        return g.requires_grad, g, x.grad

    compare(scenario, warns=False)


def test_accumulation_under_create_graph():
    def scenario(lib):
        x = leaf(lib)
        y = (x * x * x).sum()
        y.backward(create_graph=True)
        first = x.grad
        y.backward(create_graph=True)
        second = x.grad
        x.grad = None
        return (
            first,
            second,
            first is second,
            second.requires_grad,
            lib.autograd.grad(second.sum(), x),
        )

    compare(scenario, warns=False)


def test_errors():
    def scenario(lib):
        x = leaf(lib)
        y = (x * x).sum()
        y.backward()
        grad, backward = lib.autograd.grad, lib.autograd.backward
        return [
            raised(y.backward),
            raised(x.backward),
            raised(lib.ones(1).backward),
            raised((x * 2).sum().backward, lib.ones(2)),
            raised((x * 2).sum().backward, foo=1),
            raised(x.sum().backward, lib.tensor(1.0), False, False, None, 3),
            raised(x.sum().backward, inputs=[]),
            raised(x.sum().backward, inputs=[3]),
            raised(backward, [x.sum(), lib.ones(1)])[0],
            raised(grad, x.sum(), lib.ones(2)),
            raised(grad, x.sum(), leaf(lib)),
            raised(grad, x.sum(), [])[0],
            raised(grad, lib.ones(3).sum(), x),
            raised(grad, x.sum(), [x], materialize_grads=True, allow_unused=False),
            raised(lambda: (x + 0j).sum().backward()),
            raised(x.sum().backward, lib.tensor(1j)),
            raised(backward, 5)[0],
            raised(grad, x.sum(), 3)[0],
            raised(grad, [], x),
            raised(backward, [], []),
        ]

    compare(scenario)


def test_renamed_argument_still_works():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        lib.autograd.backward([y], grad_variables=[lib.ones(3)])
        return x.grad, raised(
            lib.autograd.backward, [y], [lib.ones(3)], grad_variables=[lib.ones(3)]
        )

    compare(scenario)


def test_broadcast_and_dtype_are_undone():
    def scenario(lib):
        x = lib.tensor([[1.0], [2.0]], requires_grad=True)
        d = lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64, requires_grad=True)
        h = lib.tensor(2.0, dtype=lib.float16, requires_grad=True)
        (x * d * h).sum().backward()
        return x.grad, d.grad, h.grad

    compare(scenario, tol=1e-3)


def test_grad_is_laid_out_as_its_leaf():
    def scenario(lib):
        base = lib.arange(6.0).reshape(2, 3)
        t = base.t().requires_grad_()
        t.backward(lib.ones(3, 2))
        expanded = lib.ones(1).expand(3).requires_grad_()
        (expanded * lib.tensor([1.0, 2.0, 3.0])).sum().backward()
        plain = lib.ones(2, 3, requires_grad=True)
        (plain.t() * lib.ones(3, 2)).sum().backward()
        return [(g.stride(), g) for g in (t.grad, expanded.grad, plain.grad)]

    compare(scenario)


def test_a_given_gradient_is_not_shared():
    def scenario(lib):
        x, g = leaf(lib), lib.ones(3)
        x.backward(g)
        g.mul_(5)
        y = x * 1
        y.backward(g)
        g.mul_(7)
        return x.grad, x.grad is g

    compare(scenario)


def test_one_gradient_for_two_leaves_is_not_shared():
    def scenario(lib):
        a, b = leaf(lib), leaf(lib)
        (a + b).sum().backward()
        a.grad.mul_(10)
        return a.grad, b.grad

    compare(scenario)


def test_a_freed_graph_names_its_node():
    x = tensorlite.tensor([1.0], requires_grad=True)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="second time.*ExpBackward0"):
        y.backward()


def test_graphs_that_saved_nothing_run_again():
    def scenario(lib):
        x = leaf(lib)
        y = (x + 1).sum()
        y.backward()
        y.backward()
        return x.grad

    compare(scenario)


def test_requires_grad_switched_off_after_forward():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib)
        y = (x * w).sum()
        x.requires_grad_(False)
        out = raised(y.backward)
        return out, x.grad, w.grad

    compare(scenario)


def test_backward_inside_a_hook():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib, 2.0, 2.0, 2.0)
        shared = x * w
        order = []

        def hook(g):
            with lib.enable_grad():
                inner = (shared * 2).sum()
                inner.backward(retain_graph=True)
                other = (leaf(lib) * g).sum()
                order.append(lib.autograd.grad((w * w).sum(), w)[0].tolist())
                other.backward()
            order.append("hook")

        y = shared * 3
        y.register_hook(hook)
        y.sum().backward()
        return x.grad, w.grad, order

    compare(scenario)


def test_nested_backward_over_the_same_nodes():
    def scenario(lib):
        x = leaf(lib)
        y = x * x
        z = (y * y).sum()
        depth = [0]
        seen = []

        def hook(g):
            seen.append((depth[0], g.tolist()))
            if depth[0] < 3:
                depth[0] += 1
                seen.append(lib.autograd.grad(z, x, retain_graph=True)[0].tolist())
                z.backward(retain_graph=True)

        y.register_hook(hook)
        z.backward(retain_graph=True)
        return seen, x.grad

    compare(scenario)


def test_an_exception_leaves_the_engine_sound():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        z = (y * y + y.exp()).sum()

        def fail(g):
            raise KeyError("no")

        out = []
        handle = y.register_hook(fail)
        for _ in range(3):
            out.append(raised(z.backward, retain_graph=True))
        handle.remove()
        out.append(x.grad)
        z.backward()
        out.append(x.grad)
        out.append(raised(z.backward)[0])
        return out

    compare(scenario, tol=1e-5)


def test_engine_order_is_latest_first():
    def scenario(lib):
        x = leaf(lib)
        order = []

        def named(t, name):
            t.register_hook(lambda g: order.append(name))
            return t

        a = named(x * 2, "a")
        b = named(x * 3, "b")
        c = named(a + 1, "c")
        d = named(b + c, "d")
        e = named(x * 4, "e")
        x.register_hook(lambda g: order.append("x"))
        (d + e).sum().backward()
        return order

    compare(scenario)


def test_gradient_edges():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        a, b = y.unbind(0)[:2]
        edge = lib.autograd.graph.get_gradient_edge
        z = (a * b).exp()
        out = [
            lib.autograd.grad(z, [edge(a), edge(b)], retain_graph=True),
            lib.autograd.grad(edge(z), x, retain_graph=True),
            lib.autograd.grad(edge(y), x, lib.ones(3), retain_graph=True),
            edge(b).output_nr,
            edge(y).node is y.grad_fn,
            edge(x).node.name(),
        ]
        lib.autograd.backward(edge(z))
        return out, x.grad, raised(edge, lib.ones(1))

    compare(scenario, tol=1e-5)


def test_queued_callbacks():
    def scenario(lib):
        engine = lib.autograd.Variable._execution_engine
        order = []
        q = leaf(lib)
        p = q * 2

        def hook(g):
            engine.queue_callback(lambda: order.append("outer"))
            engine.queue_callback(lambda: engine.queue_callback(lambda: order.append("late")))
            with lib.enable_grad():
                r = leaf(lib) * 2
                r.register_hook(lambda g: engine.queue_callback(lambda: order.append("inner")))
                r.sum().backward()
            order.append("after inner")

        p.register_hook(hook)
        p.sum().backward()
        return order, raised(engine.queue_callback, lambda: None)

    compare(scenario)


def test_complex_gradients():
    def scenario(lib):
        z = lib.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        (z * z.conj()).real.sum().backward()
        w = lib.tensor([1.0, 2.0], requires_grad=True)
        (w * lib.tensor([1j, 2 + 1j])).backward(lib.tensor([1 + 1j, 2j]))
        return lib.view_as_real(z.grad), w.grad

    compare(scenario)
