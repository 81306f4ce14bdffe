"""Programs made at random, with views, in-place writes, modes and hooks: both libraries must agree on
every value, error, version and gradient."""

import random

import pytest

from raised import raised
from side_by_side import compare


class Program:
    """Steps chosen by one seeded generator, so that both libraries take the same."""

    def __init__(self, lib, seed):
        self.lib = lib
        self.random = random.Random(seed)
        self.pool = [
            lib.tensor([1.0, 2.0, 3.0, 4.0], dtype=lib.float64, requires_grad=True),
            lib.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=lib.float64, requires_grad=True),
            lib.tensor([0.1, 0.2, 0.3, 0.4], dtype=lib.float64),
        ]
        self.leaves = self.pool[:2]
        self.log = []
        self.hooked = []

        class Twice(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * 2 + 0 * ctx.saved_tensors[0].sum()

        class Itself(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x

            @staticmethod
            def backward(ctx, g):
                return g * 3

        class Dirty(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.add_(1)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx, g):
                return g * 5

        self.functions = [Twice, Itself, Dirty]

    def pick(self):
        return self.random.choice(self.pool)

    def same_size(self, t):
        """Another tensor of the pool, as `t`'s shape where that can be."""
        other = self.pick()
        return other.reshape(t.shape) if other.numel() == t.numel() else other.sum()

    def make(self):
        t, r = self.pick(), self.random
        kind = r.randrange(22)
        if kind == 0:
            return t * self.same_size(t)
        if kind == 1:
            return t + self.same_size(t)
        if kind == 2:
            return (t * 0.1).exp()
        if kind == 3:
            return t.sin()
        if kind == 4:
            return t.view(-1)
        if kind == 5:
            return t.t() if t.dim() == 2 else t.view(-1, 1)
        if kind == 6:
            return t[: max(1, t.shape[0] - 1)] if t.dim() else t.view(1)
        if kind == 7:
            return r.choice(t.unbind()) if t.dim() else t * 2
        if kind == 8:
            return t.detach()
        if kind == 9:
            return t.clone()
        if kind == 10:
            with self.lib.no_grad():
                return t.view(-1)
        if kind == 11:
            return r.choice(self.functions).apply(t)
        if kind == 12:
            return t.sum() * 0.5
        if kind == 13:
            return t.unsqueeze(0).expand(2, *t.shape).reshape(-1)[: t.numel()]
        if kind == 14:
            return r.choice(t.split(1)) if t.dim() else t + 1
        if kind == 15:
            return t.data
        if kind == 16:
            with self.lib.inference_mode():
                return t.view(-1)
        if kind == 17:
            return t[t > 0] if t.dim() else t.view(1)
        if kind == 18:
            return self.lib.cat([t.reshape(-1), self.pick().reshape(-1)])[: t.numel()]
        if kind == 19:
            return t.reshape(-1)[[0, -1]] if t.numel() else t
        if kind == 20:
            return self.lib.where(t > 1, t, self.same_size(t))
        return self.lib.stack([t, self.same_size(t).expand(t.shape)]).select(0, 0)

    def write(self):
        t, r = self.pick(), self.random
        # PyTorch takes a view for a leaf whose base was written until its history is looked at.
        raised(lambda: t.grad_fn)
        kind = r.randrange(16)
        if kind == 0:
            # A copy: written by itself it would fail in PyTorch's backward.
            return t.mul_(self.same_size(t) * 1)
        if kind == 1:
            return t.add_(self.same_size(t))
        if kind == 2:
            return t.mul_(0.5)
        if kind == 3:
            return t.zero_()
        if kind == 4:
            with self.lib.no_grad():
                return t.mul_(2)
        if kind == 5:
            return t.copy_(self.same_size(t))
        if kind == 6 and t.dim():
            t[0] = self.same_size(t[0]) * 1
            return t
        if kind == 7:
            return t.detach().add_(0.25)
        if kind == 8:
            return t.requires_grad_(r.random() < 0.7)
        if kind == 9:
            return t.detach_()
        if kind == 11:
            t[t > 1] = 0.5
            return t
        if kind == 12:
            return t.unsqueeze_(0) if r.random() < 0.5 else t.squeeze_()
        if kind == 13:
            with self.lib.inference_mode():
                return t.add_(1)
        if kind == 14:
            t.grad = None if t.grad is None else t.grad * 2
            return t
        return t.sin_()

    def hook(self):
        t = self.pick()
        # Hooks on a view whose base was written crash PyTorch before its history is looked at.
        if isinstance(raised(lambda: t.grad_fn), list):
            return
        kind = self.random.randrange(4)
        name = len(self.hooked)
        if kind == 0:
            t.register_hook(lambda g: self.log.append((name, None if g is None else g.tolist())))
        elif kind == 1:
            t.register_hook(lambda g: g * 2)
        elif kind == 2:
            t.retain_grad()
            self.hooked.append(t)
        elif t.grad_fn is not None:
            t.grad_fn.register_hook(lambda i, o: self.log.append((name, len(i), len(o))))

    def describe(self, t):
        return [
            t.tolist(),
            t.requires_grad,
            raised(lambda: t.is_leaf, length=40),
            raised(lambda: t._version),
            t._is_view(),
            raised(lambda: t.grad_fn and t.grad_fn.name(), length=40),
            t.output_nr,
        ]

    def step(self):
        kind = self.random.random()
        if kind < 0.06:
            roots = [t for t in self.pool if raised(lambda t=t: t.requires_grad) is True]
            total = raised(lambda: sum((t * 0.5).sum() for t in roots), length=45)
            keep = self.random.random() < 0.7
            self.log.append(raised(lambda: total.backward(retain_graph=keep), length=45))
            return [None if t.grad is None else t.grad.tolist() for t in self.leaves]
        if kind < 0.6:
            result = raised(self.make, length=45)
        elif kind < 0.9:
            result = raised(self.write, length=45)
        else:
            result = raised(self.hook, length=45)
        if not hasattr(result, "detach"):
            return [result]
        if not any(result is t for t in self.pool):
            self.pool.append(result)
        return self.describe(result)

    def finish(self):
        """Backward from all that requires grad, once for leaves and once for chosen inputs."""
        out = [self.describe(t) for t in self.pool]
        roots = [t for t in self.pool if raised(lambda t=t: t.requires_grad) is True]
        total = raised(lambda: sum((t * (0.5 + i)).sum() for i, t in enumerate(roots)), length=45)
        if not hasattr(total, "detach"):
            return [*out, total]
        inputs = [self.random.choice(roots) for _ in range(2)] + self.leaves
        grads = raised(
            self.lib.autograd.grad,
            total,
            inputs,
            retain_graph=True,
            create_graph=True,
            allow_unused=True,
            length=45,
        )
        out.append(grads)
        if isinstance(grads, tuple):
            second = [g.sum() for g in grads if g is not None and g.requires_grad]
            if second:
                out.append(
                    raised(
                        self.lib.autograd.grad,
                        sum(second),
                        self.leaves,
                        retain_graph=True,
                        allow_unused=True,
                        length=45,
                    )
                )
        out.append(raised(total.backward, length=45))
        out += [t.grad for t in self.leaves + self.hooked]
        out.append(raised(total.backward, length=45))
        return out


@pytest.mark.parametrize("seed", range(120))
def test_random_programs(seed):
    def scenario(lib):
        program = Program(lib, seed)
        steps = [program.step() for _ in range(20)]
        return [*steps, program.finish(), program.log]

    compare(scenario, tol=1e-9, warns=False)
