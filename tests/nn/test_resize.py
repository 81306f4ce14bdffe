"""Resizing, sampling, folding, shuffling and padding beside PyTorch, with gradients of both orders."""

import numpy as np
import pytest

from side_by_side import compare, outcome

SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 7), 3: (2, 2, 4, 5, 3)}


def leaves(lib, *shapes):
    rng = np.random.default_rng(0)
    return [lib.tensor(rng.standard_normal(s)).requires_grad_() for s in shapes]


def with_gradients(lib, f, *shapes):
    """The result, its gradients, and the gradients of their squares."""
    xs = leaves(lib, *shapes)
    y = f(*xs)
    probe = lib.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape)), dtype=y.dtype)
    # sin: so that there are second gradients of linear maps, too.
    first = lib.autograd.grad((y.sin() * probe).sum(), xs, create_graph=True)
    second = lib.autograd.grad(sum((g * g).sum() for g in first), xs, allow_unused=True)
    return [y, *first, *(s if s is not None else lib.zeros_like(x) for s, x in zip(second, xs))]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_interpolate(dims):
    smooth = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[dims]

    def scenario(lib):
        results = []
        for mode in ["nearest", "nearest-exact", "area", *smooth]:
            for corners in (None, True, False) if mode in smooth else (None,):
                for how in (
                    {"size": 4},
                    {"size": [9, 3, 6][:dims]},
                    {"size": 1},
                    {"scale_factor": 2},
                    {"scale_factor": 0.6},
                    {"scale_factor": 1.7},
                    {"scale_factor": 1.7, "recompute_scale_factor": True},
                    {"scale_factor": [1.3, 2.3, 1.0][:dims]},
                ):
                    results.append(
                        with_gradients(
                            lib,
                            lambda x, mode=mode, corners=corners, how=how: (
                                lib.nn.functional.interpolate(
                                    x, mode=mode, align_corners=corners, **how
                                )
                            ),
                            SHAPES[dims],
                        )
                    )
        return results

    compare(scenario, tol=1e-6)


def test_antialias():
    def scenario(lib):
        return [
            lib.nn.functional.interpolate(
                leaves(lib, SHAPES[2])[0], mode=mode, align_corners=corners, antialias=True, **how
            )
            for mode in ("bilinear", "bicubic")
            for corners in (True, False)
            for how in ({"size": (2, 3)}, {"size": (9, 3)}, {"scale_factor": 0.4})
        ]

    compare(scenario, tol=1e-6)


def test_interpolate_other_dtypes_and_errors():
    def scenario(lib):
        f = lib.nn.functional.interpolate
        x = leaves(lib, SHAPES[1])[0]
        integers = lib.arange(12, dtype=lib.uint8).view(1, 1, 3, 4)
        return [
            f(integers, scale_factor=2),
            f(x.half(), size=9, mode="linear").dtype,
            f(x.float(), size=9, mode="linear"),
            lib.nn.functional.upsample(x, 3),
            lib.nn.functional.upsample_nearest(x, 3),
            *(
                outcome(f, x, **bad)
                for bad in (
                    {},
                    {"size": 2, "scale_factor": 2},
                    {"size": (2, 3)},
                    {"scale_factor": (1.0, 2.0)},
                    {"size": 2, "mode": "bilinear"},
                    {"size": 2, "align_corners": True},
                    {"size": 2, "mode": "other"},
                    {"size": 0},
                    {"size": 2, "recompute_scale_factor": True},
                    {"size": 2, "mode": "linear", "antialias": True},
                )
            ),
        ]

    compare(scenario, tol=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_grid_sample(dims):
    image = (2, 3, 4, 5, 3)[: dims + 2]
    places = (2, 3, 4, 5, 3) if dims == 3 else (2, 3, 4, 2)

    def scenario(lib):
        results = []
        for mode in ("bilinear", "nearest", "bicubic")[: 5 - dims]:
            for padding in ("zeros", "border", "reflection"):
                for corners in (True, False):
                    x, grid = leaves(lib, image, places)
                    y = lib.nn.functional.grid_sample(x, grid * 1.3, mode, padding, corners)
                    probe = lib.arange(y.numel(), dtype=y.dtype).view(y.shape).sin()
                    results += [y, *lib.autograd.grad((y * probe).sum(), (x, grid))]
        return results

    compare(scenario, tol=1e-7)


def test_affine_grid_and_errors():
    def scenario(lib):
        F = lib.nn.functional
        results = []
        for corners in (True, False, None):
            theta, deep = leaves(lib, (2, 2, 3), (2, 3, 4))
            y = F.affine_grid(theta, (2, 3, 4, 5), corners)
            z = F.affine_grid(deep, (2, 3, 4, 1, 5), corners)
            (y.sin().sum() + z.cos().sum()).backward()
            results += [y, z, theta.grad, deep.grad]
        x, grid = leaves(lib, (2, 3, 4, 5), (2, 3, 4, 2))
        return [
            *results,
            F.grid_sample(x, grid),
            outcome(F.affine_grid, deep, (2, 3, 4, 5)),
            outcome(F.affine_grid, theta, (2, 3, 4)),
            outcome(F.grid_sample, x, grid[:1]),
            outcome(F.grid_sample, x, grid, mode="linear"),
            outcome(F.grid_sample, x, grid, padding_mode="circular"),
            outcome(F.grid_sample, x, grid.float()),
            outcome(F.grid_sample, x, grid[..., :1]),
        ]

    compare(scenario, tol=1e-7)


def test_fold_and_unfold():
    def scenario(lib):
        F, results = lib.nn.functional, []
        for args in [(2,), ((2, 3), 2, 1, 2), (3, 1, (1, 0), 1), ((1, 2), (2, 1), 0, (2, 3))]:
            for shape in ((2, 3, 6, 7), (3, 6, 7)):
                results.append(with_gradients(lib, lambda x, a=args: F.unfold(x, *a), shape))
        results.append(with_gradients(lib, lambda x: F.fold(x, (4, 5), 2), (2, 12, 12)))
        fold = lib.nn.Fold((4, 5), (2, 3), 1, 1, 2)
        x = leaves(lib, (12, 9), (12, 6), (13, 6), (1, 3, 4, 4))
        return [
            *results,
            outcome(fold, x[0]),
            outcome(fold, x[1]),
            outcome(fold, x[2]),
            outcome(F.unfold, x[3], 9),
            outcome(F.unfold, x[3], 0),
            lib.nn.Unfold(2, stride=2)(x[3]),
            str(fold),
            str(lib.nn.Unfold(2)),
        ]

    compare(scenario, tol=1e-7)


def test_shuffles():
    def scenario(lib):
        x = leaves(lib, (2, 8, 2, 4), (8, 3, 5))
        return [
            *with_gradients(lib, lambda a: lib.pixel_shuffle(a, 2), (2, 8, 2, 4)),
            lib.nn.PixelShuffle(2)(x[1]),
            lib.nn.PixelUnshuffle(2)(x[0]),
            lib.nn.ChannelShuffle(4)(x[0]),
            str(lib.nn.PixelShuffle(2)),
            str(lib.nn.PixelUnshuffle(2)),
            str(lib.nn.ChannelShuffle(2)),
            outcome(lib.pixel_shuffle, x[0], 3),
            outcome(lib.pixel_unshuffle, x[1], 2),
            outcome(lib.pixel_shuffle, x[0], 0),
            outcome(lib.channel_shuffle, x[0], 3),
        ]

    compare(scenario)


def test_upsample_modules():
    def scenario(lib):
        x = leaves(lib, (2, 3, 4, 5))[0]
        modules = [
            lib.nn.Upsample(3),
            lib.nn.Upsample(scale_factor=2, mode="bilinear"),
            lib.nn.Upsample(scale_factor=(1, 2), mode="bicubic", align_corners=True),
            lib.nn.UpsamplingNearest2d(scale_factor=2),
            lib.nn.UpsamplingBilinear2d(size=(2, 9)),
        ]
        return [[str(m), m(x)] for m in modules]

    compare(scenario)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Zero", "Constant", "Reflection", "Replication", "Circular"])
def test_padding_modules(kind, dims):
    def scenario(lib):
        cls = getattr(lib.nn, f"{kind}Pad{dims}d")
        more = (2.5,) if kind == "Constant" else ()
        results = []
        for padding in (1, (2, 1, 0, 1, 1, 2)[: 2 * dims]):
            for shape in ((2, 3, 4, 5, 3)[: dims + 2], (3, 4, 5, 3)[: dims + 1]):
                module = cls(padding, *more)
                results += [str(module), *with_gradients(lib, module, shape)]
        return [*results, outcome(cls(9, *more), leaves(lib, (2, 3, 4, 4, 4)[: dims + 2])[0])]

    compare(scenario)
