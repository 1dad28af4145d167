"""Validators of `pipeline_jobs`, under their old import path."""

from pipeline_jobs import parse_batch_id, parse_encoding, parse_input_path

__all__ = ["parse_batch_id", "parse_encoding", "parse_input_path"]
