"""What a tensor shows of autograd: requires_grad, grad, data, detach, versions, in-place, views."""

import pytest

import tensorlite
from raised import raised
from side_by_side import compare


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_requires_grad():
    def scenario(lib):
        x, n, i = leaf(lib), lib.ones(2), lib.ones(2, dtype=lib.long)
        y = (x * 2).sum()
        return [
            (t.requires_grad, t.is_leaf, t.grad_fn is None, t.retains_grad) for t in (x, n, i, y)
        ] + [
            raised(setattr, y, "requires_grad", True),
            raised(setattr, y, "requires_grad", False),
            raised(y.requires_grad_, False),
            y.requires_grad_() is y,
            raised(setattr, x, "requires_grad", 1),
            raised(setattr, i, "requires_grad", True, length=40),
            raised(i.requires_grad_)[0],
            i.requires_grad_(False) is i,
            raised(x.requires_grad_, 1),
            raised(delattr, x, "requires_grad"),
            n.requires_grad_(requires_grad=True).requires_grad,
            n.requires_grad_(False).requires_grad,
        ]

    compare(scenario)


def test_grad_attribute():
    def scenario(lib):
        x = leaf(lib)
        g = lib.ones(3)
        x.grad = g
        out = [x.grad is g]
        x.sum().backward()
        out += [g]
        for bad in (3, lib.ones(2), lib.ones(3).double(), x):
            out.append(raised(setattr, x, "grad", bad, length=40))
        del x.grad
        out.append(x.grad)
        n = lib.ones(3)
        n.grad = lib.ones(3)
        out.append(n.grad)
        y = x * 2
        y.retain_grad()
        y.sum().backward()
        out.append(y.grad)
        y.grad = None
        return out, y.grad

    compare(scenario)


def test_grad_of_a_non_leaf_warns():
    x = leaf(tensorlite)
    y = x * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None
    y.retain_grad()
    assert y.grad is None


def test_attributes_that_are_read_only():
    def scenario(lib):
        x = leaf(lib)
        names = ("is_leaf", "grad_fn", "_base", "_version", "output_nr")
        return [raised(setattr, x, n, None)[0] for n in names]

    compare(scenario)


def test_detach_and_data():
    def scenario(lib):
        x = leaf(lib)
        d, a = x.detach(), x.data
        d.add_(1)
        versions = [x._version, d._version, a._version]
        a.add_(1)
        versions += [x._version, d._version, a._version]
        return versions, x.tolist(), d.requires_grad, a.requires_grad, d._is_view(), a._is_view()

    compare(scenario)


def test_set_data():
    def scenario(lib):
        x = leaf(lib)
        (x * 2).sum().backward()
        x.data = lib.ones(5)
        out = [x.shape, x._version, x.grad is not None]
        x.grad = None
        (x * 3).sum().backward()
        out.append(x.grad)
        x.grad = None
        x.data = lib.ones(2).double()
        (x * 3).sum().backward()
        out += [x.dtype, x.grad]
        i = lib.ones(2, dtype=lib.long)
        i.data = lib.ones(3)
        out += [i, raised(setattr, x, "data", 3), raised(delattr, x, "data")]
        out.append(raised(setattr, x, "data", lib.ones(2, dtype=lib.long), length=40))
        source = lib.zeros(4)
        x.data = source
        x.data.add_(1)
        out += [source, source._version, x._version]
        v = lib.ones(4)
        w = v[:2]
        w.data = lib.zeros(7)
        out += [w._is_view(), w._base is v, v, w]
        return out

    compare(scenario)


def test_detach_in_place():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        out = [y.detach_() is y, y.requires_grad, y.is_leaf, y.grad_fn]
        out.append(raised((x * 2)[:2].detach_, length=40))
        z = x * 3
        z._grad_fn = None
        return out, z.requires_grad, raised(setattr, z, "_grad_fn", 3)

    compare(scenario)


def test_in_place_on_leaves():
    def scenario(lib):
        x = leaf(lib)
        before = x.tolist()
        out = [
            raised(x.add_, 1, length=60),
            raised(x.mul_, x, length=60),
            raised(x.zero_, length=60),
            raised(x[:2].add_, 1, length=60),
            raised(x.view(3, 1).add_, 1, length=60),
            raised(x.__setitem__, 0, 5.0, length=60),
            raised(x.copy_, lib.ones(3), length=60),
        ]
        with lib.no_grad():
            x.add_(1)
            x[0] = 7
        n = lib.ones(3)
        n.mul_(x)
        n.sum().backward()
        return out, before, x, x._version, n.is_leaf, x.grad

    compare(scenario)


def test_in_place_rewrites_history():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib, 4.0, 5.0, 6.0)
        y = x * 2
        old = y.grad_fn
        y.mul_(w)
        y += x
        y.exp_()
        out = [y.grad_fn is old, y.grad_fn.name(), y._version, y.is_leaf]
        (y * lib.tensor([1e-3, 1e-5, 1e-8])).sum().backward()
        return out, x.grad, w.grad

    compare(scenario, tol=1e-5)


def test_saved_tensors_know_their_version():
    def scenario(lib):
        x = leaf(lib)
        out = []
        y = x * 2
        z = y * y
        y.add_(1)
        out.append(raised(z.sum().backward, length=150))
        e = x.exp()
        e.mul_(2)
        out.append(raised(e.sum().backward))
        e = (x * 1).exp()
        f = e.sum()
        e.mul_(2)
        out.append(raised(f.backward, length=150))
        y = x * 2
        z = y * y
        y.data.add_(1)
        out.append(raised(z.sum().backward))
        y = x * 2
        z = y * y
        y.detach().add_(1)
        out.append(raised(z.sum().backward, length=150))
        y = x * 2
        z = y * y
        with lib.no_grad():
            y[0] = 1
        out.append(raised(z.sum().backward, length=150))
        y = x * 2
        z = y * y
        lib.autograd.graph.increment_version(y)
        out.append(raised(z.sum().backward, length=150))
        n = lib.ones(3)
        z = x * n
        n.add_(1)
        out.append(raised(z.sum().backward, length=150))
        return out

    compare(scenario)


def test_in_place_on_views():
    def scenario(lib):
        x, w = leaf(lib, 1.0, 2.0, 3.0, 4.0), leaf(lib, 5.0, 6.0)
        b = x * 2
        v = b[1:3]
        v.mul_(w)
        out = [b.grad_fn.name(), v.grad_fn.name(), v._base is b, v.output_nr, b]
        u = b.view(2, 2)
        u[0] += v * 1
        out += [u.grad_fn.name(), v, b, raised(lambda: v.is_leaf)]
        (b * lib.tensor([1.0, 2.0, 3.0, 4.0]) + v.sum()).sum().backward()
        return out, x.grad, w.grad

    compare(scenario)


def test_views_follow_their_base():
    def scenario(lib):
        x = leaf(lib, 1.0, 2.0, 3.0, 4.0)
        b = lib.zeros(4)
        v, t = b[:2], b.view(2, 2).t()
        out = [v.requires_grad, v.is_leaf]
        b += x
        out += [v.requires_grad, v.is_leaf, v.grad_fn.name(), t.grad_fn.name()]
        (v * 3 + t[0]).sum().backward()
        return out, x.grad

    compare(scenario)


def test_views_that_overlap_themselves_follow_their_base():
    def scenario(lib):
        x = leaf(lib)
        b = x * 2
        e = b.expand(2, 3)
        b.mul_(3)
        (e * lib.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
        return x.grad, raised(e.add_, 1)[0]

    compare(scenario)


def test_in_place_on_views_twice_differentiable():
    def scenario(lib):
        x = lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64, requires_grad=True)
        b = x * x
        b[:2].mul_(x[1:])
        b[1:].view(2, 1).mul_(2)
        (g,) = lib.autograd.grad((b * b).sum(), x, create_graph=True)
        return g, lib.autograd.grad((g * g).sum(), x)

    compare(scenario)


def test_views_that_must_not_be_written():
    def scenario(lib):
        x = leaf(lib)
        b = x * 2
        out = []
        for u in (b.unbind()[0], b.split(2)[0], b.chunk(3)[1]):
            before = u.tolist()
            out += [raised(u.add_, 1), raised(u.mul_, x[0]), u.tolist() == before]
        c = lib.ones(3)
        u = c.unbind()[0]
        out += [raised(u.add_, 1), raised(u.mul_, x[0], length=30)]
        out += [u.tolist()]
        with lib.no_grad():
            v = b[:2]
            w = x[:2]
        out += [raised(v.add_, 1), raised(w.add_, 1), v.requires_grad, v.is_leaf, w.is_leaf]
        with lib.no_grad():
            v.add_(1)
        return out

    compare(scenario, warns=False)


def test_multi_output_views_after_their_base_changed():
    def scenario(lib):
        x = leaf(lib)
        b = x * 2
        u = b.unbind()[0]
        b.add_(1)
        return raised(lambda: u.grad_fn), raised(lambda: (u * 2).backward())

    compare(scenario)


def test_version_counters_are_shared_by_views():
    def scenario(lib):
        x = lib.zeros(4)
        v = x[:2]
        w = v.view(2, 1)
        x.add_(1)
        v.mul_(2)
        w[0] = 3
        return x._version, v._version, w._version, w._base is x, x._base, v._is_view(), x._is_view()

    compare(scenario)


def test_output_nr():
    def scenario(lib):
        x = leaf(lib)
        return [t.output_nr for t in x.unbind()], x.output_nr, (x * 2).output_nr

    compare(scenario)


def test_retain_grad():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        y.retain_grad()
        y.retain_grad()
        z = y * y
        z.retain_grad()
        z.sum().backward(retain_graph=True)
        out = [y.grad.clone(), z.grad.clone(), y.retains_grad, x.retains_grad]
        z.sum().backward()
        out += [y.grad, x.grad]
        x.retain_grad()
        return out, x.retains_grad, raised(lib.ones(1).retain_grad)

    compare(scenario)


def test_retain_grad_follows_in_place():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        y.retain_grad()
        y.mul_(3)
        y.sum().backward()
        b = x * 1
        v = b[:2]
        v.retain_grad()
        b.retain_grad()
        v.mul_(4)
        (b * 2).sum().backward()
        return y.grad, b.grad, v.grad

    compare(scenario)


def test_hooks_stay_with_the_history_they_were_put_on():
    def scenario(lib):
        x = leaf(lib)
        seen = []
        y = x * 2
        y.register_hook(lambda g: seen.append(("before", g.tolist())))
        y.mul_(3)
        y.register_hook(lambda g: seen.append(("after", g.tolist())))
        y.sum().backward()
        return seen

    compare(scenario)


def test_the_retaining_tensor_may_die():
    def scenario(lib):
        x = leaf(lib)
        y = x * 2
        y.retain_grad()
        z = (y * y).sum()
        del y
        z.backward()
        return x.grad

    compare(scenario)


def test_grad_fn_attributes():
    def scenario(lib):
        x, w = leaf(lib), leaf(lib)
        y = x * w
        z = y.exp()
        fn = y.grad_fn
        leaf_node = fn.next_functions[0][0]
        out = [
            fn is y.grad_fn,
            fn.name(),
            [(f.name(), i) for f, i in fn.next_functions],
            leaf_node.variable is x,
            leaf_node is (x + 1).grad_fn.next_functions[0][0],
            fn.metadata,
            fn.requires_grad,
            z.grad_fn._sequence_nr() > fn._sequence_nr(),
            fn._saved_self is x,
            fn._saved_other is w,
            z.grad_fn._saved_result,
            z.grad_fn._saved_result.grad_fn is z.grad_fn,
            (x * 2).grad_fn.next_functions[1][0],
            type(fn).__name__,
            isinstance(fn, lib.autograd.graph.Node),
            isinstance(leaf_node, lib.autograd.graph.Node),
        ]
        fn.metadata["note"] = 3
        out.append(y.grad_fn.metadata)
        z.sum().backward()
        return out, raised(lambda: z.grad_fn._saved_result), raised(lambda: fn._saved_self)

    compare(scenario)


def test_nodes_outlive_their_tensors():
    def scenario(lib):
        x = leaf(lib)
        fn = (x * x).exp().grad_fn
        return fn.next_functions[0][0].name(), fn.next_functions[0][0].next_functions[0][1]

    compare(scenario)


def test_names_of_nodes_without_an_op():
    def scenario(lib):
        x = leaf(lib)
        b = x * 1
        b[:2].mul_(2)
        return b.grad_fn.name(), type(b.grad_fn).__name__, x.expand(1, 3).grad_fn.name()

    compare(scenario)


def test_in_place_through_views_of_another_dtype():
    def scenario(lib):
        x = lib.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        c = x * 1
        r = lib.view_as_real(c)
        r.mul_(2)
        c.real.add_(1)
        (r * r).sum().backward()
        y = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        b = y * 1
        z = lib.view_as_complex(b)
        z.mul_(2 + 1j)
        (b * b).sum().backward()
        return r, c.grad_fn.name(), lib.view_as_real(x.grad), b, y.grad

    compare(scenario)
