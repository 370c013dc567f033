"""Objects, with what the metadata knows of their calls → recordings with a call and a date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from ser_core.config import Settings
from ser_core.data.archive.identity import check_calls, identify
from ser_core.data.archive.metadata import CallMetadata, MetadataRow, parse_metadata
from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.pseudonyms import Pseudonyms
from ser_core.data.storage import ObjectInfo
from ser_core.data.tables.schemas import SCHEMA_VERSION
from ser_core.errors import SettingsError
from ser_core.pipeline.stages.merge_recordings import LISTED, REASON, WITHOUT_METADATA

METADATA = "metadata"
TOMBSTONES = ("own_tombstone", "name_tombstone", "call_tombstone")
IDENTIFIED = pa.schema([*LISTED, *((name, pa.string()) for name in TOMBSTONES)])
"""A recording, and the tombstones that would keep it out; null where there is no secret."""

_CHUNK = 2_000

Row = Mapping[str, Any]


@dataclass(frozen=True)
class IdentifyRecordings:
    """Names recordings, and hides names where `privacy.hash_ids` is set. Picklable.

    Attributes:
        settings: of the job.
        pattern: of the paths; None where there is none.
        pseudonyms: with the secret; None where there is none.
        run_id: of the run.
    """

    settings: Settings
    pattern: PathPattern | None
    pseudonyms: Pseudonyms | None
    run_id: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `IDENTIFIED`, for rows of `OBJECTS` with the column `metadata`: a list of `metadata_text`."""
        for batch in batches:
            rows = (self.row(row) for row in batch.to_pylist())
            while chunk := list(islice(rows, _CHUNK)):
                yield from pa.Table.from_pylist(chunk, schema=IDENTIFIED).to_batches()

    def row(self, row: Row) -> Row:
        """A row of `IDENTIFIED`.

        Raises:
            SettingsError: the metadata has two rows of the call on one day.
        """
        names, archive = self.settings.roles.names, self.settings.archive
        info = ObjectInfo(row["key"], row["size_bytes"], row["modified_at"], row["etag"])
        manifest = None if row["manifest_row"] is None else parse_metadata(json.loads(row["manifest_row"]), names)
        calls = self._calls(row[METADATA] or ())
        identity = identify(info, row["uri"], archive=archive, pattern=self.pattern, row=manifest, calls=calls)
        recording = identity.recording
        tombstones = () if self.pseudonyms is None else self.pseudonyms.of_recording(recording)
        if self.pseudonyms is not None:
            recording = self.pseudonyms.hidden(recording) if self.settings.privacy.hash_ids else recording
        columns = dict(vars(recording))  # dataclasses.asdict copies every value: three fifths of the whole row's time
        columns["extra"] = list(columns["extra"].items())
        return {
            **columns,
            **dict(zip(TOMBSTONES, tombstones, strict=False)),
            "run_id": self.run_id,
            "schema_version": SCHEMA_VERSION,
            REASON: row[REASON] or (identity.refusal.value if identity.refusal else None),
            WITHOUT_METADATA: not identity.in_metadata and (manifest is None or archive.metadata is not None),
        }

    def _calls(self, texts: Iterable[str]) -> Sequence[CallMetadata]:
        rows = [json.loads(text) for text in texts]
        calls = [parse_metadata(row["values"], self.settings.roles.names) for row in rows]
        try:
            check_calls(calls, self.settings.archive.timezone)
        except ValueError as error:
            places = "; ".join(sorted(row["place"] for row in rows))
            raise SettingsError([f"archive.metadata: {error}. The rows of this call are {places}"]) from error
        return calls


def metadata_text(row: MetadataRow) -> str:
    """A row of the metadata as text, with its place."""
    return json.dumps({"values": row.values, "place": row.place})
