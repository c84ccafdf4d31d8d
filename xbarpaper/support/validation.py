"""Plain values in, typed sections out, and one readable line where they do not fit."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from xbarpaper.support.errors import ParameterError

_MOST_SHOWN: Final = 60  # characters of a value
_BOUNDS: Final = {
    "minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below",
}  # fmt: skip
_NO_GROUP: Final = {"model_type", "model_attributes_type", "dict_type"}
_OUT_OF_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_WHOLE: Final = "whole"


class Section(BaseModel):
    """A group of values: read-only, and closed to names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Defaults(Section):
    """A section with default values. A file that must be whole may not leave one to its default."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_left_out(cls, values: Any, info: ValidationInfo) -> Any:
        if info.context == _WHOLE and isinstance(values, Mapping) and not set(values) - set(cls.model_fields):
            for name in cls.model_fields:
                if name not in values:
                    raise PydanticCustomError("left_out", "is missing", {"name": name})
        return values


S = TypeVar("S", bound=Section)


def parse(tree: Any, source: str, section: type[S], *, whole: bool = False) -> S:
    """Check a tree of plain values against a section.

    Args:
        tree: mappings, sequences and scalars, as read from YAML or JSON.
        source: what to call the tree in an error message.
        section: the section to make.
        whole: refuse a tree that leaves a value to its default.

    Raises:
        ParameterError: a name or a value is not allowed; the first one found is named.
    """
    try:
        return section.model_validate(tree, context=_WHOLE if whole else None)
    except ValidationError as error:
        raise ParameterError(f"{source}: {_explain(error, section)}") from None


def _explain(error: ValidationError, section: type[Section]) -> str:
    """One line for the first problem. Misspelt names come first: they usually cause the missing ones."""
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    kind, value, context, location = problem["type"], problem["input"], problem.get("ctx", {}), problem["loc"]
    if kind == "left_out":
        kind, location = "missing", (*location, context["name"])
    names, declared, allowed = _declared(section, location)
    name = ".".join(names)
    limits = " and ".join(f"{word} {declared[key]}" for key, word in _BOUNDS.items() if key in declared)
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(names[-1], allowed, n=1)
        hint = f"; did you mean {'.'.join([*names[:-1], close[0]])}?" if close else ""
        return f"{name} is not a parameter{hint} (allowed here: {', '.join(allowed)})"
    if kind == "missing":
        says = "; ".join(part for part in (declared.get("description"), limits) if part)
        return f"{name} is missing" + (f" ({says})" if says else "")
    if kind == "value_error":
        return str(context["error"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = ", ".join(repr(tag) for tag in declared["discriminator"]["mapping"])
        if isinstance(value, Mapping) and "kind" not in value:
            return f"{name}.kind is missing; it must be one of {kinds}"
        return f"{name}.kind = {_shown(value['kind'], str)} must be one of {kinds}"
    if kind in _OUT_OF_RANGE and limits:
        return f"{name} = {_shown(value, str)} must be {limits}"
    if kind == "literal_error":
        return f"{name} = {_shown(value, str)} must be one of {context['expected']}"
    if kind == "repeated":
        return f"{name} = {', '.join(map(str, value))} must not repeat a value"
    if kind == "too_short":
        return f"{name} must name at least {context['min_length']}"
    if kind in _NO_GROUP:
        found = f"{name} = {_shown(value)}" if name else f"it holds {_shown(value)} and"
        return f"{found} must be a group of parameters"
    if location[-1] == "[key]":
        return f"{'.'.join(names[:-1])}: the name {_shown(value)} must be text; put it in quotes"
    if kind in ("bool_type", "bool_parsing"):
        return f"{name} = {_shown(value)} must be true or false"
    message = problem["msg"].removeprefix("Input should be ")
    return f"{name} = {_shown(value)} must be {message}" + (f", {limits}" if limits else "")


def _shown(value: Any, text: type[str] | None = None) -> str:
    """The start of a value: of a scalar as ``text`` writes it, of a group only its first members."""
    try:
        written = text(value) if text and not isinstance(value, (dict, list)) else _REPR.repr(value)
        return written[:_MOST_SHOWN]
    except ValueError:  # Python writes no number that long
        return "a number of thousands of digits"


_REPR: Final = reprlib.Repr()
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = 4 * _MOST_SHOWN


def _declared(
    section: type[Section], location: tuple[int | str, ...]
) -> tuple[list[str], dict[str, Any], list[str]]:
    """What a section's JSON schema says of the place of a problem.

    Returns:
        The names that lead there, as the user wrote them (pydantic's own tags of unions are left out), the schema of
        the value there, and the names that are allowed beside the last one.
    """
    whole = section.model_json_schema()

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref", "").rpartition("/")[2]
        return {**whole["$defs"][reference], **schema} if reference else schema

    here, names, allowed = resolved(whole), list[str](), list[str]()
    for part in location:
        if "oneOf" in here or "anyOf" in here:
            members = here.get("discriminator", {}).get("mapping", {})
            here = resolved({"$ref": members[part]}) if part in members else {}
            continue
        properties = here.get("properties", {})
        names, allowed = [*names, str(part)], list(properties)
        inner = properties.get(part) or here.get("items") or here.get("additionalProperties")
        here = resolved(inner) if isinstance(inner, dict) else {}
    return names, here, allowed
