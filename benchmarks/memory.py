"""Memory and import costs, each taken in a process of its own.

    python -m benchmarks.memory LIBRARY KIND

prints one number: bytes per small tensor (`tensor`), bytes per graph node with its result
(`node`), seconds (`import_time`) or bytes (`import_memory`) of `import LIBRARY` beyond the
interpreter.
"""

import gc
import importlib
import os
import subprocess
import sys
import time

COUNT = 200_000


def resident() -> int:
    """Bytes of memory that the process holds."""
    with open("/proc/self/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def per_tensor(m, count):
    """A tensor of 4 floats."""
    kept = [None] * count
    value = m.ones(4)
    value + value  # what is set up once
    gc.collect()
    before = resident()
    for i in range(count):
        kept[i] = value + value
    return (resident() - before) / count


def per_node(m, count):
    """One `y = y * x` of a graph: a node, what it saves, and its result, kept by the graph."""
    x = m.ones(4, requires_grad=True)
    y = x * x
    gc.collect()
    before = resident()
    for _ in range(count):
        y = y * x
    return (resident() - before) / count


def measure(name, kind, count=COUNT):
    if kind == "import_time":
        start = time.perf_counter()
        importlib.import_module(name)
        return time.perf_counter() - start
    if kind == "import_memory":
        before = resident()
        importlib.import_module(name)
        return resident() - before
    m = importlib.import_module(name)
    return {"tensor": per_tensor, "node": per_node}[kind](m, count)


def in_new_process(name, kind, repeats=1, count=COUNT):
    """The least of several measurements."""
    command = [sys.executable, "-m", "benchmarks.memory", name, kind, str(count)]
    # With compiled bytecode, as an installed package has it.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if kind.startswith("import"):
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=env)
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        for _ in range(repeats)
    ]
    return min(float(r.stdout) for r in runs)


if __name__ == "__main__":
    print(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else COUNT))
