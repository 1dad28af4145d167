"""A pipeline with a fourth job, which counts the words of a finalized batch and returns the most frequent.

pipeline --pipeline examples/word_count.py:pipeline run-all examples/sample.txt
"""

import re
from collections import Counter

from peewee import SqliteDatabase

from pipeline_db import ProcessedRecord
from pipeline_jobs import BaseJob, JobA, JobB, JobC, batch_id
from pipeline_orchestration import PipelineDefinition, PipelineRunner


class WordCount(BaseJob):
    """Count the words of a batch.

    Args:
        database: path of the database the batch is in.
        most: how many of the most frequent words are returned.
    """

    def __init__(self, database, most=3):
        self.database = database
        self.most = most

    def validate_input(self, value):
        """Take the id of a batch."""
        return batch_id(value)

    def single_job(self, value):
        """Return the most frequent words, as text."""
        database = SqliteDatabase(str(self.database))
        words = Counter()
        with database:
            for record in ProcessedRecord.select().where(ProcessedRecord.batch == value).execute(database):
                words.update(re.findall(r"\w+", record.content.lower()))
        self.counts["words"] = words.total()
        return ", ".join(f"{word} {count}" for word, count in words.most_common(self.most))


pipeline = (
    PipelineDefinition("word count")
    .add_job("A", lambda run: JobA(run.output_dir, run.encoding, run.max_record_bytes))
    .add_job("B", lambda run: JobB(run.store, run.on_duplicate, run.max_record_bytes), retries=3)
    .add_job("C", lambda run: JobC(run.store))
    .add_job("words", lambda run: WordCount(run.store.path))
)

if __name__ == "__main__":
    print(PipelineRunner(pipeline=pipeline).run("examples/sample.txt").output)
