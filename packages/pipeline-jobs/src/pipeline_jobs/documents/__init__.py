"""Documents: splitting text into records, writing records as JSON, and reading them back."""
