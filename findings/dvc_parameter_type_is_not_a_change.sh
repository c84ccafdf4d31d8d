#!/bin/sh
# DVC: a parameter that changes from 1 to 1.0 or to true is no change.
#
# What it does: parameters are compared as Python compares them, where 1 == 1.0 == True and 0 == False. The stage counts as
# up to date unless the value also stands in its command. From 1 to "1" is a change.
# One would guess: the stage runs again when the text of its parameter changes type, as it does for every other edit.
# Who is hurt: whoever has `amount: 1` (prune one filter, in torch.nn.utils.prune) and writes 1.0 (prune them all): the
# results of the other meaning stay, and `dvc status` vouches for them.
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
  prune:
    cmd: cat params.yaml > result.txt
    params: [amount]
    outs: [result.txt]
Y
echo "amount: 1" > params.yaml
dvc repro --quiet
verdicts=
for value in 1.0 true '"1"'; do
  echo "amount: $value" > params.yaml
  case $(dvc status) in *up\ to\ date*) verdict=same ;; *) verdict=changed ;; esac
  echo "amount from 1 to $value: $verdict"
  verdicts="$verdicts $verdict"
done
test "$verdicts" = " same same changed"
