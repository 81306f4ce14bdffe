"""The order of the source tree: which layer may know which, and how large a file may be."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "src" / "csrc"

# What a folder may include beside itself: core ← kernels, core ← autograd, both ← ops ← python.
MAY_INCLUDE = {
    "core": set(),
    "kernels": {"core"},
    "autograd": {"core"},
    "ops": {"core", "kernels", "autograd"},
    "python": {"core", "kernels", "autograd", "ops"},
}
# Includes against the order, each with its reason.
ARROWS_BACK: dict[str, set[str]] = {}
MOST_LINES = 800

SOURCES = sorted(p for p in CSRC.rglob("*") if p.suffix in (".h", ".cpp"))


def includes(path, quoted=True):
    pattern = r'^\s*#\s*include\s*"([^"]+)"' if quoted else r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]"
    return re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_sources_are_there():
    assert {p.relative_to(CSRC).parts[0] for p in SOURCES} == set(MAY_INCLUDE)


@pytest.mark.parametrize("layer", MAY_INCLUDE)
def test_dependencies_point_one_way(layer):
    wrong = []
    for path in (CSRC / layer).rglob("*"):
        if path.suffix not in (".h", ".cpp"):
            continue
        name = path.relative_to(CSRC).as_posix()
        allowed = MAY_INCLUDE[layer] | {layer} | ARROWS_BACK.get(name, set())
        wrong += [f"{name} includes {i}" for i in includes(path) if i.split("/")[0] not in allowed]
    assert not wrong, "\n".join(wrong)


def test_exceptions_are_still_needed():
    for name, layers in ARROWS_BACK.items():
        used = {i.split("/")[0] for i in includes(CSRC / name)}
        assert layers <= used, f"{name} no longer includes {layers - used}"


def test_includes_name_their_folder():
    wrong = [
        f"{path.relative_to(CSRC)} includes {i}"
        for path in SOURCES
        for i in includes(path)
        if not (CSRC / i).is_file()
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_python_folder_knows_python():
    python = re.compile(r"^(Python|structmember|pybind11/.*|numpy/.*)(\.h)?$")
    wrong = [
        f"{path.relative_to(CSRC)} includes {i}"
        for path in SOURCES
        if path.relative_to(CSRC).parts[0] != "python"
        for i in includes(path, quoted=False)
        if python.match(i)
    ]
    assert not wrong, "\n".join(wrong)


def test_files_stay_readable():
    files = [
        p
        for folder in ("src", "tests", "tools", "examples", "benchmarks")
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".h", ".cpp", ".py")
    ]
    lengths = {p.relative_to(ROOT): len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    long = {str(p): n for p, n in lengths.items() if n > MOST_LINES}
    assert not long, f"over {MOST_LINES} lines: {long}"


def test_kernels_keep_their_code_to_themselves():
    """Kernels are compiled once for each instruction set: what they define must not be shared."""
    wrong = []
    for path in (CSRC / "kernels").glob("*.cpp"):
        text = path.read_text(encoding="utf-8")
        if "TL_ISA" not in text and "namespace {" not in text:
            wrong.append(path.name)
    assert not wrong, f"without TL_ISA or an anonymous namespace: {wrong}"


def test_packages_import_numpy_when_they_need_it():
    """`import tensorlite` must not import NumPy."""
    wrong = []
    for path in (ROOT / "src" / "tensorlite").rglob("*.py"):
        inside_checking = False
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line[0].isspace():
                inside_checking = line.startswith("if TYPE_CHECKING")
            if not inside_checking and re.match(r"(import|from) numpy", line):
                wrong.append(str(path.relative_to(ROOT)))
    assert not wrong, wrong


def test_no_work_is_left_for_later():
    marks = re.compile("TO" + "DO|FIX" + "ME|XX" + "X")
    files = [*SOURCES, *(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    wrong = [str(p.relative_to(ROOT)) for p in files if marks.search(p.read_text(encoding="utf-8"))]
    assert not wrong, wrong
