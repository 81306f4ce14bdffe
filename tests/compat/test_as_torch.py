"""Programs written for PyTorch run on tensorlite: the alias and the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tensorlite
from tensorlite.torch_version import TorchVersion

SOURCE = str(Path(tensorlite.__file__).parent.parent)

PROGRAM = """
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.nn.modules.linear import Linear
from torch.utils.data import DataLoader, TensorDataset
import torch.backends.cudnn as cudnn
import tensorlite

assert torch is tensorlite and nn is tensorlite.nn and F is tensorlite.nn.functional
assert torch.nn.__name__ == "tensorlite.nn" and torch.nn.__spec__.name == "tensorlite.nn"
assert Linear is nn.Linear
assert torch.__version__ > "1.10" and torch.__version__ >= (2, 0)
assert sys.modules["torch.nn"] is nn
cudnn.deterministic = True
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)).to(device)
x = torch.randn(64, 2)
loader = DataLoader(TensorDataset(x, x[:, :1] * 2), batch_size=16, shuffle=True)
optimizer = optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(30):
    for a, b in loader:
        loss = F.mse_loss(model(a.to(device)), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
try:
    import torch.missing_part
except ModuleNotFoundError as error:
    assert error.name == "torch.missing_part", error.name
else:
    raise AssertionError("torch.missing_part")
import importlib.metadata
assert importlib.metadata.version("torch") == torch.__version__
print(sys.argv[1:], __name__, loss.item() < 0.1)
"""


def run(*arguments, cwd, **environment):
    env = {**os.environ, "PYTHONPATH": SOURCE, **environment}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=env, check=False
    )


@pytest.fixture
def script(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "helper.py").write_text("import torch\n")
    path = tmp_path / "folder" / "program.py"
    path.write_text("import helper\n" + PROGRAM)
    return path


def test_run_script(script, tmp_path):
    done = run("-m", "tensorlite", "run", "folder/program.py", "--lr", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['--lr', '1'] __main__ True\n"


def test_run_module(script):
    done = run("-m", "tensorlite", "run", "-m", "program", "a", cwd=script.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['a'] __main__ True\n"


def test_alias(script):
    done = run("-c", f"import tensorlite.as_torch\n{PROGRAM}", cwd=script.parent)
    assert done.returncode == 0, done.stderr


def test_exit_status_and_errors(tmp_path):
    (tmp_path / "a.py").write_text("import sys, torch\nsys.exit(7)\n")
    (tmp_path / "b.py").write_text("import torch\ntorch.ones(2) + torch.ones(3)\n")
    assert run("-m", "tensorlite", "run", "a.py", cwd=tmp_path).returncode == 7
    failed = run("-m", "tensorlite", "run", "b.py", cwd=tmp_path)
    assert failed.returncode == 1 and "b.py" in failed.stderr and "RuntimeError" in failed.stderr
    for arguments in ((), ("run",), ("run", "none.py"), ("walk", "a.py")):
        assert run("-m", "tensorlite", *arguments, cwd=tmp_path).returncode == 2
    assert (
        run("-m", "tensorlite", "--version", cwd=tmp_path).stdout.strip() == tensorlite.__version__
    )
    assert "run script.py" in run("-m", "tensorlite", "--help", cwd=tmp_path).stdout


def test_too_late(tmp_path):
    (tmp_path / "torch.py").write_text("")
    done = run("-c", "import torch, tensorlite.as_torch", cwd=tmp_path)
    assert "imported already" in done.stderr


def test_versions():
    v = TorchVersion("2.13.0+cpu")
    assert v > "2.9" and v > (2, 9) and v >= "2.13" and v == "2.13.0+cpu" and v < "3"
    assert v != "2.12" and v <= (2, 13) and hash(v) == hash("2.13.0+cpu") and v != 3
    assert v.split("+")[0] == "2.13.0"
