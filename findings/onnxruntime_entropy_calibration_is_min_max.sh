#!/bin/sh
# ONNX Runtime: calibration by entropy is calibration by minimum and maximum.
#
# What it does: the search tries ranges from as many bins of a histogram as there are quantized bins up to all bins. Both
# numbers are 128, and `quantize_static` passes on neither, so one range is tried: that of all data, outliers included.
# One would guess: a range that gives up outliers for the resolution of the rest: the one with the smallest divergence.
# Who is hurt: whoever compares calibrations, or asks for entropy because of a few large activations: the scale and the
# quantized network are those of `MinMax` to the last bit. With 2048 bins, by hand, the search cuts the outlier off.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
python -W ignore - > printed.txt 2> errors.txt <<'PY' || { cat printed.txt errors.txt; exit 1; }
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.calibrate import create_calibrator

print("# onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
rng = np.random.default_rng(0)
weights = rng.standard_normal((32, 16)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "W"], ["y"])], "layer",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 32])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 16])], [numpy_helper.from_array(weights, "W")],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "layer.onnx")
data = rng.standard_normal((100, 100, 32)).astype(np.float32)
data[57, 3, 5] = 100
x = rng.standard_normal((1000, 32)).astype(np.float32)

class Reader(CalibrationDataReader):
    def __init__(self):
        self.batches = iter(data)

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"x": batch}

scale, written, error = {}, {}, {}
for method in (CalibrationMethod.MinMax, CalibrationMethod.Entropy, CalibrationMethod.Percentile):
    kinds = dict(activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
    quantize_static("layer.onnx", "quantized.onnx", Reader(), calibrate_method=method, **kinds)
    values = {value.name: numpy_helper.to_array(value) for value in onnx.load("quantized.onnx").graph.initializer}
    y = onnxruntime.InferenceSession("quantized.onnx").run(None, {"x": x})[0]
    scale[method.name] = values["x_scale"].item()
    written[method.name] = [value.tobytes() for _, value in sorted(values.items())]
    error[method.name] = np.linalg.norm(y - x @ weights) / np.linalg.norm(x @ weights)
    print(f"# {method.name}: step of the inputs {scale[method.name]:.4f}, error of the outputs {error[method.name]:.1%}")
calibrator = create_calibrator("layer.onnx", calibrate_method=CalibrationMethod.Entropy, extra_options={"num_bins": 2048})
calibrator.collect_data(Reader())
low, high = (float(end) for end in calibrator.compute_data()["x"].range_value)
print(f"# inputs are normal with one outlier of 100; by entropy with 2048 bins the range is {low:.2f} to {high:.2f}")
assert scale["MinMax"] == scale["Entropy"] > 10 * scale["Percentile"] and written["MinMax"] == written["Entropy"]
assert error["MinMax"] == error["Entropy"] > 2 * error["Percentile"] and high < 20
PY
grep '^#' printed.txt | sed 's/^# //'
