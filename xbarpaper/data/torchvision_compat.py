"""torchvision beside a torch built without CUDA.

The torchvision of PyPI is built against a CUDA torch. Beside a CPU-only torch its compiled operators do not
load, and its import stops at two of them for which it registers shapes. Declaring the two first lets the
import through; nothing here ever calls them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SYMPTOM = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declarations: list[torch.library.Library] = []  # a Library's declarations live only as long as it does


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring its missing operators if, and only if, the import fails for want of them.

    Returns:
        The module, with ``torchvision.datasets`` in it.

    Raises:
        RuntimeError: the import fails for another reason.
    """
    try:
        torchvision = importlib.import_module("torchvision")
    except RuntimeError as error:
        if _SYMPTOM not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        if not _declarations:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(operator + _SCHEMA)
            _declarations.append(library)
        torchvision = importlib.import_module("torchvision")
    importlib.import_module("torchvision.datasets")
    return torchvision
