"""How long each stage of the pipeline takes, on the active profile.

Run in a fresh clone (or after removing ``data/`` and ``.dvc/cache``): ``python benchmarks/pipeline.py``. It runs
``dvc repro``, notes when each stage begins, and writes reports/benchmarks/pipeline-<profile>.csv.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pandas as pd

from xbarpaper import params
from xbarpaper.support import files

_BEGINS = re.compile(r"Running stage '([^']+)'")


def main() -> int:
    """Run the pipeline; returns its exit code."""
    profile = params.load().profile
    begins: list[tuple[str, float]] = []
    command = [sys.executable, "-m", "dvc", "repro"]
    # The stages call `python`: this one, whether its environment is activated or not.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if found := _BEGINS.search(line):
                begins.append((found[1], time.perf_counter()))
    ended = time.perf_counter()
    if process.returncode:
        return process.returncode
    times = [begin for _, begin in begins] + [ended]
    names = ["start-up", *(name for name, _ in begins), "total"]
    seconds = [times[0] - started, *(later - begin for begin, later in pairwise(times))]
    table = pd.DataFrame({"stage": names, "seconds": [*seconds, ended - started]}).round(1)
    table["cores"] = os.cpu_count()
    print(table.to_string(index=False))
    print(files.write_table(Path("reports/benchmarks") / f"pipeline-{profile}.csv", table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
