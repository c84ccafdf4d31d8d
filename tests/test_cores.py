"""The cores that work is spread over, and the number of threads."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from xbarpaper.support import cores


@pytest.mark.parametrize(
    ("text", "expected"),
    [("execution: {threads: 3}", 3), ("execution: {threads: no}", 1), ("execution: 3", 1), ("{", 1), ("", 1)],
)
def test_threads_are_a_parameter_and_one_by_default(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "params.yaml").write_text(text)
    assert cores.threads(tmp_path) == expected
    assert cores.environment(tmp_path)["OMP_NUM_THREADS"] == str(expected)


@pytest.mark.skipif(sys.platform != "linux", reason="there are such files on Linux alone")
def test_the_end_of_a_process_is_seen_with_any_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of conda and uv are compiled for systems that had no ``pidfd_open``."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    with subprocess.Popen(["sleep", "600"]) as process:
        ended = cores.end_of(process.pid)
        assert not select.select([ended], [], [], 0)[0]
        process.kill()
        assert select.select([ended], [], [], 60)[0]
        os.close(ended)
    with pytest.raises(OSError, match=f"process {process.pid}: its end cannot be waited for"):
        cores.end_of(process.pid)
