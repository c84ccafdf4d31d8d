"""The artifact's figures: functions that take tidy tables or plain arrays and give matplotlib figures."""

from xbarpaper.figures.style import apply_style

__all__ = ["apply_style"]
