"""Loaders with worker processes: the order, the errors, the memory, the ends."""

import os
import random
import signal
import time

import numpy as np
import pytest

import tensorlite
from side_by_side import compare
from tensorlite.utils import data as tdata

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def rows(m, n=10):
    return m.utils.data.TensorDataset(m.arange(float(2 * n)).view(n, 2), m.arange(n))


def described(loader):
    return [[type(b).__name__, b] for b in loader]


class Call(tdata.Dataset):
    """A dataset whose samples are what a function says."""

    def __init__(self, f, n=8):
        self.f, self.n = f, n

    def __getitem__(self, i):
        return self.f(i)

    def __len__(self):
        return self.n


class Counting(tdata.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = tdata.get_worker_info()
        step, first = (1, 0) if info is None else (info.num_workers, info.id)
        return iter(range(first, self.n, step))


def uneven(m):
    class Uneven(m.utils.data.IterableDataset):
        def __iter__(self):
            info = m.utils.data.get_worker_info()
            return iter(range(100 * info.id, 100 * info.id + 3 * info.id + 2))

    return Uneven()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": True, "batch_size": 3},
        {"batch_size": 4, "drop_last": True, "prefetch_factor": 1},
        {"batch_size": None},
        {"batch_size": 2, "persistent_workers": True, "shuffle": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["rows", "dicts"])
def test_workers_give_what_pytorchs_give(options, kind):
    def scenario(m):
        dataset = rows(m)
        if kind == "dicts":
            dataset = [
                {"x": m.full((2,), float(i)), "name": str(i), "y": [i, np.float32(i)]}
                for i in range(10)
            ]
        loader = m.utils.data.DataLoader(dataset, num_workers=2, **options)
        return [described(loader), described(loader), m.rand(())]

    compare(scenario)


def seen_randomness(_):
    return random.random(), np.random.rand(), tensorlite.rand(()).item()


def seen_randomness_by_torch(_):
    return random.random(), np.random.rand(), torch.rand(()).item()


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_are_seeded_as_pytorchs(persistent):
    """Python's, NumPy's and the library's generators."""

    def scenario(m):
        f = seen_randomness if m is tensorlite else seen_randomness_by_torch
        loader = m.utils.data.DataLoader(Call(f, 6), num_workers=2, persistent_workers=persistent)
        return [list(loader), list(loader)]

    compare(scenario)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("size", [None, 1, 3])
def test_iterable_datasets_of_unequal_lengths(workers, size):
    def scenario(m):
        loader = m.utils.data.DataLoader(uneven(m), batch_size=size, num_workers=workers)
        return [list(loader), list(loader)]

    compare(scenario)


def test_iterable_datasets_with_persistent_workers():
    loader = tdata.DataLoader(Counting(7), batch_size=2, num_workers=2, persistent_workers=True)
    first = [b.tolist() for b in loader]
    assert sorted(i for b in first for i in b) == list(range(7))
    assert [b.tolist() for b in loader] == first
    iterator = iter(loader)
    next(iterator)
    assert [b.tolist() for b in loader] == first, "what is left of a broken-off pass is dropped"
    pids = {w.pid for w in loader._iterator._workers}
    list(loader)
    assert {w.pid for w in loader._iterator._workers} == pids


def info_of(_):
    info = tdata.get_worker_info()
    return (
        info.id,
        info.num_workers,
        info.seed,
        len(info.dataset),
        repr(info).startswith("WorkerInfo(id="),
    )


def test_worker_info():
    loader = tdata.DataLoader(Call(info_of, 4), num_workers=2, batch_size=None)
    got = list(loader)
    assert [g[:2] for g in got] == [[0, 2], [1, 2]] * 2
    assert got[1][2] == got[0][2] + 1 and got[0][3:] == [4, True]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start(method):
    dataset = tdata.TensorDataset(tensorlite.arange(6.0))
    loader = tdata.DataLoader(dataset, batch_size=3, num_workers=1, multiprocessing_context=method)
    assert [b[0].tolist() for b in loader] == [[0, 1, 2], [3, 4, 5]]


def big(i):
    return {
        "x": tensorlite.full((300, 100), float(i)),
        "a": np.full(100_000, i),
        "text": "x" * 100_000,
        "list": list(range(20_000)),
        "p": tensorlite.nn.Parameter(tensorlite.ones(2)),
        "odd": tensorlite.arange(12).view(3, 4).t()[1:],
        "empty": tensorlite.empty(0, 3),
        "bf": tensorlite.ones(3, dtype=tensorlite.bfloat16),
    }


def test_what_travels():
    """Large and small, tensors, arrays, texts; both ways; all that is sent at once."""
    loader = tdata.DataLoader(Call(big, 6), batch_size=None, num_workers=2, prefetch_factor=3)
    before = len(os.listdir("/proc/self/fd"))
    got = list(loader)
    assert len(os.listdir("/proc/self/fd")) <= before, "descriptors are closed"
    for i, b in enumerate(got):
        expected = big(i)
        assert b["x"].is_shared() and b["x"].storage_offset() == 0 and (b["x"] == i).all()
        assert (
            (b["a"] == i).all() and b["text"] == expected["text"] and b["list"] == expected["list"]
        )
        assert type(b["p"]) is tensorlite.nn.Parameter and b["p"].requires_grad
        assert b["odd"].tolist() == expected["odd"].tolist() and b["odd"].stride() == (1, 4)
        assert b["empty"].shape == (0, 3) and b["bf"].dtype == tensorlite.bfloat16
        b["x"].add_(1)  # writable


def test_long_lists_of_indices_do_not_block():
    n = 200_000
    dataset = tdata.TensorDataset(tensorlite.arange(n))
    loader = tdata.DataLoader(
        dataset, batch_size=n // 4, shuffle=True, num_workers=1, prefetch_factor=4
    )
    assert sum(b[0].sum().item() for b in loader) == n * (n - 1) / 2


def aliases(i):
    x = tensorlite.zeros(4)
    return [x, x[1:3], x]


def test_tensors_that_share_memory_go_on_sharing_it():
    ((a, b, c),) = tdata.DataLoader(Call(aliases, 1), batch_size=None, num_workers=1)
    b.fill_(1)
    assert a.tolist() == [0, 1, 1, 0] and c is a


def test_a_view_of_much_sends_little():
    whole = tensorlite.zeros(1_000_000)
    (part,) = tdata.DataLoader(Call(lambda i: whole[100:110], 1), batch_size=None, num_workers=1)
    assert part.tolist() == [0] * 10 and part.untyped_storage().nbytes() < 4096


# --- errors ---------------------------------------------------------------------------------------


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def fails(kind):
    def f(i):
        if i == 3:
            raise kind("the cause") if kind is not Odd else Odd(1, 2)
        return i

    return f


@pytest.mark.parametrize(
    ("kind", "raised"), [(ValueError, ValueError), (KeyError, KeyError), (Odd, RuntimeError)]
)
def test_an_error_names_its_cause(kind, raised):
    loader = tdata.DataLoader(Call(fails(kind)), num_workers=2)
    it = iter(loader)
    assert [next(it).item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(
        raised, match=r"Caught \w+ in DataLoader worker process 1\.\nOriginal Traceback"
    ) as e:
        next(it)
    assert "in f" in str(e.value) and "the cause" in str(e.value) + "the cause" * (kind is Odd)
    assert next(it).item() == 4, "the workers go on"


def test_an_error_of_worker_init_fn_and_of_what_cannot_be_pickled():
    def init(i):
        raise OSError(f"no {i}")

    with pytest.raises(OSError, match="Caught OSError in DataLoader worker process 0"):
        list(tdata.DataLoader(Call(abs), num_workers=1, worker_init_fn=init))
    with pytest.raises(Exception, match=r"(?s)Caught .* in DataLoader worker process 0.*[Pp]ickle"):
        list(tdata.DataLoader(Call(lambda i: lambda: 0), num_workers=1, batch_size=None))
    x = tensorlite.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        list(tdata.DataLoader(Call(lambda i: x * 2), num_workers=1))


def test_worker_init_fn():
    def init(i):
        os.environ["TENSORLITE_TEST_WORKER"] = str(i)

    loader = tdata.DataLoader(
        Call(lambda i: os.environ["TENSORLITE_TEST_WORKER"], 4),
        num_workers=2,
        worker_init_fn=init,
        batch_size=None,
    )
    assert list(loader) == ["0", "1", "0", "1"]
    assert "TENSORLITE_TEST_WORKER" not in os.environ


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_dead_worker_is_noticed(how):
    def die(i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL) if how == "kill" else os._exit(7)
        return i

    start = time.monotonic()
    loader = tdata.DataLoader(Call(die, 20), num_workers=2)
    match = (
        r"DataLoader worker \(pid \d+\) is killed by signal: Killed"
        if how == "kill"
        else "exit code 7"
    )
    with pytest.raises(RuntimeError, match=match):
        list(loader)
    assert time.monotonic() - start < 4


def test_timeout():
    loader = tdata.DataLoader(Call(lambda i: time.sleep(60)), num_workers=1, timeout=0.2)
    it = iter(loader)
    with pytest.raises(RuntimeError, match="timed out after 0.2 seconds"):
        next(it)
    for worker in it._workers:
        worker.terminate()


def test_out_of_order():
    def slow(i):
        time.sleep(0.5 if i == 0 else 0)
        return i

    loader = tdata.DataLoader(Call(slow, 8), num_workers=2, in_order=False, batch_size=None)
    got = list(loader)
    assert sorted(got) == list(range(8)) and got[0] != 0
    assert list(tdata.DataLoader(Call(slow, 8), num_workers=2, batch_size=None)) == list(range(8))


def test_workers_end_with_the_iterator():
    loader = tdata.DataLoader(Call(lambda i: i, 100), num_workers=2)
    it = iter(loader)
    next(it)
    workers = it._workers
    del it
    assert not any(w.is_alive() for w in workers)
    assert all(w.exitcode == 0 for w in workers)


def test_workers_end_with_their_parent():
    """Even where it is killed."""
    import subprocess
    import sys

    program = """
import sys, os, time
from tensorlite.utils.data import DataLoader
it = iter(DataLoader(list(range(1000)), num_workers=2))
next(it)
print(*[w.pid for w in it._workers], flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    pids = [int(p) for p in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    deadline = time.monotonic() + 10
    while any(alive(p) for p in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(p) for p in pids)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_fork_of_a_process_with_threads():
    """The pool's threads are not in the child; it must not wait for them."""
    tensorlite.set_num_threads(2)
    x = tensorlite.rand(2_000_000)
    x.sum()
    loader = tdata.DataLoader(
        Call(lambda i: (x + i).sum().item(), 2), num_workers=1, batch_size=None
    )
    assert len(list(loader)) == 2
