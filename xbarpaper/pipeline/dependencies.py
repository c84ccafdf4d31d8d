"""Writes into dvc.yaml which parameters each stage's code reads, and that it depends on its code.

``python -m xbarpaper.pipeline.dependencies`` brings dvc.yaml up to date. What a stage depends on otherwise (data,
checkpoints, tables) is written there by hand and stays. The code itself stands in ``data/code``; see ``pipeline.code``.
"""

from __future__ import annotations

import ast
import inspect
import io
import sys
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from ruamel.yaml import YAML

from xbarpaper.params import Params
from xbarpaper.pipeline.code import code_of, source_of, started_by
from xbarpaper.support.code import LIBRARY, record_of
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.files import write_text

PIPELINE: Final = Path("dvc.yaml")

_CODE: Final = "code"
_WITHOUT: Final = {_CODE, "sources"}  # stages that depend on no code: DVC runs the second each time
_BY_NAME: Final = {"datasets", "experiments"}  # a stage depends on its own entry, which dvc.yaml names
_CHANGES_NO_RESULT: Final = {"execution"}


def update(root: Path) -> bool:
    """Write the dependencies on code and parameters into dvc.yaml; returns whether anything changed.

    Raises:
        ArtifactError: a command of dvc.yaml starts no module of the library.
    """
    path = root / PIPELINE
    before = path.read_text(encoding="utf-8")
    after = described(root, before)
    if after != before:
        write_text(path, after)
    return after != before


def described(root: Path, pipeline: str) -> str:
    """The text of dvc.yaml with the dependencies of every stage as they are now.

    Raises:
        ArtifactError: a command of dvc.yaml starts no module of the library.
    """
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(pipeline)
    files = set[str]()
    for name, entry in tree["stages"].items():
        if name in _WITHOUT:
            continue
        stage = entry.get("do", entry)
        command = str(stage["cmd"])
        started = started_by(command)
        if started is None:
            raise ArtifactError(f"{PIPELINE}: {name}.cmd = {command} must start with python -m {LIBRARY}...")
        file = record_of(started).as_posix()
        files.add(file)
        stage["deps"] = [file, *(dep for dep in stage["deps"] if dep != file)]
        code = [root / path for path in code_of(root, started)]
        wanted = parameters_read(_source(path) for path in code if path.suffix in (".py", ".ipynb"))
        own = [param for param in stage.get("params", []) if "${" in str(param)]
        if own:
            wanted -= {name for name in wanted if name.split(".")[0] in _BY_NAME}
        if "${profile}" in f"{command} {entry.get('foreach')}":
            wanted -= {"profile"}  # a command that DVC runs again when it reads otherwise
        stage["params"] = [*own, *_ordered(wanted)]
    written = tree["stages"].get(_CODE, {})
    if written.get("outs") != sorted(files):  # the list keeps the comment that follows it
        written["outs"] = sorted(files)
    text = io.StringIO()
    yaml.dump(tree, text)
    return text.getvalue()


def parameters_read(sources: Iterable[str]) -> set[str]:
    """Dotted names of the parameters that code reads from the whole tree of parameters.

    The tree goes by the name ``params`` everywhere, or ``settings`` in notebooks. A section that is handed on counts as
    a whole; a single value is named alone.
    """
    found = set[str]().union(*map(_read_by, sources))
    return {name for name in found if name.split(".")[0] not in _CHANGES_NO_RESULT}


@cache  # stages share most of their code
def _read_by(source: str) -> frozenset[str]:
    found = set[str]()
    tree = ast.parse(source)
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not _is_tree(node.value):
            continue
        section, parent = node.attr, parents.get(id(node))
        values = _values(section, parent.attr) if isinstance(parent, ast.Attribute) else None
        if values is not None:
            found |= {f"{section}.{value}" for value in values}
        elif section in Params.model_fields or section in _METHODS:
            found.add(_METHODS.get(section, section))
    return frozenset(found)


_METHODS: Final = {"experiment": "experiments", "dataset": "datasets"}


def _is_tree(node: ast.expr) -> bool:
    """Whether an expression is the whole tree of parameters, by its name."""
    return (isinstance(node, ast.Name) and node.id in ("params", "settings")) or (
        isinstance(node, ast.Attribute) and node.attr == "params"
    )


def _values(section: str, name: str) -> set[str] | None:
    """The values of a section that an attribute of it reads: itself, or what a property reads; None of no attribute."""
    field = Params.model_fields.get(section)
    kind = field.annotation if field else None
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    if name in kind.model_fields:
        return {name}
    found = getattr(kind, name, None)
    if not isinstance(found, property) or found.fget is None:
        return None
    body = ast.parse(textwrap.dedent(inspect.getsource(found.fget)))
    own = [node.attr for node in ast.walk(body) if isinstance(node, ast.Attribute) and _is_self(node.value)]
    return set().union(*(_values(section, one) or set() for one in own))


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _ordered(names: set[str]) -> list[str]:
    """In the order of params.yaml; a value is left out where its whole section is there."""
    order = list(Params.model_fields)
    single = [name for name in names if name.split(".")[0] not in names or "." not in name]
    return sorted(single, key=lambda name: (order.index(name.split(".")[0]), name))


def _source(path: Path) -> str:
    return source_of(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")


@command("dvc.yaml", ModuleNotFoundError)
def main() -> None:
    """Command line."""
    print(f"{PIPELINE}: {'updated' if update(Path.cwd()) else 'nothing to update'}")


if __name__ == "__main__":
    sys.exit(main())
