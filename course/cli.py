"""The `course` command: each subcommand is imported only when it is asked for."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "lab": ("course.launch:lab", "Open the lectures in JupyterLab."),
    "train": ("course.train_command:train", "Train without a browser and compare losses."),
    "release": ("course.release:release", "Make the student version of the assignments."),
    "grade": ("course.grading.commands:grade", "Grade submissions in the sandbox."),
    "feedback": ("course.grading.commands:feedback", "Write a feedback page for each student."),
}


class LazyGroup(click.Group):
    """A command group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="course")
def main() -> None:
    """A course on how neural networks learn: lectures, exercises and grading."""
