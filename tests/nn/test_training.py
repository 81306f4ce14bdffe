"""Whole training loops: they learn, and they keep no memory."""

import gc
import os
import sys

import pytest

import tensorlite as tl
from tensorlite import nn
from tensorlite.nn import functional as F

try:
    import resource
except ImportError:  # Windows
    resource = None


def make(optimizer):
    tl.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 4)
    )
    x = tl.randn(64, 8)
    target = (x[:, :4]).argmax(1)
    return net, optimizer(net.parameters()), x, target


def train(net, optimizer, x, target, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return loss.item()


OPTIMIZERS = {
    "sgd": lambda p: tl.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: tl.optim.Adam(p, lr=1e-2),
    "adamw": lambda p: tl.optim.AdamW(p, lr=1e-2, amsgrad=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learns(name):
    parts = make(OPTIMIZERS[name])
    first = train(*parts, 1)
    assert train(*parts, 150) < first / 4
    net, _, x, target = parts
    assert (net.eval()(x).argmax(1) == target).sum().item() > 58


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keeps_no_memory(name):
    parts = make(OPTIMIZERS[name])
    train(*parts, 10)
    gc.collect()
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    tensors = tl.memory_stats()["allocated_bytes.current"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource else 0
    train(*parts, 1000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    assert sys.getallocatedblocks() - blocks < 500
    assert tl.memory_stats()["allocated_bytes.current"] == tensors
    if resource and "TENSORLITE_SANITIZED" not in os.environ:  # there, freed memory is quarantined
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2000  # KiB


def test_works_with_the_garbage_collector_off():
    parts = make(OPTIMIZERS["sgd"])
    train(*parts, 10)
    gc.collect()
    gc.disable()
    try:
        blocks = sys.getallocatedblocks()
        train(*parts, 300)
        assert sys.getallocatedblocks() - blocks < 500  # no cycles
    finally:
        gc.enable()
