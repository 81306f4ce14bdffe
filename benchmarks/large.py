"""Where arithmetic and memory are the limit: kernels and steps of training, beside PyTorch.

    python -m benchmarks.large [--threads 1 2] [--rows WORD …] [--smoke]

Both libraries run in one process, in turns, as in `benchmarks.overhead`. GFLOP/s and GB/s are ours; their
share is of the fastest product and the fastest stream that either library reached in the run.
"""

import argparse
import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import tensorlite

from . import kernels, models
from .timing import geometric_mean, in_turns, readable

try:
    import torch
except ImportError:
    torch = None


def pairs(program):
    """The program for both libraries, from the same seed."""
    calls = []
    for m in (tensorlite, torch):
        if m is not None:
            m.manual_seed(0)
        calls.append(program(m) if m is not None else None)
    return calls


def summary(ratios):
    if ratios and torch is not None:
        print(
            f"| **geometric mean** (least {min(ratios):.2f}) | | | **{geometric_mean(ratios):.2f}** | | |"
        )


def table(title, rows, args):
    print(f"\n| {title} | tensorlite | PyTorch | ratio | rate | of the limit |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    measured, peak, stream, ratios = [], 0.0, 0.0, []
    for name, row in rows.items():
        if not all(word in name for word in args.rows):
            continue
        ours, theirs, ratio = in_turns(*pairs(row.program), args.repeats, args.seconds)
        fastest = min(ours, theirs) if theirs == theirs else ours
        peak, stream = max(peak, row.flops / fastest), max(stream, row.bytes / fastest)
        ratios.append(ratio)
        measured.append((name, row, ours, theirs, ratio))
        print(f"{name}: {ratio:.2f}", file=sys.stderr)
    for name, row, ours, theirs, ratio in measured:
        rate, limit = (row.flops, peak) if row.flops else (row.bytes, stream)
        cells = [readable(ours), readable(theirs) if theirs == theirs else "–", f"{ratio:.2f}"]
        unit = "GFLOP/s" if row.flops else "GB/s"
        cells += (
            [f"{rate / ours / 1e9:.1f} {unit}", f"{rate / ours / limit:.0%}"] if rate else ["", ""]
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    summary(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="seconds only: does everything run?")
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rows", nargs="*", default=[], help="only rows with these words")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.05, help="length of one timed batch")
    args = parser.parse_args()
    if args.smoke:
        args.repeats, args.seconds, args.threads = 1, 0.0, [1]
    for threads in args.threads:
        for m in (tensorlite, torch):
            if m is not None:
                m.set_num_threads(threads)
        text = f"{threads} thread{'s' * (threads > 1)}"
        table(f"kernels, {text}", kernels.rows(), args)
        for title, programs in (("small and medium", models.SMALL), ("large", models.LARGE)):
            table(f"{title} steps, {text}", {n: kernels.Row(p) for n, p in programs.items()}, args)


if __name__ == "__main__":
    main()
