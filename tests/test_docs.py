"""The programs in the documentation run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docs/architecture.md", "docs/differences.md"]


def programs():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text[: match.start()].count("\n") + 2
            yield pytest.param(match[1], id=f"{page}:{line}")


@pytest.mark.parametrize("program", list(programs()))
def test_program(program, capsys):
    exec(compile(program, "<documentation>", "exec"), {"__name__": "documentation"})
    capsys.readouterr()


def test_links_lead_somewhere():
    wrong = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                wrong.append(f"{page.name}: {target}")
    assert not wrong
