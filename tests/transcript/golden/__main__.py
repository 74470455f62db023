"""Write the golden files of the present version, where there are none."""

from __future__ import annotations

import json

from smtpnb import Transcript
from smtpnb.transcript import schema
from tests.transcript import logs
from tests.transcript.golden import GOLDEN

MAKERS = (
    logs.plain,
    logs.starttls,
    logs.cancelled_in_body,
    logs.unknown,
    logs.refused_at_connect,
    logs.pipelined,
    logs.stream,
    logs.chunked,
)


def main() -> None:
    """Write one file in each format, the text, and the columns of all tables."""
    records = [make() for make in MAKERS]
    for number, record in enumerate(records):
        record.run_id = "01KAGOLDEN0000000000000000"
        record._session_id = f"01KAGOLDEN00000000000000{number:02}"
    transcript = Transcript(records)
    name = f"v{schema.VERSION}"
    for suffix in ("parquet", "jsonl"):
        transcript.save(GOLDEN / f"{name}.{suffix}")
    columns = {
        table: {column.name: column.dtype for column in schema.TABLES[table]}
        for table in schema.TABLES
    }
    with (GOLDEN / f"{name}.json").open("x") as file:
        json.dump(columns, file, indent=1)
        file.write("\n")
    with (GOLDEN / f"{name}.txt").open("x") as file:
        file.write(transcript.text(times=True) + "\n")


if __name__ == "__main__":
    main()
