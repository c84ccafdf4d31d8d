"""How the weights of a network are spread, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xbarpaper.pruning.pruned import PrunedNetwork


def weight_table(pruned: PrunedNetwork) -> pd.DataFrame:
    """One row per layer: shape of its matrix, weights, and how far the largest |w| lies from the bulk."""
    rows = []
    for name, matrix in pruned.matrices().items():
        kept = matrix[pruned.masks[name]].abs().numpy()
        high = float(np.quantile(kept, 0.95))
        shape = {"rows": matrix.shape[0], "columns": matrix.shape[1], "weights": kept.size}
        spread = {"mean |w|": kept.mean(), "95 % quantile of |w|": high, "largest |w|": kept.max()}
        rows.append({"layer": name, **shape, **spread, "largest over 95 % quantile": kept.max() / high})
    return pd.DataFrame(rows).set_index("layer")
