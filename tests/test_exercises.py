"""The gate: each exercise tells right answers from wrong ones, and names the wrong ones."""

from pathlib import Path

import pytest

from course.hidden import load
from course.judge import judge

FILES = sorted((Path(__file__).parent / "hidden").glob("[!_]*.py"))
EXERCISES = [
    pytest.param(exercise, id=f"{file.stem}-{exercise.name}")
    for file in FILES
    for exercise in load(file)
]
SEEDS = (0, 1, 2)
MANY_SEEDS = range(10)
"""A right answer has to be right in every draw: a rare false failure is an unfair mark."""


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answers_pass(exercise):
    assert len(exercise.alternatives) >= 2
    hidden = [exercise.hidden_sheet(seed) for seed in MANY_SEEDS]
    for sheet in (exercise.visible_sheet(), *hidden):
        for answer in (exercise.reference, *exercise.alternatives):
            verdict = judge(sheet, answer)
            assert verdict.passed, f"{answer.__name__}: {verdict.message}"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_every_misconception_fails_and_is_named(exercise):
    hidden = [exercise.hidden_sheet(seed) for seed in SEEDS]
    for wrong in exercise.misconceptions:
        for sheet in hidden:
            verdict = judge(sheet, wrong.function)
            assert not verdict.passed
            assert verdict.misconception == wrong.name, verdict.message
            assert wrong.hint in verdict.message


@pytest.mark.parametrize("exercise", EXERCISES)
def test_visible_misconceptions_are_never_misnamed(exercise):
    sheet = exercise.visible_sheet()
    for wrong in exercise.misconceptions:
        assert judge(sheet, wrong.function).misconception in (wrong.name, None)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_description_is_complete(exercise):
    assert exercise.points >= 1 and exercise.minutes >= 1
    assert len(exercise.misconceptions) >= 3 and len(exercise.hints) >= 1
    names = [wrong.name for wrong in exercise.misconceptions]
    assert len(set(names)) == len(names)
    labels = [case.label for case in exercise.visible]
    assert len(set(labels)) == len(labels)
