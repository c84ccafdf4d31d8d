#!/bin/sh
# badcrossbar 1.1.0: it installs a package with the name `tests` beside itself.
#
# What it does: its wheel has two top-level packages, `badcrossbar` and `tests`. In every environment with it, `import tests`
# from outside the project's folder finds the simulator's tests, in silence.
# One would guess: installing a simulator adds its own name only.
# Who is hurt: whoever has helpers in a `tests` package of the own project and runs it installed, from another folder or
# with pytest's importlib mode: another package answers; and two packages of this habit overwrite each other.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile --no-deps badcrossbar==1.1.0
cd /
python - <<'PY'
from importlib.metadata import files, version
from importlib.util import find_spec

top = sorted({file.parts[0] for file in files("badcrossbar") if file.suffix == ".py"})
spec = find_spec("tests")
print("badcrossbar", version("badcrossbar"), "installs", top, "; `import tests` finds", spec and "site-packages/tests" if spec else None)
assert top == ["badcrossbar", "tests"] and spec is not None and "site-packages" in str(spec.submodule_search_locations)
PY
