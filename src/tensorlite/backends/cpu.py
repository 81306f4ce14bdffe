"""What the processor can do."""

from __future__ import annotations

from .. import _C


def get_cpu_capability() -> str:
    """The vector instructions in use, by PyTorch's names: "DEFAULT", "AVX2" or "AVX512"."""
    return {"avx512": "AVX512", "avx2": "AVX2"}.get(_C._instruction_set, "DEFAULT")
