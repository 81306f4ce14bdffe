"""Gradient clipping and parameter vectors beside PyTorch's."""

import math

import pytest

import tensorlite
from side_by_side import compare, outcome
from tensorlite import nn


def grads(T, *values):
    params = []
    for v in values:
        p = T.nn.Parameter(T.zeros(len(v)))
        p.grad = T.tensor(v)
        params.append(p)
    return [*params, T.nn.Parameter(T.ones(1))]


def check_norm(T, p):
    utils = T.nn.utils
    params = grads(T, [3.0, -4.0], [12.0], [0.0, 1.0, -2.0])
    out = [utils.clip_grad_norm_(params, 5.0, norm_type=p), [q.grad for q in params]]
    out += [utils.clip_grad_norm_(params, 100.0, p), [q.grad for q in params]]
    out.append(utils.get_total_norm([q.grad for q in params[:3]], p))
    utils.clip_grads_with_norm_(params, 1.0, T.tensor(2.0))
    out += [[q.grad for q in params], utils.clip_grad_norm_(params[0], 1.0)]
    return out


@pytest.mark.parametrize("p", [2.0, 1, 3.5, math.inf, -math.inf, 0, "inf"])
def test_norm(p):
    compare(check_norm, p, tol=1e-5)


def check_odd_norms(T):
    utils = T.nn.utils
    out = []
    params = grads(T, [1.0, math.nan], [2.0])
    out += [outcome(utils.clip_grad_norm_, params, 1.0, error_if_nonfinite=True)]
    out += [params[1].grad, utils.clip_grad_norm_(params, 1.0), params[1].grad]
    params = grads(T, [1.0, math.inf])
    out += [utils.clip_grad_norm_(params, 1.0), params[0].grad]
    out += [utils.clip_grad_norm_([], 1.0), utils.clip_grad_norm_([T.ones(2)], 1.0)]
    half = T.nn.Parameter(T.ones(3, dtype=T.float16))
    half.grad = T.ones(3, dtype=T.float16)
    double = T.nn.Parameter(T.ones(3, dtype=T.float64))
    double.grad = T.ones(3, dtype=T.float64)
    out += [utils.clip_grad_norm_([half], 1.0).dtype, utils.clip_grad_norm_([double], 1.0)]
    strided = T.nn.Parameter(T.ones(2, 3))
    strided.grad = T.arange(12.0).view(3, 4).t()[::2, :]
    out += [utils.clip_grad_norm_(iter([strided]), 1.0), strided.grad]
    return out


def test_odd_norms():
    compare(check_odd_norms, tol=1e-5)


def test_empty_generator_warns():
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)


def check_value(T):
    params = grads(T, [3.0, -4.0], [0.5])
    T.nn.utils.clip_grad_value_(params, 1)
    out = [p.grad for p in params]
    T.nn.utils.clip_grad_value_(params[0], 0.25)
    return [*out, params[0].grad]


def test_value():
    compare(check_value)


def check_vector(T):
    net = T.nn.Linear(2, 3)
    vec = T.nn.utils.parameters_to_vector(net.parameters())
    T.nn.utils.vector_to_parameters(T.arange(9.0), net.parameters())
    return [vec.requires_grad, list(vec.shape), net.weight, net.bias]


def test_parameter_vector():
    compare(check_vector)


def test_large_norm_is_the_same_for_every_thread_count():
    p = nn.Parameter(tensorlite.zeros(200_000))
    p.grad = tensorlite.rand(200_000)
    norms = set()
    for threads in (1, 2, 3):
        tensorlite.set_num_threads(threads)
        norms.add(nn.utils.get_total_norm([p.grad]).item())
    tensorlite.set_num_threads(1)
    assert len(norms) == 1
    assert norms.pop() == pytest.approx((p.grad.double() ** 2).sum().sqrt().item(), rel=1e-6)
