"""Stages that run on another machine, with neither DVC nor git, and come back in pieces.

``python -m xbarpaper.pipeline.elsewhere run STAGE...`` executes stages of ``dvc.yaml`` there, ``pack STAGE...`` puts what they
made into tar files of limited size, and ``unpack FOLDER`` puts it in place here, once it is clear that it was made by
this code from these parameters; ``dvc commit`` then takes it over. See docs/elsewhere.md.
"""

from __future__ import annotations

from xbarpaper.pipeline.elsewhere.packing import pack
from xbarpaper.pipeline.elsewhere.running import run
from xbarpaper.pipeline.elsewhere.stages import Stage, chosen, in_order, read
from xbarpaper.pipeline.elsewhere.unpacking import unpack

__all__ = ["Stage", "chosen", "in_order", "pack", "read", "run", "unpack"]
