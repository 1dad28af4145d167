"""dlt: its filesystem source with `read_csv`, as its documentation shows, into SQLite.

Usage: python orders_dlt.py INPUT
"""

import sys
from pathlib import Path

import dlt
from dlt.sources.filesystem import filesystem, read_csv


def main(source: str) -> None:
    """Run the pipeline, with its working files in the current folder."""
    dlt.config["runtime.dlthub_telemetry"] = False
    path = Path(source).resolve()
    orders = (filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name) | read_csv()).with_name(
        "orders"
    )
    pipeline = dlt.pipeline(
        pipeline_name="orders",
        pipelines_dir=str(Path.cwd() / "pipelines"),
        destination=dlt.destinations.sqlalchemy("sqlite:///orders.db"),
        dataset_name="main",
    )
    pipeline.run(orders).raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1])
