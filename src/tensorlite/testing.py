"""Comparing results and making test data: `assert_close`, `assert_allclose`, `make_tensor`."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _C
from ._tensor import Tensor

if TYPE_CHECKING:
    import numpy as np

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# (rtol, atol) of a dtype; everything else is compared exactly.
_TOLERANCES: dict[Any, tuple[float, float]] = {
    _C.float16: (1e-3, 1e-5),
    _C.bfloat16: (1.6e-2, 1e-5),
    _C.float32: (1.3e-6, 1e-5),
    _C.float64: (1e-7, 1e-7),
    _C.complex64: (1.3e-6, 1e-5),
    _C.complex128: (1e-7, 1e-7),
}
_NUMBER_DTYPES = {bool: _C.bool, int: _C.int64, float: _C.float64, complex: _C.complex128}


class _Options:
    """What holds for a whole comparison."""

    def __init__(
        self,
        rtol: float | None,
        atol: float | None,
        equal_nan: bool,
        checks: dict[str, bool],
        allow_subclasses: bool,
        msg: str | Callable[[str], str] | None,
    ) -> None:
        if (rtol is None) != (atol is None):
            missing = "rtol" if rtol is None else "atol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.checks, self.allow_subclasses, self.msg = checks, allow_subclasses, msg

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(d, (0.0, 0.0)) for d in dtypes]
        return max(p[0] for p in pairs), max(p[1] for p in pairs)

    def error(self, text: str, where: str, kind: type[Exception] = AssertionError) -> Exception:
        if where:
            text += f"\n\nThe failure occurred for item {where}"
        if callable(self.msg):
            text = self.msg(text)
        elif self.msg is not None:
            text = self.msg
        return kind(text)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless `|actual - expected| <= atol + rtol * |expected|` everywhere.

    Takes tensors and what can become one (numbers, arrays), None, and sequences and mappings of
    these. Without `rtol` and `atol` (both or neither) they depend on the dtype: 1.3e-6 and 1e-5
    for float32, 1e-7 and 1e-7 for float64, 1e-3 and 1e-5 for float16, 1.6e-2 and 1e-5 for
    bfloat16, 0 for integers. `msg` replaces the message, or makes it from the generated one.
    """
    checks = {
        "device": check_device,
        "dtype": check_dtype,
        "layout": check_layout,
        "stride": check_stride,
    }
    options = _Options(rtol, atol, equal_nan, checks, allow_subclasses, msg)
    _compare(actual, expected, options, "")


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """`assert_close` without its checks of dtype and device, as older programs call it."""
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        msg=msg or None,
    )


def _compare(actual: Any, expected: Any, options: _Options, where: str) -> None:
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        missing = sorted(map(repr, expected.keys() - actual.keys()))
        extra = sorted(map(repr, actual.keys() - expected.keys()))
        if missing or extra:
            raise options.error(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: [{', '.join(missing)}]\n"
                f"Additional keys in the actual mapping: [{', '.join(extra)}]",
                where,
            )
        for key in expected:
            _compare(actual[key], expected[key], options, f"{where}[{key!r}]")
        return
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise options.error(
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where
            )
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _compare(a, e, options, f"{where}[{i}]")
        return
    if actual is None or expected is None:
        if actual is not expected:
            raise options.error(f"None mismatch: {actual} is not {expected}", where)
        return
    if isinstance(actual, (bool, int, float, complex)) and isinstance(
        expected, (bool, int, float, complex)
    ):
        _compare_numbers(actual, expected, options, where)
        return
    _compare_tensors(
        _as_tensor(actual, expected, options, where),
        _as_tensor(expected, actual, options, where),
        options,
        where,
    )


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _as_tensor(x: Any, other: Any, options: _Options, where: str) -> Tensor:
    if isinstance(x, Tensor):
        if not options.allow_subclasses and type(x) is not type(other):
            raise options.error(
                "No comparison pair was able to handle inputs of type "
                f"{type(x)} and {type(other)} with allow_subclasses=False",
                where,
                TypeError,
            )
        return x
    try:
        return _C.as_tensor(x)
    except Exception as e:
        raise options.error(
            f"No comparison pair was able to handle inputs of type {type(x)} and {type(other)}.",
            where,
            TypeError,
        ) from e


def _compare_numbers(actual: Any, expected: Any, options: _Options, where: str) -> None:
    if options.checks["dtype"] and type(actual) is not type(expected):
        raise options.error(
            f"The (d)types do not match: {type(actual)} != {type(expected)}.", where
        )
    rtol, atol = options.tolerances(*(_NUMBER_DTYPES[type(x)] for x in (actual, expected)))
    if actual == expected:
        return
    if options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected):
        return
    difference = abs(actual - expected)
    if difference <= atol + rtol * abs(expected) and math.isfinite(difference):
        return
    relative = difference / abs(expected) if expected else math.inf
    raise options.error(_scalar_report(actual, expected, difference, relative, rtol, atol), where)


def _scalar_report(
    actual: Any, expected: Any, difference: Any, relative: Any, rtol: float, atol: float
) -> str:
    exact = rtol == atol == 0
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\n"
        f"Expected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{'' if exact else f' (up to {atol} allowed)'}\n"
        f"Relative difference: {relative}{'' if exact else f' (up to {rtol} allowed)'}"
    )


def _array(t: Tensor) -> np.ndarray:
    """The elements; bfloat16, which NumPy has not, as float32."""
    t = t.detach()
    return (t.to(_C.float32) if t.dtype == _C.bfloat16 else t).numpy()


def _compare_tensors(actual: Tensor, expected: Tensor, options: _Options, where: str) -> None:
    import numpy as np

    if actual.shape != expected.shape:
        raise options.error(
            f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}.",
            where,
        )
    for name in ("layout", "device", "dtype"):
        a, e = getattr(actual, name), getattr(expected, name)
        if options.checks[name] and a != e:
            raise options.error(
                f"The values for attribute '{name}' do not match: {a} != {e}.", where
            )
    if options.checks["stride"] and actual.stride() != expected.stride():
        raise options.error(
            "The values for attribute 'stride()' do not match: "
            f"{actual.stride()} != {expected.stride()}.",
            where,
        )
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    a, e = _array(actual), _array(expected)
    common = np.promote_types(a.dtype, e.dtype)
    if common.kind in "bu":
        common = np.dtype(np.int64)
    a, e = a.astype(common), e.astype(common)
    with np.errstate(all="ignore"):
        wide = a.astype(np.complex128 if common.kind == "c" else np.float64)
        close = np.abs(wide - e) <= atol + rtol * np.abs(e.astype(wide.dtype))
        same = (a == e) | (close & np.isfinite(np.abs(wide - e)))
        if options.equal_nan:
            same |= np.isnan(a) & np.isnan(e)
        if same.all():
            return
        difference = np.where(same, 0, np.abs(a - e))
        relative = np.where(same, 0, difference / np.abs(e))
    if same.ndim == 0:
        x, y = a.item(), e.item()
        apart = abs(x - y)
        ratio = apart / abs(y) if y else math.inf
        raise options.error(_scalar_report(x, y, apart, ratio, rtol, atol), where)
    raise options.error(_report(difference, relative, same, rtol, atol), where)


def _report(
    difference: np.ndarray, relative: np.ndarray, same: np.ndarray, rtol: float, atol: float
) -> str:
    import numpy as np

    exact = rtol == atol == 0
    bad = int(same.size - same.sum())
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", ""]
    lines += [f"Mismatched elements: {bad} / {same.size} ({bad / same.size:.1%})"]
    for name, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        flat = int(np.argmax(values))  # NaN, where there is one
        place = tuple(int(i) for i in np.unravel_index(flat, values.shape))
        up_to = "" if exact else f" (up to {allowed} allowed)"
        lines.append(f"Greatest {name} difference: {values[place].item()} at index {place}{up_to}")
    return "\n".join(lines)


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of uniformly random numbers in `[low, high)`.

    The bounds are -9 and 9 for floating-point, complex and integer dtypes, 0 and 10 for uint8, 0
    and 2 for bool. `exclude_zero` puts the smallest positive number (1 for integers) in place of
    zeros; `noncontiguous` leaves gaps in memory.
    """
    from . import rand, randint

    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    floating = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not floating:
        raise ValueError(
            "`requires_grad=True` is only supported for floating point and complex dtypes, "
            f"but got dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got noncontiguous={noncontiguous} and memory_format={memory_format}"
        )
    lowest, highest = {_C.bool: (0, 2), _C.uint8: (0, 10)}.get(
        dtype, (-9, 9) if floating else (-9, 10)
    )
    low = lowest if low is None else low
    high = highest if high is None else high
    if not low < high:
        raise ValueError(f"make_tensor: expected low < high, but got {low} >= {high}")
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"make_tensor: low and high must not be NaN, but got {low} and {high}")
    size = (*sizes, 2) if noncontiguous and sizes else tuple(sizes)
    if dtype.is_complex:
        real = _C.float32 if dtype == _C.complex64 else _C.float64
        pairs = rand((*size, 2), dtype=real) * (high - low) + low
        out = _C.ops.view_as_complex(pairs)
    elif dtype.is_floating_point:
        out = (rand(size, dtype=_C.float64) * (high - low) + low).to(dtype)
    else:
        out = randint(math.ceil(low), math.ceil(high), size).to(dtype)
    if noncontiguous and sizes:
        out = out.select(-1, 0)
    if exclude_zero:
        tiny = 1.0 if not floating else 2.0**-14 if dtype == _C.float16 else 2.0**-126
        out[out == 0] = tiny
    if memory_format is not None:
        out = out.contiguous(memory_format=memory_format)
    return out.requires_grad_(requires_grad)
