"""Several processes: not there. `is_available()` is False; what needs a group of processes raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False: there is no group of processes."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_ucc_available = is_available
is_xccl_available = is_torchelastic_launched = is_available


class ProcessGroup:
    """A group of processes; there are none."""


Work = Store = TCPStore = FileStore = HashStore = PrefixStore = ProcessGroup


class ReduceOp:
    """How tensors of several processes are combined."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = (
        "SUM",
        "AVG",
        "PRODUCT",
        "MIN",
        "MAX",
        "BAND",
        "BOR",
        "BXOR",
        "PREMUL_SUM",
    )


class group:
    """The group of all processes; there is none."""

    WORLD: Any = None


class GroupMember:
    """The group of all processes; there is none."""

    WORLD: Any = None
    NON_GROUP_MEMBER: Any = object()


def _no_group(*args: Any, **kwargs: Any) -> NoReturn:
    raise ValueError(
        "Default process group has not been initialized, please make sure to call init_process_group."
    )


def _absent(name: str) -> Callable[..., NoReturn]:
    def raises(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"torch.distributed.{name}: tensorlite runs in one process; ask is_available() first, or use "
            "tensorlite.multiprocessing"
        )

    raises.__name__ = raises.__qualname__ = name
    return raises


init_process_group, new_group = _absent("init_process_group"), _absent("new_group")
init_device_mesh = _absent("init_device_mesh")
get_rank = get_world_size = get_backend = barrier = destroy_process_group = _no_group
all_reduce = all_gather = all_gather_object = all_gather_into_tensor = all_to_all = _no_group
broadcast = broadcast_object_list = reduce = reduce_scatter = reduce_scatter_tensor = _no_group
gather = gather_object = scatter = scatter_object_list = send = recv = isend = irecv = _no_group
monitored_barrier = all_to_all_single = get_process_group_ranks = get_group_rank = _no_group
