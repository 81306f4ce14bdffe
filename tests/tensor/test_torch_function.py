"""The `__torch_function__` protocol: who is asked, for what, and of which class results are."""

import pytest

from side_by_side import compare


def record(lib):
    """A subclass that records what it is asked for."""

    class Recorder(lib.Tensor):
        asked = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            name = func.__name__
            if name in ("__get__", "__set__"):
                name = f"{func.__self__.__name__}.{name}"
            cls.asked.append(name)
            return super().__torch_function__(func, types, args, kwargs or {})

    return Recorder


def kept_class(lib):
    class Sub(lib.Tensor):
        pass

    x = lib.tensor([[1.0, 2.0]]).as_subclass(Sub)
    results = (
        *x.max(0),
        *x.sort(),
        *x.topk(1),
        *x.unbind(),
        x.data,
        x.T,
        x + 1,
        1 - x,
        x[0],
        x == x,
        x.detach(),
    )
    x.requires_grad_()
    x.grad = lib.ones(1, 2)
    return [
        type(r).__name__
        for r in (*results, x.grad, x.requires_grad_(), x.mul_(1) if not x.is_leaf else x)
    ]


def test_results_keep_the_class():
    compare(kept_class)


ASKED = """x.shape; x.T; x.grad; x.dtype; x.device; x.requires_grad; x.is_leaf; x.grad_fn; x.data; x._version
len(x); repr(x); x.tolist(); s.item(); x.numpy(); x.size(); x.size(0); x.stride(); x.dim(); x.numel(); x.data_ptr()
x.is_contiguous(); x.requires_grad_(); s.backward(); x.register_hook(print); x.retain_grad(); x.is_set_to(x)
x == x; x != x; x < 1; x + 1; 1 + x; 1 - x; 2 // x; x // 2; 2 % x; 2**x; x @ x; -x; ~(i > 0); i & i; 1 << i; x[0]
bool(s); float(s); int(s); complex(s); [0, 1][i[0]]; 1.0 in x; reversed(x); x.cpu(); x.type(); x.new_tensor([1])
x.add_(1); x.max(0); lib.cat([x, x]); lib.stack((x, x)); lib.add(x, 1); lib.zeros_like(x); x.storage_offset()
setattr(x, 'requires_grad', True); setattr(x, 'grad', None); setattr(x, 'data', lib.ones(2)); x.__setitem__(0, 1.0)"""


@pytest.mark.parametrize("line", ASKED.split("\n"))
def test_overrides_are_asked(line):
    def scenario(lib):
        cls = record(lib)
        seen = []
        for expression in line.split(";"):
            x = lib.ones(2).as_subclass(cls)
            s = lib.ones((), requires_grad="backward" in expression).as_subclass(cls)
            i = lib.tensor([1, 1]).as_subclass(cls)
            if "hook" in expression or "retain" in expression:
                x.requires_grad_()
            cls.asked.clear()
            eval(expression.strip(), {"lib": lib, "x": x, "s": s, "i": i})
            seen.append((expression.strip(), list(cls.asked)))
        return seen

    compare(scenario, warns=False)


def others(lib):
    """Objects that are no tensors."""

    class W:
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return [func.__name__, len(args), [t.__name__ for t in types]]

    w = W()
    return [
        lib.add(w, 1),
        lib.ones(2) + w,
        lib.ones(2) @ w,
        lib.stack([lib.ones(1), w]),
        lib.nn.functional.softplus(w),
        lib.nn.functional.linear(w, w),
    ]


def test_objects_that_are_no_tensors():
    compare(others, warns=False)


def precedence(lib):
    asked = []

    class A:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            asked.append((cls.__name__, [t.__name__ for t in types]))
            return NotImplemented

    class B(A):
        pass

    class C:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            asked.append(cls.__name__)
            return "C"

    found = lib.cat([A(), B(), C()])
    with pytest.raises(TypeError):
        lib.add(A(), B())
    with pytest.raises(TypeError):
        lib.add(lib.ones(1), object())
    return found, asked


def test_subclasses_come_first_and_may_refuse():
    compare(precedence)


def unrelated(lib):
    class A(lib.Tensor):
        pass

    class B(lib.Tensor):
        pass

    class AA(A):
        pass

    x, y, z = (lib.ones(1).as_subclass(c) for c in (A, B, AA))
    with pytest.raises(TypeError):
        lib.add(x, y)
    return type(x + z).__name__, type(z + x).__name__, type(lib.ones(1) + x).__name__


def test_unrelated_subclasses_do_not_mix():
    compare(unrelated)


def parameters(lib):
    class P(lib.nn.Parameter):
        pass

    class Off(lib.Tensor):
        __torch_function__ = lib._C._disabled_torch_function_impl

    p = P(lib.ones(2))
    off = lib.ones(2).as_subclass(Off)
    return [type(r).__name__ for r in (p, p + 1, p.data, off, off + 1, off.max(0)[0])]


def test_classes_that_take_no_part():
    compare(parameters)
