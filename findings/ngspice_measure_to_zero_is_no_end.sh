#!/bin/sh
# ngspice 39: `.measure dc ... INTEG ... from=-1 to=0` integrates over the whole sweep from -1 to 1, and so does RMS.
#
# What it does: for INTEG and RMS an end of 0 counts as none given. AVG, MIN, MAX and PP of the same window stop at 0, and
# `to=1p` is right. In a falling sweep that starts above the window INTEG is 0 and RMS fails, while AVG, MIN, MAX and PP
# are right. No line says so; the result's own line shows another `to`, or `from= nan`.
# One would guess: the end is what is given, 0 as any other number, for each of the words; a falling sweep changes a sign.
# Who is hurt: whoever takes the area of a memristor's loop, or the effective current of a diode, on one side of 0 V: the value
# below zero is that of both sides, and a device that rectifies looks as if it does not. One half of a sweep there and back is falling.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
measures() {
  for word in avg integ rms max; do
    echo "meas dc $1_${word}_below $word v(i) from=-1 to=0"
    echo "meas dc $1_${word}_nearly $word v(i) from=-1 to=1p"
    echo "meas dc $1_${word}_middle $word v(i) from=-0.5 to=0.6"
  done
}
{
  cat <<'N'
the current of a rectifying device as a voltage: V below zero, 100 V above
V1 in 0 0
B1 i 0 V=v(in)<0 ? v(in) : 100*v(in)
.control
N
  echo "dc V1 -1 1 0.01"
  measures rising
  echo "dc V1 1 -1 -0.01"
  measures falling
  printf 'quit\n.endc\n.end\n'
} > sweep.cir
ngspice -n -b sweep.cir > printed.txt 2>&1 || true
python3 - <<'PY'
import re

value = {}
for line in open("printed.txt"):
    if match := re.match(r"((?:rising|falling)_\w+) *= +(\S+)", line):
        value[match[1]] = float(match[2])
print("device: i = v below 0 V, 100 v above. Exact from -1 to 0: mean -0.5, integral -0.5, rms 0.577; from -0.5 to 0.6: integral 17.875")
for way in ("rising", "falling"):
    for word in ("avg", "integ", "rms", "max"):
        shown = [value.get(f"{way}_{word}_{window}") for window in ("below", "nearly", "middle")]
        print(f"{way:7} {word:5} to=0: {shown[0]}, to=1p: {shown[1]}, from -0.5 to 0.6: {shown[2]}")
close = lambda name, wanted: abs(value[name] - wanted) < 0.02 * max(1, abs(wanted))
assert close("rising_integ_below", 49.5) and close("rising_rms_below", 40.83)
assert close("rising_avg_below", -0.5) and close("rising_max_below", 0)
assert close("rising_avg_nearly", -0.5) and close("rising_integ_nearly", -0.5) and close("rising_rms_nearly", 0.577)
assert close("rising_integ_middle", 17.875) and value["falling_integ_middle"] == value["falling_integ_nearly"] == 0
assert "falling_rms_middle" not in value and close("falling_avg_middle", 16.3) and close("falling_max_middle", 60)
PY
