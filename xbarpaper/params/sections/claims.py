"""What decides the verdicts on statements."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xbarpaper.params.names import MOST, Inside, Positive, Seed
from xbarpaper.support.validation import Defaults


class Claims(Defaults):
    """How the paper's statements are tested."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.95, description="level of the intervals"
    )
    bootstrap_resamples: Annotated[int, Field(ge=100, le=MOST)] = Field(
        default=10000, description="per interval"
    )
    seed: Seed = Field(default=0, description="of the bootstrap")
    software_tolerance_points: Positive = Field(
        default=2.0, description="software accuracy a pruned network may lose and still count as kept"
    )
    equivalence_points: Positive = Field(
        default=0.5, description="an effect whose whole interval is nearer to zero than this is no effect"
    )
    equivalence_correlation: Inside = Field(default=0.1, description="the same for a rank correlation")
    chance_distance_points: Positive = Field(
        default=5.0, description="accuracy above chance, below which a network has nothing left to lose"
    )
