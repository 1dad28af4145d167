"""Prefetching in a thread, and a semaphore for threads and processes."""
