"""Datasets: where they come from, what is refused, and how they reach a network."""

from __future__ import annotations

import hashlib
import pickle
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from xbarpaper import data
from xbarpaper.data import pictures
from xbarpaper.data.images import channel_statistics
from xbarpaper.data.shapes import SHAPES
from xbarpaper.data.torchvision_compat import import_torchvision
from xbarpaper.params import Cifar, Shapes10
from xbarpaper.support.errors import DatasetError

VARIABLE = "XBARPAPER_TEST_IMAGES"


def shapes(**changes: int | float) -> data.ImageSet:
    values = {"train_images": 200, "test_images": 60, "noise_sigma": 0.08, "seed": 3} | changes
    return data.prepare("small", Shapes10(kind="shapes10", **values))


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


def test_training_and_test_images_share_nothing() -> None:
    images = shapes(train_images=100, test_images=100)
    splits = (images.train, images.test)
    train, test = ({split.pixels[i].numpy().tobytes() for i in range(100)} for split in splits)
    assert len(train) == len(test) == 100
    assert not train & test


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


def test_images_that_memory_cannot_hold_are_refused_before_they_are_drawn() -> None:
    """In a process of its own, under a limit like that of a cluster's shell."""
    code = (
        "import resource, sys\n"
        "from xbarpaper import data\n"
        "from xbarpaper.params import Shapes10\n"
        "from xbarpaper.support import memory\n"
        "used = 1024 * int(open('/proc/self/status').read().split('VmSize:')[1].split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))\n"
        "few, many = (Shapes10(kind='shapes10', train_images=n, test_images=10) for n in (20, 1_000_000))\n"
        "images = data.prepare('few', few)\n"
        "data.normalised(images.train, images, 'cpu')\n"
        "try: data.prepare('many', many)\n"
        "except memory.ArtifactError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.fullmatch(
        r"datasets\.many: training on 1,000,010 images needs 15\.4 GB of memory, (0|1)\.\d GB are free; "
        r"take fewer images\n",
        done.stdout,
    ), done.stderr


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
    assert read.source is None
    assert b"source" not in path.read_bytes()[:2000]  # drawn images have none


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
    said = r"set\.safetensors: no such dataset; the notebook 00_data makes it"
    with pytest.raises(DatasetError, match=said):
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
    sets = (
        (base.classes, base.train, base.test), (base.classes, data.Images(pixels, base.train.labels), base.test),
        (base.classes, base.train, other_labels), (names, base.train, base.test),
    )  # fmt: skip
    digests = {data.ImageSet.of("x", "x", *one).digest for one in sets}
    assert len(digests) == 4
    assert base.digest in digests


# --- CIFAR --------------------------------------------------------------------------------------------------


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
    said = f"{name}: damaged or not the official file .MD5 .*, must be "
    with pytest.raises(DatasetError, match=said) as refused:
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
    said = (f"{original.archive}: not the official file", original.source.url, "datasets.c.download = true")
    assert all(part in str(refused.value) for part in said)


def test_a_failed_download_says_what_to_put_where(
    original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    original.remove()
    original.archive.unlink()
    monkeypatch.setattr(original.source, "url", "http://127.0.0.1:9/none.tar.gz")  # nothing listens there
    said = r"the download failed .*; put cifar-.*-python.tar.gz from"
    with pytest.raises(DatasetError, match=said) as refused:
        original.read(download=True)
    assert "\n" not in str(refused.value)
    assert not original.folder.exists()


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
        places = product(range(2 * shift + 1), repeat=2)
        windows = [image[:, top : top + height, left : left + width] for top, left in places]
        allowed = windows + [window.flip(2) for window in windows] * flip
        assert any(torch.equal(window, image_result) for window in allowed)


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
