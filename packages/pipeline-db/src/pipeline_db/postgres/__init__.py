"""A PostgreSQL server as a database below the store; only what is in here imports psycopg."""
