#!/bin/sh
# DVC: a parameter of a Python file that is computed, such as `LR = 4 * 1e-3`, does not exist for DVC.
#
# What it does: with `params: [params.py:]`, the whole file, only assignments of literals to one name are parameters, and
# entries of classes. Products, powers, function calls, `A, B = 1, 2` and what stands below an `if` are left out without a
# word. A stage is up to date after such a value has changed. Named one by one they are an error.
# One would guess: a file that is tracked as a whole is tracked as a whole; what Python can compute is a parameter.
# Who is hurt: whoever keeps levels as `2**4` or rates as `4 * 1e-3`: `dvc repro` skips the training after a change, and results
# of the old value stand beside the new one. A way round: make the file a dependency (`deps`) instead.
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
cat > params.py <<'P'
EPOCHS = 10
LR = 4 * 1e-3
LEVELS = 2**4
ROWS, COLUMNS = 64, 32
P
cat > dvc.yaml <<'Y'
stages:
  train:
    cmd: python3 -c "import params; print(params.LR, params.LEVELS, params.ROWS)" > result.txt
    params:
      - params.py:
    outs: [result.txt]
Y
dvc repro --quiet
verdicts=
for change in 's/4 \* 1e-3/8 * 1e-3/' 's/2\*\*4/2**2/' 's/64, 32/128, 32/' 's/EPOCHS = 10/EPOCHS = 20/'; do
  sed "$change" params.py > changed.py
  mv changed.py params.py
  case $(dvc status) in *up\ to\ date*) verdict=same ;; *) verdict=changed ;; esac
  echo "$change: $verdict"
  verdicts="$verdicts $verdict"
done
sed -n '/params.py:/,/outs:/p' dvc.lock > locked.txt
echo "in the lock file: lines of EPOCHS $(grep -c EPOCHS locked.txt), of the others $(grep -cE 'LR|LEVELS|ROWS' locked.txt || true)"
test "$verdicts" = " same same same changed"
