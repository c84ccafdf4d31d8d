"""Bad profiles: every parameter with every kind of wrong value, wrong names, and what YAML makes of odd texts."""

from __future__ import annotations

import copy
import io
import math
import random
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import jsonschema
from pydantic import BaseModel
from ruamel.yaml import YAML

from xbarpaper import params
from xbarpaper.params import Params

from .survival import Case, holding

PROFILE = Path(__file__).parents[2] / "params.yaml"
ALLOWED = r"must|may hold only|allowed here|is missing|not in|did you mean|not valid YAML"

Place = tuple[str | int, ...]

_SCHEMA = jsonschema.validators.validator_for({})(Params.model_json_schema())
_HERE = "@@HERE@@"

VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 7, 0.5, -0.0, -3.5, math.nan, math.inf, -math.inf, 2**31, 2**63, 10**12, 10**30,
    -(10**30), 10**400, 1e30, 1e308, 5e-324, "", " ", "x", "1", "0.5", "true", "a/b", "../../up", "/absolute", "a b",
    "a\nb", "a\r\nb", "\x1b[31mred", "\u202eoverride", "tschüß", "日本", "x" * 10_000, "{}", "%s{0}", [], {}, [[]], [1],
    ["x"], [None, None], [math.nan], [2, 2], {"a": 1}, {"kind": 3}, {1: 2}, date(2022, 1, 1), b"bytes", {"a", "b"},
)  # fmt: skip

TRAPS: tuple[str, ...] = (
    "1e-3", "1E5", "on", "off", "yes", "NO", "010", "0o17", "0o9", "0x10", "0b2", "0b11", "1_000", "~", "null",
    "", "1:30",
    "190:20:30", "2001-01-01", "2001-99-99", "2001-02-30 25:61:61", ".5", "5.", ".5.", "+.inf", ".NaN", "1e999",
    "-1e999",
    "9" * 5000, "0x" + "f" * 5000, "1." + "0" * 5000, "!!python/object/apply:os.system ['touch sprung']",
    "!!python/name:os.system", "!!python/object/new:subprocess.Popen [['touch', 'sprung']]", "!!float x",
    "!!float ''",
    "!!int x", "!!int 1.5", "!!bool x", "!!null x", "!!timestamp x", "!!timestamp 2001-99-99", "!!binary '*'",
    "!!binary aGVsbG8=", "!!set {a, b}", "!!omap [a: 1]", "!!omap x", "!!pairs [a: 1, a: 2]", "!!map x", "!!seq x",
    "!!str [a]", "!unknown x", "! x", "&a [*a]", "&a {b: *a}", "*nobody", "{", "}", "[", "]", "[1, 2", "{a: 1",
    "\"", "'",
    '"\\x"', '"\\ud800"', '"\\0"', '"a\\nb"', "| \n   a\n   b", "> \n   a\n\n   b", "%", "@x", "`x`", "? a",
    "- a", ": a",
    "a: b", "x # y", "<<", "{<<: 3}", "{<<: [1, 2]}", "{? [a] : b}", "{? {a: b} : c}", "{a: 1, a: 2}", "\t1", "a\tb",
    "1 ", "{a: " * 500 + "1" + "}" * 500, "- " * 300 + "1",
)  # fmt: skip


def places(section: type[BaseModel], tree: Any, at: Place = ()) -> Iterator[Place]:
    """Every parameter that the schema knows and the tree holds, groups and members of sequences included."""
    for name, field in section.model_fields.items():
        if name in tree:
            yield from _within(field.annotation, tree[name], (*at, name))


def _within(annotation: Any, value: Any, at: Place) -> Iterator[Place]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    yield at
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from places(annotation, value, at)
    elif get_origin(annotation) is dict:
        for name, inner in value.items():
            yield from _within(get_args(annotation)[1], inner, (*at, name))
    elif get_origin(annotation) is tuple and value:
        yield from _within(get_args(annotation)[0], value[0], (*at, 0))
    elif members := [one for one in get_args(annotation) if hasattr(one, "model_fields")]:
        fits = next(one for one in members if value["kind"] in get_args(one.model_fields["kind"].annotation))
        yield from places(fits, value, at)


def good() -> dict[str, Any]:
    """A profile that is accepted, with every kind of dataset."""
    return copy.deepcopy(_good())


@cache
def _good() -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(PROFILE.read_text(encoding="utf-8"))
    tree["datasets"]["original"] = {"kind": "cifar10", "root": "data/original", "download": False}
    tree["datasets"]["pictures"] = {
        "kind": "image_folder", "path": "data/pictures", "path_environment": "PICTURES", "description": "pictures",
        "origin": "drawn", "train_images": 0, "test_images": 0, "image_pixels": 32,
    }  # fmt: skip
    tree["sources"] = ["image_folder"]
    return tree


def written(tree: Any) -> str:
    """The tree as YAML."""
    buffer = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(tree, buffer)
    return buffer.getvalue()


def changed(place: Place, change: Callable[[Any, str | int], object]) -> Any:
    """A good profile, changed at a place: ``change`` gets what holds it, and its name there."""
    tree = good()
    holder: Any = tree
    for part in place[:-1]:
        holder = holder[part]
    change(holder, place[-1])
    return tree


def read(folder: Path) -> None:
    """Load the profile; what was accepted must satisfy the schema by another program, and be finite."""
    loaded = params.load(folder / "params.yaml")
    _SCHEMA.validate(loaded.model_dump(mode="json"))
    assert Params.model_validate(loaded.model_dump()) == loaded
    assert all(math.isfinite(number) for number in _numbers(loaded.model_dump()))
    assert 0 < loaded.devices.g_min_siemens < loaded.devices.g_max_siemens < math.inf


def _numbers(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _numbers(value)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            yield from _numbers(value)
    elif isinstance(tree, (int, float)):
        yield tree


def case(name: str, content: str | bytes, outcome: Any = "either", says: str = ALLOWED) -> Case:
    """A profile of this content."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return Case(f"params: {name}", holding("params.yaml", data), read, outcome, says)


def named(place: Place) -> str:
    """Pattern of the parameter in a message: its own name, or that of the group it is in."""
    dotted = [".".join(map(str, place[:length])) for length in range(len(place), 0, -1)]
    return "|".join([name.replace(".", r"\.") for name in dotted] + ["not valid YAML"])


def wrong_value(place: Place, value: Any) -> Case:
    """A parameter set to a value that may or may not be allowed."""
    tree = changed(place, lambda holder, name: holder.__setitem__(name, value))
    return case(f"{'.'.join(map(str, place))} = {value!r:.40}", written(tree), says=named(place))


def trap(place: Place, text: str) -> Case:
    """A parameter whose text in the file is this."""
    tree = changed(place, lambda holder, name: holder.__setitem__(name, _HERE))
    lines = written(tree)
    assert _HERE in lines
    content = lines.replace(f"'{_HERE}'", text).replace(_HERE, text)
    return case(f"{'.'.join(map(str, place))}: {text!r:.40}", content, says=f"{named(place)}|{ALLOWED}")


STRANGERS = ("", " ", "a\nb", "\x1b[2J", "x" * 5000, "__class__", "日本", "a.b", "-", "#")


def misnamed(rng: random.Random, place: Place) -> Case:
    """A parameter that is misspelt, left out, there twice, or has a stranger beside it."""
    name = str(place[-1])
    kind = rng.choice(("misspelt", "missing", "twice", "stranger", "not text"))
    if kind == "missing" or isinstance(place[-1], int):
        tree = changed(place, lambda holder, part: holder.pop(part))
        return case(f"{'.'.join(map(str, place))} missing", written(tree), says=named(place))
    if kind == "twice":
        other = f"{_HERE}{name}"
        tree = changed(place, lambda holder, part: holder.__setitem__(other, holder[part]))
        content = written(tree).replace(f"'{other}'", name).replace(other, name)
        dotted = ".".join(map(str, place))
        return case(f"{dotted} twice", content, "refused", "not valid YAML: found duplicate")
    odd: Any = {
        "misspelt": _misspelt(rng, name),
        "stranger": rng.choice(STRANGERS),
        "not text": rng.choice((3, 1.5, None, True, math.nan, date(2022, 1, 1))),
    }[kind]
    take = dict.pop if kind == "misspelt" else dict.__getitem__
    tree = changed(place, lambda holder, part: holder.__setitem__(odd, take(holder, part)))
    return case(f"{'.'.join(map(str, place))} {kind} {odd!r:.40}", written(tree))


def _misspelt(rng: random.Random, name: str) -> str:
    at = rng.randrange(len(name))
    return rng.choice((name[:at] + name[at + 1 :], name[:at] + "x" + name[at:], name.upper(), f"{name}s"))


def whole_files() -> list[Case]:
    """Files that are odd as a whole."""
    text = written(good())
    refused: dict[str, str | bytes] = {
        "empty": "", "spaces": "  \n\n", "comment": "# nothing\n", "null": "~", "number": "3", "text": "hello",
        "list": "- a\n- b\n", "two documents": f"{text}---\n{text}", "tabs": text.replace("  ", "\t"),
        "latin-1": text.replace("quick", "quïck").encode("latin-1"), "utf-16": text.encode("utf-16"),
        "utf-32": text.encode("utf-32"), "nul byte": text.replace("quick", "qu\0ick", 1), "nul bytes": b"\0" * 3000,
        "control": text.replace("quick", "qu\x07ick", 1), "lone surrogate": text.replace("quick", "qu\ud800ick", 1),
        "recursion": "&a [*a]", "recursive map": "&a {train: *a}",
        "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(1000)),
        "key of lists": "? [a, b]\n: c\n", "key of maps": "? {a: b}\n: c\n",
        "directive": f"%YAML 9.9\n---\n{text}", "tag directive": f"%TAG ! tag:x,2000:\n---\n!a {text}",
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00", "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "code": "!!python/object/apply:os.system ['touch sprung']", "merge": "<<: 3\n", "merge list": "<<: [1]\n",
    }  # fmt: skip
    accepted: dict[str, str | bytes] = {
        "as it is": text, "with a mark of byte order": b"\xef\xbb\xbf" + text.encode(),
        "with CRLF": text.replace("\n", "\r\n"),
        "with an end": f"---\n{text}...\n", "of YAML 1.2": f"%YAML 1.2\n---\n{text}",
    }  # fmt: skip
    return [
        *(case(f"file: {name}", content, "refused", "") for name, content in refused.items()),
        *(case(f"file: {name}", content, "accepted") for name, content in accepted.items()),
    ]


def cut_or_flipped(rng: random.Random) -> Case:
    """A file that lost its end, or one of whose bytes changed."""
    content = bytearray(written(good()).encode())
    at = rng.randrange(len(content))
    if rng.random() < 0.3:
        return case(f"cut at {at}", bytes(content[:at]), says="")
    content[at] = rng.randrange(256)
    return case(f"byte {at} is {content[at]}", bytes(content), says="")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Files that are odd as a whole first, then as many others as are wanted, half of them wrong values."""
    rng = random.Random(f"params {seed}")
    everywhere = list(places(Params, good()))
    odd = whole_files()
    yield from odd[:count]
    for _ in range(count - len(odd)):
        kind = rng.random()
        place = rng.choice(everywhere)
        if kind < 0.5:
            yield wrong_value(place, rng.choice(VALUES))
        elif kind < 0.75:
            yield trap(place, rng.choice(TRAPS))
        elif kind < 0.9:
            yield misnamed(rng, place)
        else:
            yield cut_or_flipped(rng)
