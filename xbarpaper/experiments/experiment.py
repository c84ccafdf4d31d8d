"""One experiment, stage by stage: what the notebooks call.

An ``Experiment`` ties the parameters to the files: it knows where each stage reads and writes, which parameters each
checkpoint depends on, and goes through training, pruning, mapping, evaluation and mitigation.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd
from numpy.typing import NDArray

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata
from xbarpaper.experiments.results import RESULTS
from xbarpaper.mitigation import limits_of
from xbarpaper.networks import Architecture, Network, build, training
from xbarpaper.params import SCHEMES, Params, PrunedSchemeName, SchemeName, Train
from xbarpaper.params import Experiment as ExperimentSection
from xbarpaper.pruning import SCHEMES as PRUNING
from xbarpaper.pruning import PrunedNetwork, growing, masked, prunable_layers, prune, unpruned
from xbarpaper.support import live
from xbarpaper.support.files import write_table

DATA = Path("data")
STAGE_VARIABLE = "XBARPAPER_STAGE"
_STEP_SEEDS = 1_000  # apart: the epochs between steps of pruning see the images in orders of their own


@dataclass(frozen=True)
class Variant:
    """A pruning scheme at a crossbar size; size None where the network does not depend on it."""

    scheme: SchemeName
    crossbar_size: int | None

    @property
    def label(self) -> str:
        """Name of its files, for example ``xcs-16``."""
        return self.scheme if self.crossbar_size is None else f"{self.scheme}-{self.crossbar_size}"


@dataclass(frozen=True)
class Trained:
    """What a training, a fine-tuning or WCT gave.

    Attributes:
        variant: which network.
        checkpoint: the network as saved.
        training: one row per epoch.
        software: one row: accuracy without crossbars, percent.
    """

    variant: Variant
    checkpoint: Checkpoint
    training: pd.DataFrame
    software: pd.DataFrame


@dataclass(frozen=True)
class Pruned:
    """What pruning and fine-tuning gave.

    Attributes:
        run: the fine-tuning.
        gradual: a table of one row for each epoch between the steps of pruning.
        accuracy_before_fine_tuning: accuracy without crossbars right after the last step, percent.
        layers: one row per layer: weights, kept weights, sparsity.
    """

    run: Trained
    gradual: list[pd.DataFrame]
    accuracy_before_fine_tuning: float
    layers: pd.DataFrame

    @property
    def masks(self) -> dict[str, NDArray[Any]]:
        """True where a weight stays, by layer, shape (rows, columns) of the unpruned layer's matrix."""
        return {name: mask.numpy() for name, mask in self.run.checkpoint.pruned.masks.items()}

    @property
    def training(self) -> pd.DataFrame:
        """One row per epoch, those between the steps of pruning first."""
        return pd.concat([*self.gradual, self.run.training], ignore_index=True)

    @property
    def software(self) -> pd.DataFrame:
        """Two rows: accuracy without crossbars right after pruning, and fine-tuned, percent."""
        pruned = self.run.software.assign(step="pruned", accuracy=self.accuracy_before_fine_tuning)
        return pd.concat([pruned, self.run.software], ignore_index=True)


class Experiment:
    """An entry of ``experiments``, with its files."""

    def __init__(self, name: str, params: Params) -> None:
        self.name, self.params = name, params
        self.section: ExperimentSection = params.experiment(name)

    @cached_property
    def images(self) -> ImageSet:
        """The prepared dataset."""
        return data.load(DATA / "datasets" / f"{self.section.dataset}.safetensors")

    @cached_property
    def architecture(self) -> Architecture:
        """The whole network."""
        return Architecture(
            network=self.section.network, width=self.section.width, classes=len(self.images.classes)
        )

    @property
    def description(self) -> str:
        """Network and data, for titles."""
        return f"{self.architecture.label} on {self.images.description}"

    def variant(self, scheme: SchemeName, crossbar_size: int) -> Variant:
        """The variant of a scheme that is mapped at a crossbar size."""
        depends = scheme != "unpruned" and PRUNING[scheme].depends_on_crossbar_size
        return Variant(scheme, crossbar_size if depends else None)

    def variants(self, scheme: SchemeName) -> list[Variant]:
        """All networks of a scheme that the profile's crossbar sizes ask for."""
        return list(dict.fromkeys(self.variant(scheme, size) for size in self.params.mapping.crossbar_sizes))

    def results(self, stage: str) -> Path:
        """Folder of a stage's tables."""
        return RESULTS / self.params.profile / self.name / stage

    def resume(self, label: str) -> Path:
        """A file that a killed run of this stage goes on from; outside of what DVC removes before a stage.

        The runner of the stages names the stage in ``XBARPAPER_STAGE`` and removes its folder once it has ended.
        """
        stage = os.environ.get(STAGE_VARIABLE) or "by-hand"
        return DATA / "resume" / self.name / stage / self.labelled(label)

    def live(self, label: str) -> str:
        """Name under which a training can be watched."""
        return f"{self.name}/{self.labelled(label)}"

    def labelled(self, label: str) -> str:
        """Name of a file of unfinished work among those of the experiment."""
        return label

    def checkpoint_path(self, variant: Variant, *, wct: bool = False) -> Path:
        """Where the checkpoint of a variant is kept, before or after WCT."""
        folder = DATA / "checkpoints" / self.name
        if wct:
            return folder / "wct" / f"{variant.label}.safetensors"
        return (
            folder / f"{variant.label}.safetensors"
            if variant.scheme == "unpruned"
            else (folder / variant.scheme / f"{variant.label}.safetensors")
        )

    def load(self, variant: Variant, *, wct: bool = False) -> Checkpoint:
        """The checkpoint of a variant, refused unless it belongs to the parameters and the data in force."""
        path = self.checkpoint_path(variant, wct=wct)
        return checkpoints.load(path, self.parameters_behind(variant, wct=wct), self.images)

    def unpruned(self) -> Checkpoint:
        """The checkpoint that everything is compared with."""
        return self.load(Variant("unpruned", None))

    def train(self) -> Trained:
        """Train the unpruned network, in ``train.epochs`` passes."""
        settings, variant = self.params.train, Variant("unpruned", None)
        network = unpruned(build(self.architecture, self.section.training_seed))
        return self._trained(network, "trained", variant, settings.epochs, settings.learning_rate)

    def prune(self, scheme: PrunedSchemeName) -> list[Pruned]:
        """Prune for every crossbar size that matters to the scheme, then train with the mask held.

        The network pruned is the trained one, in ``prune.steps``, or, where ``prune.when`` is init, a fresh one at once.
        """
        return [self._prune(variant) for variant in self.variants(scheme)]

    def constrain(self, schemes: Sequence[SchemeName] = SCHEMES) -> list[Trained]:
        """WCT for every network: train it on under limits on its weights; the range of its devices stays as before."""
        settings, result = self.params.wct, []
        for variant in [variant for scheme in schemes for variant in self.variants(scheme)]:
            before = self.load(variant)
            limits = limits_of(before.pruned, settings.cut_quantile)
            w_max = before.metadata.w_max
            run = self._trained(
                before.pruned, "wct", variant, settings.epochs, settings.learning_rate, limits, w_max=w_max
            )
            result.append(run)
        return result

    def _prune(self, variant: Variant) -> Pruned:
        params = self.params
        trained_first = params.prune.when == "trained"
        whole = (
            self.unpruned().pruned.network
            if trained_first
            else build(self.architecture, self.section.training_seed)
        )
        size = variant.crossbar_size or params.mapping.crossbar_sizes[0]
        scheme = PRUNING[cast(PrunedSchemeName, variant.scheme)]
        *before_last, sparsity = growing(self.section.sparsity, params.prune.steps if trained_first else 1)
        gradual: list[pd.DataFrame] = []
        for step, partial in enumerate(before_last, start=1):
            partly = masked(whole, scheme, params.prune, partial, size)
            gradual.append(self._between_steps(partly, variant, step))
            whole = partly.network
        pruned = prune(whole, scheme, params.prune, sparsity, size)
        before = self.software_accuracy(pruned.network)
        section = params.prune if trained_first else params.train
        run = self._trained(pruned, "fine-tuned", variant, section.epochs, section.learning_rate)
        return Pruned(run, gradual, before, self._sparsity_table(variant, pruned))

    def _between_steps(self, partly: PrunedNetwork, variant: Variant, step: int) -> pd.DataFrame:
        """Train for one epoch after a step of pruning; returns the row of the epoch."""
        label = f"pruned-{variant.label}-{step}"
        history = training.train(
            partly.network,
            self.images,
            training.Run(
                title=f"{self.name} {variant.label} pruned, step {step} of {self.params.prune.steps}",
                settings=self.fine_tuning(variant.scheme),
                epochs=1,
                learning_rate=self.params.prune.learning_rate,
                seed=_STEP_SEEDS * step + self.section.training_seed,
                resume=self.resume(f"{label}.safetensors"),
                live=self.live(label),
                constraints=(training.HeldMask(partly.weight_masks()),),
                teacher=self.teacher(),
            ),
        )
        return with_leading(history.assign(epoch=step), self._leading(variant) | {"step": "pruned"})

    def fine_tuning(self, scheme: SchemeName) -> Train:
        """How networks of a scheme are trained on: on whole images, pruned ones with a weight decay of their own."""
        train, section = self.params.train, self.params.prune
        own = scheme != "unpruned" and section.when == "trained"
        weight_decay = section.weight_decay if own else train.weight_decay
        return train.model_copy(update={"weight_decay": weight_decay, "cut_out_pixels": 0})

    def teacher(self) -> training.Teacher | None:
        """The unpruned network, for networks that learn from it; None where the parameters want no teacher."""
        settings = self.params.distillation
        if settings.weight == 0 or self.params.prune.when == "init":
            return None
        return training.Teacher(self.unpruned().pruned.network, settings)

    def software_accuracy(self, network: Network) -> float:
        """Accuracy without crossbars on all test images, percent."""
        device = training.device_of(self.params.train)
        images = data.normalised(self.images.test, self.images, device)
        return training.accuracy(network.to(device), images, self.images.test.labels.to(device))

    def write(self, stage: str, **tables: pd.DataFrame) -> list[Path]:
        """Write a stage's tables, ``name=table``; returns their paths."""
        for name in {"evaluation", "recovery"} & set(tables):
            live.crossbars(self.name, tables[name], self.params.readout.gain)
        return [write_table(self.results(stage) / f"{name}.csv", table) for name, table in tables.items()]

    def _trained(
        self,
        pruned: PrunedNetwork,
        step: str,
        variant: Variant,
        epochs: int,
        learning_rate: float,
        *constraints: training.Constraint,
        w_max: dict[str, float] | None = None,
    ) -> Trained:
        """Train with the mask held, and keep the checkpoint; ``w_max`` is given by WCT alone."""
        held = () if variant.scheme == "unpruned" else (training.HeldMask(pruned.weight_masks()),)
        from_scratch = step == "trained" or (step == "fine-tuned" and self.params.prune.when == "init")
        run = training.Run(
            title=f"{self.name} {variant.label} {step}",
            settings=self.params.train if from_scratch else self.fine_tuning(variant.scheme),
            epochs=epochs,
            learning_rate=learning_rate,
            seed=self.section.training_seed,
            resume=self.resume(f"{step}-{variant.label}.safetensors"),
            live=self.live(f"{step}-{variant.label}"),
            constraints=(*held, *constraints),
            teacher=None if step == "trained" else self.teacher(),
        )
        history = training.train(pruned.network, self.images, run)
        checkpoint = self._save(variant, pruned, history, w_max)
        leading = self._leading(variant) | {"step": step}
        metadata = checkpoint.metadata
        measured = {"sparsity": metadata.sparsity, "accuracy": metadata.software_accuracy}
        circumstances = {"test_images": len(self.images.test), "hardware": metadata.versions["hardware"]}
        software = pd.DataFrame([leading | measured | circumstances])
        return Trained(variant, checkpoint, with_leading(history, leading), software)

    def _save(
        self,
        variant: Variant,
        pruned: PrunedNetwork,
        history: pd.DataFrame,
        w_max: dict[str, float] | None,
    ) -> Checkpoint:
        pruned.network.to("cpu")
        metadata = Metadata(
            architecture=pruned.network.architecture,
            scheme=variant.scheme,
            sparsity=0.0 if variant.scheme == "unpruned" else self.section.sparsity,
            crossbar_size=variant.crossbar_size,
            parameters=self.parameters_behind(variant, wct=w_max is not None),
            seed=self.section.training_seed,
            dataset=self.images.description,
            dataset_digest=self.images.digest,
            classes=self.images.classes,
            software_accuracy=float(history["test_accuracy"].iloc[-1]),
            w_max=w_max or checkpoints.largest_weights(pruned),
            versions=checkpoints.versions(),
        )
        checkpoint = Checkpoint(pruned, metadata)
        checkpoints.save(self.checkpoint_path(variant, wct=w_max is not None), checkpoint)
        return checkpoint

    def parameters_behind(self, variant: Variant, *, wct: bool) -> dict[str, Any]:
        """All that says which network a checkpoint holds: the variant, and every parameter behind it, by dotted name."""
        params = self.params
        sections: dict[str, Any] = {f"experiments.{self.name}": self.section, "train": params.train}
        if variant.scheme != "unpruned":
            sections["prune"] = params.prune
        if wct:
            sections["wct"] = params.wct
        if wct or variant.scheme != "unpruned":
            sections["distillation"] = params.distillation
        values = {
            f"{prefix}.{name}": value
            for prefix, section in sections.items()
            for name, value in section.model_dump(mode="json").items()
        }
        values |= {"scheme": variant.scheme, "crossbar_size": variant.crossbar_size, "wct": wct}
        values.pop("train.device")
        if variant.scheme == "unpruned":
            values.pop(f"experiments.{self.name}.sparsity")
        return values

    def _sparsity_table(self, variant: Variant, pruned: PrunedNetwork) -> pd.DataFrame:
        prunable = prunable_layers(pruned.network, self.params.prune)
        rows = [
            {
                **self._leading(variant),
                "layer": name,
                "prunable": name in prunable,
                "weights": mask.numel(),
                "kept_weights": int(mask.sum()),
                "sparsity": pruned.sparsity(frozenset({name})),
            }
            for name, mask in pruned.masks.items()
        ]
        return pd.DataFrame(rows)

    def _leading(self, variant: Variant) -> dict[str, Any]:
        return {
            "experiment": self.name,
            "dataset": self.section.dataset,
            "network": self.section.network,
            "scheme": variant.scheme,
            "crossbar_size": variant.crossbar_size,
        }


def gather(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of several; crossbar sizes stay whole numbers where some are missing."""
    table = pd.concat(list(tables), ignore_index=True)
    return table.astype({"crossbar_size": "Int64"})


def with_leading(table: pd.DataFrame, leading: Mapping[str, Any]) -> pd.DataFrame:
    """A table with columns of one value each in front."""
    front = pd.DataFrame({name: [value] * len(table) for name, value in leading.items()}, index=table.index)
    return pd.concat([front, table], axis=1)
