#!/bin/sh
# DVC: `foreach: ${bits}` over parameters with the keys 2, 4 and 8 makes no stage at all.
#
# What it does: entries of a parameter file whose keys are numbers or booleans are left out of what `${...}` refers to. A `foreach`
# makes stages of the other entries only, `${table}` in a command loses those entries, and a table of nothing else is empty text. The
# same dictionary written into dvc.yaml, in the place of `${bits}`, gives its stages; `params` and `dvc.api` see the keys.
# One would guess: stages with the names train@2, train@4, train@8, as from a list; or an error.
# Who is hurt: whoever sweeps numbers of bits, levels, array sizes or seeds: `dvc repro` reports that all is up to date and nothing was
# run, and from a mixture of names and numbers a part of the sweep is missing. Keys in quotes are kept.
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
cat > params.yaml <<'Y'
bits: {2: {rate: 0.1}, 4: {rate: 0.2}, 8: {rate: 0.3}}
quoted: {"2": {rate: 0.1}, "4": {rate: 0.2}, "8": {rate: 0.3}}
mixed: {full: {rate: 0.4}, 8: {rate: 0.3}}
table: {2: 0.1, 4: 0.2}
Y
cat > dvc.yaml <<'Y'
stages:
  bits:
    foreach: ${bits}
    do:
      cmd: echo ${key} ${item.rate}
Y
echo "with a foreach over \${bits} alone, stages: '$(dvc stage list --name-only)'"
dvc repro | tee repro.txt
cat >> dvc.yaml <<'Y'
  quoted:
    foreach: ${quoted}
    do:
      cmd: echo ${key} ${item.rate}
  mixed:
    foreach: ${mixed}
    do:
      cmd: echo ${key} ${item.rate}
  list:
    foreach: [2, 4, 8]
    do:
      cmd: echo ${item}
  here:
    foreach: {2: {rate: 0.1}, 4: {rate: 0.2}, 8: {rate: 0.3}}
    do:
      cmd: echo ${key} ${item.rate}
  table:
    cmd: echo table "${table}"
Y
stages=$(dvc stage list --name-only | tr '\n' ' ')
echo "all stages: $stages"
python -W ignore -c 'import dvc.api; print("parameters for dvc.api:", dvc.api.params_show()["bits"])' | tee api.txt
dvc repro table | tee table.txt
grep -q 'up to date' repro.txt
test "$stages" = "quoted@2 quoted@4 quoted@8 mixed@full list@2 list@4 list@8 here@2 here@4 here@8 table "
grep -q "2: {'rate': 0.1}" api.txt
grep -q '^> echo table ""$' table.txt
