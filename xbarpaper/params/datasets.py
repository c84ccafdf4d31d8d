"""The kinds of datasets: for each kind its parameters, and what a reader is told about such data.

A new kind is a class here, its name in ``Dataset``, and its loader in ``xbarpaper.data.preparing``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from xbarpaper.params.names import MOST, Fraction, Seed
from xbarpaper.support.validation import Defaults

_Images = Annotated[int, Field(ge=10, le=MOST)]
_Any = Annotated[int, Field(ge=0, le=MOST)]


class Shapes10(Defaults):
    """Ten shapes of varied position, scale, rotation, colour and texture, occluded and noisy."""

    publishable: ClassVar[bool] = True

    kind: Literal["shapes10"]
    train_images: _Images = Field(default=6000, description="split evenly over the classes")
    test_images: _Images = Field(default=1000, description="split evenly over the classes")
    noise_sigma: Fraction = Field(default=0.08, description="pixel noise, share of full scale")
    seed: Seed = Field(default=0, description="of the images")

    @property
    def title(self) -> str:
        """What figures and reports call this data."""
        return "shapes10 (procedural)"

    @property
    def provenance(self) -> str:
        """Where the images come from."""
        return f"drawn from seed {self.seed}, {self.train_images:,} training images"


class Cifar(Defaults):
    """CIFAR-10 or CIFAR-100 in their original files, read by torchvision with its checksums."""

    publishable: ClassVar[bool] = False

    kind: Literal["cifar10", "cifar100"]
    root: str = Field(
        default="data/cifar", description="folder for the original files, relative to the repository"
    )
    download: bool = Field(default=True, description="download the files if they are missing")

    @property
    def title(self) -> str:
        """What figures and reports call this data."""
        return {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[self.kind]

    @property
    def provenance(self) -> str:
        """Where the images come from."""
        return f"original files of {self.title}, by torchvision"


class ImageFolder(Defaults):
    """Image files train/<class>/* and test/<class>/*, as a folder or an archive."""

    publishable: ClassVar[bool] = False

    kind: Literal["image_folder"]
    path: str = Field(description="folder, .tar, .tar.gz, .tar.bz2 or .tar.xz, relative to the repository")
    path_environment: str = Field(
        default="XBARPAPER_IMAGE_FOLDER",
        description="environment variable that, where set, takes the place of path",
    )
    description: str = Field(description="what figures and reports call this data")
    origin: str = Field(default="image files", description="how the images came, as reports say")
    train_images: _Any = Field(default=0, description="how many there must be; 0 takes what is there")
    test_images: _Any = Field(default=0, description="as train_images")
    image_pixels: Literal[32] = Field(default=32, description="height and width of every image")

    @property
    def title(self) -> str:
        """What figures and reports call this data."""
        return self.description

    @property
    def provenance(self) -> str:
        """Where the images come from."""
        return f"{self.origin}, {self.image_pixels} × {self.image_pixels} pixels"


Dataset = Annotated[Shapes10 | Cifar | ImageFolder, Field(discriminator="kind")]
"""Every kind has a ``title``, a ``provenance``, and says whether pictures of it may be published (``publishable``)."""
