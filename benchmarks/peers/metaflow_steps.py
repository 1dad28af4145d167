"""Metaflow: the plain jobs as three steps, each of which Metaflow runs in a process of its own.

Usage: python metaflow_steps.py run --source INPUT
"""

import plain_jobs
from metaflow import FlowSpec, Parameter, step


class LinesFlow(FlowSpec):
    """Split, load and finalize."""

    source = Parameter("source", required=True)

    @step
    def start(self) -> None:
        """Split the file."""
        self.document = plain_jobs.split(self.source)
        self.next(self.load)

    @step
    def load(self) -> None:
        """Load the document."""
        self.batch = plain_jobs.load(self.document)
        self.next(self.end)

    @step
    def end(self) -> None:
        """Finalize the batch."""
        plain_jobs.finalize(self.batch)


if __name__ == "__main__":
    LinesFlow()
