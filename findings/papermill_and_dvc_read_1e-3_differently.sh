#!/bin/sh
# papermill and DVC: one parameter file, two values of 1e-3 and of 010.
#
# What it does: DVC reads YAML 1.2, papermill's `-f` YAML 1.1. `rate: 1e-3` is the number 0.001 for DVC and the text "1e-3"
# for the notebook; `width: 010` is 10 for DVC and 8 for the notebook; `mode: off` is text for DVC and False for the notebook.
# One would guess: a file that DVC tracks and hands to `papermill -f` says the same to both.
# Who is hurt: whoever drives notebooks from a DVC stage with `papermill -f params.yaml`: DVC's tables show a number and the
# notebook computes with another one, or with text. 1.0e-3, 10 and quotes are read alike.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
export HOME="$work" DVC_NO_ANALYTICS=1 DVC_SITE_CACHE_DIR="$work/site"
pip install --quiet --no-compile dvc==3.67.1 papermill==2.7.0
printf 'rate: 1e-3\nwidth: 010\nmode: off\nsafe: 1.0e-3\n' > params.yaml
cat > compare.py <<'PY'
import subprocess
from importlib.metadata import version
import dvc.api, nbformat

print("papermill", version("papermill"), "dvc", version("dvc"))
cell = nbformat.v4.new_code_cell("rate = width = mode = safe = None", metadata={"tags": ["parameters"]})
notebook = nbformat.v4.new_notebook(cells=[cell])
notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
nbformat.write(notebook, "in.ipynb")
command = ["papermill", "in.ipynb", "out.ipynb", "--prepare-only", "--no-progress-bar", "-f", "params.yaml"]
subprocess.run(command, check=True, capture_output=True)
(cell,) = [c for c in nbformat.read("out.ipynb", 4).cells if "injected-parameters" in c.metadata.get("tags", [])]
notebook_has = {}
exec(cell.source, notebook_has)
dvc_has = dvc.api.params_show()
for name in ("rate", "width", "mode", "safe"):
    print(f"{name}: DVC {dvc_has[name]!r}, the notebook {notebook_has[name]!r}")
assert (dvc_has["rate"], notebook_has["rate"]) == (0.001, "1e-3") and dvc_has["safe"] == notebook_has["safe"] == 0.001
assert (dvc_has["width"], notebook_has["width"]) == (10, 8) and (dvc_has["mode"], notebook_has["mode"]) == ("off", False)
PY
dvc init --quiet --no-scm
python -W ignore compare.py
