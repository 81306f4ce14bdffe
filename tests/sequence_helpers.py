"""What the tests of recurrent layers and of attention share."""


def total(T, value):
    """A number that weighs every element of the tensors in `value` differently."""
    if isinstance(value, (tuple, list)) and not hasattr(value, "data"):
        return sum(total(T, v) for v in value if v is not None)
    n = value.numel()
    return (value.reshape(-1) * T.arange(1, n + 1, dtype=value.dtype).sin()).sum()
