"""Accuracies on crossbars that others report: the paper, and the same group's study of batch norms.

Both are known here from digests that others wrote of the full texts, so they are good to compare with, not to quote.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Final, Literal

from xbarpaper.params import Effects


@dataclass(frozen=True)
class Published:
    """A loss of accuracy on crossbars that somebody reports."""

    source: str  # where it is reported
    scheme: Literal["unpruned", "cf"]  # how it was pruned
    crossbar_size: int  # rows and columns of the crossbars
    effects: Effects  # what acted on them
    mitigation: str  # what was done, by the name that it has here
    digital_classifier: bool  # whether the last layer stayed off the crossbars
    lost: float  # points of accuracy

    @property
    def setting(self) -> str:
        """What is compared, in a few words."""
        mitigation = "" if self.mitigation == "none" else f", {self.mitigation}"
        return f"{'C/F' if self.scheme == 'cf' else self.scheme}, {self.crossbar_size}{mitigation}"


PAPER: Final = "arXiv 2201.05229"
BATCH_NORMS: Final = "arXiv 2305.18416"
_SOFTWARE: Final = 88.62  # of the VGG16 of BATCH_NORMS, percent
_ON_CROSSBARS: Final = {
    64: {"none": 74.37, "BN": 86.31, "norms": 87.97},
    128: {"none": 32.9, "BN": 83.03, "norms": 87.81},
}

PUBLISHED: Final = (
    Published(PAPER, "unpruned", 64, "both", "none", False, 21.0),
    Published(PAPER, "cf", 64, "both", "none", False, 39.0),
    *(
        Published(BATCH_NORMS, "unpruned", size, "wires", name, True, round(_SOFTWARE - reached, 2))
        for size, reached_by in _ON_CROSSBARS.items()
        for name, reached in reached_by.items()
    ),
)  # fmt: skip
"""Every number that is compared with."""

FAILING_SIGMA: Final = 0.1
"""Of read noise, relative; beyond it statistics measured anew are reported to fail."""

_UNDER_DEVICES: Final[dict[tuple[str, float, int | None, str], float]] = {
    ("read noise", 0.1, 64, "none"): _SOFTWARE - 62.28,
    ("read noise", 0.1, 64, "norms"): _SOFTWARE - 83.22,
    ("read noise", 0.1, 128, "none"): _SOFTWARE - 27.86,
    ("read noise", 0.1, 128, "norms"): _SOFTWARE - 81.59,
    # the size of the crossbars is not told
    ("read noise", 0.15, None, "BN"): _SOFTWARE - 77.89,
    ("drift", 1e10, None, "none"): 76.5,
    ("drift", 1e10, None, "norms"): 5.0,
}


def lost_under_devices(axis: str, value: float, crossbar_size: int, mitigation: str) -> float:
    """Points that BATCH_NORMS reports as lost with resistances and read noise or drift; NaN where it reports none.

    Args:
        axis: ``read noise`` or ``drift``.
        value: sigma, relative, or seconds since programming.
        crossbar_size: rows and columns; numbers whose size is not told count for every size.
        mitigation: by the name that it has here.
    """
    found = _UNDER_DEVICES.get((axis, value, crossbar_size, mitigation))
    return round(_UNDER_DEVICES.get((axis, value, None, mitigation), nan) if found is None else found, 2)
