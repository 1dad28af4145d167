"""Kedro: the plain jobs as three nodes, run by the sequential runner.

Usage: python kedro_nodes.py INPUT
"""

import sys

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner
from plain_jobs import finalize, load, split

jobs = pipeline(
    [
        node(split, inputs="source", outputs="document"),
        node(load, inputs="document", outputs="batch"),
        node(finalize, inputs="batch", outputs="finalized"),
    ]
)

if __name__ == "__main__":
    SequentialRunner().run(jobs, DataCatalog({"source": MemoryDataset(sys.argv[1])}))
