"""What a stage's results belong to: its command, parameters and inputs, with digests as DVC computes them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, Final

from xbarpaper.pipeline.elsewhere.stages import PARAMS, Stage, parameters, value_of
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import Section, parse

RECORDS: Final = Path("data/elsewhere")
"""Where a stage that ran without DVC is recorded, beside and not among its outs."""

Listing = dict[str, str]
"""MD5 of every file of a folder, by its path there; of a file alone, under the path ''."""


class Record(Section):
    """One run of a stage.

    ``deps`` and ``outs`` hold MD5 digests by path, as in dvc.lock. ``seconds`` and ``peak_mib`` (the largest process)
    are of its command, ``versions`` those of ``checkpoints.versions``, ``commit`` that of the code where git knows it.
    """

    stage: str
    command: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]
    seconds: float
    peak_mib: float
    versions: dict[str, str]
    commit: str | None

    @classmethod
    def path(cls, root: Path, stage: str) -> Path:
        """Where the record of a stage is kept."""
        return root / RECORDS / f"{stage}.json"

    @classmethod
    def of(cls, root: Path, stage: str) -> Record | None:
        """The record of a stage, None where it has none.

        Raises:
            ArtifactError: the file is damaged.
        """
        path = cls.path(root, stage)
        if not path.is_file():
            return None
        return parse(json_of(path), str(path.relative_to(root)), cls)

    def write(self, root: Path) -> None:
        """Keep it."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True)
        files.write_text(self.path(root, self.stage), f"{text}\n")


def json_of(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ArtifactError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactError(f"{path.name}: cannot be read: {error.strerror} ({path.parent})") from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path.name}: damaged: {error}") from None


def params_of(root: Path, stage: Stage) -> dict[str, Any]:
    """The values of the parameters that a stage depends on, by dotted name."""
    tree = parameters(root)
    return {name: value_of(tree, name) for name in stage.params}


def difference(stage: Stage, record: Record, params: Mapping[str, Any]) -> str | None:
    """What a record's command or parameters have that those in force have not, in words; None where they agree."""
    if stage.command != record.command:
        return f"{stage.name}: ran as `{record.command}`, dvc.yaml says `{stage.command}`"
    then, now = _flat(record.params), _flat(params)
    for name in (*then, *now):
        if then.get(name) != now.get(name) or (name in then) != (name in now):
            found, here = (values.get(name, "absent") for values in (then, now))
            return f"{stage.name}: ran with {name} = {found}, {PARAMS} here says {here}"
    return None


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def listing(root: Path, path: str) -> Listing | None:
    """The files of a path with their digests, without those that .dvcignore names; None where nothing is there.

    Raises:
        ArtifactError: .dvcignore holds a pattern of more than a name that may concern the path.
    """
    top = root / path
    if top.is_file():
        return {"": md5(top)}
    if not top.is_dir():
        return None
    ignored, found = _ignored(root, path), Listing()
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        for name in names:
            if not any(fnmatch(name, pattern) for pattern in ignored):
                file = Path(folder) / name
                found[file.relative_to(top).as_posix()] = md5(file)
    return found


def digest_of(found: Listing) -> str:
    """MD5 of a listing as DVC computes it: of the file alone, or of the folder's list, marked ``.dir``."""
    if "" in found:
        return found[""]
    entries = [{"md5": found[name], "relpath": name} for name in sorted(found)]
    text = json.dumps(entries, sort_keys=True).encode()
    return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()}.dir"


def digest(root: Path, path: str) -> str | None:
    """MD5 of a file or folder as DVC computes it; None where nothing is there."""
    found = listing(root, path)
    return None if found is None else digest_of(found)


def md5(path: Path) -> str:
    """MD5 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _ignored(root: Path, path: str) -> list[str]:
    """Names that .dvcignore leaves out of a path."""
    file = root / ".dvcignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    patterns = [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#")]
    names = []
    for pattern in patterns:
        if pattern.startswith("/") and not _meets(pattern, path):
            continue
        if "/" in pattern or pattern.startswith("!"):
            raise ArtifactError(f".dvcignore: {pattern}: only names are understood without DVC")
        names.append(pattern)
    return names


def _meets(rooted: str, path: str) -> bool:
    """Whether a pattern that starts at the top may match something in a path."""
    literal = takewhile(lambda part: not set(part) & set("*?["), PurePosixPath(rooted.lstrip("/")).parts)
    # zip ends with the shorter one: either lies within the other, or they part
    return all(one == other for one, other in zip(literal, PurePosixPath(path).parts, strict=False))
