"""The engine that is Prefect: only what is in here imports it, when a run asks for it."""
