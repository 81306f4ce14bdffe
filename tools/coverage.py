"""Writes docs/coverage.md: which of PyTorch's names tensorlite has.

    python tools/coverage.py [--check]      the page, or whether it is what it should be
    python tools/coverage.py --modules      lists the public names of the installed PyTorch anew

Two lists are read. `tests/data/torch_names.tsv` holds the names that 70 public repositories use, with the number of
repositories and of uses. `tests/data/torch_modules.txt` holds the public names of PyTorch's modules. A name is present
where it can be imported, or looked up on a tensor, a module or an optimizer.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import re
import sys
import warnings
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coverage.md"
NAMES = ROOT / "tests" / "data" / "torch_names.tsv"
MODULES = ROOT / "tests" / "data" / "torch_modules.txt"

#: Areas of names that are about something other than computing and training on a CPU.
OUTSIDE = frozenset(
    "cuda|amp|compile/internal|distributed|extensions|fx|hub|jit|onnx|other device|profiler|quantization|tensorboard".split(
        "|"
    )
)

#: Why a name is absent: the first pattern that is found in it.
REASONS = (
    (r"^Tensor\.index$", "a method of lists that the survey took for a tensor's"),
    (r"sparse|coalesce|Tensor\.(indices|values|to_dense|\w+_indices)$|spmm|_csr_|SparseAdam", "sparse tensors"),
    (r"nested|jagged|to_padded_tensor", "nested tensors"),
    (r"quantiz|\.ao\.|q_scale|q_zero_point|int_repr|qint|intrinsic|\.qat", "quantized tensors"),
    (r"float8|float4|uint16|uint32|uint64|bits\d", "dtypes that are not there"),
    (r"record_stream|cuda|xpu|mtia|mps|DispatchKey|pin_memory|nvtx|ipu|hpu|HPU|MTIA|XPU", "other devices"),
    (r"distributed|nn\.parallel|futures|\.rpc\b|SyncBatchNorm|DistributedSampler", "distributed training"),
    (r"datapipe|DataPipe|graph_settings", "data pipes, which PyTorch has given up"),
    (r"flex_attention|BlockMask", "needs a compiler"),
    (r"jit|Script|_dynamo|_inductor|export|library|\.fx\.|torch\.ops|torch\.classes|compile", "a compiler's"),
    (r"onnx", "ONNX export"),
    (r"cpp_extension", "extensions written against PyTorch's C++"),
    (r"\.torch\.", "an accident of PyTorch's imports"),
    (r"\._|DisableTorchFunctionSubclass|TorchFunctionMode", "private to PyTorch, or part of its dispatcher"),
    (r"reinforce", "raises in PyTorch"),
    (r"(Byte|Char|Short|Int|Long|Float|Double|Bool)Storage", "typed storages, which PyTorch has given up"),
    (r"[pP]rofiler|benchmark", "measuring: not there yet"),
    (r"version\.|__config__|collect_env|model_zoo", "about PyTorch's own build and downloads"),
)  # fmt: skip


class Name(NamedTuple):
    kind: str
    name: str
    area: str
    repos: int
    uses: int

    @property
    def inside(self) -> bool:
        """Whether it is of an area that tensorlite is about."""
        return self.area not in OUTSIDE


@cache
def exemplars(library: str) -> dict[str, object]:
    """What methods are looked up on: attributes that `__init__` makes are seen, too."""
    lib = importlib.import_module(library)
    parameter = lib.nn.Parameter(lib.zeros(1))
    return {
        "Tensor": parameter,
        "Module": lib.nn.Module(),
        "Optimizer": lib.optim.SGD([parameter], lr=0.1),
    }


@cache
def present(name: str, library: str = "tensorlite") -> bool:
    """Whether the library has the name: "torch.nn.Linear", or "Tensor.add"."""
    first, *parts = name.split(".")
    found: object = exemplars(library).get(first)
    module = library
    if found is None:
        found = importlib.import_module(library)
    elif hasattr(type(found), parts[0]):
        found = type(found)  # properties such as `mT` refuse some tensors
    for part in parts:
        module = f"{module}.{part}"
        try:
            found = getattr(found, part)
        except Exception:
            try:
                found = importlib.import_module(module)
            except Exception:
                return False
    return True


def reason(name: str) -> str | None:
    """Why a name is absent, or None where there is no reason."""
    return next((text for pattern, text in REASONS if re.search(pattern, name)), None)


def names() -> list[Name]:
    """The names that programs use."""
    with NAMES.open(encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)
        return [
            Name(kind, name, area, int(repos), int(uses)) for kind, name, area, repos, uses in rows
        ]


def modules() -> dict[str, list[str]]:
    """PyTorch's public names by module."""
    lines = MODULES.read_text(encoding="utf-8").splitlines()
    return {module: found.split() for module, found in (line.split(": ", 1) for line in lines)}


def share(part: int, whole: int) -> str:
    return "100 %" if part == whole else f"{100 * part / whole:.2f} %"


def area_rows(every: list[Name]) -> list[str]:
    """A row of the table for each area, and one for all."""
    areas: dict[str, list[Name]] = defaultdict(list)
    for n in every:
        areas[n.area].append(n)
    rows = []
    for area, found in [
        *sorted(areas.items(), key=lambda a: -sum(n.uses for n in a[1])),
        ("**all**", every),
    ]:
        often = [n for n in found if n.repos >= 2]
        here = [n for n in often if present(n.name)]
        uses, uses_here = sum(n.uses for n in found), sum(n.uses for n in found if present(n.name))
        rows.append(
            f"| {area} | {len(often)} | {len(here)} | {len(found)} | {sum(present(n.name) for n in found)} "
            f"| {uses} | {share(uses_here, uses)} |"
        )
    return rows


AREA_HEAD = [
    "| area | names of two or more repositories | present | names | present | uses | present |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
]


def absent_lines(every: list[Name]) -> list[str]:
    """What is missing, by reason."""
    groups: dict[str, list[Name]] = defaultdict(list)
    for n in every:
        if not present(n.name):
            groups[reason(n.name) or "not there"].append(n)
    lines = []
    for text, found in sorted(groups.items(), key=lambda g: -sum(n.uses for n in g[1])):
        found.sort(key=lambda n: (-n.repos, n.name))
        lines.append(f"- **{text}**: " + ", ".join(f"`{n.name}` ({n.repos})" for n in found))
    return lines


def module_lines() -> list[str]:
    """The table of modules, and what each of them lacks."""
    rows, missing = [], []
    for module, found in modules().items():
        absent = [n for n in found if not present(f"{module}.{n}")]
        rows.append(f"| `{module}` | {len(found)} | {len(found) - len(absent)} |")
        groups: dict[str, list[str]] = defaultdict(list)
        for n in absent:
            groups[reason(f"{module}.{n}") or "not there"].append(f"`{n}`")
        if absent:
            text = "; ".join(f"{', '.join(ns)} ({why})" for why, ns in groups.items())
            missing.append(f"- `{module}`: {text}")
    return [
        "| module | public names | present |",
        "| --- | ---: | ---: |",
        *rows,
        "",
        "Absent:",
        "",
        *missing,
    ]


def page() -> str:
    """The text of docs/coverage.md."""
    every = names()
    inside, outside = [n for n in every if n.inside], [n for n in every if not n.inside]
    lines = [
        "# What of PyTorch is here",
        "",
        "Written by `python tools/coverage.py`; `tests/test_coverage.py` checks that this page is what the tool writes,",
        "and that no name that two or more repositories use is missing without a reason. A name is present where",
        "it can be imported, or looked up on a tensor, a module or an optimizer.",
        "",
        "## Names that programs use",
        "",
        "The names are those that 70 public repositories use.",
        "",
        *AREA_HEAD,
        *area_rows(inside),
        "",
        "Areas about something other than computing and training on a CPU:",
        "",
        *AREA_HEAD,
        *area_rows(outside),
        "",
        "### Absent",
        "",
        "With the number of repositories that use the name.",
        "",
        *absent_lines(inside),
        "",
        "Absent of the other areas are those that two or more repositories use:",
        "",
        *absent_lines([n for n in outside if n.repos >= 2]),
        "",
        "## Public names of PyTorch's modules",
        "",
        "Every op is compared with PyTorch by `tests/test_ops.py`, layers, optimizers and distributions by the tests in",
        "the folders of those names.",
        "",
        *module_lines(),
    ]
    return "\n".join(lines) + "\n"


LISTED = (
    "torch torch.Tensor torch.linalg torch.fft torch.special torch.autograd torch.autograd.functional torch.func torch.nn "
    "torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn torch.nn.utils.parametrizations "
    "torch.nn.utils.parametrize torch.nn.utils.prune torch.nn.utils.stateless torch.nn.attention torch.optim "
    "torch.optim.lr_scheduler torch.optim.swa_utils torch.distributions torch.distributions.transforms "
    "torch.distributions.constraints torch.distributions.kl torch.utils.data torch.utils.checkpoint torch.amp "
    "torch.random torch.serialization torch.testing torch.overrides torch.profiler torch.utils.benchmark"
).split()


def public(module: object, module_name: str, name: str) -> bool:
    """Whether a name is meant for users: documented, PyTorch's own, and no part of its compiler."""
    found = getattr(module, name, None)
    home = getattr(found, "__module__", None) or "torch"
    if name.startswith("_") or not callable(found) or not getattr(found, "__doc__", None):
        return False
    if not home.startswith("torch") or (
        module_name in ("torch", "torch.nn.functional") and home == "torch._C"
    ):
        return False
    return not re.search(r"^(sym_|Sym)|torch_function|boolean_dispatch|assert_int_or_pair", name)


def write_modules() -> None:
    """Lists the public names of the installed PyTorch."""
    lines = []
    for module_name in LISTED:
        module: object = importlib.import_module("torch")
        for part in module_name.split(".")[1:]:
            module = getattr(module, part, None) or importlib.import_module(module_name)
        listed = getattr(module, "__all__", None)
        if listed is None or module_name in (
            "torch",
            "torch.Tensor",
            "torch.nn.functional",
            "torch.nn.init",
        ):
            listed = dir(module)
        found = sorted({n for n in listed if public(module, module_name, n)})
        lines.append(f"{module_name}: {' '.join(found)}")
    MODULES.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write docs/coverage.md.")
    parser.add_argument("--check", action="store_true", help="fail where the page is out of date")
    parser.add_argument("--modules", action="store_true", help="list the installed PyTorch's names")
    args = parser.parse_args(argv)
    if args.modules:
        write_modules()
        return 0
    warnings.simplefilter("ignore")
    text = page()
    if args.check:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print(
            "docs/coverage.md is up to date"
            if same
            else "docs/coverage.md is out of date: run tools/coverage.py"
        )
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
