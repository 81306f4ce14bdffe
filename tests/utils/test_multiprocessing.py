"""torch.multiprocessing's part: tensors between processes, and `spawn`."""

import os
import time

import pytest

import tensorlite
from tensorlite import multiprocessing as mp

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def add_one(x, queue):
    x.add_(1)
    queue.put(x[1:])
    queue.put(tensorlite.nn.Parameter(tensorlite.full((3,), 7.0)))
    time.sleep(1)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("strategy", ["file_descriptor", "file_system"])
def test_tensors_are_shared(method, strategy):
    before = mp.get_sharing_strategy()
    assert before in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy(strategy)
    try:
        context = mp.get_context(method)
        queue = context.Queue()
        x = tensorlite.zeros(3).share_memory_() if method == "fork" else tensorlite.zeros(3)
        process = context.Process(target=add_one, args=(x, queue))
        process.start()
        part, parameter = queue.get(timeout=30), queue.get(timeout=30)
        assert x.is_shared() and x.tolist() == [1, 1, 1]
        part.mul_(5)
        assert x.tolist() == [1, 5, 5]
        assert type(parameter) is tensorlite.nn.Parameter and parameter.tolist() == [7, 7, 7]
        process.join()
    finally:
        mp.set_sharing_strategy(before)


def test_sharing_in_place():
    x = tensorlite.arange(5.0)
    view, array = x[2:], x.numpy()
    assert not x.is_shared()
    x.share_memory_()
    assert x.is_shared() and view.is_shared() and x.untyped_storage().is_shared()
    view.zero_()
    assert x.tolist() == [0, 1, 0, 0, 0] and array.tolist() == [0, 1, 2, 3, 4]
    model = tensorlite.nn.Linear(2, 2).share_memory()
    assert all(p.is_shared() and p.requires_grad for p in model.parameters())
    assert tensorlite.empty(0).share_memory_().numel() == 0


def test_memory_of_shared_tensors_is_given_back():
    def mapped():
        with open("/proc/self/maps") as f:
            return sum("memfd:tensorlite" in line for line in f)

    before, open_files = mapped(), len(os.listdir("/proc/self/fd"))
    for n in (4, 10_000):
        for _ in range(20):
            tensorlite.zeros(n).share_memory_()
    assert (mapped(), len(os.listdir("/proc/self/fd"))) == (before, open_files)


def test_strategies():
    with pytest.raises(AssertionError):
        mp.set_sharing_strategy("no")


def fine(i, path):
    with open(f"{path}/{i}", "w") as f:
        f.write(str(i))


def wrong(i, *_):
    if i == 1:
        raise ValueError("the cause")
    time.sleep(30)


def killed(i, *_):
    os.kill(os.getpid(), 9) if i == 0 else time.sleep(30)


def exits(i, *_):
    os._exit(3)


def test_start_processes(tmp_path):
    assert mp.spawn(fine, (str(tmp_path),), nprocs=2) is None
    assert sorted(os.listdir(tmp_path)) == ["0", "1"]
    context = mp.start_processes(fine, (str(tmp_path),), nprocs=1, join=False, start_method="fork")
    assert len(context.pids()) == 1
    while not context.join():
        pass


def test_start_processes_that_fail():
    with pytest.raises(
        mp.ProcessRaisedException, match=r"(?s)Process 1 terminated.*ValueError: the cause"
    ) as e:
        mp.start_processes(wrong, nprocs=2, start_method="fork")
    assert e.value.error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="terminated with signal SIGKILL") as e:
        mp.start_processes(killed, nprocs=2, start_method="fork")
    assert e.value.exit_code == -9
    with pytest.raises(mp.ProcessExitedException, match="exit code 3"):
        mp.start_processes(exits, start_method="fork")


def test_no_history_between_processes():
    import io
    from multiprocessing.reduction import ForkingPickler

    x = tensorlite.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        ForkingPickler(io.BytesIO()).dump(x * 2)
