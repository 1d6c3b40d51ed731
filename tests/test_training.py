"""Training: repeatable, fair between runs, stoppable, and a direct port's equal."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course import data
from course.activations import ACTIVATIONS
from course.config import RunConfig, pick_device
from course.history import History, save_json
from course.initializers import INITIALIZERS
from course.losses import LOSSES, losses_for
from course.models import build_model
from course.optimizers import OPTIMIZERS
from course.training import Progress, batches, compare, fit

TASKS = ("autoencoder", "classifier")
SHORT = {"train_size": 300, "epochs": 2, "batch_size": 64}


def weights(history: History) -> torch.Tensor:
    return nn.utils.parameters_to_vector(history.model.parameters()).detach()


def scores(history: History) -> list[dict[str, float]]:
    return history.epochs


@pytest.mark.parametrize(
    ("task", "loss"), [(task, loss) for task in TASKS for loss in losses_for(task)]
)
def test_every_loss_that_is_offered_trains(task: str, loss: str) -> None:
    # Lp is a sum, not a mean: a tenth of the others' rate is no handicap under Adam
    history = fit(RunConfig(task=task, loss=loss, lr=1e-3, **SHORT))
    assert history.status == "finished" and len(history.epochs) == 2
    first, last = history.column("train_loss")
    assert last < first


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("task", TASKS)
def test_every_optimizer_trains_at_its_typical_rate(task: str, optimizer: str) -> None:
    lr = OPTIMIZERS[optimizer].typical_lr
    first, last = fit(RunConfig(task=task, optimizer=optimizer, lr=lr, **SHORT)).column(
        "train_loss"
    )
    assert last < first


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_runs(activation: str) -> None:
    assert fit(RunConfig(activation=activation, **SHORT)).status == "finished"


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_every_initializer_runs(initializer: str) -> None:
    history = fit(RunConfig(task="classifier", initializer=initializer, **SHORT))
    assert history.status == "finished"


def test_zero_weights_never_break_the_symmetry() -> None:
    history = fit(RunConfig(task="classifier", initializer="zeros", lr=0.1, **SHORT))
    hidden = history.model.layers[0].weight
    assert torch.equal(hidden, hidden[:1].expand_as(hidden))


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_is_the_same_run_to_the_bit(task: str) -> None:
    first, second = (fit(RunConfig(task=task, seed=4, **SHORT)) for _ in range(2))
    assert torch.equal(weights(first), weights(second)) and scores(first) == scores(second)
    other = fit(RunConfig(task=task, seed=5, **SHORT))
    assert not torch.equal(weights(first), weights(other))


def test_a_run_is_the_same_alone_in_company_and_in_a_thread() -> None:
    configs = [
        RunConfig(loss="mse", **SHORT),
        RunConfig(loss="l1", **SHORT),
        RunConfig(loss="mse", **SHORT | {"batch_size": 30, "epochs": 1}),
    ]
    together = compare(configs)
    alone = [fit(config) for config in configs]
    threaded: list[History] = []
    thread = threading.Thread(target=lambda: threaded.extend(compare(configs)))
    thread.start()
    thread.join()
    for a, b, c in zip(together, alone, threaded):
        assert torch.equal(weights(a), weights(b)) and scores(a) == scores(b)
        assert torch.equal(weights(a), weights(c)) and scores(a) == scores(c)


def test_compared_runs_start_from_the_same_weights_and_see_the_same_batches() -> None:
    seen: dict[str, list[torch.Tensor]] = {"a": [], "b": []}
    start: dict[str, torch.Tensor] = {}

    def watch(name: str):
        def loss(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            start.setdefault(name, pred.detach().clone())
            seen[name].append(target.clone())
            return F.mse_loss(pred, target) * (1 if name == "a" else 2)

        return loss

    compare([RunConfig(loss=watch("a"), **SHORT), RunConfig(loss=watch("b"), **SHORT)])
    assert torch.equal(start["a"], start["b"])
    assert len(seen["a"]) == 10
    assert all(torch.equal(a, b) for a, b in zip(seen["a"], seen["b"]))


def test_an_epoch_is_a_partition_of_the_training_set() -> None:
    X = torch.arange(103.0).reshape(-1, 1)
    parts = list(batches(X, X.flatten().long(), 10, torch.Generator().manual_seed(0)))
    assert [len(part) for part, _ in parts] == [10] * 10 + [3]
    rows = torch.cat([part for part, _ in parts]).flatten()
    assert torch.equal(rows.sort().values, X.flatten()) and not torch.equal(rows, X.flatten())
    assert all(torch.equal(part.flatten().long(), labels) for part, labels in parts)


def test_two_epochs_equal_a_direct_port_of_the_lecture_s_loop() -> None:
    """The lecture's own loop, in current torch, with its Dataset of single images."""
    config = RunConfig(**SHORT)
    history = fit(config)
    model = build_model(config.task, config.activation, config.initializer, config.seed)
    net = nn.Sequential(nn.Linear(784, 400), nn.Tanh(), nn.Linear(400, 784), nn.Sigmoid())
    net.load_state_dict(dict(zip(net.state_dict(), model.state_dict().values())))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    X = data.load().X_train[:300]
    generator = torch.Generator().manual_seed(config.seed)
    for epoch in range(2):
        total = 0.0
        for index in torch.randperm(300, generator=generator).split(64):
            optimizer.zero_grad()
            loss = nn.MSELoss()(net(X[index]), X[index])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(index)
        assert history.epochs[epoch]["train_loss"] == pytest.approx(total / 300, rel=1e-5)
    with torch.no_grad():
        test = data.load().X_test
        assert history.epochs[1]["test_mse"] == pytest.approx(F.mse_loss(net(test), test).item())


def test_cross_entropy_and_nll_of_log_softmax_and_kl_are_one_curve() -> None:
    a, b, c = compare(
        [RunConfig("classifier", loss, **SHORT) for loss in ("cross_entropy", "nll", "kl")]
    )
    assert a.column("train_loss") == pytest.approx(b.column("train_loss"), rel=1e-5)
    assert a.column("train_loss") == pytest.approx(c.column("train_loss"), rel=1e-4)


@pytest.mark.parametrize("after", [1, 3])
def test_stop_ends_after_the_current_batch_and_keeps_whole_epochs(after: int) -> None:
    stop, calls = threading.Event(), itertools.count(1)

    def loss(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if next(calls) == 5 + after:
            stop.set()
        return F.mse_loss(pred, target)

    history = fit(RunConfig(loss=loss, **SHORT | {"epochs": 50}), stop=stop)
    assert history.status == "stopped" and history.steps == 5 + after
    assert [epoch["epoch"] for epoch in history.epochs] == [1]
    assert "1 whole epoch" in history.message


def test_ctrl_c_keeps_what_was_recorded() -> None:
    def interrupt(history: History) -> None:
        raise KeyboardInterrupt

    history = fit(RunConfig(**SHORT), on_epoch=interrupt)
    assert history.status == "stopped" and len(history.epochs) == 1


def test_callbacks_report_the_first_every_twentieth_and_the_last_batch() -> None:
    seen: list[Progress] = []
    fit(RunConfig(train_size=450, batch_size=10, epochs=1), on_batch=seen.append)
    assert [progress.batch for progress in seen] == [1, 20, 40, 45]
    assert all(progress.batches == 45 and progress.epoch == 1 for progress in seen)
    x, _ = zip(*seen[0].history.batch_losses)
    assert x == pytest.approx([1 / 45, 20 / 45, 40 / 45, 1])


def test_a_diverging_run_stops_says_so_and_leaves_the_others_alone() -> None:
    config = {"task": "classifier", "optimizer": "gradient_descent", **SHORT}
    bad, good = compare([RunConfig(lr=1e8, **config), RunConfig(lr=0.1, **config)])
    assert bad.status == "diverged" and "smaller learning rate" in bad.message
    assert "lr=1e+07 next" in bad.message
    assert good.status == "finished" and scores(good) == scores(fit(good.config))


def test_a_loss_that_is_no_number_from_the_start_is_a_divergence() -> None:
    history = fit(RunConfig(loss=lambda pred, target: (pred - 2).log().mean(), **SHORT))
    assert history.status == "diverged" and "epoch 1, batch 1" in history.message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "autoencodr"}, "unknown task 'autoencodr'; nearest: autoencoder"),
        ({"loss": "multi_margin"}, "'multi_margin' does not fit the autoencoder.*mse, l1"),
        ({"task": "classifier", "loss": "msle"}, "'msle' does not fit the classifier"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm'; nearest: adam"),
        ({"activation": "reluu"}, "unknown activation 'reluu'; nearest: relu"),
        ({"initializer": "he"}, "unknown initializer 'he'"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"lr": -1}, "lr must be a positive number, got -1"),
        ({"lr": float("nan")}, "lr must be a positive number, got nan"),
        ({"seed": -1}, "seed must be a whole number from 0 on, got -1"),
        ({"dataset": "cifar"}, "unknown data set 'cifar'"),
        ({"loss": 3}, "loss must be a name or a function, got 3"),
    ],
)
def test_bad_settings_name_what_came_and_what_is_allowed(settings: dict, message: str) -> None:
    with pytest.raises((ValueError, KeyError), match=message):
        RunConfig(**settings)


def test_more_images_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="mnist has 60000 training images"):
        fit(RunConfig(train_size=60_001))


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one RunConfig"):
        compare([])


def test_an_unknown_or_missing_device_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        pick_device("gpu")
    if not torch.backends.mps.is_available():
        with pytest.raises(ValueError, match=r"no mps device; there are: .*cpu"):
            pick_device("mps")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_auto_is_the_best_device_there_is(device: str) -> None:
    if torch.cuda.is_available():
        assert pick_device("auto").type == "cuda"
    elif not torch.backends.mps.is_available():
        assert pick_device("auto").type == "cpu"
    assert pick_device("cpu").type == "cpu"


def test_the_line_of_python_makes_the_same_config() -> None:
    config = RunConfig("classifier", "multi_margin:margin=2", "momentum:gamma=0.8", 0.05, seed=7)
    assert eval(config.as_python(), {"RunConfig": RunConfig}) == config
    assert eval(RunConfig("classifier").as_python(), {"RunConfig": RunConfig}) == RunConfig(
        "classifier"
    )


def test_json_and_table_hold_every_epoch(tmp_path: Path) -> None:
    histories = compare([RunConfig(loss=loss, **SHORT) for loss in ("mse", "huber:delta=0.5")])
    save_json(histories, tmp_path / "runs.json")
    read = json.loads((tmp_path / "runs.json").read_text())
    alone, together = [history.seconds for history in histories], read["train_seconds"]
    assert max(alone) <= together <= sum(alone)
    assert [run["config"]["loss"] for run in read["runs"]] == ["mse", "huber:delta=0.5"]
    assert [run["epochs"] for run in read["runs"]] == [h.epochs for h in histories]
    assert f"{histories[0].epochs[1]['test_mse']:.6g}" in str(histories[0])
    assert f"{histories[0].epochs[1]['test_mse']:.6g}" in histories[0]._repr_html_()


def test_losses_that_a_task_offers_are_those_that_it_accepts() -> None:
    for task, name in itertools.product(TASKS, LOSSES):
        if name in losses_for(task):
            assert RunConfig(task=task, loss=name).loss == name
        else:
            with pytest.raises(ValueError, match=f"'{name}' does not fit the {task}"):
                RunConfig(task=task, loss=name)


def test_an_exception_in_a_loss_of_your_own_ends_all_runs_and_is_raised_here() -> None:
    def broken(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("my loss is broken")

    endless, before = RunConfig(**SHORT | {"epochs": 100_000}), threading.active_count()
    with pytest.raises(ArithmeticError, match="my loss is broken"):
        compare([endless, RunConfig(loss=broken, **SHORT)])
    assert threading.active_count() == before


def test_callbacks_come_in_the_calling_thread_and_torch_keeps_its_threads() -> None:
    before, callers = torch.get_num_threads(), set()
    configs = [RunConfig(loss=loss, **SHORT) for loss in ("mse", "l1", "huber")]
    compare(configs, on_batch=lambda progress: callers.add(threading.current_thread()))
    assert callers == {threading.current_thread()}
    assert torch.get_num_threads() == before
    in_a_thread: list[int] = []
    thread = threading.Thread(target=lambda: in_a_thread.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert in_a_thread == [before]


def test_three_runs_on_two_workers_keep_pace() -> None:
    epochs: dict[str, list[int]] = {"mse": [], "l1": [], "huber": []}
    order: list[tuple[str, int]] = []
    configs = [RunConfig(loss=loss, **SHORT | {"epochs": 6}) for loss in epochs]
    compare(configs, on_epoch=lambda h: order.append((h.config.loss_name, len(h.epochs))))
    assert sorted(order) == sorted((loss, epoch) for loss in epochs for epoch in range(1, 7))
    first_finished = next(i for i, (_, epoch) in enumerate(order) if epoch == 6)
    assert {loss for loss, epoch in order[:first_finished] if epoch >= 4} == set(epochs)
