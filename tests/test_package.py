"""The package as a whole: what an import costs, what it brings, that nothing leaks."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tensorlite
from tensorlite import nn, optim


def in_new_process(program):
    """What `program` prints as JSON, run by itself."""
    path = str(Path(tensorlite.__file__).parent.parent)
    env = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [path, env.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_import_brings_little():
    modules = in_new_process(
        "import json, sys; before = set(sys.modules); import tensorlite;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    foreign = {m.split(".")[0] for m in modules} - set(sys.stdlib_module_names)
    assert foreign == {"tensorlite"}, foreign
    heavy = {"asyncio", "ctypes", "inspect", "multiprocessing", "subprocess", "typing_extensions"}
    assert not heavy & set(modules), heavy & set(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("TENSORLITE_SANITIZED" in os.environ, reason="the sanitizers need memory")
def test_import_is_small():
    """At most 25 MB beyond the interpreter."""
    used = in_new_process(
        "def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "before = rss()\nimport tensorlite\nprint(rss() - before)"
    )
    assert used <= 25e6


def test_version_is_the_wheels():
    try:
        installed = importlib.metadata.version("tensorlite")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("runs from a checkout")
    assert tensorlite.__version__ == installed


def test_public_names_exist():
    for module in (tensorlite.autograd, nn, nn.functional, nn.init, nn.utils, optim):
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_every_function_has_documentation():
    missing = [n for n in tensorlite._C._function_names if not getattr(tensorlite, n).__doc__]
    assert not missing


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif("TENSORLITE_SANITIZED" in os.environ, reason="freed memory is quarantined")
def test_training_does_not_leak():
    """A thousand steps end with the memory that ten had."""
    program = """
import gc, json, tensorlite
from tensorlite import nn, optim

def rss():
    gc.collect()
    return int(open('/proc/self/statm').read().split()[1]) * 4096

net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.1), nn.LayerNorm(32), nn.Linear(32, 3))
optimizer = optim.Adam(net.parameters())
x, y = tensorlite.randn(16, 8), tensorlite.randint(0, 3, (16,))

def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    (g,) = tensorlite.autograd.grad(loss, net[0].weight, create_graph=True)
    (loss + 0.01 * (g * g).sum()).backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return loss.item()

for _ in range(10):
    step()
before, blocks = rss(), tensorlite.memory_stats()["allocated_bytes.current"]
for _ in range(1000):
    step()
print(json.dumps([rss() - before, tensorlite.memory_stats()["allocated_bytes.current"] - blocks]))
"""
    grown, blocks = in_new_process(program)
    assert blocks == 0
    assert grown <= 600_000, f"{grown} bytes more after 1000 steps"
