#!/bin/sh
# papermill: `-p` turns a short commit such as 1234e56 into a float, and some into infinity.
#
# What it does: a value of the command line becomes a number whenever Python's int() or float() takes it: 12e3456 is inf,
# 1234e5 is 123400000.0, 0123456 is 123456, 1_000 is 1000, nan is a float. `-r` (raw) keeps the text.
# One would guess: only what looks like a number is one, and a hexadecimal name that is given as text arrives as text.
# Who is hurt: whoever stamps notebooks with `git rev-parse --short HEAD`: of commits of seven digits about one in eighteen is
# all digits or digits with one e; the report then names a commit that does not exist, and only now and then.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile papermill==2.7.0
python -W ignore - <<'PY'
import subprocess
from importlib.metadata import version
import nbformat

print("papermill", version("papermill"))
cell = nbformat.v4.new_code_cell("commit = None", metadata={"tags": ["parameters"]})
notebook = nbformat.v4.new_notebook(cells=[cell])
notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
nbformat.write(notebook, "in.ipynb")
got = {}
for option, commit in (("-p", "1234e56"), ("-p", "12e3456"), ("-p", "0123456"), ("-p", "12345f6"), ("-r", "12e3456")):
    subprocess.run(["papermill", "in.ipynb", "out.ipynb", "--prepare-only", "--no-progress-bar", option, "commit", commit], check=True, capture_output=True)
    cells = nbformat.read("out.ipynb", 4).cells
    (injected,) = [c.source.strip().splitlines()[-1] for c in cells if "injected-parameters" in c.metadata.get("tags", [])]
    got[option, commit] = injected
    print(option, "commit", commit, "->", injected)
assert got["-p", "1234e56"] == "commit = 1.234e+59" and got["-p", "12e3456"] == "commit = float('inf')"
assert got["-p", "0123456"] == "commit = 123456" and got["-p", "12345f6"] == 'commit = "12345f6"'
assert got["-r", "12e3456"] == 'commit = "12e3456"'
PY
