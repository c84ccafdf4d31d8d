"""Where a report comes from: never fails, and says no more than is true."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from synthetic_results import make_params, make_results

from xbarpaper.figures import Labels
from xbarpaper.params.writing import write
from xbarpaper.report import provenance

QUICK = Path(__file__).parents[1] / "profiles" / "quick.yaml"

PARAMS = make_params(1, (16, 32), training_seeds=(0, 1, 2))
TABLES = make_results(PARAMS)
LABELS = Labels.of(PARAMS)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Code, parameters and a profile in one commit, and a later commit of something else."""
    for name in (
        "xbarpaper/module.py", "notebooks/one.ipynb", "dvc.yaml", "params.yaml", "profiles/made-up.yaml",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(QUICK.read_text() if "profiles" in name else name, encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "code", "--date", "2020-01-02T03:04:05")
    (tmp_path / "README.md").write_text("more", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "words")
    return tmp_path


def first_commit(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-list", "--max-parents=0", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout[:10]


def test_the_commit_is_the_last_one_of_the_code(repository: Path) -> None:
    told = provenance.code(repository, "made-up")
    assert re.fullmatch(rf"commit {first_commit(repository)} of \d{{4}}-\d\d-\d\d", told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("xbarpaper/module.py", True), ("notebooks/new.ipynb", True), ("params.yaml", True),
        ("README.md", False), ("reports/made-up/index.html", False),
    ],
)  # fmt: skip
def test_uncommitted_changes_of_the_code_are_told(repository: Path, changed: str, told: bool) -> None:
    (repository / changed).parent.mkdir(parents=True, exist_ok=True)
    (repository / changed).write_text("changed", encoding="utf-8")
    assert provenance.code(repository, "made-up").endswith("not committed when this report was made") == told


def test_choosing_a_profile_is_no_change(repository: Path) -> None:
    write("made-up", repository)
    assert "not committed" not in provenance.code(repository, "made-up")
    assert "not committed" in provenance.code(repository, "other")


def test_the_code_may_lie_in_a_folder_of_another_repository(repository: Path, tmp_path: Path) -> None:
    inside = tmp_path / "papers" / "this"
    for name in ("xbarpaper/module.py", "params.yaml", "profiles/made-up.yaml"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, inside / name)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "a copy")
    (repository / "xbarpaper/module.py").write_text("of the other repository", encoding="utf-8")
    write("made-up", inside)
    assert "not committed" not in provenance.code(inside, "made-up")
    assert "not committed" in provenance.code(inside, "other")


GPG = """#!/bin/sh
cat >/dev/null
printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
printf -- '-----BEGIN PGP SIGNATURE-----\\n-----END PGP SIGNATURE-----\\n'
"""


@pytest.mark.parametrize(
    "settings",
    [
        {"log.showSignature": "true"}, {"status.showUntrackedFiles": "no"}, {"color.ui": "always"},
        {"core.fsmonitor": "/nowhere/watchman"}, {"core.fsmonitor": "true"}, {"core.untrackedCache": "true"},
        {"GIT_DIR": "OTHER"}, {"GIT_INDEX_FILE": "OTHER/index"}, {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_the_users_git_and_its_hooks_change_nothing(
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "gpg").write_text(GPG)
    (other / "gpg").chmod(0o755)
    program = f"gpg.program={other}/gpg"
    (repository / "xbarpaper/module.py").write_text("2")
    git(repository, "-c", program, "commit", "-q", "-S", "-a", "-m", "signed")
    (repository / "notebooks/new.ipynb").touch()
    plain = provenance.code(repository, "made-up")
    assert "not committed" in plain
    git(other, "init", "-q")
    configured = {"gpg.program": str(other / "gpg")} | {n: v for n, v in settings.items() if "." in n}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(configured)))
    for number, (name, value) in enumerate(configured.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    for name in settings.keys() - configured.keys():
        monkeypatch.setenv(name, settings[name].replace("OTHER", str(other / ".git")))
    assert provenance.code(repository, "made-up") == plain


def test_a_file_watcher_that_misses_changes_is_not_asked(repository: Path, tmp_path: Path) -> None:
    """git believes a watcher that names no changed file, as one does that lost its connection."""
    watcher = tmp_path / "watcher"
    watcher.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    watcher.chmod(0o755)
    for name, value in (("core.fsmonitor", str(watcher)), ("core.fsmonitorHookVersion", "2")):
        git(repository, "config", name, value)
    for _ in range(2):
        git(repository, "status")
    (repository / "xbarpaper/module.py").write_text("2")
    assert "not committed" in provenance.code(repository, "made-up")


def test_without_git_it_says_so(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert provenance.code(empty, "made-up") == provenance.NO_GIT
    assert provenance.code(tmp_path / "nowhere", "made-up") == provenance.NO_GIT
    monkeypatch.setenv("PATH", str(empty))
    assert provenance.code(repository, "made-up") == provenance.NO_GIT


def test_a_repository_around_the_code_is_not_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    inner = tmp_path / "unpacked"
    inner.mkdir()
    assert provenance.code(inner, "made-up") == provenance.NO_GIT


def test_facts_come_from_the_tables_and_the_profile(tmp_path: Path) -> None:
    told = dict(provenance.facts(PARAMS, LABELS, TABLES.software, tmp_path))
    assert told["Hardware of training"] == "a made-up machine"
    assert told["Training seeds"] == "0, 1 and 2"
    assert told["Seeds of device variation"].startswith("0 to 4")
    assert told["Data"].startswith("shapes10 (procedural): drawn from seed 0")
    assert told["Data"].endswith("2,000 test images")
    assert f"Python {platform.python_version()}" in told["Versions"]
    assert "unknown" not in told["Versions"]


def test_what_was_run_counts_the_evaluations() -> None:
    told = provenance.what_was_run(PARAMS, LABELS, TABLES.evaluation)
    assert told.startswith("VGG11 (width 0.25, training seeds 0, 1 and 2) on shapes10 (procedural): ")
    assert "pruned by C/F, XCS and XRS to a sparsity of 0.8" in told
    assert "16 × 16 and 32 × 32, without mitigation and with R, WCT and R+WCT" in told
    assert told.endswith(f"5 draws of device variation: {len(TABLES.evaluation):,} evaluations.")
