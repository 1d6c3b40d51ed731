"""What an exercise may not call, found twice: by reading the source, and while the code runs."""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
import textwrap
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

MODULES = (
    "torch.nn",
    "torch.optim",
    "torch.autograd",
    "torch.func",
    "torch._functorch",
    "torch._C._nn",
    "course",
    "sklearn",
    "tensorflow",
    "keras",
    "jax",
    "torchmetrics",
    "torchvision",
)
FREE = (
    "torch.autograd.grad_mode",
    "torch.autograd.forward_ad",
    "torch.autograd.profiler",
    "course.checks",
    "course.drivers",
    "course.exercises",
    "course.forbidden",
    "course.judge",
    "course.plain",
    "course.views",
)
"""What torch's own operations run through, and the machinery of the checks; no answers in it."""
LOSSES = re.compile(
    r".*_loss(_nd|2d|_forward)?|kl_div|nll|.*cross_entropy.*|log_sigmoid(_forward)?|gelu|silu|mish"
)
GRADIENTS = ("backward",)


class ForbiddenCall(BaseException):
    """Raised inside a student's code at a forbidden call; no `except Exception` stops it."""


class TooSlow(BaseException):
    """Raised inside a student's code when its time is over."""


@dataclass(frozen=True)
class Rules:
    """What one exercise forbids beyond the common list, what it allows of it, and its time."""

    forbidden: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    seconds: float = 5.0

    def forbids_module(self, module: str) -> bool:
        """Whether code of this module may not be called.

        >>> Rules().forbids_module("torch.nn.functional"), Rules().forbids_module("torch")
        (True, False)
        """
        return _within(module, MODULES) and not _within(module, FREE + self.allow)

    def forbids_name(self, name: str) -> bool:
        """Whether a torch function or method of this name may not be called, in any of its forms.

        >>> Rules(("sigmoid",)).forbids_name("sigmoid_"), Rules(("sigmoid",)).forbids_name("exp")
        (True, False)
        """
        return self.forbids_method(name) or LOSSES.fullmatch(_bare(name)) is not None

    def forbids_method(self, name: str) -> bool:
        """Whether a tensor may not be asked for this; losses are no methods of tensors."""
        name = _bare(name)
        if name in GRADIENTS:
            return "torch.autograd" not in self.allow
        return name in self.forbidden


def _bare(name: str) -> str:
    """'sigmoid' for 'sigmoid_', 'aten::_sigmoid' and 'special_sigmoid'."""
    return re.sub(r"^(aten::)?_?(special_)?|_$", "", name)


def _within(module: str, families: tuple[str, ...]) -> bool:
    return any(module == family or module.startswith(family + ".") for family in families)


class Watch(TorchFunctionMode):
    """Raises at forbidden calls and when the time is over, and remembers the first such call."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules
        self.deadline = time.perf_counter() + rules.seconds
        self.found: str | None = None
        self.late = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.check_torch_call(func)
        self.check_time()
        return func(*args, **(kwargs or {}))

    def profile(self, frame: types.FrameType, event: str, arg: Any) -> None:
        """Look at each call of a Python or C function (the hook of `sys.setprofile`)."""
        watching_itself = frame.f_globals is globals() or frame.f_globals is vars(contextlib)
        if watching_itself or event not in ("call", "c_call"):
            return
        if event == "call":
            self.check_call(frame)
        elif getattr(arg, "__name__", None) == "":
            self.check_operator(frame)
        else:
            self.check_torch_call(arg)
        self.check_time()

    def check_torch_call(self, function: Any) -> None:
        method_of = getattr(function, "__objclass__", None)
        owner = getattr(function, "__self__", None)
        if method_of is torch._C.TensorBase or isinstance(owner, torch.Tensor):
            module = "torch.Tensor"
        else:
            module = str(getattr(function, "__module__", None))
        if call := _forbidden_call(self.rules, module, getattr(function, "__name__", "")):
            self.stop(call)

    def check_operator(self, frame: types.FrameType) -> None:
        """Look at an operator of `torch.ops`, whose C function has no name of its own."""
        operator = frame.f_locals.get("self")
        if not isinstance(operator, torch._ops.OpOverload):
            self.stop("torch.ops")
        name = operator.name().partition(".")[0].replace("aten::", "")
        if self.rules.forbids_name(name):
            self.stop(f"torch.ops.aten.{name}")

    def check_call(self, frame: types.FrameType) -> None:
        caller = frame.f_back.f_globals.get("__name__", "") if frame.f_back else ""
        if str(caller).partition(".")[0] == "torch":
            return
        name = frame.f_code.co_qualname
        module = str(frame.f_globals.get("__name__", ""))
        if call := _forbidden_python_call(self.rules, module, name):
            self.stop(call)

    def check_time(self) -> None:
        if time.perf_counter() > self.deadline:
            self.late = True
            raise TooSlow

    def stop(self, call: str) -> None:
        self.found = self.found or call
        raise ForbiddenCall(call)


@lru_cache(maxsize=10_000)
def _forbidden_call(rules: Rules, module: str, name: str) -> str | None:
    """The full name of a torch function, if it may not be called."""
    if not module.startswith("torch"):
        return None
    inner = module == "torch._C._nn"
    if rules.forbids_name(name) or (inner and rules.forbids_module(module)):
        return f"{'torch.nn.functional' if inner else module}.{name}"
    return None


@lru_cache(maxsize=10_000)
def _forbidden_python_call(rules: Rules, module: str, name: str) -> str | None:
    """The full name of a Python function, if it may not be called."""
    if name == "<module>":  # torch imports parts of itself when they are first needed
        return None
    gradient = module == "torch._tensor" and rules.forbids_name(name.rpartition(".")[2])
    if gradient or rules.forbids_module(module):
        return f"{module.replace('torch._tensor', 'torch')}.{name.removesuffix('.__init__')}"
    return None


@contextlib.contextmanager
def watching(rules: Rules | None) -> Iterator[Watch]:
    """Watch every call that is made inside the `with` block; without rules, let it run."""
    if rules and "torch.optim" in rules.allow:
        import torch._dynamo  # noqa: F401, what the first optimizer imports takes seconds
    watch = Watch(rules or Rules())
    if rules is None:
        yield watch
        return
    before = sys.getprofile()
    with watch:
        sys.setprofile(watch.profile)
        try:
            yield watch
        finally:
            sys.setprofile(before)
    watch.late = time.perf_counter() > watch.deadline


def forbidden_in(source: str, rules: Rules, names: Mapping[str, Any] | None = None) -> str | None:
    """Read source code and name the first forbidden thing that it uses, or None.

    `names` are the values of names defined elsewhere (a function's globals).

    >>> forbidden_in("from torch.nn import functional as F; F.mse_loss(a, b)", Rules())
    'torch.nn.functional.mse_loss'
    >>> forbidden_in("((a - b) ** 2).mean()", Rules())
    """
    known = {name: found for name, value in (names or {}).items() if (found := _origin(value))}
    return _forbidden_in(source, rules, tuple(known.items()))


@lru_cache(maxsize=1000)
def _forbidden_in(source: str, rules: Rules, names: tuple[tuple[str, str], ...]) -> str | None:
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return None
    aliases = dict(names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                target = item.name if item.asname else item.name.partition(".")[0]
                aliases[item.asname or target] = target
        elif isinstance(node, ast.ImportFrom):
            for item in node.names:
                aliases[item.asname or item.name] = f"{node.module}.{item.name}"
    found = [(node.lineno, call) for node in ast.walk(tree) if (call := _use(node, aliases, rules))]
    return min(found, key=lambda use: (use[0], -len(use[1])))[1] if found else None


def forbidden_source(answer: Callable, rules: Rules) -> str | None:
    """`forbidden_in` for a function or class of this process; None where its source is unknown."""
    try:
        source, words = _source(answer)
    except (OSError, TypeError):
        return None
    names = getattr(answer, "__globals__", None) or vars(sys.modules.get(answer.__module__, ast))
    return forbidden_in(source, rules, {key: names[key] for key in words if key in names})


@lru_cache(maxsize=100)
def _source(answer: Callable) -> tuple[str, frozenset[str]]:
    """The source of a function or class, and the words in it."""
    source = inspect.getsource(answer)
    return source, frozenset(re.findall(r"\w+", source))


def _origin(value: Any) -> str | None:
    """Where an imported module, function or class comes from: 'torch.sigmoid'."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if isinstance(module, str) and isinstance(name, str) and module.startswith(("torch", "course")):
        return f"{module}.{name}"
    return None


def _use(node: ast.AST, aliases: Mapping[str, str], rules: Rules) -> str | None:
    """The forbidden thing that this one node uses."""
    if isinstance(node, ast.Attribute):
        name = _dotted(node, aliases)
        if name is None:
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            return f"Tensor.{node.attr}" if rules.forbids_method(node.attr) and not own else None
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        name = aliases.get(node.id)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if _within(node.value, MODULES[:3]) else None
    else:
        return None
    if name is None or name.partition(".")[0] not in {m.partition(".")[0] for m in MODULES}:
        return None
    name = name.replace("torch._C._nn", "torch.nn.functional")
    if rules.forbids_module(name):
        return name
    torch_call = name.startswith("torch.") and rules.forbids_name(name.rpartition(".")[2])
    return name if torch_call and not _within(name, rules.allow) else None


def _dotted(node: ast.expr, aliases: Mapping[str, str]) -> str | None:
    """'torch.nn.functional.relu' for a chain of attributes that starts at an imported name."""
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, aliases)
        return f"{before}.{node.attr}" if before else None
    return aliases.get(node.id) if isinstance(node, ast.Name) else None
