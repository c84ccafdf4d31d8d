#!/bin/sh
# DVC: a conductance, a current or an energy in SI units is 0.0 in `dvc metrics show` and `dvc metrics diff`.
#
# What it does: both round to five digits after the point, not to five digits. A metric of 1.2e-7 is shown as 0.0, and one that
# goes from 1.2e-7 to 9.9e-7 as 0.0, 0.0 and a change of 0.0. `dvc exp show` prints 9.9e-07 for the same file.
# One would guess: five significant digits, as in `dvc exp show`, or the number as it stands in the file.
# Who is hurt: whoever records siemens, amperes, joules or small error rates: the table of differences says that nothing has
# changed, and zeros look like a run that failed. `--precision 12` or `--json` tell the values.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
export HOME="$work" DVC_NO_ANALYTICS=1 DVC_SITE_CACHE_DIR="$work/site"
pip install --quiet --no-compile dvc==3.67.1
dvc --version
git init --quiet repository
cd repository
git config user.name test
git config user.email test@example.org
dvc init --quiet
echo 'metrics: [metrics.json]' > dvc.yaml
echo '{"accuracy": 93.1234567, "siemens": 1.2e-7}' > metrics.json
git add .
git commit --quiet -m before
echo '{"accuracy": 93.1234567, "siemens": 9.9e-7}' > metrics.json
dvc metrics show | tee show.txt
dvc metrics diff --all | tee diff.txt
echo "diff with --precision 12:"
dvc metrics diff --precision 12 | tee precise.txt
dvc exp show --md | tee experiments.txt
grep -Eq '^metrics.json +93.12346 +0.0 *$' show.txt
grep -Eq '^metrics.json +siemens +0.0 +0.0 +0.0 *$' diff.txt
grep -Eq '8.7e-07' precise.txt
grep -q '9.9e-07' experiments.txt
