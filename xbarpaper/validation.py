"""Plain values in, typed sections out, and one readable line where they do not fit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from xbarpaper.errors import ParameterError

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
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
    names, model, metadata = _follow(section, problem["loc"])
    name = ".".join(names)
    limits = [f"{word} {limit}" for key, word in _BOUNDS.items() if (limit := _limit(metadata, key)) is not None]
    if kind == "extra_forbidden":
        allowed = list(model.model_fields) if model else []
        close = difflib.get_close_matches(names[-1], allowed, n=1)
        hint = f"did you mean {'.'.join([*names[:-1], close[0]])}? " if close else ""
        return f"{name} is not a parameter; {hint}(allowed here: {', '.join(allowed)})"
    if kind == "missing":
        return f"{name} is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        found = value.get("kind", "missing") if isinstance(value, Mapping) else value
        allowed_tags = context.get("expected_tags") or ", ".join(repr(tag) for tag in _tags(metadata))
        return f"{name}.kind = {found} must be one of {allowed_tags}"
    if kind in _OUT_OF_RANGE and limits:
        return f"{name} = {value} must be {' and '.join(limits)}"
    if kind == "literal_error":
        return f"{name} = {value} must be one of {context['expected']}"
    if kind == "too_short":
        return f"{name} must name at least {context['min_length']}"
    if kind in ("model_type", "dict_type"):
        return f"{name} = {value!r:.60} must be a group of parameters"
    message = problem["msg"].removeprefix("Input should be ")
    return f"{name} = {value!r:.60} must be {message}" + (f", {' and '.join(limits)}" if limits else "")


def _follow(section: type[Section], location: tuple[int | str, ...]) -> tuple[list[str], type[BaseModel] | None, list[Any]]:
    """Follow pydantic's location of a problem through the type annotations.

    Returns:
        The names as the user wrote them (pydantic's own tags of unions left out), the innermost section on the way,
        and what the annotation says of the value there (its limits).
    """
    annotation: Any = section
    names: list[str] = []
    model: type[BaseModel] | None = None
    metadata: list[Any] = []
    for part in location:
        annotation, extra = _unwrap(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
            field: FieldInfo | None = model.model_fields.get(str(part))
            annotation, metadata = (field.annotation, list(field.metadata)) if field else (None, [])
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
    return names, model, metadata


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


def _tags(models: list[Any]) -> list[str]:
    """The values that the field ``kind`` of these sections may take."""
    return [
        tag
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel) and "kind" in model.model_fields
        for tag in get_args(model.model_fields["kind"].annotation)
    ]
