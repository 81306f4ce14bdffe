"""Times of programs beside each other: batches of calls taken in turns."""

import gc
import math
import statistics
import time
from collections.abc import Callable
from typing import Any


def calls_within(f: Callable[[], Any], seconds: float) -> int:
    """How many calls take about so long."""
    n = 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            f()
        took = time.perf_counter() - start
        if took >= seconds / 2:
            return max(1, round(n * seconds / took))
        n *= 2 if took < seconds / 8 else 1 + round(seconds / took)


def time_calls(f: Callable[[], Any], n: int) -> float:
    """Seconds per call."""
    repeat = range(n)
    start = time.perf_counter()
    for _ in repeat:
        f()
    return (time.perf_counter() - start) / n


def in_turns(
    ours: Callable[[], Any], theirs: Callable[[], Any] | None, repeats: int, seconds: float
) -> tuple[float, float, float]:
    """Seconds per call of the one and of the other, and their ratio: medians over repeats taken in turns."""
    n_ours = calls_within(ours, seconds)
    n_theirs = calls_within(theirs, seconds) if theirs else 0
    times = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            a = time_calls(ours, n_ours)
            times.append((a, time_calls(theirs, n_theirs) if theirs else math.nan))
    finally:
        gc.enable()
    ratio = statistics.median(b / a for a, b in times)
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times), ratio


def readable(seconds: float) -> str:
    if seconds < 1e-5:
        return f"{seconds * 1e9:,.0f} ns"
    return f"{seconds * 1e6:,.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:,.2f} ms"


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))
