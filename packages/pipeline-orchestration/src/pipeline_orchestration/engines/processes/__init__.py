"""The local engine in several processes."""
