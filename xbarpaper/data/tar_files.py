"""Members of tar files that others made."""

from __future__ import annotations

import tarfile
from typing import Final, Self

DAMAGES: Final = (tarfile.TarError, EOFError, OSError, ValueError, LookupError, RecursionError)
"""What tarfile raises at a damaged archive: its own errors, and Python's where a number or a note is none."""


class StrictMember(tarfile.TarInfo):
    """Raises where tarfile would quietly stop (damaged header, missing end) or go back (negative size)."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read one header.

        Raises:
            tarfile.ReadError: it is damaged or cut.
        """
        if len(buf) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends too early")
        if not any(buf):
            return super().frombuf(buf, encoding, errors)  # the block that ends an archive
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if member.size < 0:
            raise tarfile.ReadError(f"{member.name} has {member.size} bytes")
        return member
