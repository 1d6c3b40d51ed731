"""Training: `fit` one run, or `compare` several from the same weights on the same batches."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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


OnBatch = Callable[[Progress], None]
OnEpoch = Callable[[History], None]
Stop = Callable[[], bool]


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


class _Run:
    """One run in progress: its model, optimizer and criterion, and the history it fills."""

    def __init__(self, index: int, config: RunConfig, device: torch.device) -> None:
        self.index, self.config = index, config
        assert config.activation is not None
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
            assert config.loss is not None
            self.criterion = config.loss
            autoencoder = config.task == "autoencoder"
            self.output = OUTPUTS["values" if autoencoder else "logits"]
            self.target = "values" if autoencoder else "labels"

    def predict(self, X: Tensor) -> Tensor:
        return self.output(self.model.logits(X))

    def targets(self, X: Tensor, y: Tensor) -> Tensor:
        if self.config.task == "autoencoder":
            return X
        if self.target == "labels":
            return y
        one_hot = F.one_hot(y, 10).to(X.dtype)
        return 2 * one_hot - 1 if self.target == "signs" else one_hot

    def step(self, X: Tensor, y: Tensor) -> Tensor:
        start = time.perf_counter()
        loss = train_step(self.predict, self.optimizer, self.criterion, X, self.targets(X, y))
        self.history.seconds += time.perf_counter() - start
        self.history.steps += 1
        return loss

    @property
    def live(self) -> bool:
        return self.history.status == "running"

    @torch.no_grad()
    def scores(self, images: data.ImageData) -> dict[str, float]:
        logits = torch.cat([self.model.logits(part) for part in images.X_test.split(2000)])
        if self.config.task == "autoencoder":
            return reconstruction_scores(images.X_test, torch.sigmoid(logits))
        return classification_scores(logits, images.y_test)


@functools.lru_cache(maxsize=4)
def _data_on(name: str, device: torch.device) -> data.ImageData:
    return data.load(name).to(device)


def _batch_key(config: RunConfig) -> tuple[object, ...]:
    return (config.dataset, config.train_size, config.batch_size, config.seed, config.device)


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


class _Group:
    """The runs that see the same batches in the same order, advanced together."""

    def __init__(self, runs: list[_Run]) -> None:
        config = runs[0].config
        self.runs, self.config = runs, config
        self.images = _data_on(config.dataset, pick_device(config.device))
        size = len(self.images.X_train)
        if config.train_size is not None and config.train_size > size:
            raise ValueError(
                f"train_size is {config.train_size}, but {config.dataset} has {size} "
                f"training images"
            )
        self.X = self.images.X_train[: config.train_size]
        self.y = self.images.y_train[: config.train_size]
        self.generator = torch.Generator().manual_seed(config.seed)
        self.batches = math.ceil(len(self.X) / config.batch_size)

    def epoch(self, number: int, on_batch: OnBatch, on_epoch: OnEpoch, stop: Stop) -> None:
        """Train and score one epoch; a stop leaves it unfinished and unrecorded."""
        runs = [run for run in self.runs if run.live]
        means = {run.index: Mean() for run in runs}
        stream = batches(self.X, self.y, self.config.batch_size, self.generator)
        for batch, (X, y) in enumerate(stream, start=1):
            if stop():
                return
            report = batch == 1 or batch % REPORT_EVERY == 0 or batch == self.batches
            for run in [run for run in runs if run.live]:
                loss = run.step(X, y)
                means[run.index].add(loss, len(X))
                if report:
                    self._report(run, number, batch, loss.item(), on_batch)
        for run in [run for run in runs if run.live and not stop()]:
            self._record(run, number, means[run.index].value(), on_epoch)

    def _report(self, run: _Run, epoch: int, batch: int, loss: float, on_batch: OnBatch) -> None:
        if not math.isfinite(loss):
            diverge(run.history, loss, epoch, batch)
            return
        run.history.batch_losses.append((epoch - 1 + batch / self.batches, loss))
        on_batch(Progress(run.index, run.history, epoch, batch, self.batches, loss))

    def _record(self, run: _Run, epoch: int, train_loss: float, on_epoch: OnEpoch) -> None:
        scores = {"train_loss": train_loss} | run.scores(self.images)
        broken = [value for value in scores.values() if not math.isfinite(value)]
        if broken:
            diverge(run.history, broken[0], epoch, self.batches)
            return
        run.history.epochs.append({"epoch": epoch} | scores)
        if epoch == run.config.epochs:
            run.history.status = "finished"
        on_epoch(run.history)


def diverge(history: History, value: float, epoch: int, batch: int) -> None:
    """Mark a run as diverged, with what to change."""
    config = history.config
    history.status = "diverged"
    history.message = (
        f"The loss became {value} in epoch {epoch}, batch {batch}. Try a smaller learning rate "
        f"(lr={config.lr:g} now, lr={config.lr / 10:g} next), or an initializer with smaller "
        f"weights than {config.initializer!r}."
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
    same); each run is to the bit what `fit` makes of its config alone. `on_batch` is called for
    the first, every 20th and the last batch of an epoch, `on_epoch` after each recorded epoch,
    both in the calling thread. Setting `stop`, or Ctrl-C, ends all runs after the current batch.

    >>> short = dict(train_size=200, epochs=1)
    >>> [h.status for h in compare([RunConfig(loss=name, **short) for name in ("mse", "l1")])]
    ['finished', 'finished']
    """
    if not configs:
        raise ValueError("nothing to train: give at least one RunConfig")
    runs = [_Run(i, config, pick_device(config.device)) for i, config in enumerate(configs)]
    keyed: dict[tuple[object, ...], list[_Run]] = {}
    for run in runs:
        keyed.setdefault(_batch_key(run.config), []).append(run)
    groups = [_Group(members) for members in keyed.values()]
    stopped = stop.is_set if stop is not None else lambda: False
    number = 0
    try:
        while any(run.live for run in runs) and not stopped():
            number += 1
            for group in groups:
                group.epoch(number, on_batch or _ignore, on_epoch or _ignore, stopped)
    except KeyboardInterrupt:
        pass
    for run in runs:
        if run.live:
            run.history.status = "stopped"
            run.history.message = f"Stopped; {len(run.history.epochs)} whole epochs are recorded."
    return [run.history for run in runs]


def _ignore(event: object) -> None:
    pass


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
