"""The version, in the one place from which the package and its wheel take it."""

__version__ = "0.1.0"

# What PyTorch's page of versions says, of a build for CPUs.
debug = False
cuda: str | None = None
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
