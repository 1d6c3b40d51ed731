"""Answers that are none: hard-coded, not finite, of another type, of huge size."""

ATTACKS = {
    "hard_coded": """
import json
sheet = next(s for s in json.load(open("checks.json"))["exercises"] if s["exercise"] == "mse")
from course.exercises import Sheet
sheet = Sheet.from_json(sheet)
def mse(pred, target):
    for case, expected in zip(sheet.cases, sheet.expected):
        if case.args[0].shape == pred.shape and torch.equal(case.args[0], pred):
            if expected.error:
                raise ValueError
            return expected.low
    return torch.tensor(0.0, dtype=pred.dtype)
""",
    "nan": "def mse(pred, target):\n    return torch.tensor(float('nan'))",
    "infinite": "def mse(pred, target):\n    return torch.tensor(float('inf'))",
    "nan_filled": "def mse(pred, target):\n    return pred * float('nan')",
    "wrong_dtype": "def mse(pred, target):\n    return ((pred - target) ** 2).mean().half()",
    "a_string": "def mse(pred, target):\n    return 'passed'",
    "a_function": "def mse(pred, target):\n    return lambda: None",
    "nothing": "def mse(pred, target):\n    pass",
    "true": "def mse(pred, target):\n    return True",
    "arguments_made_equal": """
def mse(pred, target):
    pred.zero_(); target.zero_()
    return torch.tensor(0.0)
""",
    "huge_value": "def mse(pred, target):\n    return torch.zeros(40_000_000)",
    "expanded_value": "def mse(pred, target):\n    return torch.zeros(1).expand(1 << 40)",
    "deep_value": """
def mse(pred, target):
    value = []
    for _ in range(100_000):
        value = [value]
    return value
""",
    "cyclic_value": "def mse(pred, target):\n    value = []\n    value.append(value)\n    return value",
    "wide_value": "def mse(pred, target):\n    return [0] * 20_000_000",
    "huge_integer": "def mse(pred, target):\n    return 10 ** 100_000",
    "surrogates": "def mse(pred, target):\n    return '\\ud800' * 10",
    "lying_generator": "def mse(pred, target):\n    while True:\n        yield torch.tensor(0.0)",
    "error_with_huge_message": "def mse(pred, target):\n    raise ValueError('x' * 10**8)",
    "error_named_like_ours": """
class CheckFailed(Exception):
    status = "passed"
def mse(pred, target):
    raise CheckFailed("passed")
""",
    "error_that_cannot_be_shown": """
class Odd(Exception):
    def __str__(self): raise SystemExit
    __repr__ = __str__
def mse(pred, target):
    raise Odd
""",
}
