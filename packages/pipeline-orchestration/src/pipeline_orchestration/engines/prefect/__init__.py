"""The Prefect engine; only what is in here imports Prefect."""
