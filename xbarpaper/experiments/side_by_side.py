"""Trainings that do not depend on one another, in processes side by side; the same bytes on any number of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from xbarpaper.data import ImageSet
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.support import spreading
from xbarpaper.support.spreading import Task

R = TypeVar("R")


def side_by_side(
    experiment: Experiment,
    function: Callable[..., R],
    items: Mapping[str, tuple[Any, ...]],
    arrived: Callable[[str, R], object] = lambda _name, _result: None,
) -> list[R]:
    """``function(experiment, *item)`` of every item, in the order of the items.

    Args:
        function: a function of a module; its results are sent back, so they hold no images.
        items: arguments, by the name that a message calls them.
        arrived: called with the name and the result of each item once it is done, in any order.

    Raises:
        ArtifactError: an item failed, or the workers are lost.
    """
    if not items:
        return []
    with spreading.workers(experiment.params.execution) as workers:
        images = workers.share(experiment.images)
        tasks: Sequence[Task[int, Any]] = [
            Task(number, label, _with_images, (function, experiment, images, item))
            for number, (label, item) in enumerate(items.items())
        ]
        found, names = dict[int, R](), list(items)
        for number, result in spreading.results(workers, tasks):
            found[number] = result
            arrived(names[number], result)
        return [found[number] for number in range(len(names))]


def _with_images(
    function: Callable[..., R], experiment: Experiment, images: ImageSet, item: tuple[Any, ...]
) -> R:
    experiment.__dict__["images"] = images
    return function(experiment, *item)
