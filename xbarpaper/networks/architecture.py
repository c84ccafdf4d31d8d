"""What it takes to build a network before its weights are known."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from xbarpaper.params import NetworkName
from xbarpaper.params.names import MOST, NETWORK_TITLES
from xbarpaper.support.validation import Section


class Architecture(Section):
    """Which network, how wide, and what is left of it.

    ``kept_channels`` names, for groups of channels that have shrunk, the channels that remain of the whole network at
    this width, in ascending order; a group not named keeps all of its channels. ``None`` is a whole network.
    """

    network: NetworkName
    width: Annotated[float, Field(gt=0, le=4)]
    classes: Annotated[int, Field(ge=1, le=MOST)]
    kept_channels: dict[str, tuple[int, ...]] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for group, kept in (self.kept_channels or {}).items():
            if not kept or kept[0] < 0 or any(one >= other for one, other in pairwise(kept)):
                raise ValueError(f"kept_channels of {group!r} must be ascending, at least one, from 0 on")
        return self

    @property
    def label(self) -> str:
        """What figures call the network, for example ``VGG11 (width 0.25)``."""
        return f"{NETWORK_TITLES[self.network]} (width {self.width:g})"
