"""The commands: they turn options into arguments, errors into exit codes and results into text."""
