"""Bootstrap; replaced by the real grad modes."""

import contextlib

enable_grad = no_grad = inference_mode = set_grad_enabled = contextlib.nullcontext


def is_grad_enabled():
    return True


def is_inference_mode_enabled():
    return False
