"""Results and findings, as text, as tables and as JSON."""
