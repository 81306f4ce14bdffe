"""How tensors print: `repr(tensor)` and `set_printoptions`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from . import _C

if TYPE_CHECKING:
    from ._tensor import Tensor


class _PrintOptions:
    def __init__(self) -> None:
        self.precision = 4
        self.threshold: float = 1000
        self.edgeitems = 3
        self.linewidth = 80
        self.sci_mode: bool | None = None


PRINT_OPTS = _PrintOptions()
_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print.

    Args:
        precision: digits after the point (default 4).
        threshold: the number of elements above which only the edges are shown (1000).
        edgeitems: elements shown at each edge of a summarised dimension (3).
        linewidth: characters per line (80).
        profile: "default", "short" or "full", which set all of these.
        sci_mode: True or False to force or forbid scientific notation; None decides by value.
    """
    if profile is not None:
        for key, value in _PROFILES[profile].items():
            setattr(PRINT_OPTS, key, value)
    if precision is not None:
        PRINT_OPTS.precision = precision
    if threshold is not None:
        PRINT_OPTS.threshold = threshold
    if edgeitems is not None:
        PRINT_OPTS.edgeitems = edgeitems
    if linewidth is not None:
        PRINT_OPTS.linewidth = linewidth
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options that `set_printoptions` sets, as a dict."""
    return dict(vars(PRINT_OPTS))


def _flat(values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    out: list[Any] = []
    for item in values:
        out.extend(_flat(item))
    return out


class _Formatter:
    """Chooses one format (plain, integer-like or scientific) and width for a set of numbers."""

    def __init__(self, values: list[Any], floating: bool, digits: int | None = None) -> None:
        self.floating = floating
        self.int_mode = True
        self.sci_mode = False
        self.max_width = 1
        precision = PRINT_OPTS.precision
        if not floating:
            self.max_width = max((len(str(v)) for v in values), default=1)
        else:
            finite = [abs(v) for v in values if v != 0 and math.isfinite(v)]
            if not finite:
                return
            largest, smallest = max(finite), min(finite)
            self.int_mode = all(v == math.ceil(v) for v in finite)
            wide = largest / smallest > 1000.0 or largest > 1.0e8
            self.sci_mode = wide if self.int_mode else wide or smallest < 1.0e-4
            if PRINT_OPTS.sci_mode is not None:
                self.sci_mode = PRINT_OPTS.sci_mode
            if self.sci_mode:
                texts = [f"{v:.{precision}e}" for v in self._signed_finite(values)]
                self.max_width = max(map(len, texts))
            elif self.int_mode:
                self.max_width = max(len(f"{v:.0f}") + 1 for v in self._signed_finite(values))
            else:
                self.max_width = max(len(f"{v:.{precision}f}") for v in self._signed_finite(values))

    @staticmethod
    def _signed_finite(values: list[Any]) -> list[float]:
        return [v for v in values if v != 0 and math.isfinite(v)]

    def format(self, value: Any) -> str:
        if not self.floating:
            text = str(value)
        elif self.sci_mode:
            text = f"{value:{self.max_width}.{PRINT_OPTS.precision}e}"
        elif self.int_mode:
            text = f"{value:.0f}"
            if math.isfinite(value):
                text += "."
        else:
            text = f"{value:.{PRINT_OPTS.precision}f}"
        return text.rjust(self.max_width)


class _ComplexFormatter:
    def __init__(self, values: list[complex]) -> None:
        self.real = _Formatter([v.real for v in values], True)
        self.imag = _Formatter([v.imag for v in values], True)
        self.max_width = self.real.max_width + self.imag.max_width + 1

    def format(self, value: complex) -> str:
        imag = self.imag.format(value.imag).lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return f"{self.real.format(value.real)}{sign}{imag}j"


def _summarized_values(tensor: Tensor) -> list[Any]:
    """The values that a summary shows, as a flat list."""
    if tensor.dim() == 0:
        return [tensor.item()]
    n, edge = tensor.size(0), PRINT_OPTS.edgeitems
    rows = range(n) if n <= 2 * edge else [*range(edge), *range(n - edge, n)]
    if tensor.dim() == 1:
        values = tensor.tolist()
        return [values[i] for i in rows]
    out: list[Any] = []
    for i in rows:
        out.extend(_summarized_values(tensor[i]))
    return out


def _vector(tensor: Tensor, indent: int, summarize: bool, formatter: Any) -> str:
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - indent) / (formatter.max_width + 2)))
    values = tensor.tolist()
    edge = PRINT_OPTS.edgeitems
    if summarize and not edge:
        texts = ["..."]
    elif summarize and len(values) > 2 * edge:
        texts = [
            *map(formatter.format, values[:edge]),
            " ...",
            *map(formatter.format, values[-edge:]),
        ]
    else:
        texts = [formatter.format(v) for v in values]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _body(tensor: Tensor, indent: int, summarize: bool, formatter: Any) -> str:
    dim = tensor.dim()
    if dim == 0:
        return formatter.format(tensor.item())
    if dim == 1:
        return _vector(tensor, indent, summarize, formatter)
    n, edge = tensor.size(0), PRINT_OPTS.edgeitems
    if summarize and n > 2 * edge:
        parts = [
            *(_body(tensor[i], indent + 1, summarize, formatter) for i in range(edge)),
            "...",
            *(_body(tensor[i], indent + 1, summarize, formatter) for i in range(n - edge, n)),
        ]
    else:
        parts = [_body(tensor[i], indent + 1, summarize, formatter) for i in range(n)]
    return "[" + ("," + "\n" * (dim - 1) + " " * (indent + 1)).join(parts) + "]"


def _values(tensor: Tensor, indent: int) -> str:
    summarize = tensor.numel() > PRINT_OPTS.threshold
    values = _summarized_values(tensor) if summarize else _flat(tensor.tolist())
    formatter = (
        _ComplexFormatter(values)
        if tensor.is_complex()
        else _Formatter(values, tensor.is_floating_point())
    )
    return _body(tensor, indent, summarize, formatter)


def _join(text: str, suffixes: list[str], indent: int) -> str:
    """Appends `suffixes`, on a new line where the last one is full."""
    parts = [text]
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > PRINT_OPTS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            length = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            length += len(suffix) + 2
    return "".join(parts) + ")"


def _history(tensor: Tensor) -> str | None:
    try:
        grad_fn = tensor.grad_fn
    except RuntimeError:  # a view whose base was written in place
        return "grad_fn=<Invalid>"
    if grad_fn is not None:
        return f"grad_fn=<{type(grad_fn).__name__}>"
    return "requires_grad=True" if tensor.requires_grad else None


def _str(tensor: Tensor) -> str:
    from ._tensor import Tensor
    from .nn.parameter import Parameter

    plain = type(tensor) is Tensor or isinstance(tensor, Parameter)
    prefix = "tensor(" if plain else type(tensor).__name__ + "("
    indent = len(prefix)
    dtype = tensor.dtype
    default = _C.get_default_dtype()
    quiet = {default, _C.int64, _C.bool, default.to_complex()}
    suffixes: list[str] = []
    history = _history(tensor)
    was_enabled = _C._set_torch_function_enabled(False)
    try:
        shown = tensor.detach()
        if tensor.numel() == 0:
            if tensor.dim() != 1:
                suffixes.append(f"size={tuple(tensor.shape)}")
            if dtype != default:
                suffixes.append(f"dtype={dtype}")
            text = "[]"
        else:
            if not PRINT_OPTS.edgeitems:
                suffixes.append(f"size={tuple(tensor.shape)}")
            if dtype not in quiet:
                suffixes.append(f"dtype={dtype}")
            text = _values(shown, indent)
    finally:
        _C._set_torch_function_enabled(was_enabled)
    if history is not None:
        suffixes.append(history)
    return _join(prefix + text, suffixes, indent)
