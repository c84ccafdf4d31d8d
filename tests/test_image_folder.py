"""Image files as people have them: what is read, from folders and archives, and what is refused in one line."""

from __future__ import annotations

import bz2
import io
import os
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeParams
from image_files import Files, encoded, header_bomb, member, packed, png_of, write_tree
from PIL import Image
from repository import ROOT, Repository, tiny_profile

from xbarpaper import data
from xbarpaper.data import __main__ as looking
from xbarpaper.data import sources
from xbarpaper.params import ImageFolder
from xbarpaper.params.writing import KINDS
from xbarpaper.support.errors import DatasetError

VARIABLE = "XBARPAPER_TEST_IMAGES"


def settings(path: Path | str, **changes: Any) -> ImageFolder:
    known = {"path_environment": VARIABLE, "description": "test images"}
    return ImageFolder(kind="image_folder", path=str(path), **(known | changes))


def png(value: int, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> bytes:
    """An image file of one value."""
    return encoded(Image.new(mode, size, (value, 0, 255 - value) if mode == "RGB" else value))


GOOD: Files = {
    f"{split}/{name}/{i}.png": png(40 * i + offset)
    for split, count in (("train", 3), ("test", 2))
    for offset, name in enumerate(("cat", "dog"))
    for i in range(count)
}


def write_archive(path: Path, files: Files, mode: str = "w") -> Path:
    path.write_bytes(packed(files, mode=mode))
    return path


def read(path: Path | str, name: str = "x", **changes: Any) -> data.ImageSet:
    return data.prepare(name, settings(path, **changes))


def refusal(path: Path | str, message: str | None = None, **changes: Any) -> str:
    """What is said of a folder or archive that is refused, in one line."""
    with pytest.raises(DatasetError, match=message) as refused:
        read(path, **changes)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def same(one: data.ImageSet, other: data.ImageSet) -> bool:
    return (one.digest, one.source, one.classes) == (other.digest, other.source, other.classes)


# --- layouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tree_and_its_archive_in_any_order_give_the_same(tmp_path: Path, mode: str) -> None:
    backwards = {f"./{name}": GOOD[name] for name in sorted(GOOD, reverse=True)}
    one = read(write_tree(tmp_path / "tree", GOOD))
    assert same(one, read(write_archive(tmp_path / "images", backwards, mode)))
    assert one.classes == ("cat", "dog")
    assert one.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert one.description == "test images"
    assert one.train.pixels[:, 0, 0, 0].tolist() == [0, 40, 80, 1, 41, 81]
    assert one.train.pixels[:, 2, 9, 9].tolist() == [255, 215, 175, 254, 214, 174]


LEFT_BEHIND = (
    ".DS_Store", "._0.png", "Thumbs.db", "desktop.ini", "Icon\r", "0.png~", ".#lock", ".~lock.x#", "@eaDir/0.png",
    ".ipynb_checkpoints/0.png", "0.png:Zone.Identifier",
)  # fmt: skip
SAME: dict[str, Files] = {
    "read me beside": GOOD | {"README.md": b"x", "LICENSE": b"x", "extra/cat/1.txt": b"x"},
    "one folder around": {f"CIFAR-10-main/{name}": content for name, content in GOOD.items()},
    "two folders around, a read me": {f"a/b/{name}": content for name, content in GOOD.items()}
    | {"a/R": b""},
    "macOS's folder beside": {f"a/{n}": c for n, c in GOOD.items()} | {"__MACOSX/a/._train": b"x"},
    "left in each folder": GOOD
    | {f"{folder}{name}": b"x" for folder in ("", "train/", "test/cat/") for name in LEFT_BEHIND},
}


@pytest.mark.parametrize("as_archive", [False, True], ids=["tree", "archive"])
@pytest.mark.parametrize("case", SAME)
def test_what_lies_around_the_images_makes_no_difference(tmp_path: Path, case: str, as_archive: bool) -> None:
    files = SAME[case]
    path = write_archive(tmp_path / "a.tar", files) if as_archive else write_tree(tmp_path / "a", files)
    assert same(read(path), read(write_tree(tmp_path / "good", GOOD)))


def test_names_in_either_unicode_form_are_the_same(tmp_path: Path) -> None:
    files = {name.replace("dog", "é").replace("0.png", "ö.png"): content for name, content in GOOD.items()}
    forms = ("NFC", "NFD")
    one, other = ({unicodedata.normalize(form, name): c for name, c in files.items()} for form in forms)
    assert set(one) != set(other)
    split = {name: c for name, c in one.items() if "train" in name}
    split |= {name: c for name, c in other.items() if "test" in name}
    trees = [write_tree(tmp_path / str(n), files) for n, files in enumerate((one, other, split))]
    first, *others = (read(path) for path in (*trees, write_archive(tmp_path / "a.tar", other)))
    assert first.classes == ("cat", "é")
    assert all(same(first, one) for one in others)
    refusal(write_tree(tmp_path / "both", one | other), r"/ö\.png is there twice|/é/.\.png is there twice")


def without(*prefixes: str) -> Files:
    return {name: content for name, content in GOOD.items() if not name.startswith(prefixes)}


LAYOUT = r"; images lie in train/<class>/ and test/<class>/$"
BAD_FILES: dict[str, tuple[Files, str]] = {
    "no train": (
        {"cifar-10-batches-py/": b"", "readme.txt": b"x", **without("train/")},
        r"not an image folder: no directory train/ at its top \(found: cifar-10-batches-py/, readme.txt, test/\)"
        + LAYOUT,
    ),
    "no test": (without("test/"), r"no directory test/ at its top \(found: train/\)" + LAYOUT),
    "splits of other names": (
        {name.replace("test/", "val/"): content for name, content in GOOD.items()},
        r"no directory test/ at its top \(found: train/, val/\)" + LAYOUT,
    ),
    "two folders": (
        {f"{top}/{name}": content for top in "ab" for name, content in GOOD.items()},
        r"no directory train/ at its top \(found: a/, b/\)" + LAYOUT,
    ),
    "one class": (without("train/dog", "test/dog"), r"1 class \(cat\); at least 2 are needed$"),
    "no class": ({"train/": b"", "test/": b""}, r"0 class \(none\); at least 2 are needed$"),
    "missing class": (without("test/dog"), r"train/ has the class dog and test/ has not; both must have the same"),
    "extra class": (GOOD | {"test/emu/0.png": png(0)}, r"test/ has the class emu and train/ has not; both must"),
    "empty class": (GOOD | {"train/emu/": b""}, r"train/emu/ holds no images; at least 1 is needed$"),
    "above": (GOOD | {"train/0.png": png(0)}, r"train/0.png lies not deep enough: images lie in train/<class>/;"),
    "superclasses": (
        {name.replace("cat", "pets/cat").replace("dog", "pets/dog"): content for name, content in GOOD.items()},
        r"test/pets/cat/0.png lies too deep: images lie in test/<class>/; move them there$"
        r"|train/pets/cat/0.png lies too deep: images lie in train/<class>/; move them there$",
    ),
    "no image": (GOOD | {"test/dog/notes.txt": b"hello"}, r"notes.txt: not an image, or damaged \(allowed: JPEG, "),
    "empty file": (GOOD | {"test/dog/0.png": b""}, r"test/dog/0.png: not an image, or damaged"),
    "half a file": (
        GOOD | {"train/dog/1.png": GOOD["train/dog/1.png"][:60]}, r"train/dog/1.png: damaged image: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("as_archive", [False, True], ids=["tree", "archive"])
@pytest.mark.parametrize("case", BAD_FILES)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, case: str, as_archive: bool) -> None:
    files, message = BAD_FILES[case]
    path = write_archive(tmp_path / "a.tar", files) if as_archive else write_tree(tmp_path / "a", files)
    assert refusal(path, message).startswith(f"{path}: ")


def test_images_that_are_missing_are_missed(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    assert len(read(tree, train_images=6, test_images=4).train) == 6
    (tree / "train/cat/2.png").unlink()
    assert refusal(tree, train_images=6).endswith("train/ holds 5 images and datasets.x.train_images says 6")
    assert refusal(tree, test_images=40).endswith("test/ holds 4 images and datasets.x.test_images says 40")


# --- images -------------------------------------------------------------------------------------------------

RAMP = Image.fromarray(np.arange(3 * 32 * 32, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8))
COLOURS = RAMP.quantize(16)
ORIENTATION = 0x0112  # of Exif


def marked(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def deep_png(colour: int, channels: int) -> bytes:
    """16 bits per channel."""
    return png_of(depth=16, colour=colour, rows=zlib.compress(32 * (b"\0" + 32 * channels * b"\xff\xff")))


def with_alpha(alpha: int, mode: str) -> bytes:
    image = RAMP.convert(mode)
    image.putalpha(alpha)
    return encoded(image)


SHOWN: dict[str, tuple[bytes, Image.Image]] = {
    # the file, and what a viewer shows
    "1 bit": (encoded(RAMP.convert("1")), RAMP.convert("1")),
    "grey": (encoded(RAMP.convert("L")), RAMP.convert("L")),
    "palette": (encoded(COLOURS), COLOURS),
    "palette of 2 bits": (encoded(RAMP.quantize(4), bits=2), RAMP.quantize(4)),
    "opaque": (with_alpha(255, "RGB"), RAMP),
    "opaque grey": (with_alpha(255, "L"), RAMP.convert("L")),
    "another suffix": (encoded(RAMP, "BMP"), RAMP),
    "GIF": (encoded(COLOURS, "GIF"), COLOURS),
    "WebP": (encoded(RAMP, "WEBP", lossless=True), RAMP),
    "PPM": (encoded(RAMP, "PPM"), RAMP),
    "upright": (encoded(RAMP, exif=marked(1)), RAMP),
    "upside down": (encoded(RAMP, exif=marked(3)), RAMP.transpose(Image.Transpose.ROTATE_180)),
    "on its side": (encoded(RAMP, exif=marked(6)), RAMP.transpose(Image.Transpose.ROTATE_270)),
    "mirrored": (encoded(RAMP, exif=marked(2)), RAMP.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@pytest.mark.parametrize("case", SHOWN)
def test_an_image_is_read_as_a_viewer_shows_it(tmp_path: Path, case: str) -> None:
    content, shown = SHOWN[case]
    pixels = read(write_tree(tmp_path, GOOD | {"train/cat/x.png": content})).train.pixels[3]
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), np.asarray(shown.convert("RGB")))


SIXTEEN = "it has more than 8 bits per channel; convert it to 8"
TRANSPARENT = "it has transparent pixels; put it on a background"
SEVERAL = "it has several pictures, one after another; keep one"
BAD_IMAGES = {
    "16 bits grey": (deep_png(0, 1), SIXTEEN),
    "16 bits colour": (deep_png(2, 3), SIXTEEN),
    "16 bits grey with alpha": (deep_png(4, 2), SIXTEEN),
    "16 bits colour with alpha": (deep_png(6, 4), SIXTEEN),
    "16 bits PPM": (b"P6 32 32 65535\n" + bytes(6 * 32 * 32), SIXTEEN),
    "10 bits PGM as text": (b"P2 32 32 1023\n" + b"999 " * 1024, SIXTEEN),
    "transparent": (with_alpha(254, "RGB"), TRANSPARENT),
    "transparent grey": (with_alpha(0, "L"), TRANSPARENT),
    "transparent colour of a palette": (encoded(COLOURS, transparency=3), TRANSPARENT),
    "transparent colour": (encoded(RAMP, transparency=RAMP.getpixel((0, 0))), TRANSPARENT),
    "GIF that moves": (encoded(COLOURS, "GIF", save_all=True, append_images=[RAMP.quantize(4)]), SEVERAL),
    "PNG that moves": (encoded(RAMP, save_all=True, append_images=[RAMP.rotate(9)]), SEVERAL),
    "another size": (png(1, (40, 24)), "it has 40 x 24 pixels and must have 32 x 32"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_an_image_without_a_plain_reading_is_refused(tmp_path: Path, case: str) -> None:
    content, message = BAD_IMAGES[case]
    tree = write_tree(tmp_path, GOOD | {"train/cat/x.png": content})
    assert refusal(tree) == f"{tree}: train/cat/x.png: {message}"


# --- links --------------------------------------------------------------------------------------------------


def test_links_count_as_what_they_lead_to_in_a_tree_and_in_its_archive(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD | {"store/far.png": png(200), "store/emus/0.png": png(9)})
    (tree / "train/cat/hard.png").hardlink_to(tree / "store/far.png")
    (tree / "train/cat/near.png").symlink_to("0.png")
    (tree / "train/dog/far.png").symlink_to("../../store/again")
    (tree / "store/again").symlink_to("far.png")
    os.mkfifo(tree / "train/cat/pipe")
    archive = tmp_path / "a.tar.gz"

    def pack() -> None:
        with tarfile.open(archive, "w:gz") as made:
            made.add(tree, ".")

    pack()
    one = read(tree)
    assert same(one, read(archive))
    assert one.source == sources.identity(archive, tmp_path / "record")
    assert one.counts(one.train) == [5, 4]
    (tmp_path / "linked").mkdir()
    for split in ("train", "test"):
        (tmp_path / "linked" / split).symlink_to(tree / split)
    assert same(read(tmp_path / "linked"), one)
    for split in ("train", "test"):
        (tree / split / "emu").symlink_to("../store/emus")
    assert read(tree).classes == ("cat", "dog", "emu")
    pack()
    refusal(archive, r"(train|test)/emu is a link to no file of the archive; unpack it and name the folder$")


SYMBOLIC, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
BAD_LINKS = {
    "absolute": (SYMBOLIC, "/etc/passwd", "refused: {} is a link that leads out of the archive"),
    "above": (SYMBOLIC, "../../../s.png", "refused: {} is a link that leads out of the archive"),
    "hard, above": (HARD, "../s.png", "refused: {} is a link that leads out of the archive"),
    "nothing": (SYMBOLIC, "none.png", "{} is a link to no file of the archive; unpack it and name the folder"),
    "itself": (SYMBOLIC, "s.png", "refused: {} is a link that leads in a circle"),
    "its folder": (SYMBOLIC, ".", "{} is a link to no file of the archive; unpack it and name the folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_LINKS)
def test_a_link_in_an_archive_that_leads_astray_is_refused(tmp_path: Path, case: str) -> None:
    kind, target, message = BAD_LINKS[case]
    path = tmp_path / "a.tar"
    path.write_bytes(packed(GOOD, member("train/cat/s.png", type=kind, linkname=target)))
    assert refusal(path) == f"{path}: {message.format('train/cat/s.png')}"


def test_a_link_in_a_tree_that_leads_to_nothing_is_refused(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    (tree / "train/cat/s.png").symlink_to("none.png")
    assert refusal(tree) == f"{tree}: train/cat/s.png is a link that leads to nothing"
    (tree / "train/cat/s.png").unlink()
    (tree / "train/loop").symlink_to(".")
    refusal(tree, "train/loop/cat/.* lies too deep|cannot be read")


# --- archives -----------------------------------------------------------------------------------------------


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0x55
    return bytes(changed)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in GOOD.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PLAIN = packed(GOOD)
SECOND_HEADER = 512 + (len(GOOD["train/cat/0.png"]) + 511) // 512 * 512
NO_ARCHIVE = r"damaged, or no \.tar, \.tar\.gz, \.tar\.bz2 or \.tar\.xz archive"
BAD_ARCHIVES = {
    "zip": (zipped(), r"is a \.zip archive; unpack it and name the folder$"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), r"is a \.7z archive; unpack it and name the folder$"),
    "no tar": (b"hello" * 300, NO_ARCHIVE),
    "empty": (b"", NO_ARCHIVE),
    "cut xz": (packed(GOOD, mode="w:xz")[:-40], NO_ARCHIVE),
    "cut gz": (packed(GOOD, mode="w:gz")[:-9], NO_ARCHIVE),
    "cut bz2": (bz2.compress(PLAIN)[:-9], NO_ARCHIVE),
    "cut between members": (PLAIN[:SECOND_HEADER], f"{NO_ARCHIVE}: it ends too early"),
    "cut in a member": (PLAIN[: SECOND_HEADER - 300], NO_ARCHIVE),
    "damaged second header": (flipped(PLAIN, SECOND_HEADER + 3), f"{NO_ARCHIVE}: bad checksum"),
    "damaged xz": (flipped(packed(GOOD, mode="w:xz"), 200), NO_ARCHIVE),
    "damaged gz checksum": (flipped(packed(GOOD, mode="w:gz"), -6), NO_ARCHIVE),
    "parent": (packed({"../train/cat/0.png": png(0)}), r"refused: \.\./train/cat/0.png leaves the archive$"),
    "absolute": (packed({"/train/cat/0.png": png(0)}), "refused: /train/cat/0.png leaves the archive$"),
    "no name": (packed(GOOD | {"": b"x"}), "refused: a file without a name$"),
    "a dot as name": (packed(GOOD | {".": b"x"}), "refused: a file without a name$"),
    "long names upon long names": (header_bomb(b"L"), NO_ARCHIVE),
    "notes upon notes": (header_bomb(b"x"), NO_ARCHIVE),
    "twice": (packed({"train/cat/0.png": png(0), "./train/cat/0.png": png(1)}), "0.png is there twice$"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_a_damaged_or_hostile_archive_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    content, message = BAD_ARCHIVES[case]
    path = tmp_path / "images.tar"
    path.write_bytes(content)
    assert refusal(path, message).startswith(f"{path}: ")


def test_what_is_too_large_and_pipes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "tree", GOOD | {"train/cat/hole.png": b""})
    os.truncate(tree / "train/cat/hole.png", 1 << 40)
    refusal(tree, r"train/cat/hole\.png has 1048576 MiB; at most 16 are allowed")
    os.mkfifo(tmp_path / "pipe")
    refusal(tmp_path / "pipe", "must be a folder or an archive, not a device or a pipe")
    bomb = write_archive(tmp_path / "bomb.tar.xz", GOOD | {"train/cat/x.png": bytes(17 << 20)}, "w:xz")
    refusal(bomb, r"train/cat/x\.png has 17 MiB; at most 16 are allowed")
    monkeypatch.setattr(sources, "_ARCHIVE_BYTES", 500)
    refusal(bomb, "refused: more than 0 GiB once unpacked")


def test_the_environment_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "tree", GOOD)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value, path in ((str(tree), "nowhere"), ("~/tree", "nowhere"), ("", tree), ("", "~/tree")):
        monkeypatch.setenv(VARIABLE, value)
        assert len(read(path).train) == 6
    for value in ("elsewhere", "~nobody-of-that-name/x"):
        monkeypatch.setenv(VARIABLE, value)
        assert refusal(tree, f"no such folder or archive; .*{VARIABLE} names it").startswith(f"{value}: ")
    monkeypatch.delenv(VARIABLE)
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
        return data.load(self.path, settings(source or self.source))


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


def test_where_the_images_lie_makes_no_difference(prepared: Prepared) -> None:
    before = prepared.load()
    assert before.source is not None
    moved = prepared.source.rename(prepared.source.with_name("moved"))
    archive = write_archive(moved.with_name("moved.tar.gz"), GOOD, "w:gz")
    assert all(same(prepared.load(source), before) for source in (moved, archive, "gone"))


def test_a_damaged_or_unwritable_record_is_only_slower(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared.load()
    content = prepared.record.read_bytes()
    for damage in (b"", b"\xff\x00", b"a b c", flipped(content, len(content) // 2)):
        prepared.record.write_bytes(damage)
        prepared.load()
        assert prepared.record.read_bytes() == content
    with monkeypatch.context() as patch:
        patch.setattr(sources, "files", lambda path: pytest.fail("read again"))
        prepared.load()
    prepared.record.unlink()
    prepared.record.mkdir()
    prepared.load()


def test_what_dvc_compares_follows_the_images(
    prepared: Prepared,
    make_params: MakeParams,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(source: Path | str) -> str:
        active = make_params().model_copy(update={"datasets": {"x": settings(source)}})
        monkeypatch.setattr(looking.params, "load", lambda: active)
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
    one, other = (write_tree(place, GOOD) for place in (repository.folder / "data/pictures", tmp_path / "b"))
    assert repository.dvc("add", "data/pictures").returncode == 0  # git ignores data/, but no .dvc files
    OTHER["added"](other)
    entry = settings(one)
    repository.activate(tiny_profile().model_copy(update={"datasets": {"tiny": entry}}))
    prepared = repository.folder / "data/datasets/tiny.safetensors"

    def runs_anew(source: Path) -> bool:
        repository.environment[VARIABLE] = str(source)
        output = repository.repro("data@tiny")
        assert data.load(prepared, settings(source)).source
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
