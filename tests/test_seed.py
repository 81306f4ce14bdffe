"""The program of examples/seed.py, run by both libraries from the same weights."""

import warnings
from pathlib import Path

import numpy as np
import pytest

SOURCE = (Path(__file__).parent.parent / "examples" / "seed.py").read_text()


def program(library):
    names = {"__name__": "seed"}
    exec(compile(SOURCE.replace("tensorlite", library), f"seed of {library}", "exec"), names)
    return names


def run(library, state=None, **kwargs):
    """What a run ends with, from the weights in `state` where it is given."""
    names = program(library)
    began = []
    plain_init = names["Net"].__init__

    def init(self):
        plain_init(self)
        if state is not None:
            for p, values in zip(self.parameters(), state, strict=True):
                p.data.copy_(names["torch"].from_numpy(values))
        began.extend(p.detach().numpy().copy() for p in self.parameters())

    names["Net"].__init__ = init
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net, features, output, loss = names["main"](**kwargs)
    numbers = {
        "output": output,
        "loss": loss,
        "features": features,
        "gradient": features.grad,
        "weight": net.fc.weight,
        "bias": net.fc.bias,
        "weight.grad": net.fc.weight.grad,
        "bias.grad": net.fc.bias.grad,
    }
    texts = [(w.category, str(w.message), w.filename) for w in caught]
    return began, {k: v.detach().numpy() for k, v in numbers.items()}, texts


@pytest.mark.parametrize("steps", [1, 100])
def test_ends_with_pytorchs_numbers(steps):
    pytest.importorskip("torch")
    weights, ours, our_warnings = run("tensorlite", steps=steps)
    began, theirs, their_warnings = run("torch", state=weights, steps=steps)
    for a, b in zip(weights, began, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)
    # The implicit dim of softmax, said of the line that leaves it out.
    assert [w[:2] for w in our_warnings] == [w[:2] for w in their_warnings]
    assert our_warnings[0][2] == "seed of tensorlite"


def test_same_weights_from_the_same_seed():
    pytest.importorskip("torch")
    for a, b in zip(run("tensorlite", seed=3)[0], run("torch", seed=3)[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_learns():
    _, first, _ = run("tensorlite")
    _, last, _ = run("tensorlite", steps=200)
    assert last["loss"] < first["loss"]
