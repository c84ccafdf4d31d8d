"""The bench of an experiment: test images, devices and resistances, as the parameters have them.

It stands apart from what it makes, so that code that is handed a bench does not depend on all of these parameters.
"""

from __future__ import annotations

from xbarpaper import data
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.subject import Bench
from xbarpaper.networks import inference


def bench(experiment: Experiment) -> Bench:
    """What all evaluations of an experiment share."""
    params, images = experiment.params, experiment.images
    device = inference.device_of(params.train)
    return Bench(
        images=data.normalised(images.test, images, device),
        labels=images.test.labels.to(device),
        images_digest=images.digest,
        devices=params.devices,
        parasitics=params.circuit,
        low_conductance_threshold=params.mapping.low_conductance_threshold,
        batch_size=params.evaluation.batch_size,
        dtype=inference.forward_dtype(params.evaluation.precision, device),
    )
