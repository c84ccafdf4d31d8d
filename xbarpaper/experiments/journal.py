"""The journal of a sweep: finished rows on disk, each case under the digest of all that it depends on.

Each line holds one case behind its own SHA-256, and is on the disk once ``add`` returns. The line that a killed process
had begun has no end, and is left out; where any other line is not what was written, the whole journal is.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from xbarpaper.params import Effects, Gain
from xbarpaper.support import progress
from xbarpaper.support.errors import ArtifactError

_Case = tuple[str, str, int | None]  # digest, effects, seed
_Row = dict[str, Any]


class Journal:
    """Finished rows, by case and gain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[_Case, dict[str, _Row]] = {}
        self._end = 0  # of the last whole line, bytes
        if path.exists():
            try:
                self._read(path.read_bytes())
            except (OSError, ValueError, KeyError, TypeError) as error:
                progress.note(f"{path}: damaged journal, starting anew ({error})")
                self._rows, self._end = {}, 0

    def __len__(self) -> int:
        """Number of rows."""
        return sum(map(len, self._rows.values()))

    def rows(
        self, digest: str, effects: Effects, seed: int | None, gains: tuple[Gain, ...]
    ) -> pd.DataFrame | None:
        """The rows of a case in the order of its gains, or None unless all are there."""
        found = self._rows.get((digest, effects, seed), {})
        if not set(gains) <= found.keys():
            return None
        return pd.DataFrame([found[gain] for gain in gains]).astype({"seed": "Int64"})

    def add(self, digest: str, rows: pd.DataFrame) -> None:
        """Keep the finished rows of a case; once this returns they cannot be lost.

        Raises:
            ArtifactError: the folder cannot be written or the disk is full.
        """
        records = [
            {str(name): None if value is pd.NA else value for name, value in row.items()}
            for row in rows.to_dict("records")
        ]
        line = _sealed(json.dumps({"digest": digest, "rows": records}).encode())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "wb") as file:
                file.seek(self._end)
                file.truncate()
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ArtifactError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        self._end += len(line)
        self._take(digest, records)

    def _read(self, content: bytes) -> None:
        *lines, _ = content.split(b"\n")  # the last, without an end, is what a killed process had begun
        for number, line in enumerate(lines, start=1):
            payload = line.partition(b" ")[2]
            if _sealed(payload) != line + b"\n":
                raise ValueError(f"line {number} is not what was written")
            case = json.loads(payload)
            self._take(case["digest"], case["rows"])
            self._end += len(line) + 1

    def _take(self, digest: str, rows: list[_Row]) -> None:
        for row in rows:
            self._rows.setdefault((digest, row["effects"], row["seed"]), {})[row["gain"]] = row


def _sealed(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b" " + payload + b"\n"
