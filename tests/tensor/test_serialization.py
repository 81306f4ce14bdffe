"""save and load, by themselves and with PyTorch on the other side."""

import io
import os
import pickle
import random
import zipfile
from collections import OrderedDict

import pytest

import tensorlite
from tensorlite import serialization

torch = pytest.importorskip("torch")


def everything(m):
    """One of each thing that checkpoints hold."""
    x = m.arange(6.0).view(2, 3)
    return {
        "w": x,
        "row": x[0],
        "transposed": x.t(),
        "same": x,
        "bfloat16": m.tensor([1.0, 2.0]).to(m.bfloat16),
        "half": m.tensor([1.0, 2.0]).half(),
        "double": m.tensor([1.0, 2.0]).double(),
        "ints": [m.tensor([1, 2]).to(t) for t in (m.uint8, m.int8, m.int16, m.int32, m.int64)],
        "bool": m.tensor([True, False]),
        "complex": m.tensor([1 + 2j]),
        "0-d": m.tensor(1.5),
        "empty": m.zeros(0, 3),
        "leaf": m.ones(2, requires_grad=True),
        "parameter": m.nn.Parameter(m.ones(2)),
        "frozen": m.nn.Parameter(m.ones(2), requires_grad=False),
        "ordered": OrderedDict(a=1, b=[1, 2, (3, 4.5, None, "x", b"y", True)]),
        "size": m.Size([1, 2]),
        "dtype": m.float64,
        "device": m.device("cpu"),
        "set": {1, 2},
        "number": 1 + 2j,
        "large int": -(2**80),
        "bytes": bytearray(b"abc"),
        "list": list(range(300)),
        "text": "ü" * 300,
    }


def shown(value):
    if hasattr(value, "tolist"):
        name = "torch" + str(type(value).__name__)
        return (name, str(value.dtype), value.tolist(), value.stride(), value.requires_grad)
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(v) for v in value]
    return repr(value)


def through(writer, reader, value, **kwargs):
    file = io.BytesIO()
    writer.save(value, file)
    file.seek(0)
    return reader.load(file, **kwargs)


@pytest.mark.parametrize("writer", ["tensorlite", "torch"])
@pytest.mark.parametrize("reader", ["tensorlite", "torch"])
def test_everything_between_the_libraries(writer, reader):
    m = {"tensorlite": tensorlite, "torch": torch}
    loaded = through(m[writer], m[reader], everything(m[writer]))
    assert shown(loaded) == shown(everything(m[reader]))
    assert loaded["same"] is loaded["w"]
    loaded["w"][0, 0] = 9
    assert loaded["row"][0].item() == 9


def test_state_dicts_both_ways(tmp_path):
    path = tmp_path / "model.pt"
    theirs = torch.nn.Linear(3, 2)
    torch.save(theirs.state_dict(), path)
    ours = tensorlite.nn.Linear(3, 2)
    ours.load_state_dict(tensorlite.load(path))
    assert ours.weight.tolist() == theirs.weight.tolist()
    tensorlite.save(ours.state_dict(), path)
    theirs.load_state_dict(torch.load(path))
    assert torch.load(path)._metadata == torch.nn.Linear(3, 2).state_dict()._metadata


def test_optimizer_state(tmp_path):
    path = str(tmp_path / "optimizer.pt")
    model = tensorlite.nn.Linear(3, 2)
    optimizer = tensorlite.optim.Adam(model.parameters())
    model(tensorlite.ones(1, 3)).sum().backward()
    optimizer.step()
    tensorlite.save({"optimizer": optimizer.state_dict(), "epoch": 3}, path)
    loaded = tensorlite.load(path)
    assert loaded["epoch"] == 3
    tensorlite.optim.Adam(model.parameters()).load_state_dict(loaded["optimizer"])
    theirs = torch.optim.Adam(torch.nn.Linear(3, 2).parameters())
    theirs.load_state_dict(torch.load(path)["optimizer"])


def test_attributes_of_tensors():
    for make in (lambda m: m.ones(2), lambda m: m.nn.Parameter(m.ones(2))):
        value = make(tensorlite)
        value.note = "here"
        assert through(tensorlite, tensorlite, [value])[0].note == "here"
        assert through(tensorlite, torch, [value])[0].note == "here"
        other = make(torch)
        other.note = "there"
        assert through(torch, tensorlite, [other])[0].note == "there"


def test_file_map_of_torch(tmp_path):
    path = str(tmp_path / "mapped.pt")
    tensorlite.save(everything(tensorlite), path)
    assert shown(torch.load(path, mmap=True)) == shown(everything(torch))


def test_paths_and_files(tmp_path):
    for target in (tmp_path / "a.pt", str(tmp_path / "b"), tmp_path / "ü.pth"):
        tensorlite.save([tensorlite.ones(2)], target)
        assert tensorlite.load(target)[0].tolist() == [1, 1]
    with open(tmp_path / "c.pt", "wb") as file:
        tensorlite.save(1, file)
    assert tensorlite.load(tmp_path / "c.pt", map_location="cpu") == 1


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept.pt"
    tensorlite.save({"a": 1}, path)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        tensorlite.save({"a": lambda: 0, "b": open(os.devnull)}, path)  # noqa: SIM115
    assert tensorlite.load(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["kept.pt"]


def test_views_of_one_storage_as_two_dtypes():
    x = tensorlite.zeros(4)
    with pytest.raises(RuntimeError, match="different types"):
        tensorlite.save([x, x.view(tensorlite.int32)], io.BytesIO())


def test_large_tensor(tmp_path):
    path = tmp_path / "large.pt"
    x = tensorlite.arange(300_000)
    tensorlite.save(x, path)
    assert (tensorlite.load(path) == x).sum().item() == 300_000
    assert torch.load(path)[-1].item() == 299_999


class Evil:
    def __reduce__(self):
        return (os.system, ("exit 3",))


class Config:
    def __init__(self):
        self.width = 3


def test_code_does_not_run():
    file = io.BytesIO()
    torch.save({"a": Evil()}, file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        tensorlite.load(file)


def test_classes_of_the_user():
    file = io.BytesIO()
    tensorlite.save(Config(), file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Config"):
        tensorlite.load(file)
    file.seek(0)
    assert tensorlite.load(file, weights_only=False).width == 3
    file.seek(0)
    with serialization.safe_globals([Config]):
        assert serialization.get_safe_globals() == [Config]
        assert tensorlite.load(file).width == 3
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([Config])
    file.seek(0)
    assert tensorlite.load(file).width == 3
    serialization.clear_safe_globals()


def test_whole_modules():
    model = tensorlite.nn.Sequential(tensorlite.nn.Linear(2, 3), tensorlite.nn.ReLU())
    with pytest.raises(pickle.UnpicklingError):
        through(tensorlite, tensorlite, model)
    copy = through(tensorlite, tensorlite, model, weights_only=False)
    x = tensorlite.ones(1, 2)
    assert copy(x).tolist() == model(x).tolist()


def load_pickle(data, **kwargs):
    """`data` as the pickle of a checkpoint."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", bytes(8))
    file.seek(0)
    return tensorlite.load(file, **kwargs)


HOSTILE = [
    b"cos\nsystem\n(S'exit 3'\ntR.",
    b"cbuiltins\neval\n(S'1'\ntR.",
    b"cbuiltins\ngetattr\n.",
    b"c__builtin__\nexec\n.",
    b"ctorch._utils\n_rebuild_tensor_v2\n(ctorch._utils\n_rebuild_tensor_v2\ntR.",
    b"ctorch\nload\n(S'x'\ntR.",
    b"ctorch.serialization\n_rebuild_tensor_v2.__globals__\n.",
    b"ccollections\nOrderedDict\n(N(dS'__init__'\nI0\nstb.",
    b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI2\ntQI0\n(I99\nt(I1\ntI00\nNtR.",
    b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI2\ntQI-1\n(I1\nt(I1\ntI00\nNtR.",
    b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'7'\nS'cpu'\nI2\ntQI0\n(I1\nt(I1\ntI00\nNtR.",
    b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n(I1\nt(I1\ntI00\nNtR.",
    b"(S'storage'\nI1\nI2\nI3\nI4\ntQ.",
    b"(S'other'\ntQ.",
    b"",
    b"N",
    b"not a pickle",
]


@pytest.mark.parametrize("data", HOSTILE)
def test_hostile_pickles(data):
    with pytest.raises(Exception):  # whatever it is, it must be one
        load_pickle(data)


def test_a_pickle_changes_no_class():
    load_pickle(b"ctorch\nSize\n(N(dS'numel'\nI0\nstb.")
    assert tensorlite.Size([2, 3]).numel() == 6
    load_pickle(b"ctorch._utils\n_rebuild_tensor_v2\n(N(dS'__defaults__'\nNstb.")
    assert serialization._rebuild_tensor_v2.__defaults__ == (None,)


def test_good_pickle_by_hand():
    data = b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI2\ntQI0\n(I2\nt(I1\ntI00\nNtR."
    assert load_pickle(data).tolist() == [0, 0]


def test_damaged_files():
    file = io.BytesIO()
    tensorlite.save(everything(tensorlite), file)
    good = file.getvalue()
    rng = random.Random(0)
    for i in range(120):
        data = bytearray(good)
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if i % 3 == 0:
            del data[rng.randrange(len(data)) :]
        try:
            tensorlite.load(io.BytesIO(bytes(data)))
        except (
            pickle.UnpicklingError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            TypeError,
            AttributeError,
            zipfile.BadZipFile,
        ):
            pass


def test_bad_arguments(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensorlite.load(tmp_path / "nothing.pt")
    with pytest.raises(EOFError):
        tensorlite.load(io.BytesIO(b""))
    with pytest.raises(ValueError, match="mmap"):
        tensorlite.load(io.BytesIO(b"PK"), mmap=True)
    with pytest.raises(AttributeError):
        tensorlite.load(3)
    with pytest.raises(AttributeError):
        tensorlite.save(1, 3)
    with pytest.raises(RuntimeError, match="does not exist"):
        tensorlite.save(1, tmp_path / "no" / "x.pt")
    path = tmp_path / "x.pt"
    tensorlite.save(tensorlite.ones(1), path)
    with pytest.raises(AssertionError):
        tensorlite.load(path, map_location="cuda")
    assert tensorlite.load(path, map_location=lambda storage, location: storage).item() == 1
    assert tensorlite.load(path, map_location={"cuda:0": "cpu"}).item() == 1


def test_checkpoint_of_another_device():
    data = b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cuda:0'\nI2\ntQI0\n(I2\nt(I1\ntI00\nNtR."
    with pytest.raises(RuntimeError, match="map_location"):
        load_pickle(data)
    for location in ("cpu", tensorlite.device("cpu"), {"cuda:0": "cpu"}):
        assert load_pickle(data, map_location=location).tolist() == [0, 0]
