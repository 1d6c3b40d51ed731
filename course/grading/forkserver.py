"""A warm process that forks itself for each request: imports are paid for once."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterable

MAX_FDS, MAX_MESSAGE = 2, 1000


def serve(control: socket.socket, handle: Callable[..., None]) -> None:
    """Fork for each request on `control`; the child gets the sockets that came with it.

    Returns when the other end of `control` is closed.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(b"ready")
    while True:
        try:
            message, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE, MAX_FDS)
        except ConnectionError:
            return
        if not message:
            return
        for module in message.decode().split():
            importlib.import_module(module)
        if os.fork() == 0:
            run_child(lambda fds=fds: handle(*(socket.socket(fileno=fd) for fd in fds)))
        for fd in fds:
            os.close(fd)


def request(control: socket.socket, modules: Iterable[str], fds: list[int]) -> None:
    """Ask for a child with these sockets, which finds these modules imported already."""
    socket.send_fds(control, [" ".join(modules).encode() or b" "], fds)


def run_child(work: Callable[[], None]) -> None:
    """Do the work of a forked child and end the process, whatever happens."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
