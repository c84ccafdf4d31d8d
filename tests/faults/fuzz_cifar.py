"""Files in the place of CIFAR's that are not the official ones."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from xbarpaper import data
from xbarpaper.data.torchvision_compat import import_torchvision
from xbarpaper.params import Cifar

from .image_files import Trap, packed
from .survival import Case


def originals(rng: random.Random, kind: str) -> Iterator[Case]:
    """CIFAR's files with other content: nothing that is not official may be opened."""
    names = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}
    source = getattr(import_torchvision().datasets, names[kind])
    listed = [name for name, _ in (*source.train_list, *source.test_list)] + [source.meta["filename"]]

    def prepare(folder: Path) -> None:
        data.prepare("original", Cifar(kind=kind, root=str(folder), download=False))  # type: ignore[arg-type]

    trap = pickle.dumps(Trap())
    contents = {
        "trap": trap, "empty": b"", "random": rng.randbytes(3000), "zeros": bytes(3000), "text": b"data",
        "cut trap": trap[:-1],
    }  # fmt: skip

    def files(content: bytes) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            (folder / source.base_folder).mkdir()
            for name in listed:
                (folder / source.base_folder / name).write_bytes(content)

        return write

    for name, content in contents.items():
        yield Case(
            f"{kind}: files, {name}", files(content), prepare, "refused", "damaged or not the official file"
        )
        yield Case(
            f"{kind}: archive, {name}",
            lambda folder, content=content: (folder / source.filename).write_bytes(content),
            prepare,
            "refused",
            "not the official file; .*no such file",
        )
    for name in ("../../sprung", "/sprung", f"{source.base_folder}/{listed[0]}"):
        yield Case(
            f"{kind}: archive with {name}",
            lambda folder, name=name: (folder / source.filename).write_bytes(
                packed({name: trap}, suffix=".gz")
            ),
            prepare,
        )
    yield Case(f"{kind}: nothing", lambda folder: None, prepare, "refused", "no such file; put ")
    yield Case(f"{kind}: a file as folder", lambda folder: (folder / source.base_folder).touch(), prepare)
    yield Case(
        f"{kind}: folders as files",
        lambda folder: [(folder / source.base_folder / name).mkdir(parents=True) for name in listed],
        prepare,
    )
