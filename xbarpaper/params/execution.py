"""Where the work is done: a section that changes no result, so no stage and no digest depends on it."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from xbarpaper.support.validation import Section

NOWHERE_ELSE: Final = "none"
LOCAL: Final = "local"

_ADDRESS: Final = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")


class Execution(Section):
    """In this process, or spread over the workers of a Dask scheduler."""

    scheduler: str = Field(description="none, local, or the address of a Dask scheduler")
    workers: Annotated[int, Field(ge=1, le=1024)] = Field(description="processes of scheduler: local")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        require_scheduler("execution.scheduler", self.scheduler)
        return self


def require_scheduler(name: str, value: str) -> None:
    """Refuse what names no scheduler.

    Raises:
        ValueError: ``value`` is neither none, local nor an address; the message calls it ``name``.
    """
    if value not in (NOWHERE_ELSE, LOCAL) and not _ADDRESS.fullmatch(value):
        raise ValueError(
            f"{name} = {value} must be {NOWHERE_ELSE}, {LOCAL} or an address such as tcp://host:8786"
        )
