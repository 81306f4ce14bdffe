"""A Module, an Optimizer and an SGD written by hand in PyTorch's first idiom, on both libraries."""

from collections import OrderedDict, defaultdict

import tensorlite
from side_by_side import compare


def handwritten(T):
    Variable = T.autograd.Variable
    Parameter = T.nn.Parameter

    class Handle:
        next_id = 0

        def __init__(self, hooks):
            self.hooks, self.id = hooks, Handle.next_id
            Handle.next_id += 1

        def remove(self):
            del self.hooks[self.id]

    class Module:
        def __init__(self):
            self._parameters = OrderedDict()
            self._modules = OrderedDict()
            self._forward_hooks = OrderedDict()
            self._backward_hooks = OrderedDict()
            self.training = True

        def __setattr__(self, name, value):
            if isinstance(value, Parameter):
                self.__dict__["_parameters"][name] = value
            elif isinstance(value, Module):
                self.__dict__["_modules"][name] = value
            else:
                object.__setattr__(self, name, value)

        def __getattr__(self, name):
            for table in ("_parameters", "_modules"):
                if name in self.__dict__.get(table, {}):
                    return self.__dict__[table][name]
            raise AttributeError(name)

        def register_forward_hook(self, hook):
            handle = Handle(self._forward_hooks)
            self._forward_hooks[handle.id] = hook
            return handle

        def register_backward_hook(self, hook):
            handle = Handle(self._backward_hooks)
            self._backward_hooks[handle.id] = hook
            return handle

        def __call__(self, *inputs):
            result = self.forward(*inputs)
            for hook in self._forward_hooks.values():
                hook(self, inputs, result)
            for hook in self._backward_hooks.values():
                result.grad_fn.register_hook(lambda gi, go, hook=hook: hook(self, gi, go))
            return result

        def parameters(self):
            yield from self._parameters.values()
            for module in self._modules.values():
                yield from module.parameters()

        def zero_grad(self):
            for p in self.parameters():
                if p.grad is not None:
                    p.grad.data.zero_()

    class Linear(Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.weight = Parameter(T.Tensor(n_out, n_in))
            self.bias = Parameter(T.Tensor(n_out))
            for p in self.parameters():
                p.data.uniform_(-1.0 / n_in, 1.0 / n_in)

        def forward(self, x):
            return T.addmm(self.bias, x, self.weight.t())

    class Net(Module):
        def __init__(self):
            super().__init__()
            self.first = Linear(4, 5)
            self.second = Linear(5, 2)

        def forward(self, x):
            return self.second(self.first(x).tanh())

    class Optimizer:
        def __init__(self, params, defaults):
            params = list(params)
            self.param_groups = params if isinstance(params[0], dict) else [{"params": params}]
            for group in self.param_groups:
                for key, value in defaults.items():
                    group.setdefault(key, value)
            self.state = defaultdict(dict)

        def state_dict(self):
            order = {id(p): i for g in self.param_groups for i, p in enumerate(g["params"])}
            return {order[id(p)]: s for p, s in self.state.items()}

    class SGD(Optimizer):
        def __init__(self, params, lr, momentum=0.0, weight_decay=0.0):
            defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
            super().__init__(params, defaults)

        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    d_p = p.grad.data
                    if group["weight_decay"] != 0:
                        d_p = d_p.add(p.data * group["weight_decay"])
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = d_p.new().resize_as_(d_p).zero_()
                    buf = state["momentum_buffer"]
                    buf.mul_(group["momentum"]).add_(d_p)
                    p.data.add_(buf * -group["lr"])

    log = []
    net = Net()
    forward = net.first.register_forward_hook(lambda m, i, o: log.append(("forward", o.sum())))
    backward = net.second.register_backward_hook(lambda m, gi, go: log.append(("backward", go[0])))
    opt = SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    x = Variable(T.randn(3, 4), requires_grad=True)
    target = Variable(T.LongTensor([1, 0, 1]))
    losses = []
    for step in range(4):
        net.zero_grad()
        loss = T.nn.functional.cross_entropy(net(x), target)
        loss.backward()
        opt.step()
        losses.append(loss.data)
        if step == 1:
            forward.remove()
            backward.remove()
    return [losses, log, list(net.parameters()), opt.state_dict(), x.grad]


def test_handwritten_module_and_optimizer():
    compare(handwritten, tol=1e-5, warns=False)


def test_parameters_derive_from_the_base():
    assert issubclass(tensorlite.Tensor, tensorlite._C._VariableBase)
    assert issubclass(tensorlite.nn.Parameter, tensorlite._C._VariableBase)
