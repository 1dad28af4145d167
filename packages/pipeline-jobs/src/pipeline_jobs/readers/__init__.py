"""Readers: what turns a file into numbered raw rows."""
