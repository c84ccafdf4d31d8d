"""Commands with the network cut off, and a list of all whom they wanted to speak to."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Every interpreter below, kernels included, writes down whom it wants to speak to.
_WATCH = """
import os, sys

def note(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # others are files of this machine
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost", "::1", "0.0.0.0") and not str(host).startswith("127."):
        with open(os.environ["XBARPAPER_WATCHED"], "a") as file:
            file.write(f"{event} {host} by {sys.argv}\\n")

sys.addaudithook(note)
"""


@dataclass(frozen=True)
class Isolation:
    """A loopback and no other network, for commands that start with ``before`` in ``environment``.

    Attributes:
        folder: where what watches them is kept, and what it saw.
    """

    folder: Path

    before = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")

    @property
    def watched(self) -> Path:
        """A line for each attempt to leave the machine; missing where there was none."""
        return self.folder / "watched"

    @property
    def environment(self) -> dict[str, str]:
        watcher = self.folder / "watcher"
        watcher.mkdir(parents=True, exist_ok=True)
        (watcher / "sitecustomize.py").write_text(_WATCH, encoding="utf-8")
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(watcher)]))
        return {"PYTHONPATH": path, "XBARPAPER_WATCHED": str(self.watched)}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command so."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            [*self.before, *command], env=environment, capture_output=True, text=True, check=False
        )

    def refused(self) -> str | None:
        """Why it cannot be had here; None where it can."""
        try:
            done = self.run(sys.executable, "-c", "")
        except FileNotFoundError as error:
            return f"no {error.filename} here to cut a process off with"
        if not done.returncode:
            return None
        return f"a network of its own is not permitted here: {done.stderr.strip():.100}"
