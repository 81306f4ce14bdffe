"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import cat, enable_grad, is_complex, mul, no_grad, view_as_real
from .._tensor import Tensor
from ._rules import as_number
from .optimizer import Optimizer, ParamsT

__all__ = ["LBFGS"]


def _cubic_interpolate(
    x1: float, f1: float, g1: Any, x2: float, f2: float, g2: Any, bounds: Any = None
) -> Any:
    """Where the cubic through two points with slopes is smallest, within bounds (by default the
    points); their middle where it has no minimum."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        at = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        at = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(at, low), high)


class _Point:
    """A step length on the line, with loss, gradient and slope there."""

    __slots__ = ("f", "g", "slope", "t")

    def __init__(self, t: Any, f: float, g: Tensor, slope: Any) -> None:
        self.t, self.f, self.g, self.slope = t, f, g, slope


def _strong_wolfe(
    obj_func: Callable[[Any, Any, Tensor], tuple[float, Tensor]],
    x: Any,
    t: Any,
    d: Tensor,
    f: float,
    g: Tensor,
    gtd: Any,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, Tensor, Any, int]:
    """A step length along ``d`` that fulfils the strong Wolfe conditions, by bracketing and zooming
    with cubic interpolation (Nocedal and Wright, algorithms 3.5 and 3.6).

    Args:
        obj_func: loss and gradient of ``x``, ``t`` and ``d``.
        x: where the line starts, as ``obj_func`` takes it.
        t: the first length to try.
        d: the direction.
        f, g, gtd: loss, gradient and slope at the start.
        c1, c2: the conditions' constants.
        tolerance_change: intervals in which no element moves by more than this are not divided.
        max_ls: how often to try at most.

    Returns:
        Loss and gradient, the length, and how often ``obj_func`` was called.
    """
    slope = gtd.item() if isinstance(gtd, Tensor) else gtd
    longest = d.abs().max().item()

    def at(t: Any) -> _Point:
        loss, grad = obj_func(x, t, d)
        return _Point(t, loss, grad.clone(), grad.dot(d).item())

    start = _Point(0, f, g.clone(), slope)
    last, now = start, at(t)
    evaluations, rounds, done = 1, 0, False
    bracket: list[_Point] = []
    while rounds < max_ls:
        if now.f > f + c1 * now.t * slope or (rounds > 1 and now.f >= last.f):
            bracket = [last, now]
            break
        if abs(now.slope) <= -c2 * slope:
            bracket = [now]
            done = True
            break
        if now.slope >= 0:
            bracket = [last, now]
            break
        bounds = (now.t + 0.01 * (now.t - last.t), now.t * 10)
        t = _cubic_interpolate(last.t, last.f, last.slope, now.t, now.f, now.slope, bounds)
        last, now = now, at(t)
        evaluations += 1
        rounds += 1
    if rounds == max_ls:
        bracket = [start, now]

    low, high = (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)
    stuck = False
    while not done and rounds < max_ls:
        a, b = bracket
        if abs(b.t - a.t) * longest < tolerance_change:
            break
        t = _cubic_interpolate(a.t, a.f, a.slope, b.t, b.f, b.slope)
        # A minimum too near to an end twice in a row, or outside, is moved inwards.
        smallest, largest = min(a.t, b.t), max(a.t, b.t)
        margin = 0.1 * (largest - smallest)
        if min(largest - t, t - smallest) < margin:
            if stuck or t >= largest or t <= smallest:
                near_end = abs(t - largest) < abs(t - smallest)
                t = largest - margin if near_end else smallest + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = at(t)
        evaluations += 1
        rounds += 1
        if now.f > f + c1 * now.t * slope or now.f >= bracket[low].f:
            bracket[high] = now
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
        else:
            if abs(now.slope) <= -c2 * slope:
                done = True
            elif now.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    best = bracket[low]
    return best.f, best.g, best.t, evaluations


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last gradients: limited-memory BFGS.

    A step calls ``closure`` several times. It takes up to ``max_iter`` iterations along directions from
    the two-loop recursion over the last ``history_size`` changes, each of length ``lr`` (the first at
    most ``lr`` over the gradient's 1-norm) or found by a line search. Nocedal, 1980.

    Args:
        params: parameters; there can be one group only.
        lr: the length of an iteration's step.
        max_iter: how many iterations a step takes at most.
        max_eval: how often a step calls the closure at most; by default ``max_iter * 5 // 4``.
        tolerance_grad: a step ends where no element of the gradient is larger.
        tolerance_change: a step ends where parameters or loss change less.
        history_size: how many changes are remembered.
        line_search_fn: ``"strong_wolfe"`` or None.

    The state lies under the first parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params: list[Tensor] = self.param_groups[0]["params"]
        self._numel_cache: int | None = None

    def _numel(self) -> int:
        if self._numel_cache is None:
            self._numel_cache = sum(p.numel() * (1 + is_complex(p)) for p in self._params)
        return self._numel_cache

    def _gather_flat_grad(self) -> Tensor:
        views = []
        for p in self._params:
            grad = p.detach().new_zeros(p.shape) if p.grad is None else p.grad
            views.append((view_as_real(grad) if is_complex(grad) else grad).reshape(-1))
        return cat(views)

    def _add_grad(self, step_size: Any, update: Tensor) -> None:
        offset = 0
        for p in self._params:
            real = view_as_real(p) if is_complex(p) else p
            n = real.numel()
            real.add_(update[offset : offset + n].view(real.shape), alpha=step_size)
            offset += n

    def _directional_evaluate(
        self, closure: Callable[[], Any], x: list[Tensor], t: Any, d: Tensor
    ) -> tuple[float, Tensor]:
        self._add_grad(t, d)
        loss = float(closure())
        grad = self._gather_flat_grad()
        for p, value in zip(self._params, x, strict=True):
            p.copy_(value)
        return loss, grad

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Takes a step.

        Args:
            closure: computes the loss again, with gradients, and returns it.

        Returns:
            What the closure returned at first.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )

        def run() -> Any:
            with enable_grad():
                return closure()

        with no_grad():
            return self._iterate(run, self.param_groups[0])

    def _iterate(self, closure: Callable[[], Any], group: dict[str, Any]) -> Any:
        lr, max_iter, max_eval = as_number(group["lr"]), group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        search = group["line_search_fn"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max().item() <= tolerance_grad:
            return first_loss

        d, t = state.get("d"), state.get("t")
        previous_grad, previous_loss = state.get("prev_flat_grad"), state.get("prev_loss")
        history = {k: state.get(k) for k in ("old_dirs", "old_stps", "ro", "H_diag")}
        n_iter = 0
        while n_iter < max_iter:
            n_iter += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = grad.neg()
                history = {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            else:
                _remember(history, grad.sub(previous_grad), d.mul(t), group["history_size"])
                d = _direction(grad, history, state, group["history_size"])
            if previous_grad is None:
                previous_grad = grad.clone()
            else:
                previous_grad.copy_(grad)
            previous_loss = loss

            t = min(1.0, (1.0 / grad.abs().sum()).item()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d).item()
            if slope > -tolerance_change:
                break
            used = 0
            small = False
            if search is not None:
                if search != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                x = [p.clone() for p in self._params]
                loss, grad, t, used = _strong_wolfe(
                    partial(self._directional_evaluate, closure),
                    x,
                    t,
                    d,
                    loss,
                    grad,
                    slope,
                    max_ls=max_eval - evaluations,
                )
                self._add_grad(t, d)
                small = grad.abs().max().item() <= tolerance_grad
            else:
                self._add_grad(t, d)
                if n_iter != max_iter:
                    # Not after the last iteration, where nothing would use it.
                    loss = float(closure())
                    grad = self._gather_flat_grad()
                    small = grad.abs().max().item() <= tolerance_grad
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if (
                n_iter == max_iter
                or evaluations >= max_eval
                or small
                or d.mul(t).abs().max().item() <= tolerance_change
                or abs(loss - previous_loss) < tolerance_change
            ):
                break

        state["d"], state["t"] = d, t
        state.update(history)
        state["prev_flat_grad"], state["prev_loss"] = previous_grad, previous_loss
        return first_loss


def _remember(history: dict[str, Any], y: Tensor, s: Tensor, size: int) -> None:
    """Takes the last change of the gradient and of the parameters into the history."""
    ys = y.dot(s)
    if ys.item() <= 1e-10:
        return
    lists = (history["old_dirs"], history["old_stps"], history["ro"])
    if len(lists[0]) == size:
        for entries in lists:
            entries.pop(0)
    for entries, value in zip(lists, (y, s, 1.0 / ys), strict=True):
        entries.append(value)
    history["H_diag"] = ys / y.dot(y)


def _direction(grad: Tensor, history: dict[str, Any], state: dict[str, Any], size: int) -> Tensor:
    """Minus the gradient times the approximate inverse Hessian: the two-loop recursion."""
    ys, ss, ro = history["old_dirs"], history["old_stps"], history["ro"]
    al = state.setdefault("al", [None] * size)
    q = grad.neg()
    for i in range(len(ys) - 1, -1, -1):
        al[i] = ss[i].dot(q) * ro[i]
        q.add_(ys[i], alpha=-al[i].item())
    r = mul(q, history["H_diag"])
    for i in range(len(ys)):
        r.add_(ss[i], alpha=(al[i] - ys[i].dot(r) * ro[i]).item())
    return r
