#!/bin/sh
# papermill: a tuple among the parameters arrives in the notebook as text, and the notebook's record says it was a list.
#
# What it does: the translator to Python knows lists and dicts; a tuple, also one inside a list or dict, becomes the string
# of its repr. The metadata of the output show a list. Keys of dicts become strings.
# One would guess: a Python value for a Python kernel arrives as it was, or the call raises.
# Who is hurt: whoever passes `shape=(64, 64)` or `sizes=((16, 32), (64,))`: `for rows in shape` walks over characters, and
# `len(shape)` is 8; looking at the metadata, where the value is right, does not help.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile papermill==2.7.0
python -W ignore - <<'PY'
from importlib.metadata import version
import nbformat
import papermill

print("papermill", version("papermill"))
cell = nbformat.v4.new_code_cell("x = None", metadata={"tags": ["parameters"]})
notebook = nbformat.v4.new_notebook(cells=[cell])
notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
nbformat.write(notebook, "in.ipynb")
got = []
for value in ([64, 64], (64, 64), {"shape": (64, 64)}, {16: 0.5}):
    papermill.execute_notebook("in.ipynb", "out.ipynb", parameters={"x": value}, prepare_only=True, progress_bar=False)
    out = nbformat.read("out.ipynb", 4)
    (injected,) = [c.source.strip().splitlines()[-1] for c in out.cells if "injected-parameters" in c.metadata.get("tags", [])]
    got.append((injected, out.metadata.papermill.parameters["x"]))
    print(repr(value), "-> cell:", injected, "| metadata:", got[-1][1])
assert got[0][0] == "x = [64, 64]" and got[1] == ('x = "(64, 64)"', [64, 64])
assert got[2][0] == 'x = {"shape": "(64, 64)"}' and got[3][0] == 'x = {"16": 0.5}'
PY
