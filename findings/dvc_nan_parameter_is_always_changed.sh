#!/bin/sh
# DVC: a stage with a parameter that is `.nan` is never up to date.
#
# What it does: the value in dvc.lock is compared with the one in params.yaml by ==, and NaN is not equal to itself. The
# stage, with all that depends on its changing outputs, is reported as changed right after it ran; `dvc repro` runs it each
# time. `.inf` is fine.
# One would guess: the same text in both files is no change.
# Who is hurt: whoever writes .nan for "no limit" or "not measured": the run never becomes reproducible, and
# `dvc status` names the parameter as modified without a difference that anybody can see.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
export HOME="$work" DVC_NO_ANALYTICS=1 DVC_SITE_CACHE_DIR="$work/site"
pip install --quiet --no-compile dvc==3.67.1
dvc --version
dvc init --quiet --no-scm
cat > dvc.yaml <<'Y'
stages:
  train:
    cmd: date +%s%N >> runs.txt && echo done > result.txt
    params: [limit]
    outs: [result.txt]
Y
verdicts=
for value in .inf .nan; do
  echo "limit: $value" > params.yaml
  dvc repro --quiet
  before=$(wc -l < runs.txt)
  dvc repro --quiet --no-run-cache
  case $(dvc status) in *up\ to\ date*) verdict=same ;; *) verdict=changed ;; esac
  echo "limit: $value, right after dvc repro: $verdict; a second repro ran it $(($(wc -l < runs.txt) - before)) times"
  verdicts="$verdicts $verdict"
done
test "$verdicts" = " same changed"
