"""Pages that need nothing but themselves: templates, colours of code, executed notebooks as HTML."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xbarpaper.report.gather import Notebook, Picture
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.light_nbformat import nbformat

_UNRESERVED = " !$'()*+,-./:;=?@[]^_{|}~"  # may stand in an address within double quotes
_DANGEROUS = ["script", "style", "link", "meta", "iframe", "object", "embed", "base", "form"]
_LOADING = ("src", "srcset", "poster", "background", "xlink:href")


@cache
def environment() -> Environment:
    """The templates, autoescaped, refusing undefined names."""
    found = Environment(
        loader=PackageLoader("xbarpaper.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["inline"] = lambda name: Markup(_template_text(name))
    return found


def _template_text(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def data_uri(picture: Picture) -> str:
    """The figure as a ``data:`` address: its SVG, or its PNG with a palette where that is lighter."""
    # Percent-encoded, an SVG grows by a twentieth; in base64 by a third.
    svg = "data:image/svg+xml," + quote(picture.svg.read_text(encoding="utf-8"), safe=_UNRESERVED)
    png = f"data:image/png;base64,{base64.b64encode(with_palette(picture.png)).decode('ascii')}"
    return min(svg, png, key=len)


def with_palette(path: Path) -> bytes:
    """A PNG of 256 colours: a third of the bytes, and no difference that an eye would see in a figure."""
    from PIL import Image

    target = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(256).save(target, format="png", optimize=True)
    return target.getvalue()


def notebook_page(notebook: Notebook) -> str:
    """An executed notebook as one page without scripts of its own and without anything to load.

    Raises:
        ArtifactError: the file is not a notebook.
    """
    try:
        node = nbformat.read(notebook.path, as_version=4)
    except ValueError as error:
        raise ArtifactError(f"{notebook.path}: not a Jupyter notebook: {str(error)[:100]}") from None
    body, _ = _exporter().from_notebook_node(node)
    return environment().get_template("notebook.html.j2").render(
        title=f"{notebook.path.stem} · {notebook.group}",
        group=notebook.group,
        name=notebook.path.name,
        body=Markup(_closed(body, notebook.path.stem)),
        code_style=Markup(code_style()),
    )  # fmt: skip


@cache
def _exporter() -> Any:
    """One for all notebooks: each compiles its templates anew."""
    from nbconvert import HTMLExporter

    options = {"template_name": "basic", "exclude_anchor_links": True, "exclude_input_prompt": True}
    return HTMLExporter(**options)  # type: ignore[no-untyped-call]


def _closed(body: str, name: str) -> str:
    """The fragment without scripts, without styles of its own, and without addresses to load from."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(body, "html.parser")
    for tag in soup.find_all(_DANGEROUS):
        tag.decompose()
    for tag in soup.find_all(True):
        for attribute in list(tag.attrs):
            loads = attribute in _LOADING and not str(tag[attribute]).startswith("data:")
            if attribute.startswith("on") or loads:
                del tag[attribute]
    for image in soup.find_all("img", src=False):
        image.replace_with(str(image.get("alt", "")))
    for number, image in enumerate(soup.find_all("img"), start=1):
        if "No description" in str(image.get("alt", "No description")):
            image["alt"] = f"Figure {number} of notebook {name}"
    for wide in soup.find_all(["table", "pre"]):
        label = "Table" if wide.name == "table" else "Text"
        wide.wrap(
            soup.new_tag(
                "div", attrs={"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label}
            )
        )
    return str(soup)


@cache
def code_style() -> str:
    """CSS rules that colour code in both styles of the page."""
    from pygments.styles import get_style_by_name  # type: ignore[import-untyped]
    from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped]

    colours: dict[str, dict[str, Any]] = {}
    for kind, style in (("light", "xcode"), ("dark", "github-dark")):
        for token, look in get_style_by_name(style):
            if look["color"] and STANDARD_TYPES.get(token):
                colours.setdefault(STANDARD_TYPES[token], {})[kind] = f"#{look['color']}"
    return "\n".join(
        f".highlight .{name}{{color:light-dark({pair['light']},{pair['dark']})}}"
        for name, pair in sorted(colours.items())
        if len(pair) == 2
    )
