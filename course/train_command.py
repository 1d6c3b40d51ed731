"""`course train`: the lectures' training without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from course.config import RunConfig
    from course.history import History

SCORES = {
    "autoencoder": ("train_loss", "test_mse", "test_mae", "ssim", "ssim_mean"),
    "classifier": ("train_loss", "accuracy", "test_cross_entropy"),
}


def output_file(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    """Refuse a file that can't be written before hours of training, not after."""
    if value is None:
        return None
    path = Path(value)
    if not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise click.BadParameter(f"{path} is a folder; give the name of a file")
    return path


@click.command(no_args_is_help=True)
@click.argument("task", metavar="[autoencoder|classifier]")
@click.option(
    "--loss",
    "losses",
    multiple=True,
    metavar="NAME",
    help="A loss, as name or name:parameter=value; give it several times to compare.",
)
@click.option("--optimizer", default="adam", show_default=True, metavar="NAME")
@click.option("--lr", type=float, default=1e-4, show_default=True, help="Learning rate.")
@click.option("--activation", metavar="NAME", help="Hidden activation [tanh or relu, by task].")
@click.option("--initializer", default="fan_in_uniform", show_default=True, metavar="NAME")
@click.option("--epochs", type=int, default=10, show_default=True)
@click.option("--batch-size", type=int, default=100, show_default=True)
@click.option("--train-size", type=int, help="Train on the first so many images [all].")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--dataset", default="mnist", show_default=True, metavar="NAME")
@click.option(
    "--json",
    "json_file",
    callback=output_file,
    metavar="FILE",
    help="Write settings and scores of every epoch.",
)
@click.option(
    "--plot", "plot_file", callback=output_file, metavar="FILE.png", help="Draw the loss curves."
)
def train(task: str, losses: tuple[str, ...], json_file: Path | None, plot_file: Path | None,
          **settings: object) -> None:  # fmt: skip
    """Train the lecture's autoencoder (22a) or classifier (22b) and compare losses.

    Runs of one command start from the same weights and see the same batches. Ctrl-C stops;
    whole epochs are kept.
    """
    from course.config import RunConfig, pick_device
    from course.history import save_json

    try:
        configs = [RunConfig(task=task, loss=loss, **settings) for loss in losses or (None,)]
        pick_device(configs[0].device)
    except (ValueError, KeyError) as error:
        raise click.UsageError(str(error)) from None
    histories = _train(configs)
    _print_table(histories)
    if json_file is not None:
        save_json(histories, json_file)
    if plot_file is not None:
        from course.plots import loss_curves

        loss_curves(histories).savefig(plot_file, dpi=150)
    if any(history.status != "finished" for history in histories):
        raise SystemExit(130 if histories[-1].status == "stopped" else 1)


def _train(configs: list[RunConfig]) -> list[History]:
    from tqdm import tqdm

    from course.training import Progress, compare

    total = sum(config.epochs for config in configs)
    bar_format = "{l_bar}{bar}| {n:.2f}/{total} epochs [{elapsed}<{remaining}]{postfix}"
    done: dict[int, float] = {}
    with tqdm(total=total, bar_format=bar_format) as bar:

        def on_batch(progress: Progress) -> None:
            done[progress.run] = progress.epoch - 1 + progress.batch / progress.batches
            bar.n = sum(done.values())
            bar.set_postfix_str(f"{progress.history.config.loss_name} {progress.loss:.4g}")

        def on_epoch(history: History) -> None:
            last = history.epochs[-1]
            scores = "  ".join(f"{name} {last[name]:.5g}" for name in SCORES[history.config.task])
            bar.write(f"epoch {last['epoch']:>2}  {history.config.loss_name:<14} {scores}")

        try:
            return compare(configs, on_batch, on_epoch)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def _print_table(histories: list[History]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    names = SCORES[histories[0].config.task]
    table = Table(title="After the last whole epoch", box=box.SIMPLE)
    table.add_column("loss")
    for heading in ("epochs", *names, "seconds"):
        table.add_column(heading.replace("_", " "), justify="right")
    for history in histories:
        last = history.epochs[-1] if history.epochs else {}
        scores = [f"{last[name]:.4g}" if name in last else "–" for name in names]
        table.add_row(
            history.config.loss_name, str(len(history.epochs)), *scores, f"{history.seconds:.1f}"
        )
    console = Console()
    console.print(table)
    if len({history.config.loss_name for history in histories}) > 1:
        console.print(
            "The training losses have different units; compare the runs by the other columns."
        )
    for history in histories:
        if history.message:
            console.print(f"{history.config.loss_name}: {history.message}", markup=False)
