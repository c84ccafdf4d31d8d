"""A process that has loaded torch and its kind, and of which each stage is a copy: it saves stages seconds of start-up.

It loads only what others publish, never this library: each copy loads the library as it is on the disk. One such process
belongs to one ``make repro`` and ends with it. What is asked of it goes through a socket: the arguments and the
environment of the stage's command, and its output streams.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "XBARPAPER_WARM"
"""Environment variable: the socket of the waiting process."""

_LOADED: Final = (
    "torch", "pandas", "scipy.stats", "matplotlib.pyplot", "seaborn", "numba",
    "safetensors.torch", "papermill", "IPython.core.interactiveshell", "pydantic", "ruamel.yaml", "nbstripout",
)  # fmt: skip
_MOST_BYTES: Final = 1 << 20  # of a request
_INTERRUPT: Final = b"i"


def executed(address: str, arguments: Sequence[str]) -> int | None:
    """Have a copy of the waiting process execute a notebook as ``executing.main`` does.

    Args:
        address: path of its socket; empty where nobody waits.
        arguments: of the command line.

    Returns:
        The exit code, or None where nobody waits there.
    """
    if not address:
        return None
    request = {"arguments": list(arguments), "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(address)
            socket.send_fds(server, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
        except OSError:
            return None
        signal.signal(signal.SIGINT, lambda *_: server.send(_INTERRUPT))
        from xbarpaper.support import cores  # the arguments are on their way

        cores.end_with_dvc()
        try:
            answer = server.recv(1)
        except ConnectionResetError:  # it died before it had read what is asked
            return None
    return answer[0] if answer else None


def prepare(environment: MutableMapping[str, str], root: Path) -> None:
    """Change environment variables for libraries that have not been loaded yet: one thread, and all else as it comes.

    Args:
        environment: is changed in place.
        root: the top of the repository.
    """
    from xbarpaper.support import cores

    for name in cores.ARITHMETIC:
        environment.pop(name, None)
    environment.update(
        cores.environment(root),
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        # A folder of the repository's own keeps the list of fonts, which takes a second to make.
        MPLCONFIGDIR=str(root / ".cache/matplotlib"),
        MATPLOTLIBRC=os.devnull,
    )


@contextmanager
def waiting(address: Path, root: Path) -> Iterator[None]:
    """Keep a process waiting for as long as the block runs.

    Args:
        address: where its socket is made.
        root: the top of the repository.
    """
    from xbarpaper.support import cores

    try:
        os.close(cores.end_of(os.getpid()))
    except OSError:  # on Linux alone are copies of a process that has loaded torch safe, and can be watched
        yield
        return
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.bind(str(address))
        except OSError:  # its path is too long, or the disk has no sockets: stages start by themselves
            yield
            return
        server.listen()
        everything = dict(os.environ)
        prepare(everything, root)
        everything.pop("PYTHONPATH", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "xbarpaper.pipeline.warm", str(server.fileno()), str(os.getpid())],
            env=everything,
            pass_fds=[server.fileno()],
            start_new_session=True,  # Ctrl-C goes to the stages alone
        )
    os.environ[VARIABLE] = str(address)
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        process.terminate()
        process.wait()


def serve(server: socket.socket, parent: int) -> None:
    """Load the libraries, then answer each request by a copy of this process, until ``parent`` ends."""
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # see support.light_nbformat
    for name in _LOADED:
        with suppress(ImportError):  # the stage that needs it says so
            importlib.import_module(name)
    del sys.modules["rfc3987_syntax"]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
    while os.getppid() == parent:
        if not select.select([server], [], [], 1.0)[0]:
            continue
        client, _ = server.accept()
        with client, suppress(OSError):  # where no process can be started, the stage does without
            if os.fork() == 0:
                try:
                    server.close()
                    _answer(client)
                finally:
                    os._exit(0)


def _answer(client: socket.socket) -> None:
    """Carry out one request in a copy of this process, and end it with the client should that be killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams, _, _ = socket.recv_fds(client, _MOST_BYTES, 3)
    while not text.endswith(b"\n"):
        text += client.recv(_MOST_BYTES)
    from xbarpaper.support import cores

    watcher, worker = os.getpid(), os.fork()
    if worker == 0:
        cores.die_with(watcher)  # the client takes over where this process dies
        client.close()
        os.setpgid(0, 0)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os._exit(_carried_out(json.loads(text)))
    ended = cores.end_of(worker)
    while ended not in (ready := select.select([ended, client.fileno()], [], [])[0]):
        if client.fileno() in ready:
            os.kill(worker, signal.SIGINT if client.recv(1) == _INTERRUPT else signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with suppress(OSError):
        client.send(bytes([status if status >= 0 else 1]))


def _carried_out(request: dict[str, Any]) -> int:
    """Execute the notebook of a request in this process; returns the exit code."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for name in [name for name in sys.modules if name.split(".")[0] == "xbarpaper"]:
        del sys.modules[name]  # the library as it is on the disk now
    try:
        from xbarpaper.pipeline import executing

        return executing.main(request["arguments"])
    except SystemExit as error:  # of argparse
        return error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
