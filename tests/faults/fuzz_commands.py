"""Bad commands: notebooks and parameters that are none."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from xbarpaper.pipeline import executing
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
        return lambda folder: _said(folder, executing.main, arguments)

    def writes(text: str) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            _top(folder)
            (folder / "n.ipynb").write_text(text, encoding="utf-8")

        return write

    for name, text in texts.items():
        yield Case(f"notebook: {name}", writes(text), asks(["n.ipynb", "out.ipynb", "-p", "a", "1"]))
    fine = writes(_cells("a = 1\nb = True\nc = 0.5"))
    for parameter, value in (
        ("a", "x"), ("a", "1.5"), ("a", "9" * 5000), ("a", ""), ("b", "1"), ("b", "yes"), ("c", "x"), ("d", "1"),
        ("a\nb", "1"), ("\x1b[2J", "1"), ("__class__", "1"), ("", ""), ("a", "a\nb"),
    ):  # fmt: skip
        arguments = ["n.ipynb", "out.ipynb", "-p", parameter, value]
        yield Case(f"parameter: {parameter!r} = {value!r:.20}", fine, asks(arguments))
    for source in ("none.ipynb", ".", "../none", "\n", "x" * 300, "dvc.yaml"):
        yield Case(f"notebook called {source!r:.20}", fine, asks([source, "out.ipynb"]))
    for target in ("n.ipynb/out.ipynb", "x" * 300, ".", "data"):
        write = fine
        if target == "data":
            write = lambda folder: (fine(folder), (folder / "data").mkdir())  # noqa: E731
        yield Case(f"target called {target!r:.20}", write, asks(["n.ipynb", target, "-p", "a", "1"]))


def cases(count: int, seed: int) -> Iterator[Case]:
    """At most as many as there are; a campaign takes the same for every number of inputs."""
    crafted = list(notebooks())
    random.Random(f"commands {seed}").shuffle(crafted)
    yield from crafted[:count]
