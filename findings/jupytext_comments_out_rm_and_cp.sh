#!/bin/sh
# jupytext: a line such as `rm *= 2` or `cp += 1` in a notebook becomes a comment in the script made from it.
#
# What it does: lines that begin with the name of a shell command (cat, cd, cp, mv, rm, rmdir, mkdir, copy, echo, ls, ren) are
# commented out as magics, unless an equals sign, a comma, a bracket or a colon follows at once. An augmented assignment has its
# operator there, and is gone. `rm = 2 * rm` and indented lines stay. The way back to a notebook restores the lines.
# One would guess: only what starts with % or ! is commented out, and a notebook and its script compute the same.
# Who is hurt: whoever calls a membrane resistance `rm`, a parasitic capacitance `cp` or an inductance `ls`, and pairs the
# notebook with a script: in IPython the variable goes before the command and the line counts, in the script it is skipped,
# without a word. A way round: the option `comment_magics: false`, or other names.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile jupytext==1.19.6 ipython==9.18.1
python -W ignore - <<'PY'
from importlib.metadata import version
import jupytext
import nbformat
from IPython.core.interactiveshell import InteractiveShell

print("jupytext", version("jupytext"), "IPython", version("ipython"))
cells = ["rm = 10.0\ncp = 1.0\nls = [1.0]\nrg = 10.0", "rm *= 2", "cp += 1", "ls += [2.0]", "rg *= 2", "rm = rm / 4"]
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def as_script(**options):
    """The namespace of the script made of the notebook, and its lines that became comments."""
    notebook.metadata["jupytext"] = options
    text = jupytext.writes(notebook, fmt="py:percent")
    scope = {}
    exec(text, scope)
    back = [cell.source for cell in jupytext.reads(text, fmt="py:percent").cells]
    assert back == cells
    return scope, [cell for cell in cells if f"\n# {cell}\n" in text]


shell = InteractiveShell.instance()
for cell in cells:
    assert shell.run_cell(cell).success
names = ("rm", "cp", "ls", "rg")
in_notebook = {name: shell.user_ns[name] for name in names}
script, commented = as_script()
kept, none = as_script(comment_magics=False)
print("in the notebook:", in_notebook)
print("in its script:", {name: script[name] for name in names}, "commented out:", commented)
print("with comment_magics false:", {name: kept[name] for name in names}, "commented out:", none)
assert in_notebook == {"rm": 5, "cp": 2, "ls": [1, 2], "rg": 20} == {name: kept[name] for name in names}
assert {name: script[name] for name in names} == {"rm": 2.5, "cp": 1, "ls": [1], "rg": 20}
assert commented == ["rm *= 2", "cp += 1", "ls += [2.0]"] and not none
PY
