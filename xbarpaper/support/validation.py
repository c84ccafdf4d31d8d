"""Plain values in, typed sections out, and one readable line where they do not fit."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from xbarpaper.support.errors import ParameterError

_MOST_SHOWN = 60  # characters of a value
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_NO_GROUP = {"model_type", "model_attributes_type", "dict_type"}
_OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


class Section(BaseModel):
    """A group of parameters: read-only, and closed to names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Section)


def parse(tree: Any, source: str, section: type[S]) -> S:
    """Check a tree of plain values against a section.

    Args:
        tree: mappings, sequences and scalars, as read from YAML or JSON.
        source: what to call the tree in an error message.
        section: the section to make.

    Raises:
        ParameterError: a name or a value is not allowed; the first one found is named.
    """
    try:
        return section.model_validate(tree)
    except ValidationError as error:
        raise ParameterError(f"{source}: {_explain(error, section)}") from None


def _explain(error: ValidationError, section: type[Section]) -> str:
    """One line for the first problem, misspelt names first: they usually cause the missing ones."""
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    place = _follow(section, problem["loc"])
    names, name = place.names, ".".join(place.names)
    limits = [
        f"{word} {limit}"
        for key, word in _BOUNDS.items()
        if (limit := _limit(place.metadata, key)) is not None
    ]
    if kind == "extra_forbidden":
        allowed = list(place.model.model_fields) if place.model else []
        close = difflib.get_close_matches(names[-1], allowed, n=1)
        hint = f"; did you mean {'.'.join([*names[:-1], close[0]])}?" if close else ""
        return f"{name} is not a parameter{hint} (allowed here: {', '.join(allowed)})"
    if kind == "missing":
        says = "; ".join(part for part in (place.description, " and ".join(limits)) if part)
        return f"{name} is missing" + (f" ({says})" if says else "")
    if kind == "value_error":
        return str(context["error"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        allowed_tags = ", ".join(repr(tag) for tag in _tags(get_args(place.annotation)))
        if isinstance(value, Mapping) and "kind" not in value:
            return f"{name}.kind is missing; it must be one of {allowed_tags}"
        return f"{name}.kind = {_shown(value['kind'], str)} must be one of {allowed_tags}"
    if kind in _OUT_OF_RANGE and limits:
        return f"{name} = {_shown(value, str)} must be {' and '.join(limits)}"
    if kind == "literal_error":
        return f"{name} = {_shown(value, str)} must be one of {context['expected']}"
    if kind == "too_short":
        return f"{name} must name at least {context['min_length']}"
    if kind in _NO_GROUP:
        found = f"{name} = {_shown(value)}" if name else f"it holds {_shown(value)} and"
        return f"{found} must be a group of parameters"
    if problem["loc"][-1] == "[key]":
        return f"{'.'.join(names[:-1])}: the name {_shown(value)} must be text; put it in quotes"
    if kind in ("bool_type", "bool_parsing"):
        return f"{name} = {_shown(value)} must be true or false"
    message = problem["msg"].removeprefix("Input should be ")
    return f"{name} = {_shown(value)} must be {message}" + (f", {' and '.join(limits)}" if limits else "")


def _shown(value: Any, text: Callable[[Any], str] = repr) -> str:
    """The start of a value, as ``text`` writes it."""
    try:
        return text(value)[:_MOST_SHOWN]
    except ValueError:  # Python writes no number that long
        return "a number of thousands of digits"


@dataclass(frozen=True)
class _Place:
    """Where in the parameters a problem is, and what is declared there.

    Attributes:
        names: as the user wrote them; pydantic's own tags of unions are left out.
        model: innermost section on the way.
        annotation: type of the value.
        metadata: limits of the value.
        description: of the value, "" if it has none.
    """

    names: list[str]
    model: type[BaseModel] | None
    annotation: Any
    metadata: list[Any]
    description: str


def _follow(section: type[Section], location: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location of a problem through the type annotations."""
    annotation: Any = section
    names: list[str] = []
    model: type[BaseModel] | None = None
    metadata: list[Any] = []
    description = ""
    for part in location:
        annotation, extra = _unwrap(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
            field: FieldInfo | None = model.model_fields.get(str(part))
            annotation, metadata = (field.annotation, list(field.metadata)) if field else (None, [])
            description = (field.description if field else None) or ""
            names.append(str(part))
        elif get_origin(annotation) in (dict, tuple):
            arguments = get_args(annotation)
            annotation, metadata = (arguments[1] if get_origin(annotation) is dict else arguments[0]), []
            names.append(str(part))
        else:
            members = [m for m in get_args(annotation) if str(part) in _tags([m])]
            annotation, metadata = (members[0] if members else None), []
            continue
        annotation, extra = _unwrap(annotation)
        metadata += extra
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        model = annotation
    return _Place(names, model, annotation, metadata, description)


def _unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return inner, metadata
    return annotation, []


def _limit(metadata: list[Any], key: str) -> Any:
    for item in metadata:
        for part in getattr(item, "metadata", [item]):
            if getattr(part, key, None) is not None:
                return getattr(part, key)
    return None


def _tags(models: Iterable[Any]) -> list[str]:
    """The values that the field ``kind`` of these sections may take."""
    return [
        tag
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel) and "kind" in model.model_fields
        for tag in get_args(model.model_fields["kind"].annotation)
    ]
