"""One experiment, stage by stage: what the notebooks call.

An ``Experiment`` ties the parameters to the files: it knows where each stage reads and writes, which parameters each
checkpoint depends on, and goes through training, pruning, mapping, evaluation and mitigation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from xbarpaper import checkpoints, data, training
from xbarpaper.checkpoints import Checkpoint, Metadata
from xbarpaper.data import ImageSet
from xbarpaper.evaluation import Bench, Case, Subject, cases, disturbed, sweep
from xbarpaper.files import write_table
from xbarpaper.mapped import MappedNetwork, map_network
from xbarpaper.mitigation import limits_of, ordered_by_mean_conductance
from xbarpaper.models import Architecture, Vgg, build
from xbarpaper.nonideal import ReadOut
from xbarpaper.params import (
    SCHEMES,
    Effects,
    Mitigation,
    Params,
    SchemeName,
)
from xbarpaper.params import (
    Experiment as ExperimentSection,
)
from xbarpaper.pruning import SCHEMES as PRUNING
from xbarpaper.pruning import PrunedNetwork, compaction_of, prunable_layers, prune, unpruned

DATA = Path("data")


@dataclass(frozen=True)
class Variant:
    """A pruning scheme at a crossbar size; size None where the network does not depend on it."""

    scheme: SchemeName
    crossbar_size: int | None

    @property
    def label(self) -> str:
        """Name of its files, for example ``xcs-16``."""
        return self.scheme if self.crossbar_size is None else f"{self.scheme}-{self.crossbar_size}"


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
        return DATA / "results" / self.name / stage

    def resume(self, label: str) -> Path:
        """What a killed run goes on from; outside of what DVC removes before a stage."""
        return DATA / "resume" / self.name / label

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
        return checkpoints.load(path, self._parameters(variant, wct=wct), self.images)

    # Training, pruning and WCT

    def train(self) -> tuple[Checkpoint, pd.DataFrame]:
        """Train the unpruned network; returns its checkpoint and one row per epoch."""
        settings, variant = self.params.train, Variant("unpruned", None)
        network = build(self.architecture, self.section.training_seed)
        history = self._run(network, "trained", variant, settings.epochs, settings.learning_rate)
        return self._save(variant, unpruned(network), history), self._history(variant, "trained", history)

    def prune(self, variant: Variant) -> PrunedNetwork:
        """Prune the trained network, or a fresh one where ``prune.when`` is init."""
        if variant.scheme == "unpruned":
            raise ValueError("there is nothing to prune in the unpruned network")
        whole = (
            self.load(Variant("unpruned", None)).pruned.network
            if self.params.prune.when == "trained"
            else build(self.architecture, self.section.training_seed)
        )
        size = variant.crossbar_size or self.params.mapping.crossbar_sizes[0]
        return prune(whole, PRUNING[variant.scheme], self.params.prune, self.section.sparsity, size)

    def fine_tune(self, variant: Variant, pruned: PrunedNetwork) -> tuple[Checkpoint, pd.DataFrame]:
        """Train a pruned network with its mask held; returns its checkpoint and one row per epoch."""
        section = self.params.prune if self.params.prune.when == "trained" else self.params.train
        held = training.HeldMask(pruned.weight_masks())
        history = self._run(
            pruned.network, "fine-tuned", variant, section.epochs, section.learning_rate, (held,)
        )
        return self._save(variant, pruned, history), self._history(variant, "fine-tuned", history)

    def constrain(self, variant: Variant) -> tuple[Checkpoint, pd.DataFrame]:
        """WCT: train a network on under limits on its weights; the range of its devices stays that of before."""
        before = self.load(variant)
        settings = self.params.wct
        held = training.HeldMask(before.pruned.weight_masks())
        limits = limits_of(before.pruned, settings.cut_quantile)
        history = self._run(
            before.pruned.network, "wct", variant, settings.epochs, settings.learning_rate, (held, limits)
        )
        checkpoint = self._save(variant, before.pruned, history, w_max=before.metadata.w_max)
        return checkpoint, self._history(variant, "wct", history)

    def software_accuracy(self, network: Vgg) -> float:
        """Accuracy without crossbars on all test images, percent."""
        device = training.device_of(self.params.train)
        images = data.normalised(self.images.test, self.images, device)
        return training.accuracy(network.to(device), images, self.images.test.labels.to(device))

    def prunable(self) -> frozenset[str]:
        """The layers that may lose weights."""
        return prunable_layers(Vgg(self.architecture), self.params.prune)

    # Crossbars

    def bench(self) -> Bench:
        """What all evaluations of this experiment share."""
        device = training.device_of(self.params.train)
        return Bench(
            images=data.normalised(self.images.test, self.images, device),
            labels=self.images.test.labels.to(device),
            images_digest=self.images.digest,
            devices=self.params.devices,
            parasitics=self.params.circuit,
            low_conductance_threshold=self.params.mapping.low_conductance_threshold,
            batch_size=self.params.evaluation.batch_size,
        )

    def map(self, scheme: SchemeName, crossbar_size: int, mitigation: Mitigation = "none") -> Subject:
        """Put the network of a scheme onto crossbars, with or without mitigation."""
        checkpoint = self.load(self.variant(scheme, crossbar_size), wct="WCT" in mitigation)
        rearranged = mitigation in ("R", "R+WCT")
        arrangement = ordered_by_mean_conductance(self.params.rearrange.order) if rearranged else None
        metadata = checkpoint.metadata
        mapped = map_network(
            checkpoint.pruned, compaction_of(scheme), crossbar_size, metadata.w_max, arrangement
        )
        return Subject(mapped, scheme, metadata.sparsity, mitigation, metadata.software_accuracy)

    def wires_only(self, mapped: MappedNetwork) -> ReadOut:
        """What the crossbars compute with the wires' resistances alone."""
        return disturbed(mapped, Case("wires", None, (self.params.readout.gain,)), self.bench())

    def layer_table(self, mitigations: tuple[Mitigation, ...]) -> pd.DataFrame:
        """One row per layer for every scheme, crossbar size and mitigation, with the wires' non-ideality factor."""
        tables = []
        for subject in self._subjects(mitigations):
            read = self.wires_only(subject.mapped)
            table = subject.mapped.layer_table(
                self.params.devices, self.params.mapping.low_conductance_threshold
            )
            table["nf"] = [layer.non_ideality_factor for layer in read.layers]
            leading = self._leading(subject.scheme, subject.mapped.crossbar_size) | {
                "mitigation": subject.mitigation
            }
            tables.append(_with_leading(table, leading))
        return pd.concat(tables, ignore_index=True)

    def evaluate(
        self, stage: str, mitigations: tuple[Mitigation, ...], effects: tuple[Effects, ...]
    ) -> pd.DataFrame:
        """The sweep over every scheme, crossbar size, effect, seed and gain mode; see ``evaluation.sweep``."""
        settings = self.params.evaluation
        wanted = cases(effects, settings.variation_seeds, settings.gains, self.params.readout.gain)
        total = len(SCHEMES) * len(self.params.mapping.crossbar_sizes) * len(mitigations)
        journal = self.resume(f"{stage}.csv")
        table = sweep(self._subjects(mitigations), wanted, self.bench(), journal, total)
        leading = {
            "experiment": self.name,
            "dataset": self.images.description,
            "network": self.architecture.label,
        }
        return _with_leading(table, leading)

    def software_row(self, variant: Variant, step: str, accuracy: float) -> dict[str, Any]:
        """A row of the table ``software.csv``."""
        sparsity = 0.0 if variant.scheme == "unpruned" else self.section.sparsity
        leading = self._leading(variant.scheme, variant.crossbar_size)
        size = leading.pop("crossbar_size")
        return {**leading, "sparsity": sparsity, "crossbar_size": size, "step": step, "accuracy": accuracy}

    def write(self, stage: str, **tables: pd.DataFrame) -> list[Path]:
        """Write a stage's tables, ``name=table``; returns their paths."""
        return [write_table(self.results(stage) / f"{name}.csv", table) for name, table in tables.items()]

    def _subjects(self, mitigations: tuple[Mitigation, ...]) -> Iterator[Subject]:
        for scheme in SCHEMES:
            for size in self.params.mapping.crossbar_sizes:
                for mitigation in mitigations:
                    yield self.map(scheme, size, mitigation)

    def _run(
        self,
        network: Vgg,
        step: str,
        variant: Variant,
        epochs: int,
        learning_rate: float,
        constraints: tuple[training.Constraint, ...] = (),
    ) -> pd.DataFrame:
        run = training.Run(
            title=f"{self.name} {variant.label} {step}",
            settings=self.params.train,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=self.section.training_seed,
            resume=self.resume(f"{step}-{variant.label}.safetensors"),
            constraints=constraints,
        )
        return training.train(network, self.images, run)

    def _save(
        self,
        variant: Variant,
        pruned: PrunedNetwork,
        history: pd.DataFrame,
        w_max: dict[str, float] | None = None,
    ) -> Checkpoint:
        pruned.network.to("cpu")
        metadata = Metadata(
            architecture=pruned.network.architecture,
            scheme=variant.scheme,
            sparsity=0.0 if variant.scheme == "unpruned" else self.section.sparsity,
            crossbar_size=variant.crossbar_size,
            parameters=self._parameters(variant, wct=w_max is not None),
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

    def _parameters(self, variant: Variant, *, wct: bool) -> dict[str, Any]:
        """Every parameter that the weights of a variant depend on, by dotted name."""
        params = self.params
        sections: dict[str, Any] = {f"experiments.{self.name}": self.section, "train": params.train}
        if variant.scheme != "unpruned":
            sections["prune"] = params.prune
        if wct:
            sections["wct"] = params.wct
        values = {
            f"{prefix}.{name}": value
            for prefix, section in sections.items()
            for name, value in section.model_dump(mode="json").items()
        }
        values.pop("train.device")
        if variant.scheme == "unpruned":
            values.pop(f"experiments.{self.name}.sparsity")
        return values

    def _leading(self, scheme: SchemeName, crossbar_size: int | None) -> dict[str, Any]:
        return {
            "experiment": self.name,
            "dataset": self.images.description,
            "network": self.architecture.label,
            "scheme": scheme,
            "crossbar_size": crossbar_size,
        }

    def _history(self, variant: Variant, step: str, history: pd.DataFrame) -> pd.DataFrame:
        leading = self._leading(variant.scheme, variant.crossbar_size) | {"step": step}
        leading.pop("dataset")
        return _with_leading(history, leading)


def _with_leading(table: pd.DataFrame, leading: dict[str, Any]) -> pd.DataFrame:
    front = pd.DataFrame({name: [value] * len(table) for name, value in leading.items()}, index=table.index)
    return pd.concat([front, table], axis=1)
