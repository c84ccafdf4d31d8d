"""Resistances of every kind, which the tests of the circuit try each solver with."""

from __future__ import annotations

from xbarpaper.hardware.circuit import Parasitics


def ohms(driver: float, row: float, column: float, sense: float) -> Parasitics:
    """Resistances in the order in which a current meets them."""
    return Parasitics(driver_ohm=driver, row_wire_ohm=row, column_wire_ohm=column, sense_ohm=sense)


DEFAULTS = Parasitics()
IDEAL = ohms(0.0, 0.0, 0.0, 0.0)
PARASITICS = [
    DEFAULTS, ohms(0.0, 5.0, 10.0, 1e3), ohms(1e3, 0.0, 10.0, 1e3), ohms(1e3, 5.0, 0.0, 1e3),
    ohms(1e3, 5.0, 10.0, 0.0), ohms(0.0, 5.0, 10.0, 0.0), ohms(1e3, 0.0, 0.0, 1e3), ohms(0.0, 0.0, 10.0, 1e3),
    ohms(1e3, 5.0, 0.0, 0.0), ohms(0.0, 0.0, 10.0, 0.0), ohms(50.0, 200.0, 0.5, 2.0), ohms(1e4, 0.1, 30.0, 0.1),
    IDEAL,
]  # fmt: skip
