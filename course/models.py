"""The networks of the lectures; both give logits, and the task says how to read them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from course.activations import activation_layer
from course.initializers import initialize


class Autoencoder(nn.Module):
    """Lecture 22a's autoencoder: 784 → 400 (hidden activation) → 784 (sigmoid).

    `logits(X)` is the output before the sigmoid; calling the model gives pixels in (0, 1).

    >>> Autoencoder()(torch.zeros(2, 784)).shape
    torch.Size([2, 784])
    """

    def __init__(self, activation: str = "tanh", pixels: int = 784, hidden: int = 400) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), activation_layer(activation))
        self.decoder = nn.Linear(hidden, pixels)

    def logits(self, X: Tensor) -> Tensor:
        return self.decoder(self.encoder(X))

    def forward(self, X: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(X))


class Classifier(nn.Module):
    """Lecture 22b's classifier: 784 → 400 → 256 → 10 logits, hidden activation after each layer.

    >>> Classifier()(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self, activation: str = "relu", sizes: tuple[int, ...] = (784, 400, 256, 10)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
            layers += [nn.Linear(fan_in, fan_out), activation_layer(activation)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    def logits(self, X: Tensor) -> Tensor:
        return self.layers(X)

    def forward(self, X: Tensor) -> Tensor:
        return self.logits(X)


MODELS = {"autoencoder": Autoencoder, "classifier": Classifier}


def build_model(
    task: str, activation: str, initializer: str, seed: int
) -> Autoencoder | Classifier:
    """Return the task's network with weights drawn from `seed` alone, on the CPU.

    >>> a, b = (build_model("classifier", "relu", "he_normal", seed=3) for _ in range(2))
    >>> torch.equal(a.layers[0].weight, b.layers[0].weight)
    True
    """
    with torch.device("meta"):  # no draw from the global generator
        model = MODELS[task](activation)
    model.to_empty(device="cpu")
    initialize(model, initializer, torch.Generator().manual_seed(seed))
    return model
