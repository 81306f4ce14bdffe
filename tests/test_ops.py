"""Every op, from its record: what the samples give beside PyTorch, gradients of both orders, memory
layouts, in-place forms, out=, threads, bad arguments. A new op is tested as soon as it has samples.

Where an op cannot pass a check as it is written here, `EXCEPTIONS` says why.
"""

import re
import warnings

import numpy as np
import pytest

import tensorlite
from op_samples import (
    CREATES,
    INPLACE,
    INTERNAL,
    METHOD,
    NONDIFFERENTIABLE,
    OUT,
    VIEW,
    WRITES_SELF,
    all_records,
    all_samples,
    map_tensors,
    tensors_in,
)
from tensorlite.autograd import gradcheck, gradgradcheck

try:
    import torch
except ImportError:
    torch = None

SAMPLES = all_samples()
OPS = sorted(SAMPLES)

# (op or one sample of it, check): why it is not checked so. A check of "*" is all of them.
EXCEPTIONS = {
    ("_softmax_backward_data", "forward"): "PyTorch's gives the dtype it is told on CUDA alone",
    ("_log_softmax_backward_data", "forward"): "PyTorch's gives the dtype it is told on CUDA alone",
    ("normal", "gradient"): "the gradients are zeros, as PyTorch has them",
    ("normal", "second gradient"): "the gradients are zeros, as PyTorch has them",
    ("embedding(tensor([1, 0, 1]), randn(4, 3), 1)", "gradient"): "none for the padding row",
    (
        "embedding(tensor([1, 0, 1]), randn(4, 3), 2, None, 2.0, True)",
        "gradient",
    ): "divided by how often a row is used",
    **{
        (op, "forward"): "the signs of vectors are free: tests/test_linalg.py"
        for op in ("linalg_eig", "linalg_eigh", "linalg_svd", "svd")
    },
    **{
        ("special_" + op, "forward"): "PyTorch's lose digits: tests/test_special.py"
        for op in ("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1")
    },
    **{
        (op, "forward"): "PyTorch's are approximations: tests/distributions"
        for op in ("_standard_gamma_grad", "_dirichlet_grad")
    },
    **{
        (op, check): "the gradient is implicit, not that of the sampler: tests/distributions"
        for op in ("_standard_gamma", "_sample_dirichlet")
        for check in ("gradient", "second gradient")
    },
    ("combinations", "threads"): "a large input has far too many",
    **{
        (op, "threads"): "of a tall matrix the result is square and far larger"
        for op in ("linalg_svd", "linalg_lu", "cov", "corrcoef")
    },
    ("linalg_eig", "gradient"): "the phase of the vectors is free: tests/test_linalg.py",
    ("linalg_eig", "second gradient"): "the phase of the vectors is free: tests/test_linalg.py",
    **{
        (
            op,
            check,
        ): "one triangle is read, so that entries cannot be moved alone: tests/test_linalg.py"
        for op in (
            "linalg_eigh",
            "linalg_eigvalsh",
            "linalg_cholesky",
            "linalg_cholesky_ex",
            "cholesky",
        )
        for check in ("gradient", "second gradient")
    },
}
# Parameters that have no gradient, in PyTorch as here.
CONSTANTS = {
    "batch_norm": {"running_mean", "running_var"},
    "binary_cross_entropy": {"weight"},
    "binary_cross_entropy_with_logits": {"weight", "pos_weight"},
    "cross_entropy": {"weight"},
    "instance_norm": {"running_mean", "running_var"},
    "nll_loss": {"weight"},
    "type_as": {"other"},
}


@pytest.fixture(autouse=True)
def double_precision():
    """Numbers in samples are double, warnings that ops give are no errors here."""
    for m in (tensorlite, torch):
        if m is not None:
            m.set_default_dtype(m.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for m in (tensorlite, torch):
        if m is not None:
            m.set_default_dtype(m.float32)


def samples(op, check):
    def reason(what):
        return EXCEPTIONS.get((what, check)) or EXCEPTIONS.get((what, "*"))

    if reason(op):
        pytest.skip(reason(op))
    return [s for s in SAMPLES[op] if not reason(str(s)) and not refused(s)]


def refused(s):
    """A sample that op and op_ share may not fit op_: its result is larger than self, say."""
    if not s.flags & WRITES_SELF:
        return False
    try:
        s.run(*s.arguments(tensorlite))
    except (AttributeError, RuntimeError, TypeError):
        return True
    return False


def every_op(f):
    return pytest.mark.parametrize("op", OPS)(f)


def is_float(t):
    return t.is_floating_point() or t.is_complex()


def is_double(t):
    return t.dtype in (tensorlite.float64, tensorlite.complex128)


def numbers(t):
    """The elements as an array that NumPy can compare."""
    m = torch if torch is not None and isinstance(t, torch.Tensor) else tensorlite
    t = t.detach()
    if m is torch:
        t = t.resolve_conj().resolve_neg()
    return (t.to(m.float32) if t.dtype in (m.bfloat16, m.float16) else t).numpy()


TOLERANCE = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-5, "complex64": 1e-5}


def assert_same(ours, theirs, what, exact=False):
    """The same numbers in the same structure; `theirs` may be PyTorch's."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)), what
        assert len(ours) == len(theirs), what
        for a, b in zip(ours, theirs):
            assert_same(a, b, what, exact)
        return
    if not hasattr(theirs, "dtype") or not hasattr(theirs, "shape"):
        if isinstance(theirs, float):
            assert ours == pytest.approx(theirs, rel=1e-9, nan_ok=True), what
        else:
            ours, theirs = (re.sub("tensorlite|torch", "", str(x)) for x in (ours, theirs))
            assert ours == theirs, what
        return
    assert hasattr(ours, "dtype"), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    dtype = str(ours.dtype).rpartition(".")[2]
    assert dtype == str(theirs.dtype).rpartition(".")[2], what
    a, b = numbers(ours), numbers(theirs)
    if exact or a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b, err_msg=what)
    else:
        tol = TOLERANCE.get(dtype, 1e-9)
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol, err_msg=what)


# What stands for an op where PyTorch has another thing of that name.
THEIRS = {
    "index": lambda x, indices: x[tuple(slice(None) if i is None else i for i in indices)],
    # PyTorch takes the old order of arguments, (alpha, other), under the short name alone.
    "subtract": lambda *args, **kwargs: torch.Tensor.sub(*args, **kwargs),
    "subtract_": lambda *args, **kwargs: torch.Tensor.sub_(*args, **kwargs),
}


def theirs(name, flags):
    """What PyTorch has under that name, the likeliest first."""
    if name in THEIRS:
        return [THEIRS[name]]
    places = [torch, torch.Tensor, torch.nn.functional, torch._C._nn, torch.special, torch.linalg]
    if flags & INTERNAL:
        places.insert(0, torch.nn.functional)
    elif flags & METHOD:
        places.insert(0, torch.Tensor)
    found = [getattr(p, name) for p in [*places, torch.ops.aten] if hasattr(p, name)]
    # An attribute, such as x.mT, is read.
    return [f if callable(f) else lambda x: getattr(x, name) for f in found]


def call_theirs(s, args, kwargs):
    """PyTorch's result of a sample."""
    functions = theirs(s.name, s.flags)
    assert functions, f"PyTorch has no {s.name}: add an exception that says what it is for"
    errors = []
    for f in functions:
        torch.manual_seed(1)
        try:
            return f(*args, **kwargs)
        except Exception as e:  # another form of the op takes these arguments, perhaps
            errors.append(e)
    raise errors[0]


# --- records --------------------------------------------------------------------------------------


def test_every_record_is_complete():
    bare = []
    for name, (signature, _, doc, texts, _) in all_records():
        no_parameters = "()" in signature
        if not doc or (not texts and not no_parameters):
            bare.append(name)
    assert not bare, f"without documentation or samples: {bare}"


# --- values ---------------------------------------------------------------------------------------


@every_op
def test_forward(op):
    """The samples give PyTorch's values, dtypes and shapes; views also its strides."""
    if torch is None:
        pytest.skip("torch is not installed")
    for s in SAMPLES[op]:
        if refused(s):
            with pytest.raises((RuntimeError, TypeError)):
                call_theirs(s, *s.arguments(torch))
    for s in samples(op, "forward"):
        if s.flags & INTERNAL and not theirs(op, s.flags):
            continue  # a part of another op
        expected = call_theirs(s, *s.arguments(torch))
        args, kwargs = s.arguments(tensorlite)
        result = s.run(args, kwargs)
        assert_same(result, expected, str(s))
        if s.flags & VIEW:
            for a, b in zip(
                tensors_in([result]), [expected] if hasattr(expected, "stride") else expected
            ):
                # Conjugates are copies here, so their strides are their own.
                assert a.stride() == b.stride() or a.is_complex(), s


@every_op
def test_memory_layout(op):
    """Gaps between elements, reversed and expanded dims do not change what comes out."""
    for s in samples(op, "layout"):
        if s.flags & (CREATES | VIEW | WRITES_SELF):
            continue
        args, kwargs = s.arguments(tensorlite)
        plain = s.run(*map_tensors(lambda t: t.contiguous(), (args, kwargs)))
        if drew_numbers():
            continue  # random numbers are dealt out in the order of memory

        def gaps(t):
            wide = tensorlite.zeros(*t.shape, 2, dtype=t.dtype)
            wide.select(-1, 0).copy_(t)
            return wide.select(-1, 0)

        def permuted(t):
            dims = list(range(t.dim()))[::-1]
            return t.permute(dims).contiguous().permute(dims)

        for layout in (gaps, permuted):
            other = s.run(*map_tensors(layout, (args, kwargs)))
            assert_close_or_equal(other, plain, f"{s} with {layout.__name__}")

        def same_rows(t):
            return t[:1].expand(t.shape) if t.dim() and t.shape[0] > 1 and is_float(t) else t

        expanded = map_tensors(same_rows, (args, kwargs))
        copies = map_tensors(lambda t: t.contiguous(), expanded)
        try:
            expected = s.run(*copies)
        except RuntimeError:
            continue  # the op refuses such values
        assert_close_or_equal(s.run(*expanded), expected, f"{s} expanded")


def drew_numbers():
    """Did the last run of a sample take from the generator?"""
    state = tensorlite.get_rng_state().tolist()
    tensorlite.manual_seed(1)
    return state != tensorlite.get_rng_state().tolist()


def assert_close_or_equal(a, b, what):
    """Sums may be taken in another order where memory lies otherwise."""
    a, b = tensors_in([a]), tensors_in([b])
    assert len(a) == len(b), what
    for x, y in zip(a, b):
        assert x.dtype == y.dtype and x.shape == y.shape, what
        np.testing.assert_allclose(numbers(x), numbers(y), rtol=1e-12, atol=1e-12, err_msg=what)


# --- gradients ------------------------------------------------------------------------------------


def differentiable(s):
    """(function, inputs) of a sample for gradcheck; None where nothing is to be differentiated."""
    args, kwargs = s.arguments(tensorlite, grad=True)
    constants = [v for name, v in s.named(args, kwargs) if name in CONSTANTS.get(s.name, ())]
    constants = tensors_in(constants)
    leaves = []
    for t in tensors_in([args, kwargs]):
        wanted = t.requires_grad and is_double(t) and not any(t is c for c in constants)
        t = t.detach()
        if any(st == 0 and n > 1 for st, n in zip(t.stride(), t.shape)):
            t = t.contiguous()  # an element that stands for several cannot be moved alone
        leaves.append(t.requires_grad_(wanted))

    def f(*inputs):
        given = iter(inputs)
        a, k = map_tensors(lambda t: next(given), (args, kwargs))
        if s.flags & WRITES_SELF or (s.flags & INPLACE and op_writes(s)):
            a = (a[0].clone(), *a[1:])
        return s.run(a, k)

    return (f, leaves) if any(t.requires_grad for t in leaves) else None


def op_writes(s):
    return s.name.endswith("_") and not s.name.startswith("_")


def finite(result):
    return all(np.isfinite(numbers(t)).all() for t in tensors_in([result]))


@every_op
def test_gradient(op):
    """Finite differences agree with backward; an op never drops a gradient silently."""
    for s in samples(op, "gradient"):
        problem = differentiable(s)
        if s.flags & (CREATES | NONDIFFERENTIABLE) or problem is None:
            continue
        f, leaves = problem
        outputs = [t for t in tensors_in([f(*leaves)]) if is_float(t)]
        if not outputs:
            continue
        assert any(t.requires_grad for t in outputs), f"{s}: the gradient is dropped"
        if finite(outputs) and all(is_double(t) for t in outputs):
            check(gradcheck, f, leaves, s)


@every_op
def test_second_gradient(op):
    for s in samples(op, "second gradient"):
        problem = differentiable(s)
        if s.flags & (CREATES | NONDIFFERENTIABLE) or problem is None:
            continue
        f, leaves = problem
        outputs = [t for t in tensors_in([f(*leaves)]) if is_float(t)]
        precise = all(is_double(t) for t in outputs)
        if any(t.requires_grad for t in outputs) and finite(outputs) and precise:
            check(gradgradcheck, f, leaves, s, atol=1e-4)


def check(checker, f, leaves, s, **options):
    try:
        checker(f, tuple(leaves), fast_mode=sum(t.numel() for t in leaves) > 24, **options)
    except Exception as e:
        raise AssertionError(f"{s}: {type(e).__name__}: {e}") from e


# --- writing --------------------------------------------------------------------------------------


def fits(result, x):
    """Can the result be written into x?"""
    return (
        isinstance(result, tensorlite.Tensor)
        and result.shape == x.shape
        and tensorlite.can_cast(result.dtype, x.dtype)
    )


@every_op
def test_inplace(op):
    """`x.f_(…)` gives x itself, with f's values and gradient, one version later."""
    for s in samples(op, "inplace"):
        if not s.flags & INPLACE:
            continue
        args, kwargs = s.arguments(tensorlite)
        x = args[0]
        expected = s.run(args, kwargs)
        if not isinstance(x, tensorlite.Tensor) or not fits(expected, x):
            continue
        y = x.clone()
        before = y._version
        result = s.run((y, *args[1:]), kwargs, getattr(tensorlite._C.ops, op + "_"))
        assert result is y, s
        assert y._version == before + 1, s
        assert_same(y, expected.to(x.dtype), str(s), exact=True)
        if s.flags & NONDIFFERENTIABLE or not is_double(x) or not is_double(expected):
            continue
        gradients = []
        for inplace in (False, True):
            leaf = x.detach().clone().requires_grad_()
            if inplace:
                out = s.run((leaf.clone(), *args[1:]), kwargs, getattr(tensorlite._C.ops, op + "_"))
            else:
                out = s.run((leaf, *args[1:]), kwargs)
            (g,) = tensorlite.autograd.grad(out.sum(), leaf, allow_unused=True)
            gradients.append(tensorlite.zeros_like(leaf) if g is None else g)
        assert_same(gradients[1], gradients[0], f"gradient of {s} in place")
        with pytest.raises(RuntimeError, match="leaf"):
            s.run((leaf, *args[1:]), kwargs, getattr(tensorlite._C.ops, op + "_"))


@every_op
def test_writers_count_versions(op):
    """Ops that write their first argument hand it back, at the version that PyTorch gives it."""
    for s in samples(op, "version"):
        if not s.flags & WRITES_SELF:
            continue
        args, kwargs = s.arguments(tensorlite)
        x = args[0].clone()
        before = x._version
        result = s.run((x, *args[1:]), kwargs)
        assert result is x or result is None, s
        if torch is not None and theirs(op, s.flags):
            args, kwargs = s.arguments(torch)
            y = args[0].clone()
            its_before = y._version
            call_theirs(s, (y, *args[1:]), kwargs)
            assert x._version - before == y._version - its_before, s


@every_op
def test_out(op):
    """`out=` is given the result, is resized where it is empty, and comes back."""
    for s in samples(op, "out"):
        if not s.flags & OUT:
            continue
        args, kwargs = s.arguments(tensorlite)
        if "dtype" in kwargs:
            continue
        expected = s.run(args, kwargs)
        outs = map_tensors(lambda t: tensorlite.empty(0, dtype=t.dtype), expected)
        outs = tuple(outs) if isinstance(outs, list) else outs
        result = s.run(args, {**kwargs, "out": outs})
        assert_same(outs, expected, str(s), exact=True)
        for a, b in zip(tensors_in([result]), tensors_in([outs])):
            assert a is b, s


# --- threads --------------------------------------------------------------------------------------


def with_threads(n, f):
    before = tensorlite.get_num_threads()
    tensorlite.set_num_threads(n)
    try:
        return f()
    finally:
        tensorlite.set_num_threads(before)


def enlarged(tensors, times):
    """Repeats along the first dim; None where the shapes do not let all grow alike."""
    first = next((t for t in tensors if t.dim() > 0), None)
    if first is None or first.numel() == 0 or any(t.shape != first.shape for t in tensors):
        return None
    return lambda t: t.repeat(times, *[1] * (t.dim() - 1))


@every_op
def test_threads(op):
    """The same bits, whatever the number of threads: of the samples, and of one of them made large."""
    large = False
    for s in samples(op, "threads"):
        if s.flags & (VIEW | CREATES):
            continue

        def compare(args, kwargs, s=s):
            def run():
                a, k = args, kwargs
                if s.flags & WRITES_SELF:
                    a = (a[0].clone(), *a[1:])
                return s.run(a, k)

            one, two = (tensors_in([with_threads(n, run)]) for n in (1, 2))
            for a, b in zip(one, two):
                assert numbers(a).tobytes() == numbers(b).tobytes(), s

        args, kwargs = s.arguments(tensorlite)
        compare(args, kwargs)
        tensors = tensors_in([args, kwargs])
        if large or not tensors or not is_float(tensors[0]):
            continue
        grow = enlarged(tensors, 1 + 70_000 // max(1, tensors[0].numel()))
        if grow is None:
            continue
        try:
            big = map_tensors(grow, (args, kwargs))
            s.run(*map_tensors(lambda t: t.clone(), big))
        except (RuntimeError, IndexError):
            continue  # a size in the other arguments belongs to the small shape
        compare(*big)
        large = True


# --- bad arguments --------------------------------------------------------------------------------


@every_op
def test_bad_arguments(op):
    """Wrong types, unknown names and missing arguments: a TypeError that names the op."""
    f = getattr(tensorlite._C.ops, op)
    for s in samples(op, "bad arguments"):
        args, kwargs = s.arguments(tensorlite)
        name = re.escape(op)
        with pytest.raises(TypeError, match=name):
            f(*args, **kwargs, no_such_argument=1)
        first = s.signature.partition("(")[2]
        if args and not first.startswith("Any"):
            with pytest.raises(TypeError, match=name):
                f(object(), *args[1:], **kwargs)
        if args and isinstance(args[0], tensorlite.Tensor) and "=" not in first.split(",")[0]:
            with pytest.raises(TypeError, match=name):
                f()
        break
