"""Modules whose parameters get their shapes from the first input, beside PyTorch."""

import copy
import pickle

import pytest

import tensorlite
from side_by_side import compare, outcome


def test_linear_takes_its_size_from_the_first_input():
    def scenario(lib):
        m = lib.nn.LazyLinear(3)
        before = [repr(m), list(m.state_dict()), [repr(p) for p in m.parameters()]]
        x = lib.randn(2, 5)
        y = m(x)
        y.sum().backward()
        return [
            before,
            y,
            repr(m),
            type(m).__name__,
            m.weight,
            m.weight.grad,
            len(m._forward_pre_hooks),
            len(m._load_state_dict_pre_hooks),
            hasattr(m, "_initialize_hook"),
        ]

    compare(scenario)


def test_state_gives_the_shapes():
    def scenario(lib):
        full, lazy = lib.nn.Linear(4, 3), lib.nn.LazyLinear(3)
        result = [repr(lazy.load_state_dict(full.state_dict())), tuple(lazy.weight.shape)]
        x = lib.randn(2, 4)
        return [*result, lazy(x), full(x), repr(lazy)]

    compare(scenario)


def test_what_is_refused_before():
    def scenario(lib):
        m = lib.nn.LazyLinear(3)
        p = m.weight
        return [
            outcome(lambda: p.shape),
            outcome(lambda: p + 1),
            outcome(lambda: p.detach()),
            outcome(lambda: p.share_memory_()),
            outcome(lambda: m.forward(lib.randn(2, 3))),
            outcome(lambda: lib.nn.Linear(4, 3).load_state_dict(m.state_dict())),
            outcome(lambda: m(lib.randn(2, 3), lib.randn(2))),
            repr(p),
            p.requires_grad,
            p.dtype,
        ]

    compare(scenario)


def test_conversions_copies_and_pickles_stay_lazy():
    def scenario(lib):
        m = lib.nn.Sequential(lib.nn.LazyLinear(3), lib.nn.LazyLinear(2, bias=False))
        copied = copy.deepcopy(m)
        m = m.double()
        stored = pickle.loads(pickle.dumps(copied))
        result = []
        for each in (m, copied, stored):
            y = each(lib.ones(2, 4, dtype=each[0].weight.data.dtype))
            result += [repr(each), y.dtype, y.shape == (2, 2)]
        return result

    compare(scenario)


def test_a_users_own_lazy_module():
    def scenario(lib):
        nn = lib.nn

        class Scale(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.scale = nn.Parameter(lib.ones(size))

            def forward(self, x, *, shift=0):
                return x * self.scale + self.seen + shift

        class LazyScale(nn.modules.lazy.LazyModuleMixin, Scale):
            cls_to_become = Scale

            def __init__(self):
                super().__init__(0)
                self.scale = nn.UninitializedParameter()
                self.register_buffer("seen", nn.UninitializedBuffer())

            def initialize_parameters(self, x, *, shift=0):
                self.scale.materialize(x.shape[-1:])
                self.seen.materialize(x.shape)
                with lib.no_grad():
                    self.scale.fill_(2)
                    self.seen.zero_()

        m = LazyScale()
        before = m.has_uninitialized_params()
        y = m(lib.ones(2, 3), shift=1)
        return [before, y, type(m).__name__, type(m.seen).__name__, list(m.state_dict())]

    compare(scenario)


def test_a_module_that_leaves_parameters_out_is_told():
    class Nothing(tensorlite.nn.modules.lazy.LazyModuleMixin, tensorlite.nn.Linear):
        def initialize_parameters(self, *args):
            pass

        def reset_parameters(self):
            pass

    m = Nothing(2, 3)
    m.weight = tensorlite.nn.UninitializedParameter()
    with pytest.raises(RuntimeError, match="has not been fully initialized"):
        m(tensorlite.ones(2, 2))
