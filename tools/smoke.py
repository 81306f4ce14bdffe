"""A first use of an installed tensorlite: what `make wheel` and the tests of wheels run."""

import sys
import tempfile
from pathlib import Path

import tensorlite
from tensorlite import nn, optim


def main() -> None:
    """Trains a line, saves it and loads it again."""
    root = Path(__file__).resolve().parent.parent
    installed = Path(tensorlite.__file__).resolve()
    assert root / "src" not in installed.parents, f"not the installed package: {installed}"
    tensorlite.manual_seed(0)
    x = tensorlite.rand(64, 1)
    y = 3 * x + 1
    model = nn.Linear(1, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3, loss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.pt"
        tensorlite.save(model.state_dict(), path)
        again = nn.Linear(1, 1)
        again.load_state_dict(tensorlite.load(path))
    assert tensorlite.equal(again(x), model(x))
    assert (installed.parent / "py.typed").exists()
    assert (installed.parent / "_C.pyi").exists()
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"tensorlite {tensorlite.__version__} works on Python {version} ({installed.parent})")


if __name__ == "__main__":
    main()
