"""Fuzz one target, guided by coverage: `one.py TARGET`, then options of libFuzzer and folders."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["fuzz", "pipeline_jobs", "pipeline_orchestration", "tomllib"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz, and end as libFuzzer does."""
    name, *words = sys.argv[1:]
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
