#!/bin/sh
# ngspice 39: `fft` and `psd` of a sine of 1 V give 1 V, 0.5 V or something between, depending on the number of points.
#
# What it does: data whose number is no power of two are filled up with zeros, and amplitudes and powers are divided by the number with
# the zeros. `linearize` gives one point more than there are steps: 8192 steps, 8193 points and 8191 zeros, half the
# amplitude, half the power of noise. The printed frequency resolution is that of the data, the vector's steps are finer. A constant of
# 1 V is 2 V. The zeros are in the manual and in a line of the output, the loss is not.
# One would guess: zeros change the grid of frequencies, not amplitudes; 2^n steps are the best number one can take.
# Who is hurt: whoever takes noise, harmonics or ripple of a read-out from a transient: 10000 steps lose 39 % of the noise power.
# `spec` and `fourier` are right; a stop time one step shorter gives 2^n points.
# It is so where ngspice was built without the library FFTW, as in Debian's package. It has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
for steps in 8191 8192 10000 16384; do
  cat > spectrum.cir <<N
sine, noise and constant
Vs sine 0 sin(0 1 15.625k)
Vn noise 0 dc 0 trnoise(1 1u 0 0)
Vd constant 0 1
.tran 1u ${steps}u 0 1u
.control
set specwindow=none
run
linearize v(sine) v(noise) v(constant)
let points = length(v(noise))
let power = mean(v(noise)*v(noise))
print points power
psd 1 v(sine) v(noise)
setplot tran2
fft v(sine) v(constant)
let fftsine = maximum(mag(v(sine)))
let fftconstant = maximum(mag(v(constant)))
let step = abs(frequency[1])
print fftsine fftconstant step
setplot tran2
spec 14k 17k 125 v(sine)
let specsine = maximum(mag(v(sine)))
print specsine
quit
.endc
.end
N
  ngspice -n -b spectrum.cir > "printed$steps.txt" 2>&1 || true
done
python3 - <<'PY'
import re

found = {}
for steps in (8191, 8192, 10000, 16384):
    text = open(f"printed{steps}.txt").read()
    value = {name: float(number) for name, number in re.findall(r"^(\w+) = (\S+)", text, re.M)}
    value["psdsine"], value["psdnoise"] = map(float, re.findall(r"Nyquist frequency \S+ Hz: (\S+) V", text))
    value["said"] = float(re.search(r"FFT: Frequency resolution: (\S+) Hz", text)[1])
    found[steps] = value
    print(f"{steps} steps, {value['points']:.0f} points: sine of 1 V {value['fftsine']:.3f}, by spec {value['specsine']:.3f}, constant of 1 V",
          f"{value['fftconstant']:.3f}; power of the sine {value['psdsine']:.3f}, of noise of power {value['power']:.3f}: {value['psdnoise']:.3f};",
          f"resolution said {value['said']:.1f} Hz, in the vector {value['step']:.1f} Hz")
for steps, share in ((8191, 1), (8192, 0.5), (10000, 10001 / 16384), (16384, 0.5)):
    value = found[steps]
    assert abs(value["psdsine"] - 0.5 * share) < 0.01 and abs(value["psdnoise"] / value["power"] - share) < 0.01
    assert abs(value["fftsine"] - share) < 0.02 and abs(value["fftconstant"] - 2 * share) < 0.02 and value["specsine"] > 0.9
assert abs(found[8192]["said"] / found[8192]["step"] - 2) < 0.01
PY
