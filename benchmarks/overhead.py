"""What the framework costs on small tensors, beside PyTorch.

    python -m benchmarks.overhead [--smoke] [--rows WORD] [--seconds S]

Both libraries run in one process on one thread, in turns: each repeat times a batch of calls of the
one, then of the other, and the ratio printed is the median of the repeats' ratios. A Markdown table
goes to standard output.
"""

import argparse
import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tensorlite

from . import memory
from .rows import ROWS
from .timing import geometric_mean, in_turns, readable

try:
    import torch
except ImportError:
    torch = None


def measure(program, repeats, seconds):
    """(tensorlite's time, PyTorch's time, ratio) of a row."""
    theirs = program(torch) if torch is not None else None
    return in_turns(program(tensorlite), theirs, repeats, seconds)


def table_of_times(words, repeats, seconds):
    print("| one thread | tensorlite | PyTorch | ratio |")
    print("| --- | ---: | ---: | ---: |")
    ratios = []
    for name, program in ROWS.items():
        if not all(w in name for w in words):
            continue
        ours, theirs, ratio = measure(program, repeats, seconds)
        ratios.append(ratio)
        theirs_text = readable(theirs) if torch is not None else "–"
        print(f"| {name} | {readable(ours)} | {theirs_text} | {ratio:.1f} |", flush=True)
    if ratios and torch is not None:
        mean = geometric_mean(ratios)
        print(f"| **geometric mean** (least {min(ratios):.1f}) | | | **{mean:.1f}** |")


def wheel_size(m):
    """Bytes of the package's files, uncompressed, and of tensorlite's wheel where it lies in dist/."""
    folder = Path(m.__file__).parent
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and f.suffix != ".pyc")


def table_of_memory(smoke):
    count = 20_000 if smoke else memory.COUNT
    repeats = 1 if smoke else 5
    names = ["tensorlite"] + (["torch"] if torch is not None else [])
    print("\n| memory and import | tensorlite | PyTorch |")
    print("| --- | ---: | ---: |")

    def row(title, kind, text):
        values = [memory.in_new_process(n, kind, repeats, count) for n in names]
        cells = [text(v) for v in values] + ["–"] * (2 - len(values))
        print(f"| {title} | {' | '.join(cells)} |", flush=True)

    row("a tensor of 4 floats", "tensor", lambda v: f"{v:.0f} B")
    row("a node of the graph of `y = y * x`, with its result", "node", lambda v: f"{v:.0f} B")
    row("`import`, beyond the interpreter's start", "import_time", lambda v: f"{v * 1e3:.0f} ms")
    row("memory of the import", "import_memory", lambda v: f"{v / 1e6:.1f} MB")
    sizes = [f"{wheel_size(m) / 1e6:.1f} MB" for m in (tensorlite, torch) if m is not None]
    print(f"| installed package | {' | '.join(sizes + ['–'] * (2 - len(sizes)))} |")
    for wheel in Path("dist").glob("*.whl"):
        print(f"| wheel | {wheel.stat().st_size / 1e6:.2f} MB | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="seconds only: does everything run?")
    parser.add_argument("--rows", nargs="*", default=[], help="only rows with these words")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.05, help="length of one timed batch")
    parser.add_argument("--no-memory", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.repeats, args.seconds = 1, 0.002
    for m in (tensorlite, torch):
        if m is not None:
            m.set_num_threads(1)
            m.manual_seed(0)
    version = f"PyTorch {torch.__version__}" if torch is not None else "PyTorch is not installed"
    instructions = tensorlite._C._instruction_set
    print(
        f"tensorlite {tensorlite.__version__} ({instructions}), {version}, Python {platform.python_version()}\n"
    )
    table_of_times(args.rows, args.repeats, args.seconds)
    if not args.no_memory and sys.platform == "linux":
        table_of_memory(args.smoke)


if __name__ == "__main__":
    main()
