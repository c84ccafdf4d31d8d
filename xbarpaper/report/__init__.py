"""The published report of a profile: figures, tables, executed notebooks, claims, and a page of it all."""

from xbarpaper.report.publish import Places, publish

__all__ = ["Places", "publish"]
