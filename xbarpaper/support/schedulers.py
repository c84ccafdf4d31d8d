"""The names that ask for workers: in this process, beside it, or at the address of a Dask scheduler."""

from __future__ import annotations

import re
from typing import Final

NOWHERE_ELSE: Final = "none"
LOCAL: Final = "local"

_ADDRESS: Final = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")


def require_scheduler(name: str, value: str) -> None:
    """Refuse what names no scheduler.

    Raises:
        ValueError: ``value`` is neither local, none nor an address; the message calls it ``name``.
    """
    if value not in (NOWHERE_ELSE, LOCAL) and not _ADDRESS.fullmatch(value):
        raise ValueError(
            f"{name} = {value} must be {LOCAL}, {NOWHERE_ELSE} or an address such as tcp://host:8786"
        )
