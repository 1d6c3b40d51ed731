"""What one training run is made of: `RunConfig`, checked when it is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course.activations import ACTIVATIONS
from course.data import DATASETS
from course.initializers import INITIALIZERS
from course.losses import LOSSES, losses_for
from course.models import MODELS
from course.optimizers import OPTIMIZERS
from course.registry import unknown

LossFunction = Callable[[Tensor, Tensor], Tensor]
DEFAULT_LOSS = {"autoencoder": "mse", "classifier": "cross_entropy"}
DEFAULT_ACTIVATION = {"autoencoder": "tanh", "classifier": "relu"}


@dataclass(frozen=True)
class RunConfig:
    """The settings of one run; the defaults are those of lectures 22a and 22b.

    `loss`, `optimizer`, `activation` and `initializer` are names from the registries, with
    parameters where wanted (`"huber:delta=0.5"`). `loss` may also be a function of your own,
    `(pred, target) -> 0-dim tensor`; it gets pixels and images in the autoencoder, logits and
    labels in the classifier. `train_size` None means the whole training set. `device` is
    `auto`, `cpu`, `cuda` or `mps`.

    Raises `ValueError` or `UnknownName` for settings that can't work together.

    >>> RunConfig(task="classifier").loss
    'cross_entropy'
    >>> RunConfig(loss="multi_margin")
    Traceback (most recent call last):
    ValueError: loss 'multi_margin' does not fit the autoencoder: it expects scores and labels. ...
    """

    task: str = "autoencoder"
    loss: str | LossFunction | None = None
    optimizer: str = "adam"
    lr: float = 1e-4
    activation: str | None = None
    initializer: str = "fan_in_uniform"
    epochs: int = 10
    batch_size: int = 100
    train_size: int | None = None
    seed: int = 0
    device: str = "auto"
    dataset: str = "mnist"

    def __post_init__(self) -> None:
        for kind, value, names in (
            ("task", self.task, list(MODELS)),
            ("data set", self.dataset, list(DATASETS)),
        ):
            if value not in names:
                raise ValueError(unknown(kind, value, names))
        object.__setattr__(self, "loss", self.loss or DEFAULT_LOSS[self.task])
        object.__setattr__(self, "activation", self.activation or DEFAULT_ACTIVATION[self.task])
        if isinstance(self.loss, str):
            self._check_loss(self.loss)
        elif not callable(self.loss):
            raise ValueError(f"loss must be a name or a function, got {self.loss!r}")
        OPTIMIZERS.resolve(self.optimizer)
        ACTIVATIONS.resolve(self.activation)
        INITIALIZERS.resolve(self.initializer)
        self._check_numbers()

    def _check_loss(self, spec: str) -> None:
        entry, _ = LOSSES.resolve(spec)
        if self.task not in entry.tasks:
            raise ValueError(
                f"loss {entry.name!r} does not fit the {self.task}: it expects {entry.expects} "
                f"and {entry.target.replace('_', ' ')}. Losses that fit: "
                f"{', '.join(losses_for(self.task))}"
            )

    def _check_numbers(self) -> None:
        for name in ("epochs", "batch_size", "train_size"):
            value = getattr(self, name)
            if value is None and name == "train_size":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be a whole number from 0 on, got {self.seed!r}")
        if not isinstance(self.lr, (int, float)) or not 0 < self.lr < float("inf"):
            raise ValueError(f"lr must be a positive number, got {self.lr!r}")

    @property
    def loss_name(self) -> str:
        """The loss as text: its spec, or the name of a function of your own."""
        return self.loss if isinstance(self.loss, str) else getattr(self.loss, "__name__", "custom")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, the loss by name."""
        return dataclasses.asdict(self) | {"loss": self.loss_name}

    def as_python(self) -> str:
        """Return the line of Python that makes this config, defaults left out.

        >>> RunConfig(loss="l1", epochs=2).as_python()
        "RunConfig(loss='l1', epochs=2)"
        """
        standard = RunConfig(task=self.task).as_dict() | {"task": RunConfig().task}
        chosen = [
            f"{name}={value!r}" for name, value in self.as_dict().items() if value != standard[name]
        ]
        return f"RunConfig({', '.join(chosen)})"


def pick_device(name: str = "auto") -> torch.device:
    """Return the device by name; `auto` takes CUDA, then MPS, then the CPU.

    Raises `ValueError` for an unknown name or a device this machine lacks.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, there in present.items() if there))
    if name not in present:
        raise ValueError(unknown("device", name, ["auto", *present]))
    if not present[name]:
        raise ValueError(
            f"this machine has no {name} device; there are: "
            f"{', '.join(device for device, there in present.items() if there)} (or 'auto')"
        )
    return torch.device(name)
