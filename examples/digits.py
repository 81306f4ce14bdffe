"""Trains a classifier on the UCI handwritten digits: 1797 pictures of 8 x 8 pixels.

    python examples/digits.py --out out

A fifth of the pictures is held out. Ends with the accuracy on it, a checkpoint (`digits.pt`) and
the learning curve (`digits.png`). Needs scikit-learn, tqdm and matplotlib: pip install
"tensorlite[examples]".
"""

import argparse
import time
from pathlib import Path

from sklearn.datasets import load_digits
from tqdm import tqdm

import tensorlite as tl
from tensorlite import nn, optim
from tensorlite.nn import functional as F


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description="Train a classifier on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the results go")
    args = parser.parse_args(argv)
    if args.epochs < 1:
        parser.error("--epochs must be at least 1")
    return args


def load_data():
    """Training and held-out pictures (rows of 64 numbers in [-1, 1]) and their digits."""
    digits = load_digits()
    x = tl.from_numpy(digits.data).float() / 8 - 1
    y = tl.from_numpy(digits.target).long()
    order = tl.randperm(len(y))
    held_out, training = order[: len(y) // 5], order[len(y) // 5 :]
    return (x[training], y[training]), (x[held_out], y[held_out])


class Classifier(nn.Module):
    """Two hidden layers."""

    def __init__(self, width=256):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(width, 10),
        )

    def forward(self, x):
        return self.layers(x)


def train_epoch(model, optimizer, x, y, batch_size):
    """One pass over the training pictures in a new order; gives the mean loss."""
    model.train()
    order = tl.randperm(len(y))
    total = 0.0
    for batch in order.split(batch_size):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(y)


def evaluate(model, x, y):
    """Mean loss and accuracy."""
    model.eval()
    with tl.no_grad():
        scores = model(x)
        loss = F.cross_entropy(scores, y).item()
        accuracy = (scores.argmax(1) == y).float().mean().item()
    return loss, accuracy


def save_picture(history, path):
    """The learning curve: losses on the left axis, held-out accuracy on the right."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    epochs = range(1, len(history) + 1)
    fig, left = plt.subplots(figsize=(7, 4), layout="constrained")
    left.plot(epochs, [h[0] for h in history], label="loss, training")
    left.plot(epochs, [h[1] for h in history], label="loss, held out")
    left.set(xlabel="epoch", ylabel="cross entropy", yscale="log")
    right = left.twinx()
    right.plot(epochs, [100 * h[2] for h in history], "C2", label="accuracy, held out")
    right.set(ylabel="accuracy in %")
    lines = [*left.get_lines(), *right.get_lines()]
    left.legend(lines, [line.get_label() for line in lines], loc="center right")
    left.set_title(f"Handwritten digits: {history[-1][2]:.1%} of the held-out fifth")
    fig.savefig(path, dpi=120)
    plt.close(fig)


def main(argv=None):
    args = parse_arguments(argv)
    tl.manual_seed(args.seed)
    (x, y), (x_held, y_held) = load_data()
    model = Classifier()
    optimizer = optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(y)} pictures to train on, {len(y_held)} held out; {parameters} parameters")

    history = []
    start = time.perf_counter()
    bar = tqdm(range(1, args.epochs + 1), unit="epoch")
    for epoch in bar:
        for group in optimizer.param_groups:  # down to nothing in a straight line
            group["lr"] = args.lr * (1 - (epoch - 1) / args.epochs)
        training_loss = train_epoch(model, optimizer, x, y, args.batch_size)
        loss, accuracy = evaluate(model, x_held, y_held)
        history.append((training_loss, loss, accuracy))
        bar.set_postfix(loss=f"{training_loss:.4f}", accuracy=f"{accuracy:.2%}")
        if epoch == 1 or epoch % 5 == 0 or epoch == args.epochs:
            bar.write(
                f"epoch {epoch:3}: loss {training_loss:.4f}, held-out loss {loss:.4f}, "
                f"held-out accuracy {accuracy:.2%}"
            )
    seconds = time.perf_counter() - start

    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint, picture = args.out / "digits.pt", args.out / "digits.png"
    tl.save({"model": model.state_dict(), "epochs": args.epochs, "seed": args.seed}, checkpoint)
    save_picture(history, picture)
    print(f"held-out accuracy {history[-1][2]:.2%} after {seconds:.1f} s of training")
    print(f"checkpoint: {checkpoint}\nlearning curve: {picture}")
    return history[-1][2]


if __name__ == "__main__":
    main()
