"""What several test modules share: a tiny dataset, tiny networks, and a tiny profile."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from faults import outcomes
from hypothesis import HealthCheck, settings
from isolation import Isolation
from programs import summary
from repository import run_profile, tiny_profile
from subjects import mapped, pruned_by, unpruned_in

from xbarpaper import data
from xbarpaper.data import ImageSet, normalised
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.mitigation import columns_ordered
from xbarpaper.networks import Architecture, Network, build
from xbarpaper.params import ColumnOrder, Devices, NetworkName, Params, Rearrange, SchemeName, Shapes10
from xbarpaper.support import git

MakeNetwork = Callable[..., Network]
MakeParams = Callable[..., Params]
MakeSubject = Callable[..., Subject]


for _name in git.ELSEWHERE:  # a hook of git may run the tests
    os.environ.pop(_name, None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of nothing but slow tests are not even imported where those are left out."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return "\npytestmark = pytest.mark.slow" in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker is left with one when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


# Few examples of each property by default; XBARPAPER_EXAMPLES=300 tries that many.
settings.register_profile(
    "xbarpaper",
    max_examples=int(os.environ.get("XBARPAPER_EXAMPLES", "20")),
    deadline=None,  # times say nothing on a machine that is shared
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("xbarpaper")


def keep_trials(stats: dict[str, list[pytest.TestReport]]) -> None:
    """Count the everyday trials of this run in reports/reliability.json."""
    passed, failed = (
        sum(Path(one.nodeid.split("::")[0]).name.startswith("test_everyday") for one in stats.get(kind, []))
        for kind in ("passed", "failed")
    )
    if passed + failed:
        what = "habits, settings and tools of people who run such artifacts, and disks and caches as they meet them"
        command = 'make test RECORD=1 TESTS="tests/test_everyday*.py"'
        outcomes.keep("everyday_trials", passed + failed, passed, what, command)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line which programs were missing, and how many tests were skipped for it."""
    if os.environ.get("RECORD"):
        keep_trials(terminalreporter.stats)
    reports = terminalreporter.stats.get("skipped", [])
    if line := summary([str(report.longrepr) for report in reports]):
        terminalreporter.write_line(line, yellow=True)


DEVICES = Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1)


@pytest.fixture(scope="session")
def tiny_images() -> ImageSet:
    """A hundred training images and forty for testing, ten classes."""
    settings = Shapes10(kind="shapes10", train_images=100, test_images=40, noise_sigma=0.05, seed=1)
    return data.prepare("tiny", settings)


@pytest.fixture(scope="session")
def make_network() -> MakeNetwork:
    """Makes tiny networks in evaluation mode, whose batch norms are as unlike a fresh one as a trained network's."""

    def make(
        network: NetworkName = "vgg11", width: float = 0.04, seed: int = 0, classes: int = 10
    ) -> Network:
        made = build(Architecture(network=network, width=width, classes=classes), seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for norm in made.norms().values():
                norm.weight.uniform_(0.5, 1.5, generator=generator)
                norm.bias.normal_(0.0, 0.3, generator=generator)
                norm.running_mean.normal_(0.0, 0.3, generator=generator)
                norm.running_var.uniform_(0.5, 2.0, generator=generator)
            classifier = made.weighted_modules()["classifier"]
            classifier.weight.normal_(0.0, 0.3, generator=generator)
            classifier.bias.normal_(0.0, 0.3, generator=generator)
        return made.eval()

    return make


@pytest.fixture(scope="session")
def make_params() -> MakeParams:
    """Makes strictly checked parameters: the profile quick at a tiny size, with changes by section."""

    return tiny_profile


@pytest.fixture(scope="session")
def tiny(make_params: MakeParams) -> Params:
    """The profile of ``tiny_pipeline``."""
    return make_params(claims={"bootstrap_resamples": 200})


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory, tiny: Params) -> Path:
    """Where the tiny profile has run, once for all workers: ``copy/``, to be copied, and ``repro.log``.

    Where the system permits it, it ran without a network, and ``network/`` is the ``Isolation`` that it ran in.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "tiny-pipeline"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "repro.log").exists():
            shutil.rmtree(folder / "copy", ignore_errors=True)  # another worker failed
            network = Isolation(folder / "network")
            output = run_profile(folder / "copy", tiny, None if network.refused() else network)
            (folder / "repro.log").write_text(output, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def trained_tiny(tmp_path_factory: pytest.TempPathFactory, tiny_images: ImageSet) -> Path:
    """Where the network of the tiny profile is trained, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    unpruned_in(folder, tiny_profile(), tiny_images)
    return folder


@pytest.fixture
def with_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_images: ImageSet) -> Path:
    """A folder with the prepared images and nothing else, as the working directory."""
    monkeypatch.chdir(tmp_path)
    data.save(tiny_images, Path("data/datasets/tiny.safetensors"))
    return tmp_path


@pytest.fixture
def make_subject(make_network: MakeNetwork) -> MakeSubject:
    def make(scheme: SchemeName = "unpruned", order: ColumnOrder = "none", size: int = 16) -> Subject:
        pruned = pruned_by(make_network(width=0.06), scheme, size)
        on_crossbars = mapped(pruned, scheme, size, columns_ordered(Rearrange(order=order)))
        sparsity = 0.0 if scheme == "unpruned" else 0.6
        return Subject(on_crossbars, scheme, sparsity, "none" if order == "none" else "R", 12.5)

    return make


@pytest.fixture
def bench(tiny_images: ImageSet) -> Bench:
    return Bench(
        images=normalised(tiny_images.test, tiny_images, "cpu"), labels=tiny_images.test.labels,
        images_digest=tiny_images.digest, devices=DEVICES, parasitics=Parasitics(),
        low_conductance_threshold=0.1, batch_size=40,
    )  # fmt: skip
