"""The engines: in this process, in several processes, on Prefect."""
