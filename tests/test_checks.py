"""The learner's side: what a check says of each kind of mistake, and what it may not call."""

import json
import time
from pathlib import Path

import nbformat
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

import course.losses  # noqa: F401, so that no first import runs under the watch
from course import plain
from course.checks import CheckFailed, check, hint, ready
from course.drivers import drive
from course.exercises import Case, Exercise, Misconception, Sheet
from course.forbidden import Rules, forbidden_in
from course.hidden import hidden_check
from course.judge import judge, within
from course.views import moments, normal_moments, uniform_moments

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def in_the_assignment(monkeypatch):
    monkeypatch.chdir(ROOT / "assignments" / "regression_losses")


def mse(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return ((pred - target) ** 2).mean()


def same_shape_then(function):
    def answer(pred, target):
        if pred.shape != target.shape:
            raise ValueError("shapes differ")
        return function(pred, target)

    return answer


def written_by_a_student():
    raise NotImplementedError


def endless(pred, target):
    while True:
        pred = pred + 1


def divides_by_zero(pred, target):
    nothing = 0
    return 1 / nothing


WRONG = {
    "sum": (lambda p, y: ((p - y) ** 2).sum(), "failed", "sum instead of mean"),
    "mae": (lambda p, y: (p - y).abs().mean(), "failed", "absolute value instead of square"),
    "wrong sign": (lambda p, y: -((p - y) ** 2).mean(), "failed", "sign is the other way round"),
    "factor": (lambda p, y: 12 * ((p - y) ** 2).mean(), "failed", "12 times the expected one"),
    "offset": (lambda p, y: ((p - y) ** 2).mean() + 3, "failed", "expected one plus 3"),
    "square": (lambda p, y: ((p - y) ** 2).mean() ** 2, "failed", "the square of the expected"),
    "shape": (lambda p, y: ((p - y) ** 2).mean().reshape(1), "failed", "expected a 0-dim tensor"),
    "float": (lambda p, y: ((p - y) ** 2).mean().item(), "failed", "came a float"),
    "dtype": (lambda p, y: ((p - y) ** 2).mean().half(), "failed", "dtype torch.float32; came"),
    "none": (lambda p, y: None, "failed", "is a `return` missing?"),
    "nan": (lambda p, y: (p - y).mean() * float("nan"), "failed", "came out NaN"),
    "changed": (lambda p, y: p.sub_(y).pow_(2).mean(), "failed", "argument 1 is not the same"),
    "numpy": (lambda p, y: ((p - y) ** 2).mean().numpy(), "error", "result is a numpy.ndarray"),
    "index": (lambda p, y: p[99], "error", "IndexError"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_check_says_what_is_wrong(mistake):
    function, status, says = WRONG[mistake]
    with pytest.raises(CheckFailed) as caught:
        check("mse", same_shape_then(function))
    assert caught.value.status == status
    assert says in caught.value.message
    assert "four numbers" in caught.value.message
    assert "\n".join(caught.value._render_traceback_()) == str(caught.value)


def test_check_passes_and_promises_no_more_than_it_did(capsys):
    check("mse", mse)
    assert capsys.readouterr().out == "✓ mse: visible checks passed\n"


def test_an_exception_shows_the_students_own_line():
    with pytest.raises(CheckFailed) as caught:
        check("mse", divides_by_zero)
    assert caught.value.status == "error"
    assert "ZeroDivisionError" in caught.value.message
    assert "return 1 / nothing" in caught.value.message
    assert "drivers.py" not in str(caught.value)


def test_a_stub_is_not_attempted():
    with pytest.raises(CheckFailed) as caught:
        check("mse", lambda pred, target: written_by_a_student())
    assert caught.value.status == "not_attempted"


def test_torch_s_own_not_implemented_error_is_a_mistake_and_no_stub():
    with pytest.raises(CheckFailed) as caught:
        check("mse", lambda pred, target: torch.zeros(2, device="meta").tolist())
    assert caught.value.status == "error"
    assert "NotImplementedError" in caught.value.message


def test_something_else_under_the_name_is_missing():
    with pytest.raises(CheckFailed, match="`mse` is a Tensor") as caught:
        check("mse", torch.ones(1))
    assert caught.value.status == "missing"


def test_an_endless_loop_is_too_slow():
    sheet = mini(seconds=0.2).visible_sheet()
    start = time.perf_counter()
    verdict = judge(sheet, endless)
    assert verdict.status == "timeout" and "0.2 seconds" in verdict.message
    assert time.perf_counter() - start < 5


def test_a_check_is_quick():
    check("mse", mse)
    wrong = same_shape_then(WRONG["sum"][0])
    best = min(timed(lambda: judge_wrong(wrong)) for _ in range(5))
    assert best < 0.1


def judge_wrong(answer):
    with pytest.raises(CheckFailed):
        check("mse", answer)


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_unknown_exercise_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checks for `mse`.*checks\.json beside"):
        check("mse", mse)


def test_hints_come_one_by_one(capsys):
    for _ in range(4):
        hint("mae")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Hint 1 of 2") and lines[1].startswith("Hint 2 of 2")
    assert lines[:2] == lines[2:]


def test_ready_names_what_is_missing(capsys):
    def mae(pred, target):
        raise NotImplementedError

    assert ready(mse)
    assert not ready(mse, mae)
    assert "mae" in capsys.readouterr().out


def test_hidden_check_uses_fresh_inputs(monkeypatch, capsys):
    hidden_check("mse", mse)
    assert capsys.readouterr() == ("", "")
    known = json.loads(Path("checks.json").read_text())["exercises"][0]
    sheet = Sheet.from_json(known)

    def hard_coded(pred, target):
        if pred.shape != target.shape:
            raise ValueError
        for case, expected in zip(sheet.cases, sheet.expected):
            if torch.equal(case.args[0], pred):
                return expected.low
        return torch.zeros((), dtype=pred.dtype)

    check("mse", hard_coded)
    with pytest.raises(CheckFailed) as caught:
        hidden_check("mse", hard_coded)
    assert caught.value.status == "failed"


def test_hidden_seed_decides_the_hidden_cases():
    def first(seed):
        return mini().hidden_cases(seed)[0].args[0]

    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


# forbidden calls

FORBIDDEN = {
    "functional": ("torch.nn.functional.mse_loss(p, y)", "mse_loss"),
    "imported": ("__import__('torch.nn').nn.functional.mse_loss(p, y)", "torch.nn"),
    "getattr": ("getattr(getattr(torch, 'n' + 'n'), 'functional').mse_loss(p, y)", "mse_loss"),
    "module": ("getattr(torch, 'n' + 'n').MSELoss()(p, y)", "torch.nn"),
    "aten": ("torch.ops.aten.mse_loss(p, y)", "mse_loss"),
    "overload": ("getattr(torch.ops.aten, 'mse_' + 'loss').default(p, y)", "mse_loss"),
    "operator": ("getattr(torch.ops.aten, 'mse_' + 'loss').default._op(p, y)", "torch.ops"),
    "by its schema": (
        "torch._C._get_operation_overload('aten::mse_' + 'loss', '')[0](p, y)",
        "torch.ops",
    ),
    "C": ("getattr(torch._C, '_n' + 'n').mse_loss(p, y)", "mse_loss"),
    "course": ("__import__('course.losses').losses.mse(p, y)", "course.losses"),
    "eval": ("eval('torch.n' + 'n.functional.mse_loss(p, y)')", "mse_loss"),
    "backward": ("p.requires_grad_().sum().backward()", "backward"),
    "autograd": ("torch.autograd.grad(p.requires_grad_().sum(), p)", "torch.autograd"),
    "optim": ("torch.optim.SGD([p], 0.1)", "torch.optim"),
    "init": ("getattr(torch, 'n' + 'n').init.xavier_uniform_(p)", "xavier_uniform_"),
    "func": ("torch.func.grad(lambda x: x.sum())(p)", "torch.func"),
    "sigmoid": ("torch.sigmoid(p)", "sigmoid"),
    "method": ("p.sigmoid()", "sigmoid"),
    "in place": ("p.sigmoid_()", "sigmoid"),
    "special": ("torch.special.expit(p)", "expit"),
    "mapped": ("list(map(getattr(torch, 'sig' + 'moid'), [p]))", "sigmoid"),
    "hidden method": ("getattr(p, 'sig' + 'moid')()", "sigmoid"),
    "aten sigmoid": ("getattr(torch.ops.aten, 'sig' + 'moid')(p)", "sigmoid"),
    "swallowed": ("[p for _ in [0] if safe(lambda: torch.sigmoid(p))]", "sigmoid"),
}

ALLOWED = [
    "torch.einsum('ij,ij->', p, y)",
    "torch.logsumexp(p, -1)",
    "torch.linalg.vector_norm(p - y, ord=3)",
    "torch.where(p > y, p, y).clamp(0, 1).lerp(y, 0.5)",
    "torch.randn(3, generator=torch.Generator().manual_seed(0)).uniform_(0, 1)",
    "torch.nan_to_num(torch.empty(3).normal_(0, 1))",
    "torch.exp(p).log1p().sinh().tanh()",
    "torch.special.xlogy(p, p.abs())",
    "torch.softmax(p, -1).argmax(-1)",
    "torch.ops.aten.mul.Tensor(p, y)",
    "torch.stack([row.norm() for row in p]).unique()",
    "torch.cat(torch.randperm(10).split(3))",
    "f'{p} {y.sum():.3f}'",
    "__import__('math').tanh(1.0)",
    "torch.no_grad()(lambda: p + y)()",
]


def answer_with(expression):
    """A function that exists without source, so that only the watch at run time sees it."""
    space = {"torch": torch, "safe": safe}
    exec(f"def answer(p, y): return {expression}", space)
    return space["answer"]


def safe(function):
    try:
        return function()
    except BaseException:
        return None


@pytest.mark.parametrize("how", FORBIDDEN)
def test_forbidden_calls_are_seen_while_they_run(how):
    expression, name = FORBIDDEN[how]
    rules = Rules(forbidden=("sigmoid", "expit"))
    outcome = drive(
        answer_with(expression), "call", (torch.ones(2, 3), torch.zeros(2, 3)), {}, rules
    )
    assert outcome.forbidden, outcome
    assert name.replace("torch.func", "functorch") in outcome.forbidden


@pytest.mark.parametrize("expression", ALLOWED)
def test_allowed_calls_are_not_taken_for_forbidden(expression):
    args = (torch.rand(2, 3), torch.rand(2, 3))
    rules = Rules(forbidden=("sigmoid", "expit"), seconds=30)
    outcome = drive(answer_with(expression), "call", args, {}, rules)
    assert outcome.forbidden is None
    assert outcome.error is None or outcome.error.type == "NotPlain"
    assert forbidden_in(f"import torch\n{expression}", rules) is None


SOURCES = {
    "import torch.nn as nn\ndef mse(a, b): return nn.MSELoss()(a, b)": "torch.nn.MSELoss",
    "from torch.nn.functional import mse_loss as m\ndef f(a, b): return m(a, b)": "mse_loss",
    "import torch\ndef f(a): return torch.nn.init.zeros_(a)": "torch.nn.init.zeros_",
    "def f(a):\n    from course import losses\n    return losses.mse(a, a)": "course.losses.mse",
    "def f(a):\n    a.sum().backward()": "Tensor.backward",
    "def f(a): return a.sigmoid()": "Tensor.sigmoid",
    "import importlib\ndef f(a): return importlib.import_module('torch.nn')": "torch.nn",
}


@pytest.mark.parametrize("source", SOURCES)
def test_forbidden_calls_are_read_in_the_source(source):
    assert SOURCES[source] in (forbidden_in(source, Rules(forbidden=("sigmoid",))) or "")


def test_own_methods_of_forbidden_names_are_allowed():
    source = "class A:\n    def step(self):\n        self.last_loss = self.sigmoid(self.backward())"
    assert forbidden_in(source, Rules(forbidden=("sigmoid",))) is None


def test_own_functions_of_forbidden_names_are_allowed():
    source = "def sigmoid(z): return 1 / (1 + (-z).exp())\ndef swish(z): return z * sigmoid(z)"
    assert forbidden_in(source, Rules(forbidden=("sigmoid",))) is None


def test_a_forbidden_call_gives_no_points():
    with pytest.raises(CheckFailed, match=r"torch\.nn\.functional\.mse_loss") as caught:
        check("mse", lambda p, y: torch.nn.functional.mse_loss(p, y))
    assert caught.value.status == "forbidden"


def test_autograd_is_free_where_it_is_the_subject():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x**2).sum()

        @staticmethod
        def backward(ctx, grad):
            return 2 * ctx.saved_tensors[0] * grad

    x = torch.tensor([1.0, -2.0])
    outcome = drive(Square, "autograd", (x,), {}, Rules(allow=("torch.autograd",)))
    assert outcome.forbidden is None and outcome.error is None
    assert outcome.value["gradients"][0].tolist() == [2.0, -4.0]


# the parts


def mini(**how):
    return Exercise(
        name="mini",
        points=1,
        minutes=1,
        reference=lambda a, b: a + b,
        visible=[Case("ones", (torch.ones(2), torch.ones(2)))],
        hidden=lambda draw: [Case("random", (draw.normal(3), draw.normal(3)))],
        alternatives=[],
        misconceptions=[Misconception("minus", lambda a, b: a - b, "add them")],
        hints=["add"],
        **how,
    )


def test_a_sheet_survives_json():
    sheet = mini().hidden_sheet(3)
    again = Sheet.from_json(json.loads(json.dumps(sheet.to_json())))
    assert judge(again, lambda a, b: b + a).passed
    assert judge(again, lambda a, b: a - b).misconception == "minus"


def test_every_answer_within_the_valid_ones_passes():
    exercise = mini(valid=lambda a, b: (a, a + b))
    for share, passes in [(0.0, True), (0.5, True), (1.0, True), (1.5, False), (-0.5, False)]:
        verdict = judge(exercise.visible_sheet(), lambda a, b, s=share: a + s * b)
        assert verdict.passed == passes


numbers = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
tensors = st.lists(st.floats(width=32), max_size=4).map(torch.tensor)
data = st.recursive(
    numbers | tensors,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(data)
def test_plain_data_survives_json(value):
    again = plain.from_json(json.loads(json.dumps(plain.to_json(value))))
    assert repr(plain.copy(again)) == repr(plain.copy(value))


def test_what_is_not_plain_is_named():
    with pytest.raises(plain.NotPlain, match="the result is a object"):
        plain.copy([object()])


SHAPE = (300, 200)
DRAWS = {
    "uniform": (
        uniform_moments(-0.3, 0.3, SHAPE),
        lambda g: torch.rand(SHAPE, generator=g) * 0.6 - 0.3,
    ),
    "normal": (normal_moments(0.2, SHAPE), lambda g: 0.2 * torch.randn(SHAPE, generator=g)),
}


@pytest.mark.parametrize("drawn", DRAWS)
@pytest.mark.parametrize("bounds", DRAWS)
def test_moments_tell_distributions_apart(drawn, bounds):
    (low, high), _ = DRAWS[bounds]
    _, draw = DRAWS[drawn]
    passed = 0
    for seed in range(20):
        outcome = drive(lambda generator: draw(generator), "seeded", (), {"seed": seed})
        seen = moments(outcome.value)
        passed += within(seen, low, high, tolerance=0)
    assert passed == (20 if drawn == bounds else 0)


def test_a_failing_check_shows_its_message_in_jupyter(tmp_path):
    source = [
        "from course.checks import check",
        "def mse(pred, target):\n    return ((pred - target) ** 2).sum()",
        "check('mse', mse)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in source])
    path = {"metadata": {"path": Path.cwd()}}
    NotebookClient(notebook, timeout=120, allow_errors=True, resources=path).execute()
    (error,) = notebook.cells[-1].outputs
    shown = "\n".join(error.traceback)
    assert error.ename == "CheckFailed" and "sum instead of mean" in shown
    assert "judge.py" not in shown and "Traceback" not in shown
