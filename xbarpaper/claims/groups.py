"""The levels at which comparisons are joined, and what the verdicts speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xbarpaper.claims.labels import Labels, groups_of
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.replicates import TRAINING_SEEDS
from xbarpaper.claims.schema import Level
from xbarpaper.params import Params
from xbarpaper.params.names import NETWORK_TITLES
from xbarpaper.support.words import count, square


@dataclass(frozen=True)
class Place:
    """What an effect is about; ``None`` where it is averaged over.

    Attributes:
        level: a single comparison, or what its comparisons have in common.
        experiment: name of the group.
        network, dataset: of the group.
        crossbar_size: rows and columns of the crossbars.
        scheme: pruning scheme.
        mitigation: the mitigation under test, or ``none``.
        trained: training seeds behind it.
    """

    level: Level
    experiment: str | None
    network: str | None
    dataset: str | None
    crossbar_size: int | None
    scheme: str | None
    mitigation: str
    trained: int

    @property
    def words(self) -> str:
        """Which place this is, for sentences."""
        seeds = f", {count(self.trained, 'training seed')}" if self.trained > 1 else ""
        network = f"{NETWORK_TITLES.get(self.network or '', self.network)} ({self.experiment}{seeds})"
        size = square(self.crossbar_size) if self.crossbar_size is not None else ""
        if self.level == "comparison":
            return f"{network}, {size}, {SCHEME_NAMES.get(self.scheme or '', self.scheme or '')}"
        return {"size": f"All of {size}", "network": f"All of {network}", "overall": "Overall"}[self.level]

    @property
    def fields(self) -> dict[str, Any]:
        """The same as fields of a ``Verdict``."""
        values = dict(vars(self))
        return {"training_seeds": values.pop("trained"), **values}


def levels_above(places: Sequence[Place]) -> list[tuple[Place, list[int]]]:
    """Crossbar sizes, networks and the whole, each with the comparisons (indices into ``places``) that it joins.

    Args:
        places: comparisons of one claim with one mitigation.
    """
    if not places:
        return []
    mitigation = places[0].mitigation
    networks = list(dict.fromkeys(place.experiment for place in places))
    sizes = sorted({place.crossbar_size for place in places if place.crossbar_size is not None})
    joined: list[tuple[Place, list[int]]] = []
    everywhere = min(place.trained for place in places)
    for size in sizes:
        members = [index for index, place in enumerate(places) if place.crossbar_size == size]
        joined.append((Place("size", None, None, None, size, None, mitigation, everywhere), members))
    for name in networks:
        members = [index for index, place in enumerate(places) if place.experiment == name]
        first = places[members[0]]
        place = Place("network", name, first.network, first.dataset, None, None, mitigation, first.trained)
        joined.append((place, members))
    whole = Place("overall", None, None, None, None, None, mitigation, everywhere)
    return [*joined, (whole, list(range(len(places))))]


def scope(params: Params) -> str:
    """What the verdicts speak of: these trained networks, or other trainings of the same networks too."""
    labels, groups = Labels.of(params), groups_of(params)
    many = [group for group in groups if len(group.experiments) >= TRAINING_SEEDS]
    several = [group for group in groups if 1 < len(group.experiments) < TRAINING_SEEDS]
    alike = len({tuple(sorted(group.experiments)) for group in groups}) == 1
    sentences = []
    for group in many:
        seeds = count(len(group.experiments), "training seed")
        sentences.append(
            f"{labels.network(group.name)} on {labels.dataset(group.dataset)} was trained with {seeds}: its "
            "verdict is tested over training seeds and speaks of other trainings of this network."
        )
    for group in several:
        seeds = count(len(group.experiments), "training seed")
        sentences.append(
            f"{labels.network(group.name)} on {labels.dataset(group.dataset)} was trained with {seeds}, too few "
            "to test over: its verdict is tested over variation seeds (devices) and speaks of these trained networks."
        )
    if len(many) + len(several) < len(groups):
        which = "Every" if not many and not several else "Every other"
        sentences.append(
            f"{which} network was trained once for each scheme and crossbar size: the seeds vary the devices "
            "only, and a verdict speaks of the network that was trained, not of what another training would give."
        )
    whole = "training seeds" if many and len(many) == len(groups) and alike else "variation seeds"
    meaning = (
        "other trainings of these networks" if whole == "training seeds" else "the networks trained here"
    )
    sentences.append(
        f"Verdicts per crossbar size and overall are tested over {whole} and speak of {meaning}."
    )
    return " ".join(sentences)
