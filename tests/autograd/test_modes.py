"""Grad modes and inference mode; anomaly mode; Variable."""

import pickle
import re
import warnings

import pytest

import tensorlite
from raised import raised
from side_by_side import compare


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_context_managers():
    def scenario(lib):
        x = leaf(lib)
        out = []

        def look():
            out.append(
                (lib.is_grad_enabled(), lib.is_inference_mode_enabled(), (x * 2).requires_grad)
            )

        with lib.no_grad():
            look()
            with lib.enable_grad():
                look()
                with lib.set_grad_enabled(False):
                    look()
                look()
            look()
        look()
        with lib.inference_mode():
            look()
            with lib.inference_mode(False):
                look()
            with lib.no_grad():
                look()
            look()
        with lib.inference_mode(mode=False):
            look()
        try:
            with lib.no_grad():
                raise KeyError
        except KeyError:
            look()
        lib.set_grad_enabled(False)
        look()
        lib.set_grad_enabled(mode=True)
        look()
        with lib.autograd.no_grad() as nothing:
            out.append(nothing)
        return out

    compare(scenario)


def test_decorators():
    def scenario(lib):
        out = []

        def look(note="", *, key=None):
            "Doc."
            out.append((note, key, lib.is_grad_enabled(), lib.is_inference_mode_enabled()))
            return note

        for d in (
            lib.no_grad(),
            lib.no_grad,
            lib.enable_grad(),
            lib.enable_grad,
            lib.set_grad_enabled(False),
            lib.inference_mode(),
            lib.inference_mode,
            lib.inference_mode(False),
        ):
            f = d(look)
            out.append((f("a", key=1), f.__name__, f.__doc__))
            look("outside")

        class C:
            @lib.no_grad()
            def method(self, x):
                return lib.is_grad_enabled(), x

        @lib.no_grad()
        def recursive(n):
            with lib.enable_grad():
                inner = recursive(n - 1) if n else None
                return lib.is_grad_enabled(), inner

        return out, C().method(3), recursive(2), lib.is_grad_enabled()

    compare(scenario)


def test_decorated_generators():
    def scenario(lib):
        out = []

        @lib.no_grad()
        def numbers(n):
            for i in range(n):
                try:
                    got = yield (i, lib.is_grad_enabled())
                    out.append((got, lib.is_grad_enabled()))
                except KeyError:
                    out.append(("caught", lib.is_grad_enabled()))
                    yield "after"
            return "end"

        g = numbers(3)
        out.append(next(g))
        out.append(lib.is_grad_enabled())
        out.append(g.send("sent"))
        out.append(g.throw(KeyError))
        out.append(next(g))
        try:
            next(g)
        except StopIteration as stop:
            out.append(stop.value)
        g = numbers(2)
        next(g)
        g.close()
        out.append(list(numbers(2)))
        return out, lib.is_grad_enabled()

    compare(scenario)


def test_decorated_classes():
    def scenario(lib):
        @lib.no_grad()
        class C:
            def __init__(self, x):
                self.seen = lib.is_grad_enabled(), x

        return C(3).seen

    compare(scenario)


def test_wrong_arguments():
    def scenario(lib):
        return [
            raised(lib.set_grad_enabled, 3)[0],
            raised(lib.set_grad_enabled)[0],
            lib.is_grad_enabled(),
        ]

    compare(scenario)


def test_subclasses_of_modes():
    class quiet(tensorlite.no_grad):
        pass

    with quiet():
        assert not tensorlite.is_grad_enabled()
    assert tensorlite.is_grad_enabled()

    @quiet()
    def f():
        return tensorlite.is_grad_enabled()

    assert not f()


def test_inference_tensors():
    def scenario(lib):
        x, a = lib.ones(2), leaf(lib)
        b = a * 1
        with lib.inference_mode():
            i = lib.ones(2)
            made = [
                i,
                x.detach(),
                x.data,
                x[:1],
                x.clone(),
                x * 2,
                i.view(1, 2),
                i.detach(),
                lib.ones(2, requires_grad=True),
                a[:1],
                x.add_(1),
            ]
            v = a[:1]
            w = b[:1]
            w.add_(1)
            b.add_(1)
            out = [(t.is_inference(), t.requires_grad) for t in made] + [x._version, b._version]
            out.append(raised(lambda: i._version))
            i.add_(1)
        out += [
            raised(i.add_, 1),
            raised(lambda: i._version),
            raised(lambda: leaf(lib, 1.0, 2.0) * i),
            (i * 2).is_inference(),
            i.clone().is_inference(),
            i.view(1, 2).is_inference(),
            i.detach().is_inference(),
            raised(i.requires_grad_),
            raised(v.add_, 1),
            raised(w.add_, 1),
            (leaf(lib, 1.0, 2.0) + i).requires_grad,
        ]
        b.sum().backward()
        return out, a.grad

    compare(scenario, warns=False)


# --- anomaly mode -------------------------------------------------------------------------------


def caught(run):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        error = raised(run, length=200)
    texts = [str(w.message).split("(Triggered internally")[0].strip() for w in found]
    return error, texts


def test_anomaly_mode_shows_the_forward_line():
    def scenario(lib):
        def run():
            with lib.autograd.detect_anomaly():
                x = leaf(lib, -1.0)
                y = x.sqrt()  # the line that is to blame
                (y * 2).backward()

        error, texts = caught(run)
        trace = next(t for t in texts if "Error detected" in t)
        return [
            error,
            len(texts),
            texts[0],
            trace.split("\n")[0],
            "the line that is to blame" in trace,
            "y * 2" in trace,
        ]

    compare(scenario)


def test_anomaly_mode_without_a_trace_and_without_nan_checks():
    def scenario(lib):
        x = leaf(lib, -1.0)
        y = x.sqrt()

        def run():
            with lib.autograd.set_detect_anomaly(True):
                y.backward(retain_graph=True)

        error, texts = caught(run)
        with lib.autograd.set_detect_anomaly(True, check_nan=False):
            y.backward(retain_graph=True)
            inside = lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()
        return error, texts, inside, lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()

    compare(scenario)


def test_anomaly_mode_follows_nested_graphs():
    def scenario(lib):
        def run():
            with lib.autograd.set_detect_anomaly(True):
                x = leaf(lib, 0.0)
                y = x.sqrt() * 0  # the first line
                (g,) = lib.autograd.grad(y, x, create_graph=True, retain_graph=True)
                g.backward()

        error, texts = caught(run)
        return error[0], len(texts), [t.strip().split(".")[0] for t in texts]

    compare(scenario)


def test_anomaly_mode_with_failing_functions():
    def scenario(lib):
        class Fails(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                raise ValueError("no gradient today")

        def run():
            with lib.autograd.detect_anomaly(check_nan=False):
                Fails.apply(leaf(lib)).sum().backward()

        error, texts = caught(run)
        return error, len(texts), texts[-1].split("\n")[0], "Fails.apply" in texts[-1]

    compare(scenario)


def test_version_errors_in_anomaly_mode():
    x = leaf(tensorlite)
    with tensorlite.autograd.set_detect_anomaly(True):
        y = x * 2
        z = y * y
        y.add_(1)
        with (
            pytest.warns(UserWarning, match=re.escape("z = y * y")),
            pytest.raises(RuntimeError, match="Good luck"),
        ):
            z.sum().backward()


# --- Variable -----------------------------------------------------------------------------------


def test_variables_are_tensors():
    def scenario(lib):
        variable = lib.autograd.Variable
        x = lib.ones(2)
        v = variable(x)
        v.add_(1)
        g = leaf(lib) * 2
        return (
            [v is x, x, x._version, v._is_view()],
            [variable(x, True).requires_grad, variable(x, requires_grad=True).is_leaf],
            [variable(g).requires_grad, variable(g, requires_grad=True).grad_fn],
            [isinstance(t, variable) for t in (x, v, g, lib.nn.Parameter(x), 3, None)],
            [issubclass(variable, lib.Tensor), type(v) is lib.Tensor, variable.__name__],
            [variable(), variable(None), variable(data=x)],
            [raised(variable, 3), raised(variable, [1.0])],
            raised(variable, lib.tensor([1]), requires_grad=True)[0],
            [v.name],
        )

    compare(scenario)


def test_volatile_warns():
    def scenario(lib):
        variable = lib.autograd.Variable
        x = lib.ones(2)
        a = variable(x, volatile=True)
        b = variable(x, volatile=False)
        out = [a.requires_grad, b.requires_grad, raised(variable, x, True, True), x.volatile]
        x.volatile = True
        return out

    compare(scenario)


def test_creator_is_the_old_name_of_grad_fn():
    x = leaf(tensorlite)
    y = x * 2
    assert y.creator is y.grad_fn
    assert x.creator is None


def test_the_old_loop():
    def scenario(lib):
        variable = lib.autograd.Variable
        w = variable(lib.ones(2, 3), requires_grad=True)
        for _ in range(3):
            loss = (w * w).sum()
            if w.grad is not None:
                w.grad.data.zero_()
            loss.backward()
            w.data.add_(w.grad.data, alpha=-0.1)
        return w, w._version, w.grad

    compare(scenario)


def test_grad_modes_do_not_pickle_or_compare_oddly():
    g = tensorlite.no_grad()
    assert g == g
    with pytest.raises(TypeError):
        pickle.dumps(g)
