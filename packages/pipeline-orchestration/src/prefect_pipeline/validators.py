"""Validators, from `pipeline_jobs`."""

from pipeline_jobs import batch_id, input_path, text_encoding

__all__ = ["batch_id", "input_path", "text_encoding"]
