"""Short-time Fourier transforms: stft and istft."""

from __future__ import annotations

import warnings
from typing import Any

from .. import _C
from .._tensor import Tensor

__all__ = ["istft", "stft"]


def _window(
    name: str, window: Tensor | None, win_length: int, n_fft: int, dtype: Any
) -> Tensor | None:
    """The window as long as a transform, in its middle."""
    if window is None:
        if win_length == n_fft:
            return None
        window = _C.ops.ones(win_length, dtype=dtype)
    if window.dim() != 1 or window.size(0) != win_length:
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, "
            f"but got window with size {list(window.shape)}"
        )
    if win_length < n_fft:
        left = (n_fft - win_length) // 2
        window = _C.ops.constant_pad_nd(window, [left, n_fft - win_length - left])
    return window


def _lengths(name: str, n_fft: int, hop: int | None, win: int | None) -> tuple[int, int]:
    hop_length = n_fft // 4 if hop is None else hop
    win_length = n_fft if win is None else win
    if hop_length <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length}"
        )
    return hop_length, win_length


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of windows of a signal `hop_length` apart: (batch, frequencies, windows).

    Args:
        n_fft: points of a transform.
        hop_length: from window to window; n_fft // 4 by default.
        win_length: of the window, which is padded with zeros to n_fft.
        window: factors of the points of a window; ones by default.
        center: pads the signal by n_fft // 2 on both sides, as `pad_mode` says.
        normalized: divides by the root of n_fft.
        onesided: gives half of the frequencies, by default where signal and window are real.
        return_complex: must be set for real signals; False gives real and imaginary parts in a last dim.
        align_to_window: without `center`, begins where the window begins and not the transform.
    """
    from . import fft, rfft

    name = "stft"
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"{name}: expected a tensor of floating point or complex values")
    if input.dim() not in (1, 2):
        raise RuntimeError(f"{name}: expected a 1D or 2D tensor, but got {input.dim()}D")
    hop, win = _lengths(name, n_fft, hop_length, win_length)
    any_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not any_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further "
                "require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied,which is known to cause "
            "spectral leakage. Other windows such as torch.hann_window or torch.hamming_window are "
            "recommended to reduce spectral leakage.To suppress this warning and use a rectangular "
            "window, explicitly set `window=torch.ones(n_fft, device=<device>)`.",
            stacklevel=2,
        )
    if not return_complex:
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return "
            "complex tensors for all inputs, and return_complex=False will raise an error.\nNote: you can "
            "still call torch.view_as_real on the complex output to recover the old return format.",
            stacklevel=2,
        )
    if onesided is None:
        onesided = not any_complex
    elif onesided and any_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false.")
    x = input if input.dim() == 2 else input.unsqueeze(0)
    if center:
        half = n_fft // 2
        x = _C.ops.pad(x.unsqueeze(1), [half, half], pad_mode).squeeze(1)
    full_window = _window(name, window, win, n_fft, x.dtype)
    if not 0 < n_fft <= x.size(1):
        raise RuntimeError(f"{name}: expected 0 < n_fft < {x.size(1)}, but got n_fft={n_fft}")
    if align_to_window and win < n_fft:
        before = (n_fft - win) // 2
        x = _C.ops.constant_pad_nd(x, [before, n_fft - win - before])
    frames = x.unfold(1, n_fft, hop)
    if full_window is not None:
        frames = frames * full_window
    norm = "ortho" if normalized else "backward"
    y = rfft(frames, norm=norm) if onesided else fft(frames, norm=norm)
    y = y.transpose(1, 2)
    if input.dim() == 1:
        y = y.squeeze(0)
    return y if return_complex else _C.ops.view_as_real(y)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal that stft made `input` of: the inverse transforms, weighted by the window, summed, and
    divided by the sum of its squares (D. W. Griffin, J. S. Lim, 1984)."""
    from . import ifft, irfft

    name = "istft"
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    hop, win = _lengths(name, n_fft, hop_length, win_length)
    if input.numel() == 0 or input.dim() not in (2, 3):
        raise RuntimeError(
            f"{name}: expected a tensor with 2 or 3 dims and elements, but got {list(input.shape)}"
        )
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied.Please provide the same "
            "window used by stft to make the inversion lossless.To suppress this warning and use a "
            "rectangular window, explicitly set `window=torch.ones(n_fft, device=<device>)`.",
            stacklevel=2,
        )
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    bins = input.size(-2)
    if onesided is None:
        onesided = bins != n_fft
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    due = n_fft // 2 + 1 if onesided else n_fft
    if bins != due:
        formula = "n_fft / 2 + 1" if onesided else "n_fft"
        raise RuntimeError(
            f"{name}: expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"{formula} when onesided={onesided}, but got {bins}"
        )
    x = (input if input.dim() == 3 else input.unsqueeze(0)).transpose(1, 2)
    norm = "ortho" if normalized else "backward"
    if return_complex:
        frames = ifft(x, norm=norm)
    elif onesided:
        frames = irfft(x, n_fft, norm=norm)
    else:
        frames = _C.ops.real(ifft(x, norm=norm))
    full_window = _window(name, window, win, n_fft, frames.dtype.to_real())
    if full_window is None:
        full_window = _C.ops.ones(n_fft, dtype=frames.dtype.to_real())
    count = frames.size(1)
    total = n_fft + hop * (count - 1)
    at = (_C.ops.arange(count).unsqueeze(1) * hop + _C.ops.arange(n_fft)).reshape(-1)
    frames = frames * full_window
    y = _C.ops.zeros(frames.size(0), total, dtype=frames.dtype)
    y = y.index_add(1, at, frames.reshape(frames.size(0), -1))
    weights = full_window.square().unsqueeze(0).expand(count, n_fft).reshape(-1)
    envelope = _C.ops.zeros(total, dtype=weights.dtype).index_add(0, at, weights)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    y, envelope = y[:, start:end], envelope[start:end]
    if bool((envelope.abs() < 1e-11).any()):
        raise RuntimeError(f"{name}: window overlap add min: the windows leave out a point")
    y = y / envelope
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros "
            "in the tail. Please check your center and hop_length settings.",
            stacklevel=2,
        )
        y = _C.ops.constant_pad_nd(y, [0, end - total])
    return y if input.dim() == 3 else y.squeeze(0)
