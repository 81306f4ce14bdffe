"""One step of a softmax classifier in PyTorch's first idiom.

    python examples/seed.py

Nothing but the name of the package differs from what one wrote for PyTorch 0.1.
"""

import tensorlite as torch
import tensorlite.nn as nn
import tensorlite.nn.functional as F
import tensorlite.optim as optim
from tensorlite.autograd import Variable


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return F.softmax(self.fc(x))


def main(seed=0, steps=1):
    torch.manual_seed(seed)
    net = Net()
    optimizer = optim.SGD(net.parameters(), lr=0.001)
    features = Variable(torch.randn(3, 4), requires_grad=True)
    target = Variable(torch.LongTensor([1, 0, 1]))
    for _ in range(steps):
        optimizer.zero_grad()
        output = net(features)
        loss = F.cross_entropy(output, target)
        loss.backward()
        optimizer.step()
    return net, features, output, loss


if __name__ == "__main__":
    net, features, output, loss = main()
    print(net)
    print("output", output)
    print("loss", loss)
    for name, parameter in net.named_parameters():
        print(name, parameter)
    print("gradient of the features", features.grad)
