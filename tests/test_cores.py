"""The cores that work is spread over, and the number of threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xbarpaper.support import cores


@pytest.mark.parametrize(
    ("bound", "quota", "expected"),
    [
        (4, None, 4), (4, "max 100000", 4), (4, "250000 100000", 2), (4, "50000 100000", 1),
        (2, "800000 100000", 2),
    ],
)  # fmt: skip
def test_cores_are_those_of_the_process_within_the_limit_of_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int, quota: str | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(bound)))
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores.available() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("execution: {threads: 3}", 3), ("execution: {threads: no}", 1), ("execution: 3", 1), ("{", 1), ("", 1)],
)
def test_threads_are_a_parameter_and_one_by_default(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "params.yaml").write_text(text)
    assert cores.threads(tmp_path) == expected
    assert cores.environment(tmp_path)["OMP_NUM_THREADS"] == str(expected)
