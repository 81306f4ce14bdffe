"""What a script asks in passing answers as a PyTorch built for CPUs does."""

import collections
import pickle
import subprocess
import sys
import warnings

import pytest

import tensorlite
from outcomes import same_outcome

ANSWERS = """
cuda.is_available() | cuda.device_count() | cuda.is_initialized() | cuda.manual_seed(1)
cuda.manual_seed_all(1) | cuda.seed() | cuda.seed_all() | cuda.initial_seed() | cuda.empty_cache()
cuda.synchronize() | cuda.current_device() | cuda.get_device_name(0) | cuda.get_device_capability()
cuda.get_device_properties(0) | cuda.max_memory_allocated() | cuda.memory_allocated(0)
cuda.memory_reserved() | cuda.memory_stats() | cuda.mem_get_info() | cuda.Stream() | cuda.Event()
cuda.stream(None).__enter__() | cuda.current_stream() | cuda.device(0).__enter__()
cuda.device(-1).__enter__() | cuda.is_bf16_supported() | cuda.get_rng_state()
cuda.get_rng_state_all() | cuda.set_rng_state_all([]) | cuda.FloatTensor | cuda.FloatTensor(3)
isinstance(ones(1), m.cuda.FloatTensor) | cuda.init() | cuda.ipc_collect() | cuda.get_arch_list()
cuda.nvtx.range_push("a") | cuda.OutOfMemoryError is m.OutOfMemoryError | ones(1).cuda()
ones(1, device="cuda") | nn.Linear(1, 1).to("cuda") | device("cuda", 1)
backends.mps.is_available() | backends.mps.is_built() | backends.cudnn.deterministic
backends.cudnn.benchmark | backends.cudnn.enabled | backends.cudnn.allow_tf32
backends.cudnn.is_available() | backends.cudnn.version() | backends.cuda.is_built()
backends.cuda.matmul.allow_tf32 | backends.cuda.flash_sdp_enabled() | backends.mkldnn.enabled
backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
mps.synchronize() | mps.empty_cache() | mps.manual_seed(1) | xpu.is_available() | xpu.synchronize()
xpu.empty_cache() | xpu.device_count() | cpu.is_available() | cpu.current_device()
accelerator.is_available() | accelerator.current_accelerator() | accelerator.synchronize()
version.cuda | version.hip | are_deterministic_algorithms_enabled() | get_default_device()
get_deterministic_debug_mode() | set_deterministic_debug_mode("x") | set_deterministic_debug_mode(7)
use_deterministic_algorithms(1) | get_float32_matmul_precision() | set_num_interop_threads(0)
_assert(False, "m") | _assert(ones(1), "m") | _assert(ones(2) > 0, "m") | is_warn_always_enabled()
compiler.is_compiling() | compiler.reset() | jit.is_scripting() | jit.is_tracing()
jit.annotate(int, 3) | jit.isinstance(3, int) | jit.Attribute(3, int) | onnx.is_in_onnx_export()
distributed.is_initialized() | distributed.get_rank() | distributed.get_world_size()
distributed.is_nccl_available() | distributed.is_mpi_available() | distributed.barrier()
hub.get_dir() | hub.HASH_REGEX.pattern | hub._get_torch_home()
overrides.is_tensor_like(ones(1)) | overrides.is_tensor_like(1)
overrides.has_torch_function((nn.Parameter(ones(1)),)) | overrides.resolve_name(m.add)
overrides.resolve_name(m.nn.functional.linear) | get_num_interop_threads() > 0
"""


@pytest.mark.parametrize(
    "call", [c.strip() for c in ANSWERS.replace("\n", "|").split("|") if c.strip()]
)
def test_answer(call):
    def ask(m):
        call_ = call if call.startswith("isinstance") else "m." + call
        return eval(call_, {"m": m, "ones": m.ones})

    same_outcome(ask, message="Event" not in call)


def test_settings_are_kept():
    def change(m):
        try:
            m.use_deterministic_algorithms(True, warn_only=True)
            m.set_float32_matmul_precision("high")
            m.backends.cudnn.benchmark = True
            with m.backends.cudnn.flags(enabled=True, benchmark=False):
                inside = m.backends.cudnn.benchmark
            return [
                m.are_deterministic_algorithms_enabled(),
                m.is_deterministic_algorithms_warn_only_enabled(),
                m.get_deterministic_debug_mode(),
                m.get_float32_matmul_precision(),
                m.backends.cudnn.benchmark,
                inside,
            ]
        finally:
            m.use_deterministic_algorithms(False)
            m.set_float32_matmul_precision("highest")
            m.backends.cudnn.benchmark = False

    same_outcome(change)


def test_default_device():
    tensorlite.set_default_device("cpu")
    tensorlite.set_default_device(None)
    with tensorlite.device("cpu") as place:
        assert tensorlite.ones(1).device == place == tensorlite.get_default_device()
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        tensorlite.set_default_device("cuda")
    with pytest.raises(AssertionError, match="not compiled with CUDA"), tensorlite.device("cuda"):
        pass


def test_compile_and_script_return_the_program():
    from tensorlite import _once

    _once._said.clear()

    def f(x):
        return x * 2

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert tensorlite.compile(f) is f
        assert tensorlite.compile(mode="max-autotune")(f) is f
        assert tensorlite.jit.script(f) is f
        assert tensorlite.jit.trace(f, tensorlite.ones(1)) is f
    assert len(caught) == 3, [str(w.message) for w in caught]
    assert all(__file__ == w.filename for w in caught[1:])
    assert tensorlite.jit.ignore(drop=True)(f) is f and tensorlite.jit.unused(f) is f
    assert (
        tensorlite.compiler.disable(f) is f and tensorlite.compiler.disable(recursive=False)(f) is f
    )
    assert tensorlite.jit.wait(tensorlite.jit.fork(f, 3)) == 6
    assert tensorlite.jit.isinstance({"a": [1]}, dict[str, list[int]])
    assert not tensorlite.jit.isinstance([1, "a"], list[int])
    for call in (tensorlite.jit.save, tensorlite.jit.load, tensorlite.onnx.export):
        with pytest.raises(RuntimeError, match="tensorlite"):
            call(f, "file")
    with pytest.raises(RuntimeError, match="one process"):
        tensorlite.distributed.init_process_group("gloo")
    assert not tensorlite.distributed.is_available()


def test_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorlite.hub, "_hub_dir", str(tmp_path / "hub"))
    state = {"weight": tensorlite.arange(3.0)}
    tensorlite.save(state, tmp_path / "source.pt")
    url = (tmp_path / "source.pt").as_uri()
    for _ in range(2):
        loaded = tensorlite.hub.load_state_dict_from_url(url, progress=False)
        assert loaded["weight"].tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="invalid hash value"):
        tensorlite.hub.download_url_to_file(url, str(tmp_path / "copy.pt"), hash_prefix="xyz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hub", "source.pt"]
    (tmp_path / "hubconf.py").write_text("def model(n):\n    'A model.'\n    return [n]\n")
    assert tensorlite.hub.load(str(tmp_path), "model", 3, source="local") == [3]
    assert tensorlite.hub.list(str(tmp_path), source="local") == ["model"]
    assert tensorlite.hub.help(str(tmp_path), "model", source="local") == "A model."
    with pytest.raises(RuntimeError, match="fetches no code"):
        tensorlite.hub.load("pytorch/vision", "resnet18")


def test_dlpack():
    a = tensorlite.arange(3.0)
    b = tensorlite.utils.dlpack.from_dlpack(tensorlite.utils.dlpack.to_dlpack(a))
    b += 1
    assert a.tolist() == [1, 2, 3]


def test_imported_when_asked_for():
    program = (
        "import sys, tensorlite\n"
        "late = [m for m in ('cuda', 'backends', 'jit', 'hub', 'overrides', 'compiler', 'distributed')"
        " if 'tensorlite.' + m in sys.modules]\n"
        "assert not late, late\n"
        "import tensorlite.cuda.nvtx, tensorlite.backends.cudnn\n"
        "assert not tensorlite.cuda.is_available()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


Point = collections.namedtuple("Point", ["x", "y"])
TREES = [
    3,
    [],
    {"a": [1, (2, None)], "b": Point(1, collections.OrderedDict(x=3))},
    [collections.deque([1], maxlen=4), collections.defaultdict(int, {1: 2})],
]


def _tree_calls(m):
    t = m.utils._pytree
    out = []
    for tree in TREES:
        leaves, spec = t.tree_flatten(tree)
        out += [leaves, repr(spec), spec.num_leaves, spec.num_nodes, t.tree_unflatten(leaves, spec)]
        out += [t.tree_map_only(int, lambda x: x + 1, tree), t.tree_leaves(tree)]
        out += [[(t.keystr(p), x) for p, x in t.tree_leaves_with_path(tree)]]
        out += [t.tree_map(lambda *x: x, tree, tree), spec == t.tree_structure(tree)]
        out += [t.tree_all(bool, tree), t.tree_any_only(int, bool, tree), t.treespec_pprint(spec)]
    out += [t.tree_map(lambda a, b: (a, b), [1, 2], [[3], 4])]
    out += [t.tree_flatten([(1, 2), 3], is_leaf=lambda x: isinstance(x, tuple))[0]]
    out += [t._broadcast_to_and_flatten((0, None), t.tree_structure((1, [2, 3])))]
    out += [t._broadcast_to_and_flatten((0,), t.tree_structure((1, [2, 3])))]
    return out


def test_trees():
    same_outcome(_tree_calls)


@pytest.mark.parametrize("other", [[3], (3, 4), {"a": 1}])
def test_trees_that_do_not_match(other):
    same_outcome(lambda m: m.utils._pytree.tree_map(lambda a, b: a + b, [1, 2], other))
    same_outcome(lambda m: m.utils._pytree.tree_map(lambda a, b: a + b, {"b": 1}, other))


def test_registered_node():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    t = tensorlite.utils._pytree
    t.register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda c, _: Pair(*c))
    doubled = t.tree_map(lambda x: 2 * x, {"p": Pair(1, [2])})["p"]
    assert (doubled.a, doubled.b) == (2, [4])
    with pytest.raises(ValueError, match="already registered"):
        t.register_pytree_node(Pair, None, None)


def test_overrides():
    class Diagonal:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return (func.__name__, len(types), args[1:])

    o = tensorlite.overrides
    d = Diagonal()
    assert o.is_tensor_like(d) and o.has_torch_function((1, d))

    @o.wrap_torch_function(lambda a, b: (a, b))
    def combine(a, b):
        return a + b

    assert combine(1, 2) == 3
    assert combine(d, 2) == ("combine", 1, (2,))
    functions = o.get_overridable_functions()
    assert tensorlite.add in functions[tensorlite]
    assert tensorlite.Tensor.add in functions[tensorlite.Tensor]
    assert tensorlite.tensor in o.get_ignored_functions()
    assert o.is_tensor_method_or_property(tensorlite.Tensor.add)


def test_a_device_is_still_a_value():
    place = tensorlite.device("cpu")
    assert pickle.loads(pickle.dumps(place)) == place
