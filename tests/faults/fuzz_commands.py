"""Bad commands: notebooks and parameters that are none, and handbacks whose manifest says what it likes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xbarpaper.pipeline import notebook
from xbarpaper.pipeline.elsewhere import __main__ as elsewhere
from xbarpaper.support.errors import ArtifactError

from .survival import Case


def _said(folder: Path, main: Callable[[list[str]], int], arguments: list[str]) -> None:
    """Give a command in the folder; a failure must be one line on stderr and the exit code 1."""
    said, before = io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stderr(said):
            code = main(arguments)
    finally:
        os.chdir(before)
    if code:
        assert code == 1, f"exit code {code}"
        raise ArtifactError(said.getvalue().removesuffix("\n"))


def _top(folder: Path) -> None:
    (folder / "dvc.yaml").write_text("stages: {make: {cmd: 'true', outs: [data/x]}}\n", encoding="utf-8")
    (folder / "params.yaml").write_text("profile: p\n", encoding="utf-8")


def _cells(source: str) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "source": source}
    cell |= {"execution_count": None, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def notebooks() -> Iterator[Case]:
    """Files that are no notebook, and parameters that a notebook has not."""
    texts = {
        "empty": "", "list": "[]", "number": "3", "text": "hello", "null": "null", "map": "{}", "deep": "[" * 100_000,
        "cut": _cells("a = 1")[:-30], "no cells": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        "odd format": '{"nbformat": "x", "cells": []}', "new format": '{"nbformat": 99, "cells": []}',
        "cells of numbers": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}',
        "no Python": _cells("a = = 1"), "nul": _cells("a = '\0'"), "deep Python": _cells("a = " + "(" * 5000),
        "deep value": _cells("a = " + "-" * 20_000 + "1"),
        "code": _cells("a = __import__('os').system('touch sprung')"),
        "strange names": _cells("b = 1"),
    }  # fmt: skip

    def asks(arguments: list[str]) -> Callable[[Path], None]:
        return lambda folder: _said(folder, notebook.main, arguments)

    def writes(text: str) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            _top(folder)
            (folder / "n.ipynb").write_text(text, encoding="utf-8")

        return write

    for name, text in texts.items():
        yield Case(f"notebook: {name}", writes(text), asks(["run", "n.ipynb", "out.ipynb", "-p", "a", "1"]))
    fine = writes(_cells("a = 1\nb = True\nc = 0.5"))
    for parameter, value in (
        ("a", "x"), ("a", "1.5"), ("a", "9" * 5000), ("a", ""), ("b", "1"), ("b", "yes"), ("c", "x"), ("d", "1"),
        ("a\nb", "1"), ("\x1b[2J", "1"), ("__class__", "1"), ("", ""), ("a", "a\nb"),
    ):  # fmt: skip
        arguments = ["run", "n.ipynb", "out.ipynb", "-p", parameter, value]
        yield Case(f"parameter: {parameter!r} = {value!r:.20}", fine, asks(arguments))
    for source in ("none.ipynb", ".", "../none", "\n", "x" * 300, "dvc.yaml"):
        yield Case(f"notebook called {source!r:.20}", fine, asks(["run", source, "out.ipynb"]))
    for target in ("n.ipynb/out.ipynb", "x" * 300, ".", "data"):
        write = fine
        if target == "data":
            write = lambda folder: (fine(folder), (folder / "data").mkdir())  # noqa: E731
        yield Case(f"target called {target!r:.20}", write, asks(["run", "n.ipynb", target, "-p", "a", "1"]))


def handbacks() -> Iterator[Case]:
    """Manifests that are none; what digests protect is in the tests of ``elsewhere``."""
    form = {"format": "xbarpaper-handback-1", "stages": [], "files": [], "pieces": [], "digest": ""}
    trees: dict[str, Any] = {
        "list": [], "number": 3, "empty": {}, "only its form": form, "files a number": form | {"files": 3},
        "files of numbers": form | {"files": [1]}, "files null": form | {"files": None},
        "files a text": form | {"files": "x"},
        "parts a number": form | {"files": [{"parts": 3}]}, "parts null": form | {"files": [{"parts": None}]},
        "stages a text": form | {"stages": "x"}, "pieces a map": form | {"pieces": {}},
        "odd name": form | {"a\nb": 1},
    }  # fmt: skip
    texts = {name: json.dumps(tree) for name, tree in trees.items()}
    texts |= {"deep": "[" * 100_000, "no JSON": "{", "long number": "9" * 5000, "nothing": ""}
    for name, text in texts.items():

        def write(folder: Path, text: str = text) -> None:
            _top(folder)
            (folder / "back").mkdir()
            (folder / "back/manifest.json").write_text(text, encoding="utf-8")

        yield Case(
            f"handback: {name}", write, lambda folder: _said(folder, elsewhere.main, ["unpack", "back"])
        )
    for given in ("none", ".", "dvc.yaml", "\n", "x" * 300):
        yield Case(
            f"handback called {given!r:.20}",
            _top,
            lambda folder, given=given: _said(folder, elsewhere.main, ["unpack", given]),
        )


def cases(count: int, seed: int) -> Iterator[Case]:
    """At most as many as there are; a campaign takes the same for every number of inputs."""
    crafted = [*notebooks(), *handbacks()]
    random.Random(f"commands {seed}").shuffle(crafted)
    yield from crafted[:count]
