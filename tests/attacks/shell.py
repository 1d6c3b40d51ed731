"""Patches of IPython, and code that goes on or comes back after its cell."""

HONEST = """
def mse(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return ((pred - target) ** 2).mean()
"""

ATTACKS = {
    "ast_transformer": """
import ast
class NoTests(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Expr(self, node): return ast.Pass() if "check" in ast.dump(node) else node
get_ipython().ast_transformers.append(NoTests())
""",
    "input_transformer": """
get_ipython().input_transformers_cleanup.append(lambda lines: ["1.0\\n"])
get_ipython().input_transformers_post.append(lambda lines: ["1.0\\n"])
""",
    "run_cell": """
shell = get_ipython()
type(shell).run_cell = lambda self, *a, **k: None
type(shell).run = lambda self, *a, **k: [{"output_type": "execute_result",
    "data": {"text/plain": "1.0"}, "metadata": {}, "execution_count": 1}]
""",
    "showtraceback": """
shell = get_ipython()
shell.showtraceback = shell._showtraceback = lambda *a, **k: None
shell.set_custom_exc((BaseException,), lambda *a, **k: None)
""",
    "displayhook": """
import sys
sys.displayhook = get_ipython().displayhook = lambda value: None
type(get_ipython().displayhook).__call__ = lambda self, value=None: print("1.0")
sys.excepthook = lambda *a: None
""",
    "history": """
print([line for line in In if "hidden" in line], Out, get_ipython().history_manager)
import glob
print(glob.glob("/**/*history*", recursive=True))
""",
    "events": """
import builtins
for event in ("pre_run_cell", "post_run_cell", "pre_execute", "post_execute"):
    get_ipython().events.register(event, lambda *a: globals().update(check=print))
builtins.__import__ = lambda name, *a, **k: type("M", (), {"__getattr__": lambda s, n: print})()
""",
    "thread_that_goes_on": """
import threading, time
def forever():
    while True:
        globals()["passed"] = True
        time.sleep(0.01)
threading.Thread(target=forever, daemon=True).start()
""" + HONEST,
    "atexit_and_del": """
import atexit, os, sys
class Late:
    def __del__(self): os.write(1, b"1.0"); os._exit(0)
late = Late()
atexit.register(lambda: os.write(2, b"passed"))
atexit.register(lambda: os._exit(0))
""" + HONEST,
    "script_in_output": """
from IPython.display import HTML, Javascript, display
display(HTML("<script>document.title = 'ATTACKED'</script><img src=x onerror=\\"alert(1)\\">"))
display(Javascript("alert(1)"))
display({"text/html": "<iframe src='javascript:alert(1)'></iframe>",
         "image/svg+xml": "<svg onload='alert(1)'/>",
         "text/markdown": "<script>alert(1)</script>",
         "image/png": "x\\" onerror=\\"alert(1)",
         "application/vnd.jupyter.widget-view+json": {"model_id": "x"}}, raw=True)
print("<script>alert(1)</script>")
""" + HONEST,
}
HONEST_TOO = ("thread_that_goes_on", "atexit_and_del", "script_in_output")
