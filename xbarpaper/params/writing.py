"""``params.yaml`` as text: every parameter with its value, and what it means as a comment.

The text is that which DVC writes itself, so that ``dvc exp run -S section.parameter=value`` changes one line of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from xbarpaper.params.datasets import Dataset
from xbarpaper.params.profile import SOURCES, Params, load_profile
from xbarpaper.support.errors import ParameterError
from xbarpaper.support.files import atomic, write_text

TARGET: Final = Path("params.yaml")
PROFILES: Final = Path("profiles")

_HEAD: Final = """\
# Written by `make profile PROFILE={name}` from profiles/{name}.yaml and the defaults in xbarpaper/params. Change a value
# here to try it: `dvc repro` then runs what depends on it. Units are in the names. Numbers are written so that YAML 1.1
# and 1.2 read them alike: 1.0e-3, never 1e-3.
"""
KINDS: Final = [
    kind for one in get_args(get_args(Dataset)[0]) for kind in get_args(one.model_fields["kind"].annotation)
]
_SOURCES: Final = (
    "follows from datasets: the kinds whose images lie outside; `dvc repro` compares them each time"
)
_PLAIN: Final = re.compile(r"[A-Za-z](?:[\w./+-]|,? (?=[\w./-])|[,:](?=[\w/]))*", re.ASCII)
_YAML_1_1: Final = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def write(name: str, root: Path) -> str:
    """Make ``profiles/<name>.yaml`` the active profile: write ``params.yaml`` whole, from it and the defaults.

    A ``params.yaml`` that no profile gives has been edited by hand; it is kept beside the new one.

    Returns:
        What was done, in one line.

    Raises:
        ArtifactError: there is no such profile, something in it is not allowed, or the file cannot be written.
    """
    target, wanted = root / TARGET, _text_of(root / PROFILES / f"{name}.yaml")
    before = target.read_bytes() if target.is_file() else b""
    # As any editor leaves it: with a mark at its start, with other ends of lines, in another encoding.
    text = before.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    if text == wanted:
        return f"{TARGET} is already that of {PROFILES}/{name}.yaml"
    kept = ""
    if before and not _is_of_a_profile(text, root):
        copy = _free(target)
        with atomic(copy) as temporary:
            temporary.write_bytes(before)
        kept = f"; the one before, which was no profile's, is kept as {copy.name}"
    write_text(target, wanted)
    return f"{TARGET} is now that of {PROFILES}/{name}.yaml{kept}"


def _text_of(path: Path) -> str:
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.yaml")))
        raise ParameterError(f"{path}: no such profile (there are: {known})")
    params = load_profile(path)
    if params.profile != path.stem:
        raise ParameterError(f"{path}: profile = {params.profile} must be {path.stem}, the name of the file")
    about = [
        line for line in path.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if line[:1] == "#"
    ]
    return as_yaml(params, about)


def _is_of_a_profile(text: str, root: Path) -> bool:
    for path in sorted((root / PROFILES).glob("*.yaml")):
        try:
            if text == _text_of(path):
                return True
        except ParameterError:  # a profile that is being written need not be right
            continue
    return False


def _free(path: Path) -> Path:
    """The first of params.yaml.before, params.yaml.before.1, ... that is not there."""
    copy, number = path.with_name(f"{path.name}.before"), 0
    while copy.exists():
        number += 1
        copy = path.with_name(f"{path.name}.before.{number}")
    return copy


def as_yaml(params: Params, about: list[str] | None = None) -> str:
    """The text of ``params.yaml``; ``load`` gives the same parameters back.

    Args:
        params: all parameters.
        about: lines of comment for its top.
    """
    lines = [*(about or []), *_HEAD.format(name=params.profile).splitlines()]
    for name, value in params:
        description = Params.model_fields[name].description or ""
        if isinstance(value, dict):
            lines += ["", f"{name}: # {description}", *_entries(value)]
        elif isinstance(value, BaseModel):
            lines += ["", f"{name}: # {_title(value)}", *_group(value, "  ")]
        else:
            lines += [f"{name}: {_scalar(value)} # {description}"]
        if name == "datasets":
            kinds = "".join(f"\n- {kind}" for kind in params.sources)
            lines += ["", f"{SOURCES}:{'' if kinds else ' []'} # {_SOURCES}{kinds}"]
    return "\n".join(lines) + "\n"


def _entries(entries: dict[str, BaseModel]) -> Iterator[str]:
    """Entries by name; the first of each kind is explained."""
    explained = set[type]()
    for name, entry in entries.items():
        is_new = type(entry) not in explained
        explained.add(type(entry))
        yield f"  {_scalar(name)}:" + (f" # {_title(entry)}" if is_new else "")
        yield from _group(entry, "    ", explained=is_new)


def _group(section: BaseModel, indent: str, *, explained: bool = True) -> Iterator[str]:
    for name, value in section:
        field = type(section).model_fields[name]
        choices = " | ".join(KINDS if name == "kind" else _choices(field.annotation))
        words = ": ".join(part for part in (choices, field.description) if part)
        comment = f" # {words}" if explained and words else ""
        if isinstance(value, tuple) and value:
            yield f"{indent}{name}:{comment}"
            yield from (f"{indent}- {_scalar(member)}" for member in value)
        else:
            yield f"{indent}{name}: {'[]' if value == () else _scalar(value)}{comment}"


def _title(section: BaseModel) -> str:
    """The first sentence of what a section says of itself."""
    return (inspect.getdoc(type(section)) or "").split("\n\n")[0].replace("\n", " ").removesuffix(".")


def _choices(annotation: Any) -> list[str]:
    """The names among which a parameter chooses, if there are several."""
    if get_origin(annotation) is tuple:
        return _choices(get_args(annotation)[0])
    names = list(get_args(annotation)) if get_origin(annotation) is Literal else []
    return names if len(names) > 1 else []


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) or (_PLAIN.fullmatch(value) and value.lower() not in _YAML_1_1):
        return str(value)
    quoted = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
    return f'"{"".join(quoted)}"'


def _number(value: float) -> str:
    """Digits exactly as Python gives them; from ten thousand on and below a hundredth with an exponent."""
    exact = Decimal(repr(value))
    power = exact.adjusted()
    if not exact or -2 <= power < 4:
        return repr(value)
    power -= power % 3 if power > 0 else 0
    mantissa = f"{exact.scaleb(-power).normalize():f}"
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{power:+d}"
