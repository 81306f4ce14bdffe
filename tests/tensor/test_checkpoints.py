"""Checkpoints in other forms: the format before 1.6, maps of files, whole optimizers, safetensors; hostile ones."""

import io
import os
import pickle
import random
import resource
import struct
import time
import zipfile

import pytest

import tensorlite

torch = pytest.importorskip("torch")

CLEAR = (pickle.UnpicklingError, RuntimeError, EOFError)


def content(m):
    x = m.arange(6.0).view(2, 3)
    return {
        "x": x, "row": x[1], "t": x.t(), "p": m.nn.Parameter(m.ones(2)), "b": m.ones(3, dtype=m.bfloat16),
        "c": m.tensor([1 + 2j]), "e": m.empty(0), "n": [1, (2.5, "a")], "dtype": m.float64,
    }  # fmt: skip


def shown(value):
    if hasattr(value, "tolist"):
        return (str(value.dtype), value.tolist(), value.stride(), value.requires_grad)
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    return repr(value)


def legacy():
    file = io.BytesIO()
    torch.save(content(torch), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_format_before_1_6(weights_only):
    file = io.BytesIO(legacy() + legacy())
    for _ in range(2):  # one after the other in one file
        loaded = tensorlite.load(file, weights_only=weights_only)
        assert shown(loaded) == shown(content(tensorlite))
        loaded["x"][1, 0] = 9
        assert loaded["row"][0].item() == 9 and loaded["t"][0, 1].item() == 9


def test_maps_of_files(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(content(torch), path)
    loaded = tensorlite.load(path, mmap=True)
    assert shown(loaded) == shown(content(tensorlite))
    loaded["x"].fill_(7)
    assert loaded["row"].tolist() == [7, 7, 7], "the storage is shared"
    assert tensorlite.load(path)["x"].tolist() == [[0, 1, 2], [3, 4, 5]], "the file is as it was"
    os.unlink(path)
    assert loaded["x"].sum().item() == 42
    tensorlite.save(loaded["row"], path)
    assert os.path.getsize(path) < 2000
    torch.save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        tensorlite.load(path, mmap=True)


def test_maps_take_no_time(tmp_path):
    path = tmp_path / "large.pt"
    tensorlite.save(tensorlite.zeros(10_000_000), path)
    start = time.perf_counter()
    x = tensorlite.load(path, mmap=True)
    assert time.perf_counter() - start < 0.1 and x.numel() == 10_000_000


def test_where_storages_go():
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    seen = []

    def where(storage, location):
        seen.append((type(storage).__name__, storage.nbytes(), location))
        return storage

    tensorlite.load(io.BytesIO(file.getvalue()), map_location=where)
    assert seen == [("UntypedStorage", 8, "cpu")]
    for location in (
        None,
        "cpu",
        tensorlite.device("cpu"),
        {"cpu": "cpu"},
        {},
        lambda s, where: None,
    ):
        assert tensorlite.load(io.BytesIO(file.getvalue()), map_location=location).tolist() == [
            1,
            1,
        ]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_whole_optimizers_both_ways(name):
    def trained(m):
        model = m.nn.Linear(3, 2)
        optimizer = getattr(m.optim, name)(model.parameters(), lr=0.1)
        model(m.ones(1, 3)).sum().backward()
        optimizer.step()
        return model, optimizer

    for writer, reader in ((torch, tensorlite), (tensorlite, torch)):
        model, optimizer = trained(writer)
        file = io.BytesIO()
        writer.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
        file.seek(0)
        loaded = reader.load(file)
        other, second = trained(reader)
        other.load_state_dict(loaded["model"])
        second.load_state_dict(loaded["optimizer"])
        for m_, model_, optimizer_ in ((writer, model, optimizer), (reader, other, second)):
            optimizer_.zero_grad()
            model_(m_.full((1, 3), 2.0)).pow(2).sum().backward()
            optimizer_.step()
        assert other.weight.flatten().tolist() == pytest.approx(
            model.weight.flatten().tolist(), abs=1e-6
        )


def test_permissions_and_links_are_kept(tmp_path):
    target, link = tmp_path / "real.pt", tmp_path / "link.pt"
    tensorlite.save(1, target)
    os.chmod(target, 0o640)
    link.symlink_to(target)
    tensorlite.save(2, link)
    assert link.is_symlink() and tensorlite.load(target) == 2
    assert os.stat(target).st_mode & 0o777 == 0o640
    tensorlite.save(3, os.devnull)
    assert sorted(os.listdir(tmp_path)) == ["link.pt", "real.pt"]


# --- hostile files ----------------------------------------------------------------------------------


def archive_of(pickled, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/data/0", bytes(8))
        archive.writestr("a/version", "3\n")
    return file.getvalue()


def absurd():
    yield b"cbuiltins\nbytearray\n(L1000000000000L\ntR."
    yield b"\x80\x05\x96" + struct.pack("<Q", 1 << 38) + b"."  # BYTEARRAY8
    yield b"\x80\x04\x8e" + struct.pack("<Q", 1 << 38) + b"."  # BINBYTES8
    yield b"\x80\x04\x95" + struct.pack("<Q", 1 << 38) + b"."  # FRAME
    yield (
        b"N" + b"r" + struct.pack("<I", 1 << 31) + b"j" + struct.pack("<I", 3) + b"."
    )  # a memo of 2**31
    yield b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"."  # LONG4
    yield b"(" * 100_000 + b"." + b"t" * 10
    yield (
        b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI2\ntQI0\n"
        b"(L4611686018427387904L\nL4611686018427387904L\nt(I1\nI1\ntI00\nNtR."
    )


@pytest.mark.parametrize("number", range(8))
def test_absurd_sizes(number):
    """An error at once, and hardly any memory."""
    data = archive_of(list(absurd())[number])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with pytest.raises(CLEAR):
        tensorlite.load(io.BytesIO(data))
    assert time.perf_counter() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_bombs():
    with pytest.raises(CLEAR, match="compressed"):
        tensorlite.load(io.BytesIO(archive_of(b"N" * 10_000_000, compression=zipfile.ZIP_DEFLATED)))
    data = bytearray(archive_of(b"N."))
    at = data.rindex(b"PK\x01\x02")  # the last record of the directory claims a gigabyte
    data[at + 20 : at + 28] = struct.pack("<II", 1 << 30, 1 << 30)
    with pytest.raises(CLEAR):
        tensorlite.load(io.BytesIO(bytes(data)))
    file = io.BytesIO()
    torch.save(torch.zeros(3), file, _use_new_zipfile_serialization=False)
    old = bytearray(file.getvalue())  # ends with the number of elements and the elements
    old[-8 - 12 : -12] = struct.pack("<q", 1 << 50)
    with pytest.raises(CLEAR):
        tensorlite.load(io.BytesIO(bytes(old)))


@pytest.mark.parametrize("kind", ["zip", "legacy", "map"])
def test_damaged_files_of_all_kinds(kind, tmp_path):
    if kind == "legacy":
        good = legacy()
    else:
        file = io.BytesIO()
        tensorlite.save(content(tensorlite), file)
        good = file.getvalue()
    rng = random.Random(kind)
    path = tmp_path / "x.pt"
    for i in range(400):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if i % 4 == 0:
            del data[rng.randrange(len(data)) :]
        if i % 7 == 0:
            at = rng.randrange(len(data) + 1)
            data[at:at] = rng.randbytes(rng.randrange(50))
        try:
            if kind == "map":
                path.write_bytes(data)
                loaded = tensorlite.load(path, mmap=True)
            else:
                loaded = tensorlite.load(io.BytesIO(bytes(data)))
            repr(loaded)
        except (*CLEAR, NotImplementedError):
            pass


# --- safetensors ------------------------------------------------------------------------------------


def test_safetensors(tmp_path):
    package = pytest.importorskip("safetensors")
    other = pytest.importorskip("safetensors.torch")
    path = tmp_path / "x.safetensors"
    plain = {
        k: v.detach() for k, v in content(tensorlite).items() if k in ("x", "p", "b", "c", "e")
    }
    plain["transposed"] = tensorlite.arange(6.0).view(2, 3).t()
    plain["0-d"] = tensorlite.tensor(2.5, dtype=tensorlite.float64)
    plain["flags"] = tensorlite.tensor([True, False])
    tensorlite.safetensors.save_file(plain, path, metadata={"a": "b"})
    theirs, ours = other.load_file(path), tensorlite.safetensors.load_file(path)
    for name, tensor in plain.items():
        for loaded in (theirs[name], ours[name]):
            assert (loaded.tolist(), tuple(loaded.shape)) == (tensor.tolist(), tuple(tensor.shape))
            assert str(loaded.dtype) == str(tensor.dtype)
    with package.safe_open(path, "pt") as f:
        assert f.metadata() == {"a": "b"}
    assert (
        tensorlite.safetensors.load(other.save({"a": torch.ones(2, 3).half()}))["a"].tolist()
        == [[1] * 3] * 2
    )
    x = tensorlite.ones(4)
    with pytest.raises(RuntimeError, match="share memory"):
        tensorlite.safetensors.save({"a": x, "b": x[:2]})
    with pytest.raises(ValueError, match="expected torch.Tensor"):
        tensorlite.safetensors.save({"a": 3})
    with pytest.raises(package.SafetensorError):
        tensorlite.safetensors.load(b"nonsense")


@pytest.mark.parametrize("writer", ["torch", "tensorlite"])
@pytest.mark.parametrize("reader", ["torch", "tensorlite"])
def test_whole_modules_with_their_optimizers(writer, reader):
    """Pickled as objects, in either library, and trained on in the other."""
    w, r = ({"torch": torch, "tensorlite": tensorlite}[name] for name in (writer, reader))
    model = w.nn.Linear(2, 2)
    optimizer = w.optim.Adam(model.parameters())
    model(w.ones(1, 2)).sum().backward()
    optimizer.step()
    file = io.BytesIO()
    w.save({"model": model, "optimizer": optimizer}, file)
    file.seek(0)
    loaded = r.load(file, weights_only=False)
    assert loaded["optimizer"].param_groups[0]["params"][0] is loaded["model"].weight
    assert loaded["model"].weight.tolist() == model.weight.tolist()
    loaded["model"](r.ones(1, 2)).sum().backward()
    loaded["optimizer"].step()
    assert loaded["model"].weight.tolist() != model.weight.tolist()
