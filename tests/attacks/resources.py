"""Everything used up: time, processes, memory, disk, output; and processes that end."""

IN_CALL = "\ndef mse(pred, target):\n    return attack()\n"
BLOCK_SIGNALS = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"

ATTACKS = {
    "exit": "import sys\nsys.exit(0)",
    "exit_in_call": "import sys\ndef mse(pred, target):\n    sys.exit(0)",
    "os_exit": "import os\nos._exit(0)",
    "os_exit_in_call": "import os\ndef mse(pred, target):\n    os._exit(0)",
    "segfault": "import ctypes\nctypes.string_at(0)",
    "segfault_in_call": "import ctypes\ndef mse(pred, target):\n    ctypes.string_at(0)",
    "kill_itself": "import os\nos.kill(os.getpid(), 9)",
    "kill_parent": """
import os
for pid in (os.getppid(), 1, -1, 0):
    try: os.kill(pid, 9)
    except OSError as problem: print(problem)
""",
    "endless_loop": "while True:\n    pass",
    "endless_in_call": "def mse(pred, target):\n    while True:\n        pass",
    "endless_that_catches": """
def attack():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""" + IN_CALL,
    "endless_without_signals": BLOCK_SIGNALS + "while True:\n    pass",
    "endless_sleep": BLOCK_SIGNALS + "import time\ntime.sleep(10**6)",
    "endless_in_c": "def mse(pred, target):\n    return (10 ** 8) ** (10 ** 8)",
    "endless_regex": "import re\ndef mse(pred, target):\n    return re.match('(a+)+$', 'a' * 60 + 'b')",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "fork_bomb": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "fork_bomb_in_call": """
import os
def mse(pred, target):
    for _ in range(10_000):
        try: os.fork()
        except OSError: pass
""",
    "process_that_goes_on": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            pass
    os._exit(0)
""",
    "thread_bomb": """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(10**6,)).start()
""",
    "memory_bomb": "blocks = []\nwhile True:\n    blocks.append(bytearray(10**8))",
    "memory_bomb_in_tensor": "def mse(pred, target):\n    return torch.ones(10**11)",
    "memory_bomb_in_processes": """
import os, time
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(1_500_000_000)
        block[::4096] = b"x" * len(block[::4096])
        time.sleep(10**6)
time.sleep(10**6)
""",
    "recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\ndef mse(a, b):\n    return f()",
    "output_bomb": "while True:\n    print('x' * 10**6)",
    "output_bomb_in_call": "def mse(pred, target):\n    while True:\n        print('x' * 10**6)",
    "display_bomb": """
from IPython.display import HTML, display
for _ in range(2000):
    display(HTML("x" * 10**5))
""",
    "disk_bomb": """
import os
for folder in ("/tmp", "/dev/shm", "."):
    try:
        with open(f"{folder}/bomb", "wb") as file:
            while True: file.write(bytes(10**7))
    except OSError as problem: print(problem)
number = 0
while True:
    number += 1
    open(f"/tmp/{number}", "w").close()
""",
    "open_files": "files = []\nwhile True:\n    files.append(open('/dev/null'))",
}
