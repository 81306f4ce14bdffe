"""Datasets, samplers, collation and loaders in one process, beside PyTorch's."""

import collections
import itertools
import math

import numpy as np
import pytest

import tensorlite
from outcomes import same_outcome
from side_by_side import compare
from tensorlite.utils import data as tdata

torch = pytest.importorskip("torch")


def rows(m, n=10):
    x = m.arange(float(2 * n)).view(n, 2)
    return m.utils.data.TensorDataset(x, m.arange(n))


Point = collections.namedtuple("Point", "x y")


class Squares:
    """A map dataset that knows of neither library."""

    def __init__(self, n):
        self.n = n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return i * i

    def __len__(self):
        return self.n


def counting(m):
    class Counting(m.utils.data.IterableDataset):
        def __init__(self, n, length=None):
            self.n, self.length = n, length

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            if self.length is None:
                raise TypeError("no length")
            return self.length

        def __repr__(self):
            return "Counting()"

    return Counting


# --- samplers -------------------------------------------------------------------------------------

SAMPLERS = {
    "sequential": lambda m, g: m.utils.data.SequentialSampler(range(7)),
    "random": lambda m, g: m.utils.data.RandomSampler(range(7), generator=g),
    "more than all": lambda m, g: m.utils.data.RandomSampler(range(7), num_samples=17, generator=g),
    "twice": lambda m, g: m.utils.data.RandomSampler(range(7), num_samples=14, generator=g),
    "fewer": lambda m, g: m.utils.data.RandomSampler(range(7), num_samples=3, generator=g),
    "replacement": lambda m, g: m.utils.data.RandomSampler(range(7), True, 70, generator=g),
    "replacement 64": lambda m, g: m.utils.data.RandomSampler(range(7), True, 64, generator=g),
    "subset": lambda m, g: m.utils.data.SubsetRandomSampler([3, 1, 9, 40], generator=g),
    "weighted": lambda m, g: m.utils.data.WeightedRandomSampler([0.1, 5, 2, 0], 20, generator=g),
    "weighted once": lambda m, g: m.utils.data.WeightedRandomSampler(
        m.tensor([0.1, 5, 2, 1]), 3, False, generator=g
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("own", [False, True])
def test_samplers_draw_as_pytorch(name, own):
    def scenario(m):
        g = m.Generator().manual_seed(5) if own else None
        sampler = SAMPLERS[name](m, g)
        out = [len(sampler), list(sampler), list(sampler)]
        batches = m.utils.data.BatchSampler(sampler, 3, False)
        whole = m.utils.data.BatchSampler(sampler, 3, True)
        out += [list(batches), len(batches), list(whole), len(whole)]
        return [*out, m.rand(()), m.rand(3, generator=g or m.default_generator)]

    compare(scenario)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.RandomSampler(range(0)),
        lambda d: d.RandomSampler(range(3), num_samples=0),
        lambda d: d.RandomSampler(range(3), replacement=1),
        lambda d: d.WeightedRandomSampler([1, 2], 0),
        lambda d: d.WeightedRandomSampler([[1, 2]], 1),
        lambda d: d.WeightedRandomSampler([1, 2], 2, replacement=2),
        lambda d: d.BatchSampler([1], 0, False),
        lambda d: d.BatchSampler([1], True, False),
        lambda d: d.BatchSampler([1], 1, 2),
        lambda d: d.DistributedSampler(range(3), 2, 2),
        lambda d: d.DistributedSampler(range(3), 2, -1),
        lambda d: d.DistributedSampler(range(3)),
        lambda d: d.TensorDataset(1),
        lambda d: d.ConcatDataset([]),
        lambda d: d.ConcatDataset([range(3)])[-4],
        lambda d: d.ConcatDataset([range(3)])[3],
        lambda d: d.StackDataset(),
        lambda d: d.StackDataset([1], a=[1]),
        lambda d: d.StackDataset([1], [1, 2]),
        lambda d: d.Dataset()[0],
        lambda d: len(d.Dataset()),
        lambda d: iter(d.Sampler()),
        lambda d: d.random_split(range(3), [1, 1]),
        lambda d: d.random_split(range(3), [1.5, -0.5]),
        lambda d: d.default_collate([object()]),
        lambda d: d.default_collate([None]),
        lambda d: d.default_collate([[1], [1, 2]]),
        lambda d: d.default_collate([np.array(["a"])]),
        lambda d: d.DataLoader([1], num_workers=-1),
        lambda d: d.DataLoader([1], timeout=-1),
        lambda d: d.DataLoader([1], prefetch_factor=2),
        lambda d: d.DataLoader([1], num_workers=1, prefetch_factor=-2),
        lambda d: d.DataLoader([1], persistent_workers=True),
        lambda d: d.DataLoader([1], sampler=[0], shuffle=True),
        lambda d: d.DataLoader([1], batch_sampler=[[0]], batch_size=2),
        lambda d: d.DataLoader([1], batch_sampler=[[0]], drop_last=True),
        lambda d: d.DataLoader([1], batch_sampler=[[0]], sampler=[0]),
        lambda d: d.DataLoader([1], batch_size=None, drop_last=True),
        lambda d: d.DataLoader([1], batch_size=0),
        lambda d: d.DataLoader([], shuffle=True),
        lambda d: d.DataLoader(counting_of(d)(3), shuffle=True),
        lambda d: d.DataLoader(counting_of(d)(3), sampler=[1]),
        lambda d: d.DataLoader(counting_of(d)(3), batch_sampler=[[1]]),
        lambda d: len(d.DataLoader(counting_of(d)(3))),
        lambda d: d.DataLoader([1], multiprocessing_context="fork"),
        lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context="no"),
        lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context=3),
        lambda d: setattr(d.DataLoader([1]), "batch_size", 3),
        lambda d: setattr(d.DataLoader([1]), "dataset", 3),
        lambda d: list(d.DataLoader([1], sampler=[3])),
        lambda d: list(d.DataLoader([1, "a"], batch_size=2)),
    ],
)
def test_errors(make):
    same_outcome(lambda m: make(m.utils.data))


def counting_of(d):
    return counting(torch if "torch." in d.__name__ else tensorlite)


def test_distributed_sampler():
    def scenario(m):
        out = []
        for n, replicas, shuffle, drop in itertools.product(
            (10, 3), (1, 3, 4, 7), (False, True), (False, True)
        ):
            for rank in range(replicas):
                sampler = m.utils.data.DistributedSampler(
                    range(n), replicas, rank, shuffle=shuffle, seed=4, drop_last=drop
                )
                out += [len(sampler), list(sampler)]
                sampler.set_epoch(2)
                out.append(list(sampler))
        return out

    compare(scenario)


# --- datasets -------------------------------------------------------------------------------------


def test_datasets():
    def scenario(m):
        d = m.utils.data
        one, two = rows(m), rows(m, 3)
        both = one + two
        chain = counting(m)(3, 3) + counting(m)(2, 2)
        stack = d.StackDataset(one, Squares(10))
        named = d.StackDataset(a=one, b=Squares(10))
        sub = d.Subset(one, [4, 2, -1])
        return [
            len(both), both[9], both[10], both[-1], both[-13], both.cumulative_sizes, type(both).__name__,
            list(chain), len(chain), type(chain).__name__,
            len(stack), stack[2], stack.__getitems__([1, 3]), named[1], named.__getitems__([1]),
            len(sub), sub[0], sub[[0, 2]], sub.__getitems__([1, 2]),
            one[2:4], one[m.tensor([1, 2])], d.Subset([7, 8, 9], [2, 0])[1],
        ]  # fmt: skip

    compare(scenario)


@pytest.mark.parametrize(
    "lengths", [[7, 3], [0.5, 0.25, 0.25], [0.33, 0.33, 0.34], [10, 0], [0.95, 0.05], [1.0]]
)
@pytest.mark.parametrize("own", [False, True])
def test_random_split(lengths, own):
    def scenario(m):
        kwargs = {"generator": m.Generator().manual_seed(9)} if own else {}
        parts = m.utils.data.random_split(Squares(10), lengths, **kwargs)
        return [[type(p).__name__, p.indices, [p[i] for i in range(len(p))]] for p in parts]

    compare(scenario)


def test_random_split_of_little():
    compare(lambda m: [p.indices for p in m.utils.data.random_split(range(1), [0.5, 0.5])])


# --- collation ------------------------------------------------------------------------------------


def batches(m):
    d = collections.OrderedDict
    return [
        [1, 2], [1.5, 2], [True, False], ["a", "b"], [b"a", b"b"], [m.ones(2), m.zeros(2)],
        [(1, 2.0), (3, 4.0)], [[1, 2], [3, 4]], [Point(1, m.ones(2)), Point(2, m.ones(2))],
        [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}], [d(b=1, a="x"), d(b=2, a="y")],
        [np.ones(3), np.zeros(3)], [np.float32(1), np.float32(2)], [np.float64(1), np.float64(2)],
        [np.int16(1), np.int16(2)], [np.bool_(True), np.bool_(False)], [np.zeros((2, 0)), np.zeros((2, 0))],
        [range(3), range(3)], [(), ()], [{}, {}], [collections.UserList([1, 2]), collections.UserList([3, 4])],
        [m.tensor(1), m.tensor(2)], [m.ones(2, dtype=m.bfloat16)],
    ]  # fmt: skip


def test_collate_and_convert():
    def scenario(m):
        d = m.utils.data
        out = []
        for batch in batches(m):
            both = d.default_collate(batch), d.default_convert(batch)
            out += [[type(v).__name__ for v in both], *both]
        return out

    compare(scenario)


def test_collate_of_ones_own():
    def scenario(m):
        c = m.utils.data._utils.collate
        f = {
            str: lambda batch, *, collate_fn_map=None: "+".join(batch),
            (int, float): lambda b, **_: sum(b),
        }
        return c.collate([("a", 1, [2.0]), ("b", 2, [3.0])], collate_fn_map=f)

    compare(scenario)


# --- loaders --------------------------------------------------------------------------------------


def described(loader):
    return [[type(b).__name__, b] for b in loader]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 3},
        {"batch_size": 3, "drop_last": True},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": None},
        {"batch_size": None, "shuffle": True},
        {"batch_sampler": [[0, 1], [5, 3, 3]]},
        {"sampler": [5, -1, 3], "batch_size": 2},
        {"batch_size": 100, "shuffle": True},
        {"batch_size": 4, "collate_fn": len},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["tensors", "subset", "list", "squares", "concat"])
@pytest.mark.parametrize("own", [False, True])
def test_loader_gives_what_pytorchs_gives(options, kind, own):
    def scenario(m):
        dataset = {
            "tensors": lambda: rows(m),
            "subset": lambda: m.utils.data.Subset(
                m.utils.data.Subset(rows(m, 12), range(1, 11)), [*range(9), 9]
            ),
            "list": lambda: list("abcdefghij"),
            "squares": lambda: Squares(10),
            "concat": lambda: rows(m, 4) + rows(m, 6),
        }[kind]()
        if kind in ("squares", "concat") and "sampler" in options:
            return None
        g = m.Generator().manual_seed(7) if own else None
        loader = m.utils.data.DataLoader(dataset, generator=g, **options)
        return [
            len(loader), described(loader), described(loader), next(iter(loader)),
            m.rand(()), m.rand((), generator=g or m.default_generator),
        ]  # fmt: skip

    compare(scenario)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_in_loaders(name):
    def scenario(m):
        sampler = SAMPLERS[name](m, None)
        dataset = rows(m, 50)
        loader = m.utils.data.DataLoader(dataset, sampler=sampler, batch_size=4)
        return [described(loader), described(loader), m.rand(())]

    compare(scenario)


def test_random_sampler_over_the_dataset_itself():
    def scenario(m):
        dataset = rows(m, 20)
        sampler = m.utils.data.RandomSampler(dataset, num_samples=30)
        return described(m.utils.data.DataLoader(dataset, sampler=sampler, batch_size=8))

    compare(scenario)


@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 3}, {"batch_size": None}, {"batch_size": 3, "drop_last": True}]
)
def test_iterable_datasets(options):
    def scenario(m):
        loader = m.utils.data.DataLoader(counting(m)(10, 8), **options)
        return [described(loader), len(loader), described(loader), described(loader)]

    compare(scenario)


def test_batches_are_fresh_memory():
    x = tensorlite.zeros(4, 2)
    for (batch,) in tdata.DataLoader(tdata.TensorDataset(x), batch_size=2):
        batch.add_(1)
    assert x.sum().item() == 0


def test_gradients_reach_the_dataset():
    x = tensorlite.ones(4, 2, requires_grad=True)
    for (batch,) in tdata.DataLoader(tdata.TensorDataset(x), batch_size=3, shuffle=True):
        (batch * 2).sum().backward()
    assert x.grad.tolist() == [[2, 2]] * 4


def test_own_getitem_is_called():
    class Shifted(tdata.TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)[0] + 1

    (batch,) = tdata.DataLoader(Shifted(tensorlite.zeros(2, 2)), batch_size=2)
    assert batch.tolist() == [[1, 1], [1, 1]]


def test_getitems_is_used():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    def scenario(m):
        return described(m.utils.data.DataLoader(Whole(4), batch_size=3))

    compare(scenario)


def test_pin_memory_is_accepted():
    compare(
        lambda m: described(m.utils.data.DataLoader(rows(m), batch_size=5, pin_memory=True)),
        warns=False,
    )
    with pytest.warns(UserWarning, match="no accelerator"):
        list(tdata.DataLoader([1], pin_memory=True))


def test_length_hints_and_generics():
    assert tdata.Dataset[int] and tdata.DataLoader[int]
    assert math.ceil(10 / 3) == len(iter(tdata.DataLoader(range(10), batch_size=3)))
    with pytest.raises(NotImplementedError):
        iter(tdata.DataLoader([1])).__getstate__()
    assert tdata.get_worker_info() is None
