"""What a piece of code depends on: its module and every module of the library that its imports reach.

Results belong to the code that made them. ``digest`` names that code, so a file of results can be refused once the code
has changed, and ``reached`` lists its files, so a stage of the pipeline can depend on them. Nothing is listed by hand.

Imports are read from the source, not by running it. A package whose ``__init__`` holds nothing but imports is a *front*:
a name taken from it leads to the module that defines the name, and the rest of the package does not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from xbarpaper.support.errors import ArtifactError

LIBRARY: Final = "xbarpaper"
ROOT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds the library."""


def digest(module: str) -> str:
    """SHA-256 of a module and of all modules of the library that it reaches.

    Args:
        module: dotted name, such as ``__name__``. A module outside of the library must have been imported.

    Raises:
        ModuleNotFoundError: the library has no such module.
    """
    return _digest(ROOT, module)


@cache
def _digest(root: Path, module: str) -> str:
    total = hashlib.sha256()
    sources = []
    if not _ours(module) and (file := getattr(sys.modules.get(module), "__file__", None)):
        sources = [Path(file).read_text(encoding="utf-8")]
        total.update(sources[0].encode())
    for path in sorted(reached(root, [] if sources else [module], sources)):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{path.as_posix()} {content}\n".encode())
    return total.hexdigest()


def reached(root: Path, modules: Iterable[str] = (), sources: Iterable[str] = ()) -> set[Path]:
    """The files of the library that code reaches, relative to ``root``.

    Args:
        root: folder that holds the library.
        modules: dotted names of modules to begin with; they are among what is reached.
        sources: texts of Python code to begin with, such as a notebook's.

    Raises:
        ModuleNotFoundError: something that is imported is not in the library.
    """
    walk = _Walk(root)
    for module in modules:
        walk.module(module)
    for source in sources:
        walk.follow(source.encode(), LIBRARY)
    return walk.found


def record_of(started: Path | str) -> Path:
    """Where the stage ``code`` writes down which code a notebook, or a module that is started alone, consists of."""
    return (
        Path("data/code") / f"{started.stem if isinstance(started, Path) else started.rpartition('.')[2]}.txt"
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file; of a notebook only its cells' texts and tags, as editors leave other things in it.

    Raises:
        ArtifactError: it is no notebook, though its name ends so.
    """
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        parts = [
            [cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", [])]
            for cell in cells(path)
        ]
        content = json.dumps(parts).encode()
    return hashlib.sha256(content).hexdigest()


def cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells of a notebook.

    Raises:
        ArtifactError: it is no notebook.
    """
    try:
        found: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ArtifactError(
            f"{notebook.parent.name}/{notebook.name}: not a Jupyter notebook: {error}"
        ) from None
    return found


class _Walk:
    """Follows imports from file to file, each file once."""

    def __init__(self, root: Path) -> None:
        self.root, self.found = root, set[Path]()
        files = (path.relative_to(root) for path in (root / LIBRARY).rglob("*.py"))
        self._paths = {_named(path): path for path in files}
        self._fronts = dict[str, dict[str, tuple[str, str]] | None]()

    def module(self, name: str) -> None:
        """Take in a module as a whole."""
        path = self._paths.get(name)
        if path is None:
            raise ModuleNotFoundError(f"{name}: no such module in {self.root / LIBRARY}")
        if path not in self.found:
            self.found.add(path)
            self.follow(self._source(path), name if path.name == "__init__.py" else name.rpartition(".")[0])

    def follow(self, source: bytes, package: str) -> None:
        """Take in what a file imports; ``package`` is where its relative imports begin."""
        for statement in _imports(source):
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    if _ours(alias.name):
                        self.module(alias.name)
                continue
            for alias, base in _imported(statement, package):
                whole = f"{base}.{alias.name}"
                if whole not in self._paths:
                    self._name(base, alias.name)
                elif self._front(whole) is not None:
                    self._uses(source, whole, alias.asname or alias.name)
                else:
                    self.module(whole)

    def _uses(self, source: bytes, front: str, local: str) -> None:
        """Take in the attributes of a front that a file uses under a local name."""
        attributes, handed_on = _used(source, local)
        for attribute in attributes:
            self._name(front, attribute)
        if handed_on:
            self.module(front)  # anything in it may be used

    def _name(self, module: str, name: str) -> None:
        """Take in the module that defines a name which code takes from ``module``."""
        front = self._front(module)
        if front is None:
            self.module(module)
        elif f"{module}.{name}" in self._paths:
            self.module(f"{module}.{name}")
        elif name in front:
            self._name(*front[name])
        elif not name.startswith("__"):
            raise ModuleNotFoundError(f"{module}: imports no {name}")

    def _front(self, module: str) -> dict[str, tuple[str, str]] | None:
        """Where the names of a front come from, as (module, name); None for a module that defines something itself."""
        if module not in self._fronts:
            self._fronts[module] = self._read_front(module)
        return self._fronts[module]

    def _read_front(self, module: str) -> dict[str, tuple[str, str]] | None:
        path = self._paths.get(module)
        if path is None or path.name != "__init__.py":
            return None
        names: dict[str, tuple[str, str]] = {}
        for statement in _parsed(self._source(path)).body:
            if isinstance(statement, ast.ImportFrom):
                names |= {a.asname or a.name: (base, a.name) for a, base in _imported(statement, module)}
            elif not _says_nothing(statement):
                return None
        return names

    def _source(self, path: Path) -> bytes:
        return (self.root / path).read_bytes()


def _named(path: Path) -> str:
    """The dotted name of the module, or of the package, that a file is."""
    parts = path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts
    return ".".join(parts)


@cache
def _parsed(source: bytes) -> ast.Module:
    return ast.parse(source)


@cache
def _imports(source: bytes) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(_running(_parsed(source)))


@cache
def _used(source: bytes, local: str) -> tuple[tuple[str, ...], bool]:
    """The attributes of a name that a file uses, and whether it uses the name in any other way."""
    nodes = list(ast.walk(_parsed(source)))
    of_name = [
        node
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == local
    ]
    owners = {id(node.value) for node in of_name}
    alone = any(isinstance(n, ast.Name) and n.id == local and id(n) not in owners for n in nodes)
    return tuple(dict.fromkeys(node.attr for node in of_name)), alone


def _ours(module: str) -> bool:
    return module.split(".")[0] == LIBRARY


def _imported(statement: ast.ImportFrom, package: str) -> Iterator[tuple[ast.alias, str]]:
    """The names that a statement imports from the library, each with the module that it takes it from."""
    base = statement.module or ""
    if statement.level:
        parents = package.split(".")
        start = ".".join(parents[: len(parents) - statement.level + 1])
        base = f"{start}.{base}" if base else start
    if _ours(base):
        yield from ((alias, base) for alias in statement.names)


def _says_nothing(statement: ast.stmt) -> bool:
    """A docstring, an import of something else, or a name such as ``__all__``."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(t, ast.Name) and t.id.startswith("__") for t in statement.targets)
    return isinstance(statement, ast.Import) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


_HOLD_STATEMENTS: Final = (ast.stmt, ast.ExceptHandler, ast.match_case)


def _running(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that is carried out, in functions too; not those for the type checker alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            for other in child.orelse:
                yield from _running(ast.Module([other], []))
        elif isinstance(child, _HOLD_STATEMENTS):  # no expression holds an import
            yield from _running(child)
