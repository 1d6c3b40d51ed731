"""Patches of what compares, and of what it is compared with."""

ANYTHING = "\ndef mse(pred, target):\n    return torch.tensor(0.0, dtype=pred.dtype)\n"

ATTACKS = {
    "patched_compare": """
import torch, torch.testing
for module, name in [(torch, "allclose"), (torch, "equal"), (torch, "isclose"),
                     (torch.testing, "assert_close")]:
    setattr(module, name, lambda *a, **k: True)
torch.Tensor.__eq__ = torch.Tensor.__le__ = torch.Tensor.__ge__ = lambda a, b: torch.ones(1).bool()
torch.Tensor.all = lambda self, *a: True
""" + ANYTHING,
    "patched_builtins": """
import builtins, math
math.isclose = lambda *a, **k: True
builtins.all = builtins.bool = builtins.isinstance = lambda *a: True
builtins.abs = lambda x: 0
builtins.AssertionError = type("AssertionError", (Exception,), {"__new__": lambda *a: None})
""" + ANYTHING,
    "patched_reference": """
import torch.nn.functional as F
answer = torch.tensor(0.0)
for name in dir(F):
    if name.endswith("_loss"):
        setattr(F, name, lambda *a, **k: answer)
def mse(pred, target):
    return answer
""",
    "patched_judge": """
import course.judge, course.checks, course.hidden
passed = course.judge.Verdict("passed")
course.judge.judge = course.checks.judge = course.hidden.judge = lambda sheet, answer: passed
course.judge.mismatch = lambda *a, **k: None
course.judge.within = lambda *a, **k: True
def mse(pred, target):
    return 0
""",
    "patched_drivers": """
import course.drivers
course.drivers.drive = lambda *a, **k: course.drivers.Outcome(value=torch.tensor(0.0))
course.drivers.call = lambda *a, **k: torch.tensor(0.0)
course.drivers.DRIVERS["call"] = lambda *a, **k: torch.tensor(0.0)
def mse(pred, target):
    return 0
""",
    "redefined_check": """
def check(*a, **k):
    print("passed")
hidden_check = check
import course.checks, course.hidden
course.checks.check = course.hidden.hidden_check = check
def mse(pred, target):
    return 0
""",
    "lying_eq": """
class Anything:
    def __eq__(self, other): return True
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    def __bool__(self): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __hash__(self): return 0
    shape, dtype = (), torch.float32
def mse(pred, target):
    return Anything()
""",
    "lying_float": """
class Number(float):
    def __eq__(self, other): return True
    def __float__(self): return 0.0
    def __array__(self, *a, **k):
        import numpy
        return numpy.zeros(())
    def item(self): return 0.0
def mse(pred, target):
    return Number("nan")
""",
    "lying_tensor": """
class Tensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function.__name__ in ("allclose", "equal", "isclose", "eq", "all", "le", "ge"):
            return torch.tensor(True)
        return super().__torch_function__(function, types, args, kwargs or {})
def mse(pred, target):
    return torch.tensor(0.0).as_subclass(Tensor)
""",
    "lying_class": """
class Meta(type):
    def __call__(cls, *args): return torch.tensor(0.0)
    def __eq__(cls, other): return True
    def __getattr__(cls, name): return lambda *a, **k: torch.tensor(0.0)
    __hash__ = type.__hash__
class mse(metaclass=Meta):
    pass
""",
}
