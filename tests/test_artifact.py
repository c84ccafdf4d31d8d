"""The artifact appendix and the container recipe: their commands, given for the tiny profile, do what they say."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from image_files import write_tree
from repository import ROOT, Repository, tiny_profile
from ruamel.yaml import YAML
from test_image_folder import png
from test_pipeline import UP_TO_DATE

from tools import container
from xbarpaper.support.errors import ArtifactError

PAGE = (ROOT / "docs" / "artifact.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
INSTALL, DOCKER, MINIMAL, CLAIMS, VERDICTS, VERIFY, COMPARE, REAL = BLOCKS


def test_ci_runs_what_the_page_begins_with() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (command,) = INSTALL.splitlines()
    assert command.split("#")[0].split()[-2:] == ["make", "repro"]
    assert re.search(r"^part .* make repro", run, re.MULTILINE)


def environment(made: Repository) -> None:
    """An environment in ``.venv`` that counts as installed: the one of the tests, with the copy's code."""
    for name in ("python", "dvc"):
        program = made.folder / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        module = "-m dvc " if name == "dvc" else ""
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{made.folder}" exec "{sys.executable}" {module}"$@"\n')
        program.chmod(0o755)
    (made.folder / ".venv/.installed").touch()
    made.environment["PATH"] = f"{made.folder}/.venv/bin:{made.environment['PATH']}"


@pytest.mark.slow
def test_the_pages_commands_reproduce_the_tiny_profile(tiny_pipeline: Path, tmp_path: Path) -> None:
    made = Repository.twin(tiny_pipeline / "copy", tmp_path / "clone")
    environment(made)
    made.keep_profile()
    made.commit()

    def follow(commands: str, **changes: str) -> str:
        for before, after in {**changes, "cifar10-seeds": "tiny", "quick": "tiny"}.items():
            commands = commands.replace(before, after)
        done = made.run("bash", "-e", "-c", commands)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    follow(
        MINIMAL,
        **{"make test TESTS=tests/test_circuit.py": "make test TESTS='tests/test_circuit.py -k ideal'"},
    )
    # A committed report has this already; here it is new, and would be a change of what DVC published.
    (made.folder / "reports/tiny/measured.json").unlink()
    own = re.sub(r"(\w+)@quick-vgg11 \w+@quick-vgg16", r"\1@tiny-vgg11", CLAIMS)
    assert follow(own).count(UP_TO_DATE) == len(own.splitlines())
    said = follow(VERDICTS)
    assert {line[:2] for line in said.splitlines()} == {"C1", "C2", "C3", "C4", "C5"}
    assert (
        follow(VERIFY, **{"make verify": "make verify PROFILE=tiny"}).splitlines()[-2].endswith(" 0 outside")
    )
    assert follow(COMPARE, **{"/path/to/quick": "reports/tiny"}).strip().endswith(" 0 outside")


@pytest.mark.slow
def test_a_report_on_image_files_is_made_from_a_clone_of_them(tmp_path: Path) -> None:
    origin, home = tmp_path / "origin/CIFAR-10-dataset", tmp_path / "home"
    classes = [f"class{number}" for number in range(10)]
    tree = {
        f"{split}/{name}/{i}.png": png(20 * number + 3 * i)
        for split, count in (("train", 10), ("test", 4))
        for number, name in enumerate(classes)
        for i in range(count)
    }
    images = Repository(write_tree(origin, tree))
    images.git("init", "-q")
    images.commit()
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "file://{tmp_path}/origin/"]\n insteadOf = https://github.com/cyizhuo/\n'
    )
    folder = {
        "kind": "image_folder", "path": "data/cifar10-images", "description": "small", "origin": "drawn",
    }  # fmt: skip
    params = tiny_profile(
        datasets={"tiny": {**folder, "train_images": 100, "test_images": 40}}, sensitivity={"experiments": ()},
        beyond={"experiments": ()}, search={"experiments": ()}, mapping={"crossbar_sizes": (8,)},
    )  # fmt: skip
    made = Repository.copy(tmp_path / "clone")
    tree = params.model_dump(mode="json", exclude_defaults=True) | {"profile": "cifar10-seeds"}
    with (made.folder / "profiles/cifar10-seeds.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(tree, file)
    environment(made)
    made.environment["HOME"] = str(home)
    done = made.run("bash", "-e", "-c", REAL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (made.folder / "reports/cifar10-seeds/claims.json").is_file()


# --- the container ------------------------------------------------------------------------------------------


def test_the_recipe_is_read_as_docker_reads_it() -> None:
    found = container.instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    words = [word for word, _ in found]
    assert words == ["FROM", "RUN", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "CMD"]
    packages = found[1][1].split("recommends ")[1].split(" && ")[0].split()
    named = re.findall(r"`apt-get install ([^`]+)`", PAGE)[0].split()
    assert set(named) == set(packages) - {"ca-certificates"}  # a minimal image alone lacks these
    assert json.loads(found[-1][1]) == ["make", "repro"]
    assert shlex.join(["docker", "build", "-t", "xbarpaper", "."]) in DOCKER


@pytest.mark.parametrize(
    ("recipe", "message"), [("FROM alpine", "FROM alpine: must be"), ("VOLUME /a", "not known")]
)
def test_what_a_recipe_may_not_hold_is_refused(tmp_path: Path, recipe: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        container.build(container.Root(tmp_path, (), {}), recipe, None, {}, None)


def test_what_a_step_fetched_is_counted(tmp_path: Path) -> None:
    wheel, log = tmp_path / "a.whl", tmp_path / "pip.log"
    wheel.write_bytes(b"0" * 1000)
    log.write_text(f"Downloading b.whl (2.5 MB)\nDownloading c.whl.metadata (4 kB)\nProcessing {wheel}\n" * 2)
    assert container.downloaded("Need to get 32.1 MB of archives.\n", log) == pytest.approx(
        32.1 + 2 * 2.504 + 0.001
    )
