"""Forged answers on the wire, and frames that are none."""

SOCKETS = """
import json, os, pickle, socket, struct, stat
def sockets():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode): yield fd
        except OSError: pass
def frame(tree, data=b""):
    text = json.dumps(tree).encode()
    return struct.pack("!II", len(text), len(data)) + text + data
"""
PASSED = '{"dict": {"id": %d, "answer": {"dict": {"status": "passed", "points": 1.0, "value": 1.0}}}}'
IN_CALL = "def mse(pred, target):\n    for fd in sockets():\n        "

ATTACKS = {
    "forged_answers": SOCKETS + f"""
def mse(pred, target):
    for fd in sockets():
        for number in range(100):
            tree = json.loads('{PASSED}' % number)
            os.write(fd, frame(tree))
    return 0
""",
    "forged_at_once": SOCKETS + f"""
for fd in sockets():
    for number in range(30):
        os.write(fd, frame(json.loads('{PASSED}' % number)))
""",
    "pickle": SOCKETS + IN_CALL + """
        class Bomb:
            def __reduce__(self): return (os.system, ("touch COURSE/CANARY-pickle",))
        data = pickle.dumps(Bomb())
        os.write(fd, struct.pack("!II", len(data), 0) + data)
    return Bomb()
""",
    "garbage": SOCKETS + IN_CALL + "os.write(fd, os.urandom(10_000))\n    return 0",
    "huge_frame": SOCKETS + IN_CALL + "os.write(fd, struct.pack('!II', 2**32 - 1, 2**32 - 1))\n",
    "half_frame": SOCKETS + IN_CALL + "os.write(fd, struct.pack('!II', 100, 0) + b'{')\n    while 1: pass",
    "slow_frame": SOCKETS + """
import time
def mse(pred, target):
    for fd in sockets():
        os.write(fd, struct.pack("!II", 1000, 0))
        while True:
            os.write(fd, b" "); time.sleep(0.1)
""",
    "bad_tensors": SOCKETS + IN_CALL + """
        for shape in ([-1], [2**62, 4], [1, 2, 3], [0.5], ["x"], [[1]], [10**9] * 30):
            os.write(fd, frame({"tensor": ["float32", shape, 0, 8]}, bytes(8)))
    return 0
""",
    "deep_frame": SOCKETS + IN_CALL + """
        text = b"[" * 1_000_000
        os.write(fd, struct.pack("!II", len(text), 0) + text)
""",
    "unknown_dtype": SOCKETS + IN_CALL + """
        os.write(fd, frame({"dict": {"id": 1, "answer": {"tensor": ["__class__", [1], 0, 4]}}}, bytes(4)))
""",
    "references": SOCKETS + IN_CALL + """
        os.write(fd, frame({"dict": {"id": 1, "answer": {"reference": 0}}}))
    return 0
""",
    "closed": SOCKETS + IN_CALL + "os.close(fd)\n    return 0",
    "patched_worker": """
import sys, socket
for name, module in list(sys.modules.items()):
    if name.startswith("course.grading"):
        for key, value in list(vars(module).items()):
            if callable(value) and key in ("send", "pack", "_tree", "drive", "answer"):
                setattr(module, key, lambda *a, **k: {"id": 1, "answer": {"value": 1.0}})
def mse(pred, target):
    return 0
""",
}
