"""SQLite files: connections, migrations, bulk insert, diagnostics."""
