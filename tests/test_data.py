"""Datasets: where they come from, what is refused, and how they reach a network."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MakeParams
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from repository import Repository, tiny_profile
from torch import Tensor

from xbarpaper import data
from xbarpaper.data import __main__ as looking
from xbarpaper.data import pictures, sources
from xbarpaper.data.images import channel_statistics
from xbarpaper.data.shapes import SHAPES
from xbarpaper.data.torchvision_compat import import_torchvision
from xbarpaper.params import Cifar, ImageFolder, Shapes10
from xbarpaper.params.writing import KINDS
from xbarpaper.support.errors import ArtifactError, DatasetError

ROOT = Path(__file__).parents[1]
VARIABLE = "XBARPAPER_TEST_IMAGES"


def shapes(**changes: int | float) -> data.ImageSet:
    values = {"train_images": 200, "test_images": 60, "noise_sigma": 0.08, "seed": 3} | changes
    return data.prepare("small", Shapes10(kind="shapes10", **values))


def folder_settings(path: Path | str) -> ImageFolder:
    return ImageFolder(
        kind="image_folder",
        path=str(path),
        path_environment=VARIABLE,
        description="test images",
        image_pixels=32,
    )


def png(value: int | Tensor, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> bytes:
    """An image file of one value, or of the pixels given, shape (3, 32, 32)."""
    if isinstance(value, Tensor):
        image = Image.fromarray(value.permute(1, 2, 0).numpy())
    else:
        image = Image.new(mode, size, value if mode in ("L", "I;16") else (value, 0, 255 - value))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


GOOD = {
    f"{split}/{name}/{i}.png": png(40 * i + offset)
    for split, count in (("train", 3), ("test", 2))
    for offset, name in enumerate(("cat", "dog"))
    for i in range(count)
}


def write_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
        else:
            path.mkdir(exist_ok=True)
    return root


def packed(files: dict[str, bytes], mode: str = "w", links: Iterable[tuple[bytes, str, str]] = ()) -> bytes:
    """An archive of files, and after them of links: their type, name and target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name if name in ("", ".") else name.rstrip("/"))
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for kind, name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
    return buffer.getvalue()


def write_archive(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    path.write_bytes(packed(files, mode))
    return path


def read(path: Path | str, name: str = "x") -> data.ImageSet:
    return data.prepare(name, folder_settings(path))


def refusal(path: Path | str, message: str | None = None) -> str:
    """What is said of a folder or archive that is refused, in one line."""
    with pytest.raises(DatasetError, match=message) as refused:
        read(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def same(one: data.ImageSet, other: data.ImageSet) -> bool:
    return one.digest == other.digest and all(
        torch.equal(a.pixels, b.pixels) and torch.equal(a.labels, b.labels)
        for a, b in ((one.train, other.train), (one.test, other.test))
    )


# --- shapes10 -----------------------------------------------------------------------------------------------


def test_the_seed_fixes_every_pixel() -> None:
    assert same(shapes(), shapes())
    assert shapes().digest != shapes(seed=4).digest


@pytest.mark.parametrize(("train", "test"), [(10, 10), (200, 60), (137, 23)])
def test_classes_are_balanced_as_far_as_the_counts_allow(train: int, test: int) -> None:
    images = shapes(train_images=train, test_images=test)
    for split, count in ((images.train, train), (images.test, test)):
        assert len(split) == count
        assert max(images.counts(split)) - min(images.counts(split)) <= 1
    assert images.classes == tuple(SHAPES)
    assert len(images.classes) == 10


def test_images_use_the_whole_range_and_come_shuffled() -> None:
    images = shapes()
    assert images.train.pixels.min() < 10
    assert images.train.pixels.max() > 245
    assert not torch.equal(images.train.labels, images.train.labels.sort().values)


def test_training_and_test_images_share_nothing() -> None:
    images = shapes(train_images=100, test_images=100)
    train, test = (
        {split.pixels[i].numpy().tobytes() for i in range(100)} for split in (images.train, images.test)
    )
    assert len(train) == len(test) == 100
    assert not train & test


def test_more_test_images_leave_the_training_images_alone() -> None:
    few, many = shapes(test_images=10), shapes(test_images=90)
    assert torch.equal(few.train.pixels, many.train.pixels)


def test_noise_has_the_deviation_asked_for() -> None:
    quiet, noisy = (shapes(noise_sigma=sigma, train_images=100).train.pixels.double() for sigma in (0.0, 0.1))
    # The noise is drawn after the first scene (128 images), so both hold the same scenes.
    inside = (quiet > 80) & (quiet < 175)  # clipping at 0 and 255 does not reach here: 3 sigma are 77 levels
    deviation = (noisy - quiet)[inside].std() / 255
    assert abs(deviation - 0.1) < 0.002  # 50,000 pixels and more: a standard error below 0.0004


@pytest.mark.parametrize("name", SHAPES)
def test_every_outline_is_one_figure_of_similar_size(name: str) -> None:
    line = np.arange(-150, 151) / 100
    x, y = np.meshgrid(line, line)
    distance = SHAPES[name](x, y)
    inside = distance < 0
    assert 0.6 < inside.mean() * 9 < 2.4  # as a disc of radius 0.44 to 0.87: size alone tells nothing
    assert np.hypot(x, y)[inside].max() < 1.25
    # Mirrored images keep their class; sines are good to 1e-15.
    np.testing.assert_allclose(distance, distance[:, ::-1], atol=1e-12)


def test_colour_does_not_tell_the_class() -> None:
    images = shapes(train_images=2000)
    means = images.train.pixels.double().mean((2, 3)) / 255
    overall = means.mean(0)
    spread = means.std(0) / 200**0.5  # standard error of a class's mean over 200 images
    for label in range(10):
        assert ((means[images.train.labels == label].mean(0) - overall).abs() < 5 * spread).all()


# --- one file -----------------------------------------------------------------------------------------------


def test_statistics_equal_numpy() -> None:
    images = shapes()
    scaled = images.train.pixels.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(images.mean, scaled.mean((0, 2, 3)), rtol=1e-12)  # sums of float64
    np.testing.assert_allclose(images.std, scaled.std((0, 2, 3)), rtol=1e-12)


def test_a_channel_that_never_varies_divides_by_one() -> None:
    mean, std = channel_statistics(torch.full((4, 3, 2, 2), 51, dtype=torch.uint8))
    assert mean == pytest.approx((0.2, 0.2, 0.2))
    assert std == (1.0, 1.0, 1.0)


def test_save_and_load_give_the_same_dataset_and_the_same_bytes(tmp_path: Path) -> None:
    images = shapes()
    path = data.save(images, tmp_path / "deep" / "one.safetensors")
    read = data.load(path)
    assert same(images, read)
    assert (read.name, read.description, read.classes) == (images.name, images.description, images.classes)
    assert (read.mean, read.std) == (images.mean, images.std)
    again = data.save(read, tmp_path / "two.safetensors")
    assert again.read_bytes() == path.read_bytes()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), near_start=st.booleans())
def test_a_flipped_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, near_start: bool
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    path = data.save(shapes(train_images=20, test_images=10), folder / "set.safetensors")
    content = bytearray(path.read_bytes())
    content[int(place * (1000 if near_start else len(content)))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"damaged dataset: .*; delete it"):
        data.load(path)


def test_a_missing_a_cut_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.safetensors"
    with pytest.raises(
        DatasetError, match=r"set\.safetensors: no such dataset; the notebook 00_data makes it"
    ):
        data.load(path)
    data.save(shapes(train_images=20, test_images=10), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match="damaged dataset"):
        data.load(path)
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(DatasetError, match="not a file of the format"):
        data.load(path)


def test_the_digest_covers_pixels_labels_and_classes() -> None:
    base = shapes(train_images=20, test_images=10)
    pixels = base.train.pixels.clone()
    pixels[3, 1, 4, 5] ^= 1
    other_labels = data.Images(base.test.pixels, (base.test.labels + 1) % 10)
    names = ("Disc", *base.classes[1:])
    digests = {
        data.ImageSet.of("x", "x", classes, train, test).digest
        for classes, train, test in (
            (base.classes, base.train, base.test),
            (base.classes, data.Images(pixels, base.train.labels), base.test),
            (base.classes, base.train, other_labels),
            (names, base.train, base.test),
        )
    }
    assert len(digests) == 4
    assert base.digest in digests


# --- folders and archives -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tar.xz", "w:xz")])
def test_a_tree_and_its_archive_in_any_order_give_the_same(tmp_path: Path, suffix: str, mode: str) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    backwards = {f"./{name}": GOOD[name] for name in sorted(GOOD, reverse=True)}
    archive = write_archive(tmp_path / f"images{suffix}", backwards, mode)
    one, other = (read(path) for path in (tree, archive))
    assert same(one, other)
    assert one.classes == ("cat", "dog")
    assert one.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert one.description == "test images"
    assert one.train.pixels[:, 0, 0, 0].tolist() == [0, 40, 80, 1, 41, 81]
    assert one.train.pixels[:, 2, 9, 9].tolist() == [255, 215, 175, 254, 214, 174]


def test_pixels_arrive_where_they_were(tmp_path: Path) -> None:
    images = shapes(train_images=20, test_images=10)
    files = {
        f"{name}/{images.classes[label]}/{i:03d}.png": png(split.pixels[i])
        for name, split in (("train", images.train), ("test", images.test))
        for i, label in enumerate(split.labels.tolist())
    }
    found = read(write_tree(tmp_path, files))
    order = sorted(range(20), key=lambda i: (images.classes[int(images.train.labels[i])], i))
    assert torch.equal(found.train.pixels, images.train.pixels[order])


def test_grey_images_become_rgb_and_what_lies_beside_is_passed_over(tmp_path: Path) -> None:
    beside = {
        "README.md": b"text",
        "train/.DS_Store": b"x",
        "train/cat/.hidden": b"x",
        "extra/cat/1.txt": b"x",
    }
    grey = {"train/cat/grey.png": png(77, mode="L")}
    for path in (
        write_tree(tmp_path / "tree", GOOD | beside | grey),
        write_archive(tmp_path / "a.tar", GOOD | beside | grey),
    ):
        images = read(path)
        assert images.counts(images.train) == [4, 3]
        assert (images.train.pixels[3] == 77).all()


def test_links_count_as_what_they_lead_to_in_a_tree_and_in_its_archive(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD | {"store/far.png": png(200), "store/emus/0.png": png(9)})
    (tree / "train/cat/hard.png").hardlink_to(tree / "store/far.png")
    (tree / "train/cat/near.png").symlink_to("0.png")
    (tree / "train/dog/far.png").symlink_to("../../store/again")
    (tree / "store/again").symlink_to("far.png")
    for split in ("train", "test"):
        (tree / split / "emu").symlink_to("../store/emus")
    os.mkfifo(tree / "train/cat/pipe")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tree, ".")
    one, other = read(tree), read(tmp_path / "a.tar")
    assert same(one, other)
    assert one.source == other.source == sources.identity(tmp_path / "a.tar", tmp_path / "record")
    assert one.classes == ("cat", "dog", "emu")
    assert one.counts(one.train) == [5, 4, 1]
    (tmp_path / "linked").mkdir()
    for split in ("train", "test"):
        (tmp_path / "linked" / split).symlink_to(tree / split)
    assert same(read(tmp_path / "linked"), one)


SYMBOLIC, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
BAD_LINKS = {
    "absolute": (SYMBOLIC, "train/cat/s.png", "/etc/passwd", "out of the archive"),
    "above": (SYMBOLIC, "train/cat/s.png", "../../../s.png", "out of the archive"),
    "hard, above": (HARD, "train/cat/s.png", "../s.png", "out of the archive"),
    "nothing": (SYMBOLIC, "train/cat/s.png", "none.png", "to nothing"),
    "itself": (SYMBOLIC, "train/cat/s.png", "s.png", "in a circle"),
    "a thousand folders": (SYMBOLIC, "train/cat/s.png", "a/" * 1000, "too deep"),
    "its folder": (SYMBOLIC, "train/cat/s", ".", "too deep"),
}


@pytest.mark.parametrize("case", BAD_LINKS)
def test_a_link_in_an_archive_that_leads_astray_is_refused(tmp_path: Path, case: str) -> None:
    *link, where = BAD_LINKS[case]
    path = tmp_path / "a.tar"
    path.write_bytes(packed(GOOD, links=[tuple(link)]))
    assert refusal(path, f"refused: train/cat/s.* is a link that leads {where}$").startswith(f"{path}: ")


def test_a_link_in_a_tree_that_leads_to_nothing_is_refused(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    (tree / "train/cat/.#lock").symlink_to("nobody@nowhere")
    assert len(read(tree).train) == 6
    (tree / "train/cat/s.png").symlink_to("none.png")
    assert refusal(tree) == f"{tree}: train/cat/s.png is a link that leads to nothing"
    (tree / "train/cat/s.png").unlink()
    (tree / "train/loop").symlink_to(".")
    refusal(tree, "train/loop/cat/.* must lie in train/<class>/|cannot be read")


def test_the_environment_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value, path in ((str(tree), "nowhere"), ("~/tree", "nowhere"), ("", tree), ("", "~/tree")):
        monkeypatch.setenv(VARIABLE, value)
        assert len(read(path).train) == 6
    for value in ("elsewhere", "~nobody-of-that-name/x"):
        monkeypatch.setenv(VARIABLE, value)
        assert refusal(tree, f"no such folder or archive; .*{VARIABLE} names it").startswith(f"{value}: ")


def without(*prefixes: str) -> dict[str, bytes]:
    return {name: content for name, content in GOOD.items() if not name.startswith(prefixes)}


BAD_FILES = {
    "no train": (
        {"cifar-10-batches-py/": b"", "readme.txt": b"x", **without("train/")},
        r"not an image folder: no directory train/ at its top "
        r"\(found: cifar-10-batches-py/, readme.txt, test/\)$",
    ),
    "no test": (without("test/"), r"no directory test/ at its top \(found: train/\)"),
    "damaged": (
        GOOD | {"train/dog/1.png": GOOD["train/dog/1.png"][:60]},
        r"train/dog/1.png: damaged image: ",
    ),
    "no image": (
        GOOD | {"test/dog/notes.txt": b"hello"},
        r"test/dog/notes.txt: not an image, or damaged \(allowed: JPEG, PNG, ",
    ),
    "empty file": (GOOD | {"test/dog/0.png": b""}, r"test/dog/0.png: not an image, or damaged"),
    "wrong size": (
        GOOD | {"train/cat/big.png": png(1, (40, 24))},
        r"train/cat/big.png: it has 40 x 24 pixels and must have 32 x 32$",
    ),
    "16 bits": (
        GOOD | {"train/cat/deep.png": png(900, mode="I;16")},
        r"train/cat/deep.png: it has pixels of mode I.* and must have 8 bits per channel$",
    ),
    "one class": (without("train/dog", "test/dog"), r"1 class \(cat\); at least 2 are needed$"),
    "no class": ({"train/": b"", "test/": b""}, r"0 class \(none\); at least 2 are needed$"),
    "missing class": (
        without("test/dog"),
        r"train/ has the class dog and test/ has not; both must have the same classes$",
    ),
    "extra class": (
        GOOD | {"test/emu/0.png": png(0)},
        r"test/ has the class emu and train/ has not; both must have the same classes$",
    ),
    "empty class": (GOOD | {"train/emu/": b""}, r"train/emu/ holds no images; at least 1 is needed$"),
    "too high": (GOOD | {"train/0.png": png(0)}, r"train/0.png must lie in train/<class>/"),
    "too deep": (GOOD | {"train/cat/more/0.png": png(0)}, r"train/cat/more/0.png must lie in train/<class>/"),
}


@pytest.mark.parametrize("as_archive", [False, True], ids=["tree", "archive"])
@pytest.mark.parametrize("case", BAD_FILES)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, case: str, as_archive: bool) -> None:
    files, message = BAD_FILES[case]
    path = write_archive(tmp_path / "a.tar", files) if as_archive else write_tree(tmp_path / "a", files)
    assert refusal(path, message).startswith(f"{path}: ")


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0x55
    return bytes(changed)


def headers(kind: bytes) -> bytes:
    """Thousands of headers, each of which says that it belongs to the next."""
    member = tarfile.TarInfo("n")
    member.type, member.size = kind, 10
    return (member.tobuf(tarfile.GNU_FORMAT) + b"9 path=x\n".ljust(512, b"\0")) * 2000


PLAIN = packed(GOOD)
SECOND_HEADER = 512 + (len(GOOD["train/cat/0.png"]) + 511) // 512 * 512
BAD_ARCHIVES = {
    "not a tar": (b"hello" * 300, "damaged, or no .tar, .tar.xz or .tar.gz archive"),
    "empty": (b"", "damaged, or no .tar, .tar.xz or .tar.gz archive"),
    "cut xz": (packed(GOOD, "w:xz")[:-40], "damaged"),
    "cut gz": (packed(GOOD, "w:gz")[:-9], "damaged"),
    "cut between members": (PLAIN[:SECOND_HEADER], "damaged.*: it ends too early"),
    "cut in a member": (PLAIN[: SECOND_HEADER - 300], "damaged"),
    "damaged second header": (flipped(PLAIN, SECOND_HEADER + 3), "damaged.*: bad checksum"),
    "damaged xz": (flipped(packed(GOOD, "w:xz"), 200), "damaged"),
    "damaged gz checksum": (flipped(packed(GOOD, "w:gz"), -6), "damaged"),
    "parent": (packed({"../train/cat/0.png": png(0)}), r"refused: \.\./train/cat/0.png leaves"),
    "absolute": (packed({"/train/cat/0.png": png(0)}), "refused: /train/cat/0.png leaves"),
    "no name": (packed(GOOD | {"": b"x"}), "refused: a file without a name"),
    "a dot as name": (packed(GOOD | {".": b"x"}), "refused: a file without a name"),
    "long names upon long names": (headers(b"L"), r"damaged, or no \.tar"),
    "notes upon notes": (headers(b"x"), r"damaged, or no \.tar"),
    "twice": (
        packed({"train/cat/0.png": png(0), "./train/cat/0.png": png(1)}),
        "0.png is there twice",
    ),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_a_damaged_or_hostile_archive_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    content, message = BAD_ARCHIVES[case]
    path = tmp_path / "images.tar"
    path.write_bytes(content)
    assert refusal(path, message).startswith(f"{path}: ")


def test_oversized_members_and_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MEMBER_BYTES", 1 << 20)
    bomb = write_archive(tmp_path / "bomb.tar.xz", {"train/cat/0.png": bytes(3 << 20)}, "w:xz")
    refusal(bomb, r"train/cat/0\.png has 3 MiB; at most 1 are allowed")
    monkeypatch.setattr(sources, "_ARCHIVE_BYTES", 500)
    refusal(write_archive(tmp_path / "a.tar", GOOD), r"too large at .*; allowed are 1 MiB a file")


def test_files_too_large_and_pipes_are_refused(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD | {"train/cat/hole.png": b""})
    os.truncate(tree / "train/cat/hole.png", 1 << 40)
    refusal(tree, r"train/cat/hole\.png has 1048576 MiB; at most 16 are allowed")
    os.mkfifo(tmp_path / "pipe")
    refusal(tmp_path / "pipe", "must be a folder or an archive, not a device or a pipe")


def test_a_missing_path_names_the_parameter_and_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert refusal("no/such/place") == (
        "no/such/place: no such folder or archive; put the images there, or name another place in "
        f"datasets.x.path or in the environment variable {VARIABLE}"
    )


# --- a prepared dataset belongs to its image files ----------------------------------------------------------


class Prepared:
    """A dataset prepared from a folder as the pipeline does, and what it is told of other images afterwards."""

    def __init__(self, folder: Path) -> None:
        self.source = write_tree(folder / "images", GOOD)
        self.path = data.save(read(self.source), folder / "data/datasets/x.safetensors")
        self.record = self.path.with_suffix(".source")

    def load(self, source: Path | str | None = None) -> data.ImageSet:
        return data.load(self.path, folder_settings(source or self.source))


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    monkeypatch.chdir(tmp_path)
    return Prepared(tmp_path)


def change(path: Path) -> None:
    """Other content of the same size under the same time, as a copy that keeps times leaves it."""
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


OTHER: dict[str, Callable[[Path], object]] = {
    "changed": lambda folder: change(folder / "test/dog/1.png"),
    "added": lambda folder: (folder / "train/cat/new.png").write_bytes(png(9)),
    "removed": lambda folder: (folder / "train/cat/0.png").unlink(),
    "renamed": lambda folder: (folder / "train/cat/0.png").rename(folder / "train/cat/9.png"),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_images_are_refused_and_their_own_are_taken_again(prepared: Prepared, case: str) -> None:
    other = write_tree(prepared.source.with_name("other"), GOOD)
    assert same(prepared.load(), prepared.load(other))
    OTHER[case](other)
    OTHER[case](prepared.source)
    for source in (other, prepared.source):
        with pytest.raises(DatasetError) as refused:
            prepared.load(source)
        assert str(refused.value) == (
            f"{prepared.path}: prepared from other images (source {source}); `dvc repro data@x` prepares these"
        )
    data.save(read(other), prepared.path)
    assert same(prepared.load(other), prepared.load())


def test_what_is_no_image_and_where_the_images_lie_make_no_difference(prepared: Prepared) -> None:
    before = prepared.load()
    assert before.source is not None
    write_tree(prepared.source, {"README": b"x", "train/.DS_Store": b"x", "more/cat/1.png": b"x"})
    moved = prepared.source.rename(prepared.source.with_name("moved"))
    archive = write_archive(moved.with_name("moved.tar.gz"), GOOD, "w:gz")
    for source in (moved, archive, "gone"):
        assert same(prepared.load(source), before)
    assert read(archive).source == before.source


@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"a b c", None], ids=["empty", "binary", "text", "bit"])
def test_a_damaged_record_is_only_slower(
    prepared: Prepared, damage: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared.load()
    content = prepared.record.read_bytes()
    place = len(content) // 2
    prepared.record.write_bytes(
        content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] if damage is None else damage
    )
    prepared.load()
    assert prepared.record.read_bytes() == content
    monkeypatch.setattr(sources, "files", lambda path: pytest.fail("read again"))
    prepared.load()


def test_a_record_that_cannot_be_written_is_only_slower(prepared: Prepared) -> None:
    prepared.record.mkdir()
    prepared.load()


def test_drawn_images_have_no_source_and_keep_their_bytes(tmp_path: Path) -> None:
    path = data.save(shapes(train_images=20, test_images=10), tmp_path / "one.safetensors")
    settings = Shapes10(kind="shapes10", train_images=20, test_images=10, noise_sigma=0.08, seed=3)
    assert data.load(path, settings).source is None
    assert b"source" not in path.read_bytes()[:2000]
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.safetensors"]


def test_what_dvc_compares_follows_the_images(
    prepared: Prepared,
    make_params: MakeParams,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(source: Path | str) -> str:
        settings = make_params().model_copy(update={"datasets": {"x": folder_settings(source)}})
        monkeypatch.setattr(looking.params, "load", lambda: settings)
        monkeypatch.setattr(sys, "argv", ["data", "image_folder"])
        assert looking.main() == 0
        return Path("data/sources/image_folder").read_text(encoding="utf-8")

    first = looked(prepared.source)
    assert first == f"x {prepared.load().source}\n"
    assert looked(write_archive(Path("a.tar"), GOOD)) == first
    assert not capsys.readouterr().out
    assert looked("gone") == first
    assert capsys.readouterr().out == "x: gone is not there; the images that were prepared before are used\n"
    OTHER["added"](prepared.source)
    assert looked(prepared.source) != first
    prepared.path.unlink()
    assert looked("gone") == "x unknown\n"


@pytest.mark.slow
def test_dvc_repro_prepares_the_images_that_are_named_now(tmp_path: Path) -> None:
    repository = Repository.copy(tmp_path / "repository")
    one, other = (write_tree(tmp_path / name, GOOD) for name in "ab")
    OTHER["added"](other)
    entry = folder_settings(one)
    repository.activate(tiny_profile().model_copy(update={"datasets": {"tiny": entry}}))
    prepared = repository.folder / "data/datasets/tiny.safetensors"

    def runs_anew(source: Path) -> bool:
        repository.environment[VARIABLE] = str(source)
        output = repository.repro("data@tiny")
        assert data.load(prepared, folder_settings(source)).source
        return "Running stage 'data@tiny'" in output

    assert runs_anew(one)
    assert runs_anew(other)
    lock = (repository.folder / "dvc.lock").read_bytes()
    other.rename(tmp_path / "gone")
    assert not runs_anew(other)
    assert (repository.folder / "dvc.lock").read_bytes() == lock


def test_every_kind_of_dataset_has_what_dvc_compares() -> None:
    """dvc.yaml lets the stage of a dataset depend on ``data/sources/<kind>``; one of them is made by a stage."""
    kept = {path.name for path in (ROOT / "data/sources").iterdir()} - {"image_folder"}
    assert kept == set(KINDS) - {"image_folder"}


# --- CIFAR# --- CIFAR --------------------------------------------------------------------------------------------------


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Original:
    """Small files in the layout of the originals, with checksums of their own in torchvision's lists."""

    def __init__(self, kind: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}[kind]
        self.source = getattr(import_torchvision().datasets, source)
        self.root, self.kind = root, kind
        self.folder = root / self.source.base_folder
        self.images = shapes(train_images=50, test_images=20)
        self.folder.mkdir(parents=True)
        names = [name for name, _ in self.source.train_list]
        splits = (("train_list", names, self.images.train), ("test_list", None, self.images.test))
        for attribute, listed, split in splits:
            files = listed or [name for name, _ in self.source.test_list]
            rows = torch.arange(len(split)).tensor_split(len(files))
            checked = [[name, self._batch(name, split, row)] for name, row in zip(files, rows, strict=True)]
            monkeypatch.setattr(self.source, attribute, checked)
        meta = {self.source.meta["key"]: list(self.images.classes)}
        checksum = self._write(self.source.meta["filename"], meta)
        monkeypatch.setattr(self.source, "meta", self.source.meta | {"md5": checksum})
        self.archive = root / self.source.filename
        with tarfile.open(self.archive, "w:gz") as archive:
            archive.add(self.folder, self.source.base_folder)
        monkeypatch.setattr(self.source, "tgz_md5", md5(self.archive.read_bytes()))

    def _batch(self, name: str, split: data.Images, rows: Tensor) -> str:
        labels = "labels" if self.kind == "cifar10" else "fine_labels"
        pixels = split.pixels[rows].reshape(len(rows), -1).numpy()
        return self._write(name, {"data": pixels, labels: split.labels[rows].tolist()})

    def _write(self, name: str, content: object) -> str:
        (self.folder / name).write_bytes(pickle.dumps(content))
        return md5((self.folder / name).read_bytes())

    def remove(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()

    def read(self, *, download: bool = False) -> data.ImageSet:
        return data.prepare("c", Cifar(kind=self.kind, root=str(self.root), download=download))


@pytest.fixture(params=["cifar10", "cifar100"])
def original(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Original:
    return Original(request.param, tmp_path / "originals", monkeypatch)


def test_original_files_are_read_as_they_are(original: Original) -> None:
    read = original.read()
    assert same(read, original.images)
    assert read.description == {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[original.kind]


def test_the_official_archive_is_enough(original: Original) -> None:
    original.remove()
    assert same(original.read(), original.images)


class Trap:
    """Leaves a file behind when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_damaged_files_are_refused_before_they_are_unpickled(original: Original, tmp_path: Path) -> None:
    original.archive.unlink()
    sprung = tmp_path / "sprung"
    name = original.source.train_list[0][0]
    (original.folder / name).write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(
        DatasetError, match=f"{name}: damaged or not the official file .MD5 .*, must be "
    ) as refused:
        original.read()
    assert "\n" not in str(refused.value)
    assert not sprung.exists()
    pickle.loads((original.folder / name).read_bytes())
    assert sprung.exists()  # the trap works: only the checksum kept it shut


def test_missing_files_say_what_to_put_where(original: Original) -> None:
    original.remove()
    original.archive.write_bytes(b"something else")
    with pytest.raises(DatasetError) as refused:
        original.read()
    for part in (
        f"{original.archive}: not the official file",
        original.source.url,
        "datasets.c.download = true",
    ):
        assert part in str(refused.value)


def test_a_failed_download_says_what_to_put_where(
    original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    original.remove()
    original.archive.unlink()
    monkeypatch.setattr(original.source, "url", "http://127.0.0.1:9/none.tar.gz")  # nothing listens there
    with pytest.raises(
        DatasetError, match=r"the download failed .*; put cifar-.*-python.tar.gz from"
    ) as refused:
        original.read(download=True)
    assert "\n" not in str(refused.value)
    assert not original.folder.exists()


def test_torchvision_comes_through_in_a_fresh_process() -> None:
    code = (
        "from xbarpaper.data.torchvision_compat import import_torchvision as get\n"
        "assert get() is get()\n"
        "print(get().datasets.CIFAR10.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout == "CIFAR10\n", result.stderr


# --- towards a network --------------------------------------------------------------------------------------


def test_normalised_training_images_have_no_mean_and_unit_variance() -> None:
    images = shapes(train_images=600)
    batch = data.normalised(images.train, images, "cpu")
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch.mean((0, 2, 3)).abs().max() < 1e-5  # float32 over 600,000 values
    assert (batch.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    expected = (images.train.pixels[7, 1, 3, 4].double() / 255 - images.mean[1]) / images.std[1]
    assert float(batch[7, 1, 3, 4]) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


def test_take_equals_indexing_and_keeps_the_layout() -> None:
    batch = torch.randn(9, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    chosen = torch.tensor([4, 4, 0, 8])
    taken = data.take(batch, chosen)
    assert torch.equal(taken, batch[chosen])
    assert taken.is_contiguous(memory_format=torch.channels_last)


batches = st.builds(
    lambda n, h, w, seed, last: (
        torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(seed))
        .add_(1.0)
        .contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    ),
    st.integers(1, 6),
    st.integers(2, 12),
    st.integers(2, 12),
    st.integers(0, 2**31),
    st.booleans(),
)


def augmented(
    batch: Tensor, seed: int, *, flip: bool = True, shift_pixels: int = 2, cut_out_pixels: int = 0
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return data.augment(
        batch, flip=flip, shift_pixels=shift_pixels, cut_out_pixels=cut_out_pixels, generator=generator
    )


@given(batch=batches, seed=st.integers(0, 2**31), flip=st.booleans(), shift=st.integers(0, 4))
def test_an_augmented_image_is_a_window_of_the_padded_one(
    batch: Tensor, seed: int, flip: bool, shift: int
) -> None:
    height, width = batch.shape[2:]
    result = augmented(batch, seed, flip=flip, shift_pixels=shift)
    assert result.shape == batch.shape
    padded = torch.nn.functional.pad(batch, (shift,) * 4)
    for image, image_result in zip(padded, result, strict=True):
        windows = [
            image[:, top : top + height, left : left + width]
            for top in range(2 * shift + 1)
            for left in range(2 * shift + 1)
        ]
        allowed = windows + [window.flip(2) for window in windows] * flip
        assert any(torch.equal(window, image_result) for window in allowed)


@given(batch=batches, seed=st.integers(0, 2**31))
def test_no_flip_and_no_shift_change_nothing(batch: Tensor, seed: int) -> None:
    assert torch.equal(augmented(batch, seed, flip=False, shift_pixels=0), batch)


@given(batch=batches, seed=st.integers(0, 2**31))
def test_the_generator_fixes_the_result(batch: Tensor, seed: int) -> None:
    assert torch.equal(augmented(batch, seed), augmented(batch, seed))


def test_every_shift_and_both_sides_come_up() -> None:
    image = torch.arange(1.0, 1 + 3 * 8 * 8).view(1, 3, 8, 8)
    results = augmented(image.expand(2000, -1, -1, -1), 0, shift_pixels=2)
    assert len({result.numpy().tobytes() for result in results}) == 5 * 5 * 2


def test_augmentation_keeps_layout_and_type_and_leaves_its_input_alone() -> None:
    batch = torch.randn(8, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    before = batch.clone()
    for dtype in (torch.float32, torch.bfloat16):
        result = augmented(batch.to(dtype), 1)
        assert result.dtype == dtype
        assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch, before)


@given(batch=batches, seed=st.integers(0, 2**31), side=st.integers(1, 16))
def test_what_is_cut_out_is_one_square_that_may_reach_over_the_edge(
    batch: Tensor, seed: int, side: int
) -> None:
    whole, cut = (augmented(batch, seed, cut_out_pixels=pixels) for pixels in (0, side))
    inside = augmented(torch.ones_like(batch), seed, shift_pixels=0, cut_out_pixels=side) == 0
    for blanked in inside:
        rows, columns = blanked[0].any(1), blanked[0].any(0)
        assert torch.equal(blanked, (rows[:, None] & columns[None, :]).expand_as(blanked))
        for line in (rows, columns):
            places = line.nonzero().flatten()
            assert len(places) == places[-1] - places[0] + 1 <= side
            reaches_over = bool(line[0]) or bool(line[-1])
            assert len(places) == side or reaches_over
            assert len(places) >= min((side + 1) // 2, len(line))  # the middle is in the image
    kept = cut != 0
    assert torch.equal(cut[kept], whole[kept])


def test_every_pixel_is_the_middle_of_a_square_as_often() -> None:
    results = augmented(torch.ones(20000, 3, 6, 6), 0, shift_pixels=0, cut_out_pixels=1)
    share = (results[:, 0] == 0).double().mean(0)
    assert (share - 1 / 36).abs().max() < 5 * (1 / 36 / 20000) ** 0.5  # five standard errors


@pytest.mark.parametrize("name", ["shift_pixels", "cut_out_pixels"])
def test_a_negative_number_of_pixels_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} = -1 must be at least 0"):
        augmented(torch.zeros(1, 3, 4, 4), 0, **{name: -1})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives() -> None:
    images = shapes()
    on_cpu, on_gpu = (data.normalised(images.train, images, device) for device in ("cpu", "cuda"))
    torch.testing.assert_close(on_gpu.cpu(), on_cpu)
    on_both = [augmented(batch, 5, cut_out_pixels=8).cpu() for batch in (on_cpu, on_cpu.cuda())]
    assert torch.equal(*on_both)


# --- pictures -----------------------------------------------------------------------------------------------


def test_pictures_and_tables_show_every_class() -> None:
    images = shapes()
    table = pictures.table_of_counts(images)
    assert table.loc["total"].tolist() == [200, 60]
    assert table.loc["disc"].tolist() == [20, 6]
    assert pictures.table_of_statistics(images).loc["red", "mean"] == round(images.mean[0], 4)
    axes = pictures.picture_of_examples(images, per_class=3).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(images.classes)
    figure = pictures.picture_of_augmentation(images, flip=False, shift_pixels=0, images=2, draws=3)
    shown = figure.axes[0].images[0].get_array()
    first = images.train.pixels[(images.train.labels == 0).nonzero()[0, 0]].permute(1, 2, 0).numpy()
    for column in range(4):  # without flip and shift, every version is the image itself
        assert np.array_equal(shown[1:33, 34 * column + 1 : 34 * column + 33], first)


def test_dataset_errors_are_the_one_kind_that_is_shown() -> None:
    assert issubclass(DatasetError, ArtifactError)
