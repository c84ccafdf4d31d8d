"""The axes along which devices get worse: one for each effect, from weak to strong.

A new axis is an entry here, and a list of values in the section ``effects`` of the parameters; without values it is left
out.
"""

from __future__ import annotations

from typing import Any

from xbarpaper.experiments.sensitivity.axes import Axes, Axis, Conditions
from xbarpaper.params import Params
from xbarpaper.params.names import DEVICE_TITLES, SECONDS_PER_HOUR


def device_effects(params: Params) -> Axes:
    """The survey of the devices' effects that a profile asks for."""
    settings = params.effects
    technology = settings.technology
    material = DEVICE_TITLES[technology]

    def drifted(at: Conditions, hours: float, compensation: str = "none") -> Conditions:
        seconds = SECONDS_PER_HOUR * hours
        return at.with_devices(drift=technology, read_at_s=seconds, drift_compensation=compensation)

    def age(at: Conditions, compensation: str) -> float:
        on = at.devices.drift == technology and at.devices.drift_compensation == compensation
        return at.devices.read_at_s / SECONDS_PER_HOUR if on else 0.0

    every = (
        Axis("levels", "conductance levels", "levels", tuple(map(str, settings.levels)), told="{} levels", joined=False,
             own=lambda at: str(at.devices.levels),
             moved=lambda at, levels: at.with_devices(levels=levels if levels == "any" else int(levels))),
        Axis("programming", "programming noise", "programming noise", settings.programming_noises,
             told="programming noise of {}", names=DEVICE_TITLES, joined=False,
             own=lambda at: at.devices.programming_noise,
             moved=lambda at, preset: at.with_devices(programming_noise=preset)),
        Axis("programming_factor", f"programming noise (× {material})", f"noise of {material} ×",
             settings.programming_factors, told=f"programming noise {{}} times that of {material}",
             own=lambda at: at.devices.programming_factor if at.devices.programming_noise == technology else 0.0,
             moved=lambda at, factor: at.with_devices(programming_noise=technology, programming_factor=factor)),
        Axis("drift", f"drift of {material} (hours)", "drift (hours)", settings.drift_hours, told="drift for {} h",
             own=lambda at: age(at, "none"),
             moved=drifted),
        Axis("drift_compensated", "drift, compensated (hours)", "drift compensated (h)", settings.drift_hours,
             told="compensated drift for {} h",
             own=lambda at: age(at, "global"),
             moved=lambda at, hours: drifted(at, hours, "global")),
        _stuck("stuck_low", "stuck at g_min", settings.stuck_low),
        _stuck("stuck_high", "stuck at g_max", settings.stuck_high),
        _stuck("clusters", f"{settings.stuck_side} × {settings.stuck_side} at g_min", settings.clusters,
               name="stuck_low", stuck_side=settings.stuck_side),
        Axis("read_factor", f"read noise (× {material})", f"read noise of {material} ×", settings.read_factors,
             told=f"read noise {{}} times that of {material}",
             own=lambda at: at.devices.read_factor if at.devices.read_noise == technology else 0.0,
             moved=lambda at, factor: at.with_devices(read_noise=technology, read_factor=factor)),
    )  # fmt: skip
    asked = {axis.name: axis for axis in every if axis.values}
    return Axes("14_devices", settings, asked, {}, ("none", "R", "WCT"))


def _stuck(axis: str, label: str, values: tuple[float, ...], name: str = "", **others: Any) -> Axis:
    name = name or axis
    return Axis(
        axis,
        label=f"{label} (share)",
        short=f"{label} (share)",
        told=f"a share of {{}} {label if 'stuck' in label else f'in {label}'}",
        values=values,
        own=lambda at: getattr(at.devices, name),
        moved=lambda at, share: at.with_devices(**{name: share}, **others),
    )
