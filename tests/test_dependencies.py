"""Every direct dependency has a reason and a licence in docs/dependencies.md; every licence of the lock is allowed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT
from test_environment import LOCK, PROJECT

HERE = sorted({entry.name for entry in LOCK if entry.marker is None or entry.marker.evaluate()})

PERMISSIVE = (
    r"Apache", r"MIT\b", r"BSD", r"0BSD", r"ISC\b", r"PSF|Python Software Foundation", r"CNRI", r"Zlib", r"ZPL|Zope",
    r"BSL-1\.0", r"CC0",
)  # fmt: skip
WEAK_COPYLEFT = (r"MPL|Mozilla Public", r"LGPL|Lesser", r"EPL")
ALLOWED = re.compile("|".join((*PERMISSIVE, *WEAK_COPYLEFT)))
EXCEPTED = re.compile(r"with linking exception")


def licences(package: str) -> str:
    """What a package says of its licence: the expression, else the short text and the classifiers."""
    said = metadata.metadata(package)
    if expression := said.get("License-Expression"):
        return str(expression)
    text = (said.get("License") or "").strip()
    classifiers = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or [] if line.startswith("License")
    ]
    # Some texts say "UNKNOWN", "Dual" or the whole licence, some classifiers no more than "approved".
    short = text if len(text) < 60 and (ALLOWED.search(text) or "GPL" in text) else ""
    return short or " OR ".join(classifiers) or text.partition("\n")[0]


def allowed(said: str) -> bool:
    """Whether one alternative, with all its parts, is allowed."""
    alternatives = re.split(r"\bOR\b|\|", re.sub(r"\(([^()]*)\bOR\b[^()]*\)", r"\1", said))
    return any(
        all(ALLOWED.search(part) or EXCEPTED.search(part) for part in re.split(r"\bAND\b", one))
        and (not re.search(r"(?<!L)GPL|GNU General", one) or bool(EXCEPTED.search(one)))
        for one in alternatives
    )


def described() -> dict[str, tuple[str, str]]:
    """Licence and reason of each package in the table of docs/dependencies.md."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| ([^|]+) \| ([^|]+) \|$", text, flags=re.M)
    return {name: (licence, reason) for name, licence, reason in rows if name != "package"}


OPTIONAL = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
DIRECT = {Requirement(text).name for text in [*PROJECT["dependencies"], *OPTIONAL]}


def test_the_table_names_the_direct_dependencies_and_no_other() -> None:
    assert set(described()) == DIRECT


@pytest.mark.parametrize("package", sorted(DIRECT))
def test_a_direct_dependency_has_a_reason_and_the_licence_that_it_says(package: str) -> None:
    licence, reason = described()[package]
    assert len(reason) >= 5
    assert allowed(licence)
    try:
        said = licences(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is optional and not installed here")
    families = [re.search(pattern, said) for pattern in (*PERMISSIVE, *WEAK_COPYLEFT)]
    documented = [re.search(pattern, licence) for pattern in (*PERMISSIVE, *WEAK_COPYLEFT)]
    assert [bool(one) for one in families] == [bool(one) for one in documented], said


@pytest.mark.parametrize("package", HERE)
def test_every_licence_of_the_lock_goes_with_apache_2(package: str) -> None:
    assert allowed(licences(package)), f"{package}: {licences(package) or 'says nothing of its licence'}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("MIT", True), ("Apache-2.0 OR GPL-2.0-or-later", True), ("GPLv2 | EPLv1", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True), ("GPLv2 with linking exception", True), ("LGPL-3.0", True),
        ("GPL-3.0", False), ("AGPL-3.0-or-later", False), ("MIT AND GPL-3.0", False), ("Proprietary", False),
        ("", False),
    ],
)  # fmt: skip
def test_the_policy(said: str, expected: bool) -> None:
    assert allowed(said) == expected


def test_every_package_is_in_the_policy_by_name_where_it_is_gpl() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    gpl = {canonicalize_name(name) for name in HERE if re.search(r"(?<!L)GPL", licences(name))}
    assert gpl == {name for name in gpl if f"`{name}`" in text}


def entry(name: str, *, skipped: bool = False, vulnerable: bool = False) -> dict[str, object]:
    if skipped:
        return {"name": name, "skip_reason": "not found"}
    known = [{"id": "X-1", "fix_versions": ["2.0"]}] if vulnerable else []
    return {"name": name, "version": "1.0", "vulns": known}


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (
            {"dependencies": [entry("a"), entry("b")]},
            0,
            "audit: 2 packages looked up, no vulnerability known",
        ),
        ({"dependencies": [entry("a", vulnerable=True)]}, 1, "audit: a 1.0: X-1, fixed in 2.0"),
        (
            {"dependencies": [entry("a"), entry("b", skipped=True)]},
            2,
            "1 of 2 packages could not be looked up",
        ),
        ("no network", 2, "audit: the vulnerability database could not be asked: no network"),
    ],
)
def test_an_audit_that_looked_nothing_up_is_not_clean(
    tmp_path: Path, answer: object, code: int, says: str
) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    (tmp_path / "pip_audit.py").write_text(f"print({text!r})\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit")], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert says in done.stdout + done.stderr
