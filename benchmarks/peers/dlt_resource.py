"""dlt: a resource yields the lines of INPUT in batches, and a pipeline loads it into SQLite.

Usage: python dlt_resource.py INPUT
"""

import sys
from collections.abc import Iterator
from itertools import batched
from pathlib import Path

import dlt

BATCH = 10_000


@dlt.resource(name="records", write_disposition="append")
def records(source: str) -> Iterator[list[dict[str, int | str]]]:
    """Yield lists of records: one a batch of lines, which costs less than one a line."""
    with Path(source).open(encoding="utf-8") as lines:
        for batch in batched(enumerate(lines, 1), BATCH):
            yield [{"line_number": number, "content": line.rstrip("\n")} for number, line in batch]


def main(source: str) -> None:
    """Run the pipeline, with its working files in the current folder."""
    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        pipeline_name="lines",
        pipelines_dir=str(Path.cwd() / "pipelines"),
        destination=dlt.destinations.sqlalchemy("sqlite:///dlt.db"),
        dataset_name="main",
    )
    pipeline.run(records(source)).raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1])
