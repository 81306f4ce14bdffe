"""Margin losses, CTC, the adaptive softmax and bags of embeddings beside PyTorch."""

import numpy as np
import pytest

from side_by_side import compare, outcome


def leaves(lib, *shapes):
    rng = np.random.default_rng(0)
    return [lib.tensor(rng.standard_normal(s)).requires_grad_() for s in shapes]


def with_gradients(lib, f, *shapes):
    xs = leaves(lib, *shapes)
    y = f(*xs)
    probe = lib.arange(y.numel(), dtype=y.dtype).view(y.shape).cos()
    return [y, *lib.autograd.grad((y * probe).sum(), xs)]


REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_losses(reduction):
    def scenario(lib):
        results = []
        weight = lib.tensor([0.1, 0.2, 0.3, 0.4], dtype=lib.float64)
        classes, lone = lib.tensor([1, 0, 3]), lib.tensor(2)
        for p in (1, 2):
            for w in (None, weight):
                loss = lib.nn.MultiMarginLoss(p, 0.7, w, reduction=reduction)
                results += with_gradients(lib, lambda x, f=loss: f(x, classes), (3, 4))
                results += with_gradients(lib, lambda x, f=loss: f(x, lone), (4,))
        sets = lib.tensor([[3, 0, -1, 1], [-1, 2, 1, 0], [0, 1, 2, 3]])
        loss = lib.nn.MultiLabelMarginLoss(reduction=reduction)
        results += with_gradients(lib, lambda x: loss(x, sets), (3, 4))
        results += with_gradients(lib, lambda x: loss(x, sets[0]), (4,))
        return [str(loss), *results]

    compare(scenario)


def test_margin_errors():
    def scenario(lib):
        F, x = lib.nn.functional, leaves(lib, (3, 4))[0]
        return [
            outcome(F.multi_margin_loss, x, lib.tensor([1, 0])),
            outcome(F.multi_margin_loss, x, lib.tensor([1, 0, 9])),
            outcome(F.multi_margin_loss, x, lib.tensor([1, 0, 1]), p=3),
            outcome(F.multilabel_margin_loss, x, lib.tensor([1, 0, 1])),
            outcome(lib.nn.MultiMarginLoss, 3),
        ]

    compare(scenario)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction):
    cases = [
        ((6, 2, 4), [6, 6], [3, 2], [[1, 2, 2], [3, 1, 0]], False),
        ((6, 2, 4), [6, 4], [3, 2], [1, 2, 2, 3, 1], False),
        ((5, 3, 3), [5, 5, 2], [2, 0, 3], [[1, 2, 1], [1, 1, 1], [1, 1, 1]], True),
        ((3, 1, 3), [3], [0], [[]], False),
        ((4, 2, 3), [0, 4], [0, 1], [[1], [2]], False),
        ((30, 2, 5), [30, 21], [9, 7], [[1, 2, 3, 4, 4, 3, 3, 2, 1]] * 2, False),
    ]

    def scenario(lib):
        results = []
        for shape, ins, outs, targets, zero in cases:
            loss = lib.nn.CTCLoss(reduction=reduction, zero_infinity=zero)
            labels = lib.tensor(targets, dtype=lib.int64)
            for form in (tuple, lib.tensor):
                sizes = (labels, form(ins), form(outs))
                results += with_gradients(
                    lib, lambda x, a=sizes, f=loss: f(x.log_softmax(-1), *a), shape
                )
        one = (lib.tensor([1, 2]), lib.tensor(5), lib.tensor(2))
        results += with_gradients(
            lib,
            lambda x: lib.nn.functional.ctc_loss(
                x.log_softmax(-1), *one, blank=3, reduction=reduction
            ),
            (5, 4),
        )
        impossible = leaves(lib, (2, 1, 4))[0].detach().log_softmax(-1)
        return [*results, lib.nn.CTCLoss(reduction=reduction)(impossible, one[0][None], (2,), (2,))]

    compare(scenario)


def test_ctc_second_gradient():
    import tensorlite

    labels = tensorlite.tensor([[1, 2], [2, 0]])

    def loss(x):
        return tensorlite.nn.functional.ctc_loss(x.log_softmax(-1), labels, (4, 3), (2, 1))

    x = leaves(tensorlite, (4, 2, 3))
    assert tensorlite.autograd.gradcheck(loss, x)
    assert tensorlite.autograd.gradgradcheck(loss, x)


def test_ctc_errors():
    def scenario(lib):
        x, labels = leaves(lib, (5, 2, 4))[0], lib.tensor([[1, 2, 1], [2, 1, 1]])

        def call(ins=(5, 5), outs=(3, 2), **more):
            return outcome(lib.nn.functional.ctc_loss, x, labels, ins, outs, **more)

        return [call(blank=9), call((9, 5)), call(outs=(3, 4)), call((5,)), call((5, 5), (3,))]

    compare(scenario)


def test_adaptive_log_softmax():
    def scenario(lib):
        module = lib.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 9], div_value=2.0, head_bias=True)
        module = module.double()
        x = leaves(lib, (7, 8))[0]
        target = lib.tensor([0, 4, 5, 8, 9, 19, 11])
        output, loss = module(x, target)
        loss.backward()
        lone = module(x[0], target[0])
        return [
            str(module),
            output,
            loss,
            x.grad,
            *(p.grad for p in module.parameters()),
            module.log_prob(x),
            module.predict(x),
            lone.output,
            lone.loss,
            dict(module.state_dict()),
            outcome(module, x, target[:3]),
            outcome(module, x, target + 5),
            outcome(lib.nn.AdaptiveLogSoftmaxWithLoss, 8, 20, [9, 5]),
            outcome(lib.nn.AdaptiveLogSoftmaxWithLoss, 8, 20, []),
        ]

    compare(scenario)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode):
    def scenario(lib):
        results = []
        flat, table = lib.tensor([1, 2, 4, 5, 4, 3]), lib.tensor([[1, 2, 4], [4, 3, 2]])
        for padding in (None, 1, -1):
            bag = lib.nn.EmbeddingBag(6, 3, mode=mode, padding_idx=padding, dtype=lib.float64)
            closed = lib.nn.EmbeddingBag(6, 3, mode=mode, include_last_offset=True)
            bag(table).sin().sum().backward()
            results += [str(bag), bag.weight, bag(table), bag.weight.grad, str(closed)]
            for offsets in ([0, 3], [0, 0, 2, 6]):
                bag.weight.grad = None
                y = bag(flat, lib.tensor(offsets))
                y.sin().sum().backward()
                results += [y, bag.weight.grad]
            results.append(closed(flat, lib.tensor([0, 3, 6])))
        frozen = lib.nn.EmbeddingBag.from_pretrained(lib.ones(6, 2), mode=mode)
        return [*results, frozen(table), frozen.weight.requires_grad]

    compare(scenario)


def test_embedding_bag_options_and_errors():
    def scenario(lib):
        f = lib.nn.functional.embedding_bag
        flat, table = lib.tensor([1, 2, 4, 5, 4, 3]), lib.tensor([[1, 2, 4], [4, 4, 3]])
        w = leaves(lib, (6, 3))[0]
        return [
            *with_gradients(
                lib,
                lambda a, p: f(
                    flat, a, lib.tensor([0, 2]), mode="sum", per_sample_weights=p, padding_idx=2
                ),
                (6, 3),
                (6,),
            ),
            *with_gradients(
                lib, lambda a, p: f(table, a, mode="sum", per_sample_weights=p), (6, 3), (2, 3)
            ),
            *with_gradients(
                lib, lambda a: f(table, a, mode="sum", scale_grad_by_freq=True), (6, 3)
            ),
            f(table, w.detach().clone(), max_norm=1.0),
            outcome(f, table, w, mode="other"),
            outcome(f, table, w, lib.tensor([0])),
            outcome(f, flat, w),
            outcome(f, flat, w, lib.tensor([1, 2])),
            outcome(f, flat, w, lib.tensor([0, 9])),
            outcome(f, flat, w, lib.tensor([[0]])),
            outcome(f, table, w, mode="max", scale_grad_by_freq=True),
            outcome(f, table, w, mode="mean", per_sample_weights=lib.ones(2, 3)),
            outcome(f, table + 9, w),
        ]

    compare(scenario)
