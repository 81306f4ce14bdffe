"""Every op, called with what nobody should call it with: nothing but Python exceptions comes out,
and after an error the operands are what they were.

The calls are made in processes of their own, so that a crash or an endless loop is a failed test
that names the call. `python tests/test_bad_input.py OP…` makes the calls of some ops by hand.
"""

import os
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SHARDS = 8
# Memory and time that no call with small operands needs.
MEMORY = 1 << 30
SECONDS = 900 if os.environ.get("TENSORLITE_SANITIZED") else 150
# How thoroughly: 1 for every day, up to 3.
EFFORT = int(os.environ.get("BAD_INPUT_EFFORT", "1"))

ERRORS = (
    TypeError,
    ValueError,
    RuntimeError,
    IndexError,
    OverflowError,
    ZeroDivisionError,
    AssertionError,  # what PyTorch raises where a device is not compiled in
    AttributeError,
    BufferError,
    KeyError,
    MemoryError,
)


def bad_numbers(T):
    nan, inf = float("nan"), float("inf")
    return [
        *(-(2**63), 2**63 - 1, 2**64, -(2**70), 2**31, -(2**31) - 1, 2**62, 10**18),
        *(-1, 0, 1, -5, 7, 64, 65),
        *(nan, inf, -inf, 1e308, -1e-320, 2.5, 0.0, -0.5),
        *(True, 1j, complex(nan, inf)),
    ]


def bad_objects(T):
    return [
        *(None, "", "x", "sum", "cpu", "cuda", b"ab", object(), {}, {"a": 1}, set(), print, int),
        *(T.float32, T.int64, T.complex64, T.bool, T.device("cpu"), T.strided, slice(None), ...),
        *(T.preserve_format, T.channels_last, T.Generator()),
    ]


def bad_lists(T):
    nan = float("nan")
    return [
        *((), [], (-1,), [0], (0, 0), [0, 0], (-1, -1), (1, 2, 3), [5], (2**62,), (2**63,)),
        *((2**31, 2**31, 2**31), (2**40, 2**40), (-(2**63),), (-2, 3), (3, -2), [None], ["x"]),
        *([1.5], [nan], (True, False), [[1]], [[]], ([1, 2], [3]), range(3), [0] * 65, [1] * 65),
        *([object()], (None, 1), (1, None), [T.ones(2)], [T.ones(2), None], [T.ones(2), 3]),
        *((T.ones(0), T.ones(2, 3)), [T.tensor(1)], [T.ones(1), T.ones(1, dtype=T.int64)]),
    ]


def bad_tensors(T):
    """Makers, since a call that succeeds may change what it was given."""
    nan = float("nan")

    def far():
        return T.tensor([2**62, -(2**63), 7, 0])

    return [
        lambda: T.ones(()),
        lambda: T.ones(0),
        lambda: T.ones(0, 3),
        lambda: T.ones(3, 0),
        lambda: T.ones(1),
        lambda: T.ones(5),
        lambda: T.ones(4, 4),
        lambda: T.ones(2, 3, 4, 5),
        lambda: T.ones((1,) * 12),
        lambda: T.ones(3, 1).expand(3, 4),
        lambda: T.ones(4, 3).t(),
        lambda: T.ones(3).as_strided((2, 2), (1, 1)),
        lambda: T.ones(6)[::2],
        lambda: T.ones(64).expand(3, 64),
        lambda: T.full((3, 4), nan),
        lambda: T.full((4,), float("inf")),
        lambda: T.zeros(3, dtype=T.int64),
        lambda: T.zeros(3, 4, dtype=T.int32),
        far,
        lambda: far()[::3],
        lambda: far().to(T.int32),
        lambda: T.tensor(-1),
        lambda: T.tensor(2**40),
        lambda: T.tensor([True, False, True]),
        lambda: T.ones(3, 4, dtype=T.bool),
        lambda: T.full((3,), 255, dtype=T.uint8),
        lambda: T.ones(3, dtype=T.complex64),
        lambda: T.ones(3, 4, dtype=T.complex128),
        lambda: T.tensor(1j),
        lambda: T.ones(3, dtype=T.half),
        lambda: T.ones(3, 4, dtype=T.bfloat16),
        lambda: T.ones(3, requires_grad=True),
        lambda: T.ones(3, 4, requires_grad=True),
        lambda: T.ones(4, requires_grad=True) * 1,
    ]


def snapshot(t):
    """All that an error must leave alone."""
    data = t.detach()
    return (
        *(tuple(data.shape), data.stride(), data.storage_offset(), str(data.dtype)),
        *(t.requires_grad, t.grad is None, repr(data.tolist())),
    )


class Caller:
    """Makes calls, and checks what is left of them."""

    def __init__(self, T):
        self.T = T
        self.calls = self.failures = 0
        log = os.environ.get("BAD_INPUT_LOG")
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if log else None
        self.bad = [*bad_numbers(T), *bad_objects(T), *bad_lists(T)]
        self.tensors = bad_tensors(T)

    def any_bad(self, rng):
        if rng.random() < 0.4:
            return rng.choice(self.tensors)()
        return rng.choice(self.bad)

    def show(self, name, args, kwargs):
        def one(x):
            if isinstance(x, self.T.Tensor):
                flags = " leaf" if x.requires_grad and x.is_leaf else ""
                return f"<{x.dtype} {tuple(x.shape)} {x.stride()}{flags}>"
            if isinstance(x, (tuple, list)):
                return f"{type(x).__name__}({', '.join(map(one, x[:9]))})"
            return repr(x)

        parts = [*map(one, args), *(f"{k}={one(v)}" for k, v in kwargs.items())]
        return f"{name}({', '.join(parts)})"

    def call(self, name, f, args, kwargs):
        from op_samples import tensors_in

        T = self.T
        shown = self.show(name, args, kwargs)
        if self.log is not None:
            os.pwrite(self.log, (shown[:990] + "\n").encode().ljust(1000), 0)
        self.calls += 1
        operands = tensors_in([args, kwargs])
        before = [snapshot(t) for t in operands]
        try:
            f(*args, **kwargs)
        except ERRORS as error:
            if not str(error) and not isinstance(error, (KeyError, MemoryError)):
                self.fail(shown, f"{type(error).__name__} without a message")
            for t, was in zip(operands, before):
                now = snapshot(t)
                if now != was:
                    self.fail(
                        shown, f"{type(error).__name__}: {error}\n  changed {was}\n  to {now}"
                    )
                    break
        except BaseException as error:
            self.fail(shown, f"{type(error).__name__}: {error}")
        if T.get_default_dtype() != T.float32 or not T.is_grad_enabled():
            self.fail(shown, "changed a global state")
            T.set_default_dtype(T.float32)
            T._C._set_grad_enabled(True)

    def fail(self, shown, why):
        self.failures += 1
        print(f"{shown}\n  {why}", flush=True)


def mutations(caller, sample, rng):
    """Calls near a sample: arguments replaced, dropped, added, swapped."""
    T = caller.T

    def fresh():
        args, kwargs = sample.arguments(T)
        return list(args), dict(kwargs)

    args, kwargs = fresh()
    slots = [*range(len(args)), *kwargs]
    for slot in slots:
        for bad in rng.sample(caller.bad, 8 * EFFORT):
            args, kwargs = fresh()
            (kwargs if isinstance(slot, str) else args)[slot] = bad
            yield args, kwargs
        for make in rng.sample(caller.tensors, 5 * EFFORT):
            args, kwargs = fresh()
            (kwargs if isinstance(slot, str) else args)[slot] = make()
            yield args, kwargs
    for _ in range(8 * EFFORT):  # two at once, and more
        args, kwargs = fresh()
        for slot in rng.sample(slots, min(len(slots), rng.randint(2, 3))):
            (kwargs if isinstance(slot, str) else args)[slot] = caller.any_bad(rng)
        yield args, kwargs
    for _ in range(EFFORT):
        args, kwargs = fresh()
        if args:
            args.pop(rng.randrange(len(args)))
        yield args, kwargs
        args, kwargs = fresh()
        args.insert(rng.randint(0, len(args)), caller.any_bad(rng))
        yield args, kwargs
        args, kwargs = fresh()
        rng.shuffle(args)
        yield args, kwargs
    for name, value in rng.sample(keywords(T), min(11, 4 * EFFORT)):
        args, kwargs = fresh()
        kwargs[name] = value
        yield args, kwargs
    for make in rng.sample(caller.tensors, 8 * EFFORT):
        args, kwargs = fresh()
        out = make()
        kwargs["out"] = rng.choice([(out, out), [out]]) if rng.random() < 0.2 else out
        yield args, kwargs


def keywords(T):
    return [
        *(("nothing_like_it", 1), ("out", 3), ("out", (T.ones(3), 2)), ("generator", 3)),
        *(("dtype", "float"), ("dtype", T.int8), ("dtype", T.complex64), ("device", "cuda")),
        *(("layout", 5), ("dim", 2**63), ("dim", [None]), ("keepdim", "yes")),
    ]


def names_of_ops():
    import tensorlite

    return sorted(n for n in vars(tensorlite._C.ops) if not n.startswith("__"))


def limit_memory():
    # A sanitizer reserves more address space than any limit.
    if sys.platform != "win32" and not os.environ.get("TENSORLITE_SANITIZED"):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def sweep(names):
    """Calls the ops of these names; returns how many calls broke a rule."""
    import warnings

    import tensorlite as T

    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from op_samples import Sample, all_samples

    warnings.simplefilter("ignore")
    found = all_samples()
    caller = Caller(T)
    for name in names:
        op = getattr(T._C.ops, name)
        rng = random.Random(name)
        samples = found.get(name)
        if samples is None:  # the in-place form of an op
            samples = [Sample(name, s.signature, s.flags, s.text) for s in found.get(name[:-1], [])]
        for sample in samples[: 2 * EFFORT]:
            for args, kwargs in mutations(caller, sample, rng):
                caller.call(name, op, args, kwargs)
        for _ in range(12 * EFFORT):  # with no idea of what it takes
            args = [caller.any_bad(rng) for _ in range(rng.randint(0, 4))]
            caller.call(name, op, args, {})
    print(f"{caller.calls} calls of {len(names)} ops", flush=True)
    return caller.failures


def last_call(log):
    return log.read_text().partition("\n")[0] if log.exists() else "?"


# --- what is no op ---

# Functions that change the state of the whole process.
GLOBAL = {
    *("set_num_threads", "set_default_dtype", "_set_grad_enabled", "_set_module_hook_tables"),
    *(
        "_set_parameter_class",
        "_set_tensor_class",
        "_set_torch_function_enabled",
        "set_grad_enabled",
    ),
    *("_use_fast_lookup", "_set_anomaly", "enable_grad", "no_grad", "inference_mode"),
}


def sweep_functions(caller, rng):
    """The functions and types of the extension module."""
    for name, f in sorted(vars(caller.T._C).items()):
        if callable(f) and name not in GLOBAL and not name.startswith("__"):
            for _ in range(60 * EFFORT):
                args = [caller.any_bad(rng) for _ in range(rng.randint(0, 5))]
                caller.call(name, f, args, {})


def sweep_attributes(caller, rng):
    """Methods of tensors with bad arguments; attributes set to bad values."""
    T = caller.T
    ops = vars(T._C.ops)
    skip = {"__class__", "__dict__", "__init_subclass__", "__subclasshook__", "__new__", "__del__"}
    for name in sorted(set(dir(T.Tensor)) - skip):
        if name in ops:
            continue
        for _ in range(25 * EFFORT):
            t = rng.choice(caller.tensors)()
            try:
                f = getattr(t, name)
            except ERRORS:
                continue
            if callable(f):
                args = [caller.any_bad(rng) for _ in range(rng.randint(0, 3))]
                caller.call("Tensor." + name, f, args, {})
            elif not name.startswith("__"):
                caller.call("setattr", setattr, [t, name, caller.any_bad(rng)], {})
                caller.call("delattr", delattr, [rng.choice(caller.tensors)(), name], {})


def sweep_operators(caller, rng):
    """Indices, index assignment and the operators of Python."""
    import operator

    binary = (
        "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift lt le eq ne gt ge"
    )
    binary = [getattr(operator, n) for n in binary.split()]
    inplace = "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift"
    inplace = [getattr(operator, n) for n in inplace.split()]
    unary = [operator.neg, operator.pos, operator.invert, abs, int, float, complex, bool, len, iter]
    unary += [hash, repr, list, operator.index, round, divmod, memoryview, bytes]

    def index():
        if rng.random() < 0.5:
            return caller.any_bad(rng)
        parts = [slice(None), ..., None, 0, -1, slice(2**63, None), slice(None, None, -1)]
        parts += [slice(-(2**70), 2**70, 2**40), slice(0, 1, 0), slice("a", None)]
        return tuple(
            rng.choice([rng.choice(parts), caller.any_bad(rng)]) for _ in range(rng.randint(1, 5))
        )

    for _ in range(1500 * EFFORT):
        t = rng.choice(caller.tensors)()
        caller.call("getitem", operator.getitem, [t, index()], {})
        caller.call("setitem", operator.setitem, [t, index(), caller.any_bad(rng)], {})
    for f in [*binary, *inplace]:
        for _ in range(30 * EFFORT):
            pair = [rng.choice(caller.tensors)(), caller.any_bad(rng)]
            if rng.random() < 0.5 and f in binary:
                pair.reverse()
            caller.call(f.__name__, f, pair, {})
    for f in unary:
        for make in caller.tensors:
            caller.call(f.__name__, f, [make()], {})


SURFACES = {
    "functions": sweep_functions,
    "attributes": sweep_attributes,
    "operators": sweep_operators,
}


def sweep_surface(name):
    import warnings

    import tensorlite as T

    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    warnings.simplefilter("ignore")
    caller = Caller(T)
    SURFACES[name](caller, random.Random(name))
    print(f"{caller.calls} calls of {name}", flush=True)
    return caller.failures


def run_worker(args, tmp_path):
    """Runs this file with `args`; a crash fails with the call it came from."""
    log = tmp_path / "call"
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "OMP_NUM_THREADS": "1",
    }
    env.update(BAD_INPUT_LOG=str(log), PYTHONFAULTHANDLER="1")
    command = [sys.executable, __file__, *args]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"does not come back: {last_call(log)}")
    if done.returncode not in (0, 1):
        pytest.fail(f"died with {done.returncode} in: {last_call(log)}\n{done.stderr[-3000:]}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on memory is POSIX's")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_op(shard, tmp_path):
    run_worker(names_of_ops()[shard::SHARDS], tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on memory is POSIX's")
@pytest.mark.parametrize("surface", SURFACES)
def test_surface(surface, tmp_path):
    run_worker(["--surface", surface], tmp_path)


if __name__ == "__main__":
    limit_memory()
    broken = sweep_surface(sys.argv[2]) if sys.argv[1] == "--surface" else sweep(sys.argv[1:])
    sys.exit(1 if broken else 0)
