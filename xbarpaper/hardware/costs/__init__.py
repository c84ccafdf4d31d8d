"""Energy, area and latency of a mapped network, from published blocks and the solved circuit."""

from xbarpaper.hardware.costs.blocks import ADCS, adc_table, block_table
from xbarpaper.hardware.costs.model import LATENCIES, Load, load_costs, load_of, loads, summed

__all__ = [
    "ADCS", "LATENCIES", "Load", "adc_table", "block_table", "load_costs", "load_of", "loads", "summed",
]  # fmt: skip
