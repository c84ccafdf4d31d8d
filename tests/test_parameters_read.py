"""The referee of the parameters in dvc.yaml: what the library reads while the stages' work is done is listed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import MakeParams
from pydantic import BaseModel
from repository import ROOT
from ruamel.yaml import YAML
from subjects import of_one_size

from xbarpaper.experiments import crossbars, mechanism, pruned, sweeps, trained, trained_on
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.mitigation import NONE, WCT, R
from xbarpaper.params import Params

SIZES = (16,)
BY_NAME = {"experiments", "datasets", "profile", "execution"}  # named by the command, or without an effect
SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Params.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) and name not in BY_NAME
}


@contextmanager
def noted() -> Iterator[set[str]]:
    """The parameters whose values are read in the block, by dotted name."""
    found: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for section, kind in SECTIONS.items():
            names = {name: f"{section}.{name}" for name in kind.model_fields}

            def read(
                self: Any, name: str, real: Any = kind.__getattribute__, names: dict[str, str] = names
            ) -> Any:
                # What a copy of a section leaves at its default does not come from params.yaml.
                if name in names and name in real(self, "__pydantic_fields_set__"):
                    found.add(names[name])
                elif name in ("model_dump", "model_dump_json"):
                    found.update(names.values())
                return real(self, name)

            patch.setattr(kind, "__getattribute__", read)
        yield found


def evaluated(work: Experiment) -> None:
    sweeps.evaluate(work, "06_evaluate", (NONE,), ("wires", "both"))


def rearranged(work: Experiment) -> None:
    sweeps.evaluate(work, "07_rearrange", (R,), ("both",))


def constrained(work: Experiment) -> None:
    trained_on.train_all(work, WCT)
    sweeps.evaluate(work, "08_wct", (WCT,), ("both",))


def taken_apart(work: Experiment) -> None:
    mechanism.error_table([crossbars.mapped(work, "cf", 16)], bench(work))


STAGES: dict[str, Callable[[Experiment], Any]] = {
    "train": trained.train, "prune_cf": lambda work: pruned.prune(work, "cf"),
    "prune_xcs": lambda work: pruned.prune(work, "xcs", SIZES),
    "prune_xrs": lambda work: pruned.prune(work, "xrs", SIZES),
    "map": lambda work: crossbars.layer_table(work, (NONE,)), "evaluate": evaluated, "rearrange": rearranged,
    "wct": constrained, "mechanism": taken_apart,
}  # fmt: skip


@pytest.mark.usefixtures("with_images")
def test_no_stage_reads_a_parameter_that_it_does_not_list(make_params: MakeParams) -> None:
    changes = of_one_size(*SIZES) | {"execution": {"scheduler": "none"}}  # in this process
    work = Experiment("tiny-vgg11", make_params(**changes))
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    for name, function in STAGES.items():
        with noted() as found:
            function(work)
        listed = {str(param) for param in stages[name]["do"]["params"]}
        unlisted = {one for one in found if one not in listed and one.split(".")[0] not in listed}
        assert len(found) > 5
        assert not unlisted, name
