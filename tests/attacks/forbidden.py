"""The library does the work: calls that an exercise does not allow, found by detours."""

CHECKED = "\n    if pred.shape != target.shape:\n        raise ValueError\n    return "

ATTACKS = {
    "plain": "import torch.nn.functional as F\ndef mse(pred, target):" + CHECKED + "F.mse_loss(pred, target)",
    "by_module": "def mse(pred, target):" + CHECKED + "torch.nn.MSELoss()(pred, target)",
    "by_getattr": "def mse(pred, target):"
    + CHECKED
    + "getattr(getattr(torch.nn, 'func' + 'tional'), 'mse' + '_loss')(pred, target)",
    "by_importlib": "import importlib\ndef mse(pred, target):"
    + CHECKED
    + "importlib.import_module('torch.' + 'nn.functional').mse_loss(pred, target)",
    "by_ops": "def mse(pred, target):" + CHECKED + "torch.ops.aten.mse_loss(pred, target)",
    "by_ops_getattr": "def mse(pred, target):"
    + CHECKED
    + "getattr(torch.ops.aten, 'mse' + '_loss').default(pred, target, 1)",
    "by_ops_overload": "def mse(pred, target):"
    + CHECKED
    + "getattr(torch.ops.aten, 'mse' + '_loss').default._op(pred, target)",
    "by_eval": "def mse(pred, target):" + CHECKED + "eval('torch.nn.functional.m' 'se_loss(pred, target)')",
    "by_exec": "code = 'import torch.nn.functional as F; ' + 'result = F.mse_loss(pred, target)'\n"
    "def mse(pred, target):\n    if pred.shape != target.shape:\n        raise ValueError\n"
    "    names = dict(pred=pred, target=target)\n    exec(code, names)\n    return names['result']",
    "by_alias": "from torch._C import _nn as tools\ndef mse(pred, target):"
    + CHECKED
    + "tools.mse_loss(pred, target)",
    "by_default": "import torch.nn.functional as F\ndef mse(pred, target, f=F.mse_loss):"
    + CHECKED
    + "f(pred, target)",
    "by_course": "from course import losses\ndef mse(pred, target):"
    + CHECKED
    + "losses.mse(pred, target)",
    "by_course_registry": "from course.losses import LOSSES\nright = list(LOSSES.values())[0]\n"
    "def mse(pred, target):" + CHECKED + "right.function(pred, target)",
    "by_copied_function": "import types, torch.nn.functional as F\n"
    "mse = types.FunctionType(F.mse_loss.__code__, F.mse_loss.__globals__, 'mse', "
    "F.mse_loss.__defaults__)",
    "as_it_is": "from torch.nn.functional import mse_loss as mse",
    "by_partial": "import functools, torch.nn.functional as F\nmse = functools.partial(F.mse_loss)",
    "by_callable": "import torch\nclass Answer(torch.nn.MSELoss):\n    pass\nmse = Answer()",
    "by_decorator": "import torch.nn.functional as F\ndef better(function):\n    return F.mse_loss\n"
    "@better\ndef mse(pred, target):\n    return 0",
    "by_jit": "def mse(pred, target):"
    + CHECKED
    + "torch.jit.script(torch.nn.functional.mse_loss)(pred, target)",
    "unwatched": "import sys\ndef mse(pred, target):\n    sys.setprofile(None)\n    sys.settrace(None)"
    + CHECKED
    + "torch._C._nn.mse_loss(pred, target)",
    "unwatched_rules": "import course.forbidden\n"
    "course.forbidden.Watch.stop = course.forbidden.Watch.check_call = lambda *a: None\n"
    "course.forbidden.forbidden_source = lambda *a: None\n"
    "course.drivers.forbidden_source = lambda *a: None\n"
    "import torch.nn.functional as F\ndef mse(pred, target):" + CHECKED + "F.mse_loss(pred, target)",
}
