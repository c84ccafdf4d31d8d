"""Limits that containers, systemd and batch systems set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xbarpaper.support import control_groups, cores, memory


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up groups, of which this process is in none yet: see ``put``."""
    monkeypatch.setattr(control_groups, "_TOP", tmp_path / "cgroup")
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    return tmp_path / "cgroup"


def put(top: Path, own: str, files: dict[str, str]) -> None:
    """Put this process into a group."""
    top.with_name("own").write_text(own)
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("", {}, 4),
        ("0::/", {"cpu.max": "max 100000"}, 4),
        ("0::/", {"cpu.max": "250000 100000"}, 2),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "800000 100000"}, 4),
        # a job of a batch system, with its own limit or that of a group around it
        ("0::/slurm/job_7", {"slurm/job_7/cpu.max": "200000 100000"}, 2),
        ("0::/slurm/job_7", {"slurm/job_7/cpu.max": "max 100000", "slurm/cpu.max": "300000 100000"}, 3),
        # a container that is told the name of its group on the machine
        ("0::/docker/4f2a", {"cpu.max": "300000 100000"}, 3),
        ("0::/../elsewhere", {"cpu.max": "300000 100000", "../elsewhere/cpu.max": "100000 100000"}, 3),
        ("0::/job..7", {"job..7/cpu.max": "200000 100000", "cpu.max": "300000 100000"}, 2),
        # version 1, with a group for each controller, and version 2 beside it without any
        ("4:cpu,cpuacct:/\n0::/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/a\n0::/", {"cpu/a/cpu.cfs_quota_us": "150000", "cpu/a/cpu.cfs_period_us": "50000"}, 3),
        ("4:cpuset:/a\n0::/", {"cpu/a/cpu.cfs_quota_us": "1", "cpu/a/cpu.cfs_period_us": "1"}, 4),
    ],
)  # fmt: skip
def test_cores_are_those_of_the_process_within_the_limits_of_its_groups(
    top: Path, own: str, files: dict[str, str], expected: int
) -> None:
    put(top, own, files)
    assert cores.available() == expected


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"memory.max": "max", "memory.current": "70"}, None),
        ("0::/", {"memory.max": "1000", "memory.current": "70"}, 930),
        ("0::/", {"memory.max": "1000", "memory.current": "1200"}, 0),
        (
            "0::/job",
            {"job/memory.max": "500", "job/memory.current": "70", "memory.max": "1000", "memory.current": "90"},
            430,
        ),
        # what the system keeps of files that were read is free
        (
            "0::/",
            {"memory.max": "1000", "memory.current": "970", "memory.stat": "anon 70\nactive_file 300\ninactive_file 500"},
            830,
        ),
        (
            "6:memory:/a/b\n0::/",
            {
                "memory/a/memory.limit_in_bytes": "1000", "memory/a/memory.usage_in_bytes": "970",
                "memory/a/memory.stat": "active_file 1\ninactive_file 2\ntotal_active_file 300\ntotal_inactive_file 500",
                "memory/a/b/memory.limit_in_bytes": "9223372036854771712", "memory/a/b/memory.usage_in_bytes": "9",
            },
            830,
        ),
    ],
)  # fmt: skip
def test_memory_is_what_the_limits_of_the_groups_leave(
    top: Path, own: str, files: dict[str, str], expected: int | None
) -> None:
    put(top, own, files)
    if expected is None:
        assert memory.free() > 2**20  # what the machine has
    else:
        assert memory.free() == expected
