"""The sweep: accuracy of disturbed networks over effects, seeds and gain modes, a row per evaluation.

An interrupted sweep goes on with the rows that are missing: finished rows wait in a journal, each with a digest of all
that it depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
import torch
from torch import Tensor

from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.effects import DeviceEffect, chip, known
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.readout import ReadOut, read_out
from xbarpaper.mitigation.parts import Finish, Programming
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.params import Devices, Effects, Gain, Parasitics
from xbarpaper.support import code, progress
from xbarpaper.support.spreading import InProcess, Task, Workers, results

K = TypeVar("K")


@dataclass(frozen=True)
class Case:
    """What acts on the crossbars in one evaluation; ``seed`` is None where nothing is random."""

    effects: Effects
    seed: int | None
    gains: tuple[Gain, ...]


def cases(effects: Iterable[Effects], seeds: int, gains: Sequence[Gain], single_gain: Gain) -> list[Case]:
    """The cases of a sweep: both effects at every gain mode, each effect alone at one; wires alone once, not per seed."""
    result = []
    for effect in effects:
        wanted = tuple(gains) if effect == "both" else (single_gain,)
        result += [Case(effect, seed, wanted) for seed in ([None] if effect == "wires" else range(seeds))]
    return result


def disturbed(mapped: MappedNetwork, case: Case, devices: Devices, parasitics: Parasitics) -> ReadOut:
    """Solve the crossbars of a network for one case."""
    acting = None if case.effects == "variation" else parasitics
    return read_out(mapped, devices, _on_devices(case, devices), acting)


def _on_devices(case: Case, devices: Devices) -> tuple[DeviceEffect, ...]:
    return () if case.seed is None else chip(devices, case.seed)


@dataclass(frozen=True)
class Job(Generic[K]):
    """A mapped network to evaluate in some cases, each with the key that its rows are filed under."""

    subject: Subject
    bench: Bench
    cases: Sequence[tuple[K, Case]]


def sweep(
    subjects: Iterable[Subject],
    wanted: Sequence[Case],
    bench: Bench,
    journal: Path,
    total: int | None = None,
    workers: Workers | None = None,
) -> pd.DataFrame:
    """Evaluate every subject in every case.

    Args:
        subjects: the mapped networks; taken as they are needed, so a generator keeps memory low.
        journal: file of finished rows; rows there whose digest fits are not computed again.
        workers: what evaluates; this process if not given. The table is the same.

    Returns:
        One row per evaluation: scheme, sparsity, crossbar_size, mitigation, effects, gain, seed (missing where nothing is
        random), accuracy and software_accuracy in percent, nf, low_conductance_share, crossbars, compression_rate.
    """
    jobs = (
        Job(subject, bench, [((number, place), case) for place, case in enumerate(wanted)])
        for number, subject in enumerate(subjects)
    )
    tables: dict[tuple[int, int], pd.DataFrame] = {}
    steps = None if total is None else total * sum(len(case.gains) for case in wanted)
    with progress.bar("evaluating", steps, "row") as bar:

        def arrived(key: tuple[int, int], rows: pd.DataFrame) -> None:
            tables[key] = rows
            names = rows[["scheme", "crossbar_size", "mitigation"]].iloc[0]
            bar.set_postfix_str(" ".join(map(str, names)), refresh=False)
            bar.update(len(rows))

        evaluated(jobs, Journal(journal), workers or InProcess(), arrived)
    ordered = [tables[key] for key in sorted(tables)]
    return pd.concat(ordered, ignore_index=True).astype({"seed": "Int64"})


def evaluated(
    jobs: Iterable[Job[K]], journal: Journal, workers: Workers, arrived: Callable[[K, pd.DataFrame], None]
) -> None:
    """Evaluate every job; only what the journal lacks is computed, and kept there.

    Args:
        jobs: what to evaluate; taken as they are needed.
        arrived: called with each case's key and rows, as in ``sweep``, in the order in which they arrive.
    """
    for (digest, key), rows in results(workers, _missing(jobs, journal, workers, arrived)):
        journal.add(digest, rows)
        arrived(key, rows)


def _missing(
    jobs: Iterable[Job[K]], journal: Journal, workers: Workers, arrived: Callable[[K, pd.DataFrame], None]
) -> Iterator[Task[tuple[str, K], pd.DataFrame]]:
    """A task for each case that the journal lacks; those that it has arrive at once."""
    latest: dict[str, tuple[Any, Any]] = {}

    def once(name: str, value: Any) -> Any:
        """The stand-in of a value, which is shared anew only where it is not the very same as before."""
        if name not in latest or latest[name][0] is not value:
            latest[name] = value, workers.share(value)
        return latest[name][1]

    for job in jobs:
        digest = subject_digest(job.subject, job.bench)
        for key, case in job.cases:
            rows = journal.rows(digest, case.effects, case.seed, case.gains)
            if rows is not None:
                arrived(key, rows)
                continue
            values = {"subject": job.subject, "images": job.bench.images, "labels": job.bench.labels}
            shared = (once(name, value) for name, value in values.items())
            bench = replace(job.bench, images=job.bench.images[:0], labels=job.bench.labels[:0])
            yield Task((digest, key), _label(job.subject, case), _evaluate, (case, bench, *shared))


def _label(subject: Subject, case: Case) -> str:
    names = f"{subject.label} {subject.mitigation}, {case.effects}"
    return names if case.seed is None else f"{names}, seed {case.seed}"


def _evaluate(case: Case, bench: Bench, subject: Subject, images: Tensor, labels: Tensor) -> pd.DataFrame:
    bench, mapped = replace(bench, images=images, labels=labels), subject.mapped
    if subject.programming is not None:
        mapped = subject.programming.program(mapped, known(_on_devices(case, bench.devices)))
    read = disturbed(mapped, case, bench.devices, bench.parasitics)
    common = {
        "scheme": subject.scheme, "sparsity": subject.sparsity, "crossbar_size": mapped.crossbar_size,
        "mitigation": subject.mitigation, "effects": case.effects,
    }  # fmt: skip
    low = mapped.low_conductance_share(bench.devices, bench.low_conductance_threshold)
    measured = {
        "software_accuracy": subject.software_accuracy, "nf": read.non_ideality_factor, "low_conductance_share": low,
        "crossbars": mapped.crossbars, "compression_rate": mapped.compression_rate,
    }  # fmt: skip
    rows = []
    for gain in case.gains:
        twin = read.twin(gain)
        if subject.finish is not None:
            twin = subject.finish.apply(twin, mapped.network)
        reached = bench.accuracy(twin)
        rows.append({**common, "gain": gain, "seed": case.seed, "accuracy": reached, **measured})
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def subject_digest(subject: Subject, bench: Bench) -> str:
    """Digest of all that the rows of a subject depend on, this code included."""
    layers = subject.mapped.layers
    parts = [
        tensor_digest(subject.mapped.network.state_dict()),
        tensor_digest({f"{layer.name} rows": layer.tiles.rows for layer in layers}),
        tensor_digest({f"{layer.name} columns": layer.tiles.columns for layer in layers}),
        tensor_digest({layer.name: layer.programmed_weights for layer in layers}),
        repr([_text(layer.w_max) for layer in layers]),
        *(
            _text(tiles.rows) + _text(tiles.columns)
            for layer in layers
            if (tiles := layer.minus_tiles) is not None
        ),
        f"{subject.scheme} {subject.sparsity} {subject.mitigation} {subject.software_accuracy!r}",
        "as it is" if subject.finish is None else _identity(subject.finish),
        "all alike" if subject.programming is None else _identity(subject.programming),
        bench.images_digest,
        bench.devices.model_dump_json() + bench.parasitics.model_dump_json(),
        f"{bench.low_conductance_threshold} {bench.batch_size} {bench.dtype} {bench.images.device} {torch.__version__}",
        code.digest(__name__),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _text(value: float | Tensor) -> str:
    return tensor_digest({"": value}) if isinstance(value, Tensor) else repr(value)


def _identity(step: Finish | Programming) -> str:
    """What a step does and with which code."""
    return f"{code.digest(type(step).__module__)} {step.digest()}"
