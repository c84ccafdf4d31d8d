"""The same crossbars in other simulators: what each makes of the wires, how far from the circuit it means, and its time.

``python benchmarks/simulators.py`` makes an environment for them (torch included, half a gigabyte), installs what can be
installed, and says in a line why the rest cannot. It writes simulators.csv and simulators-networks.csv into
reports/benchmarks:

- single crossbars of random devices of 5 to 50 uS between wires of 10 ohm a segment. Each simulator's column currents
  with 1 V on all rows are compared with the solution of the circuit that it means (``xbarpaper.hardware.simulators``)
  and with the circuit that most of them mean. The time is that of all inputs of one crossbar, the fastest of several,
  beside this library's on the same crossbar, by itself, in the same precision;
- a small VGG11 of random weights, its crossbars handed over in one file: the logits with what each makes of them.

Times are processor time on one thread.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from circuit import REPORTS, machine, random_tiles
from circuit_network import map_randomly
from torch import Tensor

from xbarpaper.hardware import Devices, MappedNetwork, Parasitics, read_crossbars, read_out, write_crossbars
from xbarpaper.hardware.circuit import effective_conductance, read_currents, spice_netlist
from xbarpaper.hardware.simulators import CONVENTIONS, effective_conductance_as
from xbarpaper.networks import Architecture
from xbarpaper.networks.matrix import weight_of
from xbarpaper.support import files

PEER: Final = Path(__file__).with_name("simulators_peer.py")
OHM: Final = 10.0
COMMON: Final = Parasitics(driver_ohm=OHM, row_wire_ohm=OHM, column_wire_ohm=OHM, sense_ohm=OHM)
_BATCH: Final = 64
_BASE: Final = ("torch==2.13.0", "numpy==2.4.6", "scipy==1.17.1", "tqdm==4.70.1")
_NETWORK_WIRES: Final = Parasitics(driver_ohm=5.0, row_wire_ohm=5.0, column_wire_ohm=10.0, sense_ohm=10.0)


@dataclass(frozen=True)
class Peer:
    """A simulator."""

    name: str  # of the program; conventions are looked up by it
    # in ``simulators_peer``; empty where it has not been seen to install, so nobody has tried it
    function: str
    requirements: tuple[str, ...]  # what pip installs, without what that depends on
    precision: str = "float64"  # of its arithmetic
    repeats: int = 5  # timings of a crossbar
    tiles: int = 3  # crossbars of each size that it solves at most
    largest: int = 10_000  # size; beyond, one takes a minute
    network: bool = False  # whether it is fast enough for a network, and takes crossbars with empty cells


PEERS: Final = (
    Peer("badcrossbar", "badcrossbar", ("badcrossbar==1.1.0", "pathvalidate==3.3.1"), network=True),
    Peer("CrossSim", "crosssim", ("git+https://github.com/sandialabs/cross-sim@0a2eb1ed",), network=True),
    Peer("mpimpy", "mpimpy", ("mpimpy==1.0",), repeats=1, tiles=1, largest=32),
    Peer("AIHWKit", "aihwkit", ("aihwkit==1.1.0",), precision="float32"),
    Peer("analoglib", "analoglib", ("analoglib==0.1.0", "pycryptodome==3.24.1", "msgpack==1.1.2")),
    Peer("MemTorch", "", ("memtorch-cpu==1.1.6",)),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--environment", type=Path, default=None, help="kept and used again; a temporary folder if not given"
    )
    parser.add_argument(
        "--crosssim", default=PEERS[1].requirements[0], help="folder or address of its source"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--width", type=float, default=0.125, help="of the VGG11")
    parser.add_argument("--output", type=Path, default=REPORTS)
    parser.add_argument("--shared", action="store_true", help="say that other programs ran on the machine")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        environment = Environment((arguments.environment or work / "environment").absolute(), work)
        installed = list(environment.install(arguments.crosssim))
        rows = [row for size in arguments.sizes for row in compare(size, environment, installed)]
        networks = list(compare_networks(arguments.width, environment, installed))
    where = machine() + ("; the machine was shared" if arguments.shared else "")
    for file, table in (("simulators", rows), ("simulators-networks", networks)):
        found = pd.DataFrame(table).assign(machine=where)
        print(found.drop(columns=["machine", "means"], errors="ignore").to_string(index=False))
        print(files.write_table(arguments.output / f"{file}.csv", found))


class Environment:
    """A Python environment of the simulators' own."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.python, self.work = folder / "bin" / "python", work
        if not self.python.exists():
            venv.create(folder, with_pip=True)

    def install(self, crosssim: str) -> Iterator[tuple[Peer, str]]:
        """The simulators that can be installed, with their versions; says of each other why not."""
        if not self._version("torch") and (problem := self._pip(*_BASE)):
            raise SystemExit(f"{_BASE[0]}: {problem}")
        for peer in PEERS:
            source = (crosssim,) if peer.name == "CrossSim" else peer.requirements
            name = "CrossSim" if peer.name == "CrossSim" else source[0].partition("==")[0]
            problem = "" if self._version(name) else self._pip("--no-deps", *source)
            version = self._version(name)
            print(peer.name, f"left out: {problem}" if problem else version, flush=True)
            if peer.function and not problem:
                yield peer, version

    def _version(self, distribution: str) -> str:
        """Of a distribution that is installed there, else empty."""
        asked = f"import importlib.metadata as m; print(m.version({distribution!r}))"
        done = subprocess.run([self.python, "-c", asked], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def _pip(self, *what: str) -> str:
        """Install; returns what went wrong, in a line, empty if nothing."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--no-compile", *what]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line.strip(" ╰─>│") for line in done.stderr.splitlines()]
        told = [line for line in lines if re.match(r"\w*(Error|ERROR)\b", line)]
        return "" if not done.returncode else (told or lines or ["no reason given"])[-1]

    def solve(
        self, peer: Peer, tiles: Tensor, row_ohm: float, column_ohm: float
    ) -> tuple[Tensor, Tensor, float]:
        """``G_eff`` of crossbars by a simulator, currents with 1 V on all rows, and its mean seconds for one.

        Raises:
            RuntimeError: it fails; the message is its last line.
        """
        source, target = self.work / "in.npz", self.work / "out.npz"
        np.savez(source, conductances_siemens=tiles.numpy(), row_wire_ohm=row_ohm, column_wire_ohm=column_ohm)
        repeats = peer.repeats if len(tiles) <= peer.tiles else 1
        command = [self.python, "-W", "ignore", PEER, peer.function, source, target, repeats]
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        settings: dict[str, Any] = {"capture_output": True, "text": True, "check": False}
        done = subprocess.run(list(map(str, command)), env=os.environ | threads, cwd=self.work, **settings)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or "no reason given").splitlines()[-1])
        with np.load(target) as file:
            effective, currents = map(torch.from_numpy, (file["effective_siemens"], file["currents_ampere"]))
            return effective, currents, float(file["seconds"].mean())


def compare(
    size: int, environment: Environment, installed: list[tuple[Peer, str]]
) -> Iterator[dict[str, Any]]:
    """A row for each simulator, on crossbars of one size."""
    every = random_tiles(max(peer.tiles for peer in PEERS), size).double()
    if currents := by_ngspice(every[0]):
        version, found = currents
        expected = effective_conductance(every[:1], COMMON).sum(1)
        yield _row("ngspice", version, "float64", every[:1], found[None], expected, expected)
    for peer, version in installed:
        if size > peer.largest:
            continue
        tiles = every[: peer.tiles]
        try:
            effective, found, seconds = environment.solve(peer, tiles, OHM, OHM)
        except RuntimeError as error:
            print(f"{peer.name} left out: {error}")
            continue
        common = effective_conductance(tiles, COMMON).sum(1)
        own = None
        if peer.name in CONVENTIONS:
            own = effective_conductance_as(peer.name, tiles, row_wire_ohm=OHM, column_wire_ohm=OHM)
        dtype = torch.float32 if peer.precision == "float32" else torch.float64
        ours = float(np.mean([fastest(tile[None].to(dtype)) for tile in tiles]))
        batch = fastest(every[:1].to(dtype).expand(_BATCH, -1, -1), 3) / _BATCH
        row = _row(
            peer.name, version, peer.precision, tiles, found, None if own is None else own.sum(1), common
        )
        yield row | {
            "matrix_error_percent": np.nan if own is None else 100 * float((effective - own).norm() / own.norm()),
            "repeats": peer.repeats, "ms_per_tile": 1e3 * seconds, "ours_ms_per_tile": 1e3 * ours,
            "ours_batch_ms_per_tile": 1e3 * batch, "batch": _BATCH,
            "ratio": np.nan if own is None else seconds / ours,
        }  # fmt: skip


def _row(
    name: str, version: str, precision: str, tiles: Tensor, found: Tensor, own: Tensor | None, common: Tensor
) -> dict[str, Any]:
    """Column currents with 1 V on all rows, beside those of its own circuit and of the common one; percent."""
    lost, told = (100 * float(1 - currents.sum() / tiles.sum()) for currents in (common, found))
    errors = {
        what: np.nan if right is None else 100 * float(((found - right).abs() / right).mean())
        for what, right in (("error_percent", own), ("off_common_percent", common))
    }
    return {
        "simulator": name, "version": version, "precision": precision, "size": tiles.shape[-1], "tiles": len(tiles),
        "wire_ohm": OHM, "truly_lost_percent": lost, "lost_percent": told, **errors,
        "means": CONVENTIONS[name].words if name in CONVENTIONS else "",
    }  # fmt: skip


def fastest(tile: Tensor, repeats: int = 50) -> float:
    """Seconds of this library for one crossbar."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        effective_conductance(tile, COMMON)
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


def by_ngspice(tile: Tensor) -> tuple[str, Tensor] | None:
    """Version and column currents with 1 V on all rows; None where it is not installed."""
    with tempfile.TemporaryDirectory() as name:
        netlist = Path(name) / "tile.cir"
        netlist.write_text(spice_netlist(tile, COMMON, torch.ones(len(tile), dtype=torch.float64)))
        try:
            done = subprocess.run(["ngspice", "-b", netlist], capture_output=True, text=True, check=True)
            version = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
    told = re.search(r"ngspice-(\S+)", version.stdout + done.stdout)
    return told[1] if told else "", torch.as_tensor(read_currents(done.stdout))


def compare_networks(
    width: float, environment: Environment, installed: list[tuple[Peer, str]], size: int = 64
) -> Iterator[dict[str, Any]]:
    """A row for each simulator that solves a whole network: its logits beside those of this library."""
    mapped = map_randomly(Architecture(network="vgg11", width=width, classes=10), size)
    devices = Devices()
    path = write_crossbars(environment.work / "network.npz", mapped, devices, [], _NETWORK_WIRES)
    chip = read_crossbars(path)
    span = chip.g_max_siemens - chip.g_min_siemens
    tiles = [torch.from_numpy(one.conductances_siemens).flatten(0, 1) for one in chip.layers.values()]
    flat, counts = torch.cat(tiles), list(map(len, tiles))
    images = torch.randn(100, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    read = read_out(mapped, devices, [], _NETWORK_WIRES)
    ours = logits_of({one.layer.name: one.matrix("none") for one in read.layers}, mapped, images)
    ideal = mapped.network.eval()(images).detach()
    for peer, version in installed:
        if not peer.network:
            continue
        wires = _NETWORK_WIRES.row_wire_ohm, _NETWORK_WIRES.column_wire_ohm
        try:
            effective, _, seconds = environment.solve(peer, flat, *wires)
        except RuntimeError as error:
            print(f"{peer.name} left out of the network: {error}")
            continue
        parts = zip(chip.layers.items(), effective.split(counts), strict=True)
        matrices = {
            name: torch.from_numpy(layer.matrix(part.unflatten(0, (2, -1)).numpy(), span))
            for (name, layer), part in parts
        }
        found = logits_of(matrices, mapped, images)
        yield {
            "network": "vgg11", "width": width, "simulator": peer.name, "version": version, "size": size,
            "crossbars": len(flat), "images": len(images),
            "logits_error_percent": 100 * float((found - ours).norm() / ours.norm()),
            "off_ideal_percent": 100 * float((ours - ideal).norm() / ideal.norm()),
            "same_class_percent": 100 * float((found.argmax(1) == ours.argmax(1)).double().mean()),
            "seconds": seconds * len(flat),
            "ours_seconds": float(len(flat) * fastest(flat[:1])),
        }  # fmt: skip


@torch.no_grad()
def logits_of(matrices: dict[str, Tensor], mapped: MappedNetwork, images: Tensor) -> Tensor:
    """Logits of the network with these weights, matrices in original coordinates, by layer."""
    network = mapped.network.eval()
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    for layer in mapped.layers:
        weight = network.get_submodule(layer.module).get_parameter("weight")
        weight.copy_(weight_of(layer.placement.extract(matrices[layer.name]), weight.shape))
    found: Tensor = network(images)
    network.load_state_dict(kept)
    return found


if __name__ == "__main__":
    main()
