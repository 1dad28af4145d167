"""A pipeline with a fourth job, which counts the words of a finalized batch and returns the most frequent.

pipeline --pipeline examples/word_count.py:pipeline run-all examples/sample.txt
"""

import re
from collections import Counter

from pipeline_jobs import BaseJob, JobA, JobB, JobC, parse_batch_id
from pipeline_orchestration import PipelineDefinition, PipelineRunner


class WordCount(BaseJob):
    """Count the words of a batch.

    Args:
        store: contains the batch.
        most: number of the most frequent words to return.
    """

    def __init__(self, store, most=3):
        self.store = store
        self.most = most

    def validate_input(self, value):
        """Parse a batch id."""
        return parse_batch_id(value)

    def single_job(self, value):
        """Count the words, and return the most frequent ones as text."""
        words = Counter()
        for record in self.store.records(value):
            words.update(re.findall(r"\w+", record.content.lower()))
        self.counts["words"] = words.total()
        return ", ".join(f"{word} {count}" for word, count in words.most_common(self.most))


pipeline = (
    PipelineDefinition("word count")
    .add_job("A", lambda run: JobA(run.output_dir, run.encoding, run.max_record_bytes))
    .add_job("B", lambda run: JobB(run.store, run.on_duplicate, run.max_record_bytes), retries=3)
    .add_job("C", lambda run: JobC(run.store))
    .add_job("words", lambda run: WordCount(run.store))
)

if __name__ == "__main__":
    print(PipelineRunner(pipeline=pipeline).run("examples/sample.txt").output)
