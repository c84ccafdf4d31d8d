#!/bin/sh
# AIHWKit 1.1.0: its wheel accepts every torch from 2.9.1 on, imports with 2.13, and then refuses the first C++ tile.
#
# What it does: pip finds no conflict, `import aihwkit` works, `TorchInferenceRPUConfig` (pure torch) works; but a layer
# with `InferenceRPUConfig`, the default, says "weights must be a CPU tensor" of a CPU tensor. The compiled part belongs
# to the one torch that it was built with.
# One would guess: a wheel pins the torch that it was compiled against, or the import fails; the message sends the
# reader to look for a CUDA tensor that is not there.
# Who is hurt: whoever lets pip choose torch, or has a lock file with a torch of its own.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 aihwkit==1.1.0 numpy==2.4.6 scipy==1.17.1
pip check
python -W ignore - <<'PY'
from importlib.metadata import requires
import aihwkit, torch
from aihwkit.nn import AnalogLinear
from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
print("asks for", [line for line in requires("aihwkit") if line.startswith("torch") and "vision" not in line])
said = {}
for config in (TorchInferenceRPUConfig, InferenceRPUConfig):
    try:
        output = AnalogLinear(4, 2, rpu_config=config())(torch.ones(1, 4))
        said[config.__name__] = f"works, output of shape {tuple(output.shape)}"
    except RuntimeError as error:
        said[config.__name__] = str(error).splitlines()[0]
    print(config.__name__ + ":", said[config.__name__])
assert said["TorchInferenceRPUConfig"].startswith("works")
assert "CPU tensor" in said["InferenceRPUConfig"]
PY
