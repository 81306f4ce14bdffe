"""docs/coverage.md is what tools/coverage.py writes, and lacks nothing that programs use without saying why."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tensorlite import nn

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def coverage():
    spec = importlib.util.spec_from_file_location("coverage_page", ROOT / "tools" / "coverage.py")
    module = sys.modules["coverage_page"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["coverage_page"]


@pytest.mark.filterwarnings("ignore")
def test_page_is_up_to_date(coverage):
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(), "run tools/coverage.py"


@pytest.mark.filterwarnings("ignore")
def test_nothing_is_missing_without_a_reason(coverage):
    often = [n for n in coverage.names() if n.inside and n.repos >= 2]
    assert len(often) > 900
    missing = [
        n.name for n in often if not coverage.present(n.name) and not coverage.reason(n.name)
    ]
    assert not missing


@pytest.mark.filterwarnings("ignore")
def test_share_of_uses(coverage):
    """Of the uses that no reason excuses, nearly all are of names that are there."""
    inside = [n for n in coverage.names() if n.inside]
    meant = [n for n in inside if coverage.present(n.name) or not coverage.reason(n.name)]
    here = sum(n.uses for n in meant if coverage.present(n.name))
    assert here >= 0.995 * sum(n.uses for n in meant)


def test_lookup_can_fail(coverage):
    assert coverage.present("torch.nn.Linear") and coverage.present("Module.training")
    assert coverage.present("Tensor.mT") and coverage.present("torch.utils.data.DataLoader")
    assert not coverage.present("torch.nn.Linnear") and not coverage.present("Tensor.ad")
    assert coverage.reason("torch.sparse.mm") and coverage.reason("torch.nn.Linnear") is None


@pytest.mark.filterwarnings("ignore")
def test_modules_of_the_installed_pytorch(coverage, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13.0"):
        pytest.skip("the list is of PyTorch 2.13.0")
    listed = coverage.MODULES.read_text(encoding="utf-8")
    monkeypatch.setattr(coverage, "MODULES", tmp_path / "modules.txt")
    coverage.write_modules()
    assert (tmp_path / "modules.txt").read_text(encoding="utf-8") == listed


def test_data_parallel_calls_its_module():
    inner = nn.Linear(3, 2)
    model = nn.DataParallel(inner)
    x = inner.weight.detach()[:1]
    assert (model(x) == inner(x)).all() and model.device_ids == []
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    assert (nn.parallel.data_parallel(inner, x) == inner(x)).all()
    assert inner.compile() is None
