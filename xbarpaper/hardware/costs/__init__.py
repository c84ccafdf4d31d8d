"""Energy, area and latency of a mapped network, from published blocks and the solved circuit."""

from xbarpaper.hardware.costs.blocks import ADCS, BLOCKS, Adc, Block, adc_table, block_table
from xbarpaper.hardware.costs.model import LATENCIES, Load, LoadCosts, load_costs, load_of, loads, summed

__all__ = [
    "ADCS", "BLOCKS", "LATENCIES", "Adc", "Block", "Load", "LoadCosts", "adc_table", "block_table",
    "load_costs", "load_of", "loads", "summed",
]  # fmt: skip
