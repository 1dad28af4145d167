"""The packages under one name, as thin aliases: everything lives in pipeline_jobs, _db and _orchestration."""
