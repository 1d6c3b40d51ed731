"""`course train` and `course lab` as a person runs them: real processes, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from course.cli import main
from course.launch import find_notebook
from tests.conftest import ROOT

COURSE = str(Path(sys.executable).parent / "course")


def course(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COURSE, *arguments], capture_output=True, text=True, timeout=300)


def test_help_needs_neither_torch_nor_jupyter() -> None:
    code = (
        "import sys; from course.cli import main; main(['--help'], standalone_mode=False); "
        "print([m for m in ('torch', 'IPython', 'jupyterlab', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.rstrip().endswith("[]"), result.stdout
    assert all(name in result.stdout for name in ("lab", "train", "release", "grade", "feedback"))


def test_two_losses_make_a_comparison_in_json_and_picture(tmp_path: Path) -> None:
    result = course(
        "train", "autoencoder", "--loss", "mse", "--loss", "l1", "--epochs", "2",
        "--train-size", "500", "--seed", "3", "--optimizer", "momentum", "--lr", "0.05",
        "--json", str(tmp_path / "runs.json"), "--plot", str(tmp_path / "runs.png"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    read = json.loads((tmp_path / "runs.json").read_text())
    assert [run["config"]["loss"] for run in read["runs"]] == ["mse", "l1"]
    for run in read["runs"]:
        assert run["config"]["optimizer"] == "momentum" and run["config"]["seed"] == 3
        assert [epoch["epoch"] for epoch in run["epochs"]] == [1, 2]
        assert {"train_loss", "ssim", "ssim_lecture", "test_mse", "test_mae"} <= set(
            run["epochs"][0]
        )
        assert f"{run['epochs'][1]['test_mse']:.4g}" in result.stdout
    assert read["train_seconds"] > 0
    assert Image.open(tmp_path / "runs.png").size > (400, 300)
    assert "compare the runs by the other columns" in result.stdout


def test_a_classifier_reports_accuracy_and_cross_entropy(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    result = course(
        "train", "classifier", "--epochs", "1", "--train-size", "500", "--json", str(file)
    )
    assert result.returncode == 0, result.stderr
    run = json.loads(file.read_text())["runs"][0]
    assert run["config"]["loss"] == "cross_entropy"
    assert {"accuracy", "test_cross_entropy"} <= set(run["epochs"][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["autoencoder", "--loss", "msee"], "unknown loss 'msee'; nearest: mse"),
        (["autoencoder", "--loss", "nll"], "'nll' does not fit the autoencoder"),
        (["classifer"], "unknown task 'classifer'; nearest: classifier"),
        (["classifier", "--optimizer", "adan"], "unknown optimizer 'adan'; nearest: adam"),
        (["classifier", "--device", "tpu"], "unknown device 'tpu'"),
        (["classifier", "--epochs", "ten"], "'ten' is not a valid integer"),
        (["classifier", "--train-size", "70000"], "mnist has 60000 training images"),
        (["classifier", "--json", "no/such/folder/a.json"], "does not exist; create it first"),
    ],
)
def test_mistakes_are_answered_and_never_a_traceback(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["train", *arguments])
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
    assert message in " ".join(result.stderr.split())


def test_ctrl_c_writes_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    command = [COURSE, "train", "classifier", "--epochs", "10000", "--train-size", "200"]
    process = subprocess.Popen(
        [*command, "--json", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch  1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert "Stopped" in out and json.loads(file.read_text())["runs"][0]["status"] == "stopped"


@pytest.mark.parametrize("name", ["22a", "22a_regression_cost_functions.ipynb", "22b"])
def test_a_lecture_is_found_by_number_or_name(name: str) -> None:
    path = find_notebook(ROOT, name)
    assert path.parts[0] == "lectures" and path.name.startswith(name[:3])


def test_an_unknown_notebook_is_answered_with_the_nearest() -> None:
    result = course("lab", "22a_regresion_cost_function")
    assert result.returncode == 1 and "nearest: 22a_regression_cost_functions" in result.stderr


def test_course_lab_opens_jupyterlab_on_22a(tmp_path: Path) -> None:
    environment = os.environ | {
        f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [COURSE, "lab", "--no-browser", "--IdentityProvider.token=t", "--port=0"],
            cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    try:
        until = time.monotonic() + 90
        while "lab/tree/lectures/22a_regression_cost_functions.ipynb" not in log.read_text():
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
