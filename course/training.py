"""Training: `fit` one run, or `compare` several from the same weights on the same batches."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, optim

from course import data
from course.config import LossFunction, RunConfig, pick_device
from course.history import History
from course.losses import LOSSES
from course.metrics import Mean, classification_scores, reconstruction_scores
from course.models import build_model
from course.optimizers import OPTIMIZERS
from course.parallel import interleave

REPORT_EVERY = 20

OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "values": torch.sigmoid,
    "probabilities": torch.sigmoid,
    "logits": lambda logits: logits,
    "scores": lambda logits: logits,
    "log_probabilities": functools.partial(F.log_softmax, dim=1),
}
"""How a model's logits become what a loss expects."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: batch `batch` of `batches` in epoch `epoch` of `config.epochs`, from 1."""

    run: int
    history: History
    epoch: int
    batch: int
    batches: int
    loss: float

    @property
    def epochs_passed(self) -> float:
        """The place on the axis of epochs, a fraction within an epoch."""
        return self.epoch - 1 + self.batch / self.batches


@dataclass(frozen=True)
class Scored:
    """The scores of a run after a whole epoch."""

    history: History
    scores: dict[str, float]


Event = Progress | Scored
OnBatch = Callable[[Progress], None]
OnEpoch = Callable[[History], None]


def train_step(
    model: Callable[[Tensor], Tensor],
    optimizer: optim.Optimizer,
    criterion: LossFunction,
    X: Tensor,
    target: Tensor,
) -> Tensor:
    """Do one step of training and return the batch's loss, as a tensor so that nothing waits.

    >>> layer = torch.nn.Linear(2, 1)
    >>> step = train_step(layer, optim.SGD(layer.parameters(), lr=0.1), F.mse_loss,
    ...                   torch.ones(4, 2), torch.ones(4, 1))
    >>> step.shape
    torch.Size([])
    """
    optimizer.zero_grad()
    loss = criterion(model(X), target)
    loss.backward()
    optimizer.step()
    return loss.detach()


def batches(
    X: Tensor, y: Tensor, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of shuffled batches gathered from tensors in memory; the last may be short.

    >>> X, y = torch.arange(5.0).reshape(5, 1), torch.arange(5)
    >>> [len(part) for part, _ in batches(X, y, 2, torch.Generator().manual_seed(0))]
    [2, 2, 1]
    """
    order = torch.randperm(len(X), generator=generator).to(X.device)
    for chosen in order.split(batch_size):
        yield X.index_select(0, chosen), y.index_select(0, chosen)


@functools.lru_cache(maxsize=4)
def _data_on(name: str, device: torch.device) -> data.ImageData:
    return data.load(name).to(device)


class _Run:
    """One run in progress: data, model, optimizer and criterion, and the history it fills."""

    def __init__(self, index: int, config: RunConfig, device: torch.device) -> None:
        self.index, self.config = index, config
        self.images = _data_on(config.dataset, device)
        size = len(self.images.X_train)
        if config.train_size is not None and config.train_size > size:
            raise ValueError(
                f"train_size is {config.train_size}, but {config.dataset} has {size} "
                f"training images"
            )
        self.X = self.images.X_train[: config.train_size]
        self.y = self.images.y_train[: config.train_size]
        self.batches = math.ceil(len(self.X) / config.batch_size)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.model = build_model(
            config.task, config.activation, config.initializer, config.seed
        ).to(device)
        self.history = History(config, model=self.model)
        _, build = OPTIMIZERS.resolve(config.optimizer)
        self.optimizer = build(self.model.parameters(), lr=config.lr)
        if isinstance(config.loss, str):
            entry, self.criterion = LOSSES.resolve(config.loss)
            self.output, self.target = OUTPUTS[entry.expects], entry.target
        else:
            self.criterion = config.loss
            pixels = config.task == "autoencoder"
            self.output = OUTPUTS["values" if pixels else "logits"]
            self.target = "values" if pixels else "labels"

    def predict(self, X: Tensor) -> Tensor:
        return self.output(self.model.logits(X))

    def targets(self, X: Tensor, y: Tensor) -> Tensor:
        if self.config.task == "autoencoder":
            return X
        if self.target == "labels":
            return y
        one_hot = F.one_hot(y, 10).to(X.dtype)
        return 2 * one_hot - 1 if self.target == "signs" else one_hot

    def events(self, stopped: Callable[[], bool]) -> Iterator[Event]:
        """Train; yield a `Progress` every few batches and the `Scored` after each epoch."""
        for epoch in range(1, self.config.epochs + 1):
            train_loss = yield from self._train(epoch, stopped)
            logits = None if train_loss is None else self._test_logits(stopped)
            if logits is None:
                return
            scores = {"epoch": epoch, "train_loss": train_loss} | self._scores(logits)
            broken = [value for value in scores.values() if not math.isfinite(value)]
            if broken:
                self._diverge(broken[0], epoch, self.batches)
                return
            yield Scored(self.history, scores)

    def _train(
        self, epoch: int, stopped: Callable[[], bool]
    ) -> Generator[Progress, None, float | None]:
        """Train one epoch and return its mean loss, or None if it was stopped or diverged."""
        mean, start = Mean(), time.perf_counter()
        stream = batches(self.X, self.y, self.config.batch_size, self.generator)
        for batch, (X, y) in enumerate(stream, start=1):
            target = self.targets(X, y)
            loss = train_step(self.predict, self.optimizer, self.criterion, X, target)
            mean.add(loss, len(X))
            self.history.steps += 1
            if batch == 1 or batch % REPORT_EVERY == 0 or batch == self.batches or stopped():
                value = loss.item()
                self.history.spans.append((start, time.perf_counter()))
                if stopped():
                    return None
                if not math.isfinite(value):
                    self._diverge(value, epoch, batch)
                    return None
                yield Progress(self.index, self.history, epoch, batch, self.batches, value)
                start = time.perf_counter()
        return mean.value()

    @torch.no_grad()
    def _test_logits(self, stopped: Callable[[], bool]) -> Tensor | None:
        parts = []
        for X in self.images.X_test.split(1000):
            if stopped():
                return None
            parts.append(self.model.logits(X))
        return torch.cat(parts)

    def _scores(self, logits: Tensor) -> dict[str, float]:
        if self.config.task == "autoencoder":
            return reconstruction_scores(self.images.X_test, torch.sigmoid(logits))
        return classification_scores(logits, self.images.y_test)

    def _diverge(self, value: float, epoch: int, batch: int) -> None:
        config = self.config
        self.history.status = "diverged"
        self.history.message = (
            f"The loss became {value} in epoch {epoch}, batch {batch}. Try a smaller learning "
            f"rate (lr={config.lr:g} now, lr={config.lr / 10:g} next), or an initializer with "
            f"smaller weights than {config.initializer!r}."
        )


def compare(
    configs: Sequence[RunConfig],
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    stop: threading.Event | None = None,
) -> list[History]:
    """Train several runs side by side and return their histories, in the order given.

    Runs with the same seed start from the same weights (where architecture and initializer are
    the same) and see the same batches in the same order (where data, batch size and seed are the
    same); each run is to the bit what `fit` makes of its config alone. On the CPU every core
    takes a run of its own. `on_batch` is called for the first, every 20th and the last batch of
    an epoch, `on_epoch` after each recorded epoch, both in the calling thread. Setting `stop`,
    or Ctrl-C, ends all runs after the current batch. An exception in a loss of your own ends all
    runs and is raised here.

    >>> short = dict(train_size=200, epochs=1)
    >>> [h.status for h in compare([RunConfig(loss=name, **short) for name in ("mse", "l1")])]
    ['finished', 'finished']
    """
    if not configs:
        raise ValueError("nothing to train: give at least one RunConfig")
    devices = [pick_device(config.device) for config in configs]
    runs = [_Run(i, config, device) for i, (config, device) in enumerate(zip(configs, devices))]
    stopped = stop.is_set if stop is not None else lambda: False
    on_cpu = all(device.type == "cpu" for device in devices)
    workers = min(len(runs), os.cpu_count() or 1) if on_cpu else 1
    events = interleave([run.events(stopped) for run in runs], workers)
    try:
        with contextlib.closing(events):
            for event in events:
                _take(event, on_batch, on_epoch)
    except KeyboardInterrupt:
        pass
    for run in runs:
        if run.history.status == "running":
            count = len(run.history.epochs)
            run.history.status = "stopped"
            run.history.message = f"Stopped after {count} whole epoch{'' if count == 1 else 's'}."
    return [run.history for run in runs]


def _take(event: Event, on_batch: OnBatch | None, on_epoch: OnEpoch | None) -> None:
    """Write an event into its run's history, in the calling thread, and pass it on."""
    history = event.history
    if isinstance(event, Progress):
        history.batch_losses.append((event.epochs_passed, event.loss))
        if on_batch is not None:
            on_batch(event)
        return
    history.epochs.append(event.scores)
    if len(history.epochs) == history.config.epochs:
        history.status = "finished"
    if on_epoch is not None:
        on_epoch(history)


def fit(
    config: RunConfig,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    stop: threading.Event | None = None,
) -> History:
    """Train one run; see `compare`.

    >>> history = fit(RunConfig(task="classifier", train_size=500, epochs=1))
    >>> sorted(history.epochs[0])
    ['accuracy', 'epoch', 'test_cross_entropy', 'train_loss']
    """
    return compare([config], on_batch, on_epoch, stop)[0]
