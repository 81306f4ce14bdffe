"""gradcheck and gradgradcheck: they pass what is right, and see what is wrong."""

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite.autograd import Function, gradcheck, gradgradcheck
from tensorlite.autograd.gradcheck import GradcheckError


def double(*shape, dtype=tensorlite.float64):
    return tensorlite.randn(*shape, dtype=dtype, requires_grad=True)


class WrongCube(Function):
    """Its first gradient is right, the second is not: part of it is cut off."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x.detach()


class WrongDouble(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2.1


@pytest.mark.parametrize("fast", [False, True])
def test_right_gradients_pass(fast):
    x, y = double(3, 2), double(2)
    assert gradcheck(lambda a, b: (a * b, (a + b).sum()), (x, y), fast_mode=fast)
    assert gradgradcheck(lambda a, b: (a * a * b).sum(), (x, y), fast_mode=fast)
    assert gradcheck(lambda a: a.t()[0], x, fast_mode=fast)
    assert gradcheck(lambda pair: pair[0] * pair[1], ([x, double(3, 2)],), fast_mode=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_wrong_gradients_are_seen(fast):
    x = double(3)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to"):
        gradcheck(WrongDouble.apply, x, fast_mode=fast)
    assert not gradcheck(WrongDouble.apply, x, fast_mode=fast, raise_exception=False)
    assert gradcheck(WrongDouble.apply, x, fast_mode=fast, rtol=0.1)
    assert gradcheck(WrongCube.apply, x, fast_mode=fast)
    with pytest.raises(GradcheckError):
        gradgradcheck(WrongCube.apply, x, fast_mode=fast)


def test_inputs_stay_as_they_were():
    x = double(4)
    before, version = x.tolist(), x._version
    assert gradcheck(lambda a: a * a, x)
    assert gradcheck(lambda a: a * a, x, fast_mode=True)
    assert x.tolist() == before
    assert x._version == version
    assert x.grad is None


def test_undefined_gradients():
    class Breaks(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2  # None * 2

    x = double(3)
    with pytest.raises((GradcheckError, TypeError)):
        gradcheck(Breaks.apply, x)
    assert gradcheck(Breaks.apply, x, check_undefined_grad=False)


def test_nondeterministic_backward():
    state = [0.0]

    class Drifts(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            state[0] += 1e-7
            return g * (1 + state[0])

    x = double(2)
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Drifts.apply, x)
    assert gradcheck(Drifts.apply, x, nondet_tol=1e-3)


def test_function_of_nothing():
    assert gradcheck(lambda a: tensorlite.ones(2, dtype=a.dtype), double(3))
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda a: a.detach() * 2, double(3))


def test_complex():
    x, y = double(3, dtype=tensorlite.complex128), double(3)
    assert gradcheck(lambda a, b: a * b, (x, y))
    assert gradcheck(lambda a: (a * a).real, x)
    assert gradcheck(lambda a: a.abs() if hasattr(a, "abs") else a, x)


CALLS = {
    "no_grad_inputs": lambda m, g, x: g.gradcheck(lambda a: a, (m.ones(2, dtype=m.float64),)),
    "expanded": lambda m, g, x: g.gradcheck(lambda a: a, (x[:1].expand(3),)),
    "single_precision": lambda m, g, x: g.gradcheck(lambda a: a * 2, x.float(), eps=1e-2),
    "wrong_shape_seed": lambda m, g, x: g.gradgradcheck(lambda a: a * a, x, (x[:1],)),
    "own_seed": lambda m, g, x: g.gradgradcheck(lambda a: a * a, x, (x.detach().requires_grad_(),)),
    "gaps": lambda m, g, x: g.gradgradcheck(lambda a: a * a, x, gen_non_contig_grad_outputs=True),
    "all_options": lambda m, g, x: g.gradcheck(
        lambda a: a * a,
        x,
        eps=1e-5,
        atol=1e-4,
        rtol=1e-2,
        raise_exception=False,
        nondet_tol=1e-8,
        check_undefined_grad=True,
        check_grad_dtypes=True,
        check_backward_ad=True,
        fast_mode=True,
        masked=False,
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_beside_pytorch(case):
    def scenario(m):
        x = m.tensor([0.5, -1.0, 2.0], dtype=m.float64, requires_grad=True)
        return outcome(CALLS[case], m, m.autograd, x)

    compare(scenario, warns=False)
