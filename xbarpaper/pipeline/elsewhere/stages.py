"""The stages of ``dvc.yaml``, read without DVC.

Understood is what this pipeline uses: ``foreach`` over a dict or a list, ``${...}`` with dotted names, ``key`` and
``item``; ``cmd``, ``deps``, ``params`` of params.yaml, ``outs``. Anything else is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.yaml_files import read_yaml

PIPELINE: Final = "dvc.yaml"
PARAMS: Final = "params.yaml"

_UNDERSTOOD: Final = {"cmd", "deps", "desc", "outs", "params"}
_REFERENCE: Final = re.compile(r"\$\{\s*([^{}]+?)\s*\}")


@dataclass(frozen=True)
class Stage:
    """One stage, nothing left to fill in.

    Attributes:
        name: as DVC calls it, for example ``train@quick-vgg11``.
        command: what it executes.
        deps: files and folders it reads, relative to the repository.
        params: dotted names in params.yaml that it depends on.
        outs: files and folders it makes.
        kept: those of ``outs`` that stay where they are while it runs.
    """

    name: str
    command: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    kept: frozenset[str]

    @property
    def group(self) -> str:
        """Name of all stages made from the same entry of the pipeline."""
        return self.name.split("@")[0]


def read(root: Path) -> dict[str, Stage]:
    """All stages, by name, in the order of dvc.yaml.

    Args:
        root: the top of the repository.

    Raises:
        ArtifactError: a file is missing or not YAML, or dvc.yaml holds what is not understood here.
    """
    tree, params = _yaml(root / PIPELINE), parameters(root)
    stages: dict[str, Stage] = {}
    _refuse_others(PIPELINE, tree, {"stages", "metrics", "plots"})  # the last two only show what stages wrote
    for group, entry in tree.get("stages", {}).items():
        if "foreach" not in entry:
            stages[group] = _stage(group, entry, params)
            continue
        _refuse_others(f"{PIPELINE}: {group}", entry, {"foreach", "do"})
        over = _filled(entry["foreach"], params, group)
        if isinstance(over, Mapping):
            items = [(str(key), {"key": key, "item": item}) for key, item in over.items()]
        elif isinstance(over, Sequence) and not isinstance(over, str):
            items = [(str(item), {"item": item}) for item in over]
        else:
            raise ArtifactError(f"{PIPELINE}: {group}.foreach must be a dict or a list")
        for key, names in items:
            stages[f"{group}@{key}"] = _stage(f"{group}@{key}", entry["do"], {**params, **names})
    return stages


def parameters(root: Path) -> dict[str, Any]:
    """What params.yaml holds, as it stands there.

    Raises:
        ArtifactError: the file is missing or not YAML.
    """
    return _yaml(root / PARAMS)


def value_of(params: Mapping[str, Any], name: str) -> Any:
    """A parameter by its dotted name.

    Raises:
        ArtifactError: there is none of that name.
    """
    value: Any = params
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise ArtifactError(f"{PARAMS}: {name} is missing")
        value = value[part]
    return value


def chosen(stages: Mapping[str, Stage], names: Iterable[str], profile: str) -> list[Stage]:
    """The stages of these names, in the order of their dependencies; ``train`` stands for every ``train@...``.

    Raises:
        ArtifactError: there is no such stage.
    """
    found: dict[str, Stage] = {}
    for name in names:
        members = [stage for stage in stages.values() if name in (stage.name, stage.group)]
        if not members:
            group = name.split("@")[0]
            alike = [other for other in stages if other.split("@")[0] == group] or sorted(
                {stage.group for stage in stages.values()}
            )
            raise ArtifactError(
                f"{name}: no such stage in {PIPELINE} with the profile {profile} of {PARAMS} "
                f"(there are: {', '.join(alike)})"
            )
        found |= {stage.name: stage for stage in members}
    return in_order(found.values())


def in_order(stages: Iterable[Stage]) -> list[Stage]:
    """Stages behind those whose outs they read, otherwise as they come.

    Raises:
        ArtifactError: they wait for each other.
    """
    waiting, ordered = list(stages), list[Stage]()
    while waiting:
        ready = next((one for one in waiting if not any(feeds(other, one) for other in waiting)), None)
        if ready is None:
            raise ArtifactError(
                f"{PIPELINE}: stages wait for each other: {', '.join(one.name for one in waiting)}"
            )
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def inside(path: str, folder: str) -> bool:
    """Whether a path is that folder, or in it."""
    return path == folder or path.startswith(f"{folder}/")


def maker(stages: Mapping[str, Stage], path: str) -> Stage | None:
    """The first stage that makes a path, or something in it."""
    return next((stage for stage in stages.values() if any(_meet(out, path) for out in stage.outs)), None)


def feeds(source: Stage, reader: Stage) -> bool:
    """Whether a stage makes what another reads."""
    return source is not reader and any(_meet(out, dep) for out in source.outs for dep in reader.deps)


def _meet(one: str, other: str) -> bool:
    return inside(one, other) or inside(other, one)


def _stage(name: str, entry: Mapping[str, Any], names: Mapping[str, Any]) -> Stage:
    _refuse_others(f"{PIPELINE}: {name}", entry, _UNDERSTOOD)
    if not isinstance(entry.get("cmd"), str):
        raise ArtifactError(f"{PIPELINE}: {name}.cmd must be one command")
    outs, kept = [], set()
    for out in entry.get("outs", []):
        path, options = next(iter(out.items())) if isinstance(out, Mapping) else (out, {})
        path = str(_filled(path, names, name))
        outs.append(path)
        if options and options.get("persist"):
            kept.add(path)
    return Stage(
        name=name,
        command=str(_filled(entry["cmd"], names, name)),
        deps=tuple(str(_filled(dep, names, name)) for dep in entry.get("deps", [])),
        params=_params(name, entry.get("params", []), names),
        outs=tuple(outs),
        kept=frozenset(kept),
    )


def _params(name: str, entries: Iterable[Any], names: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(str(_filled(entry, names, name)))
        elif isinstance(entry, Mapping) and dict(entry) == {PARAMS: None}:  # the whole file
            found += [str(key) for key in names if key not in ("key", "item")]
        else:
            raise ArtifactError(f"{PIPELINE}: {name}.params: {entry!r:.60} is not understood here")
    return tuple(dict.fromkeys(found))


def _filled(text: Any, names: Mapping[str, Any], stage: str) -> Any:
    """A value with every ``${...}`` in it replaced; one that is nothing else becomes the value itself."""
    if isinstance(text, Sequence) and not isinstance(text, str):
        return [_filled(one, names, stage) for one in text]
    if not isinstance(text, str):
        return text
    whole = _REFERENCE.fullmatch(text)
    if whole:
        return _looked_up(whole[1], names, stage)
    filled = _REFERENCE.sub(lambda found: _as_text(_looked_up(found[1], names, stage)), text)
    if "${" in filled:
        raise ArtifactError(f"{PIPELINE}: {stage}: {text!r:.80} is not understood here")
    return filled


def _looked_up(name: str, names: Mapping[str, Any], stage: str) -> Any:
    try:
        return value_of(names, name)
    except ArtifactError:
        raise ArtifactError(f"{PIPELINE}: {stage}: ${{{name}}} is not in {PARAMS}") from None


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ArtifactError(f"{PIPELINE}: {value!r:.60} cannot stand within a text")


def _refuse_others(where: str, entry: Mapping[str, Any], understood: set[str]) -> None:
    others = sorted(set(entry) - understood)
    if others:
        raise ArtifactError(f"{where}: {', '.join(others)}: not understood without DVC")


def _yaml(path: Path) -> dict[str, Any]:
    tree = read_yaml(path, path.name)
    if not isinstance(tree, dict):
        raise ArtifactError(f"{path.name}: must hold a mapping")
    return tree
