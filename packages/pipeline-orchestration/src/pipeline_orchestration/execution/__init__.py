"""Execution of jobs, the same for every engine."""
