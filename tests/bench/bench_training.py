"""Lecture 22a's two autoencoders, one epoch of full MNIST: four ways, side by side in one run.

- printed: the lecture's own loop in current PyTorch: DataLoader with 4 workers, `ToTensor`, two
  Adam optimizers, `loss.item()` at every step;
- best: the same with no workers;
- ours: `course.training.compare`, training steps and batch gathering;
- floor: the matrix products of both networks alone, plus the fused Adam steps alone.

The variants alternate, each is timed over the same number of steps in every round, and the table
gives the minimum and the median over the rounds. Every variant runs in a process of its own
kind of data; the peak memory of each is measured in a fresh process.

    python tests/bench/bench_training.py [--rounds 5] [--steps 600]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torchvision import datasets, transforms

from course import data
from course.config import RunConfig
from course.history import train_seconds
from course.training import compare

BATCH = 100
EPOCH = 600


class LectureAutoencoder(nn.Module):
    """The network as lecture 22a prints it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(28 * 28, 400), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(400, 28 * 28), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


def lecture(workers: int, steps: int) -> float:
    """Seconds of the lecture's loop, from the first batch asked for to the last step."""
    trainset = datasets.MNIST(data.mnist_root(), train=True, transform=transforms.ToTensor())
    subset = torch.utils.data.Subset(trainset, range(steps * BATCH))
    loader = torch.utils.data.DataLoader(
        subset, batch_size=BATCH, shuffle=True, num_workers=workers
    )
    nets = [LectureAutoencoder() for _ in range(2)]
    criteria = [nn.MSELoss(), nn.L1Loss()]
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-4) for net in nets]
    running = [0.0, 0.0]
    start = time.perf_counter()
    for images, _ in loader:
        inputs = images.view(-1, 28 * 28)
        for i, (net, criterion, optimizer) in enumerate(zip(nets, criteria, optimizers)):
            optimizer.zero_grad()
            loss = criterion(net(inputs), inputs)
            loss.backward()
            optimizer.step()
            running[i] += loss.item()
    return time.perf_counter() - start


def ours(steps: int) -> float:
    """Wall time of the training steps of `compare`, from the first batch asked for to the last."""
    shared = {"train_size": steps * BATCH, "epochs": 1, "device": "cpu"}
    return train_seconds(compare([RunConfig(loss=loss, **shared) for loss in ("mse", "l1")]))


def floor(steps: int) -> float:
    """Seconds of the matrix products and of the fused Adam steps, nothing else."""
    x, h = torch.rand(BATCH, 784), torch.rand(BATCH, 400)
    g = torch.rand(BATCH, 784)
    nets = [LectureAutoencoder() for _ in range(2)]
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-4, fused=True) for net in nets]
    for net in nets:
        for parameter in net.parameters():
            parameter.grad = torch.rand_like(parameter) * 1e-3
    out = {
        shape: torch.empty(shape) for shape in ((BATCH, 400), (BATCH, 784), (784, 400), (400, 784))
    }
    weights = [(net.encoder[0].weight.detach(), net.decoder[0].weight.detach()) for net in nets]
    start = time.perf_counter()
    for _ in range(steps):
        for w1, w2 in weights:
            torch.mm(x, w1.t(), out=out[BATCH, 400])
            torch.mm(h, w2.t(), out=out[BATCH, 784])
            torch.mm(g.t(), h, out=out[784, 400])
            torch.mm(g, w2, out=out[BATCH, 400])
            torch.mm(h.t(), x, out=out[400, 784])
        for optimizer in optimizers:
            optimizer.step()
    return time.perf_counter() - start


VARIANTS: dict[str, Callable[[int], float]] = {
    "lecture as printed, 4 workers": lambda steps: lecture(4, steps),
    "lecture at its best, 0 workers": lambda steps: lecture(0, steps),
    "ours": ours,
    "floor": floor,
}


def peak_memory(name: str) -> float:
    """MiB of memory a fresh process needs at its peak for 100 steps of a variant."""
    command = [sys.executable, __file__, "--memory-of", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=EPOCH)
    parser.add_argument("--memory-of")
    options = parser.parse_args()
    if options.memory_of:
        VARIANTS[options.memory_of](100)
        status = Path("/proc/self/status").read_text()
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        return
    for variant in VARIANTS.values():
        variant(20)
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name, variant in VARIANTS.items():
            seconds[name].append(variant(options.steps) * EPOCH / options.steps)
    best = {name: min(times) for name, times in seconds.items()}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.rounds} rounds")
    print(f"{'one epoch of both autoencoders':32}{'min s':>8}{'median s':>10}{'ours is':>18}"
          f"{'peak MiB':>10}")  # fmt: skip
    for name, times in seconds.items():
        ratio = best[name] / best["ours"]
        relation = f"{ratio:.2f}x as fast" if ratio >= 1 else f"{1 / ratio:.2f}x its time"
        print(f"{name:32}{best[name]:8.2f}{statistics.median(times):10.2f}{relation:>18}"
              f"{peak_memory(name):10.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
