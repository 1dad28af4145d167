"""Fuzz one target, guided by coverage: `one.py FOLDER TARGET`, then options of libFuzzer and folders."""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["fuzz", "pipeline_jobs", "pipeline_orchestration", "tomllib"]):
    from fuzz.targets import TARGETS, work_in


def main() -> None:
    """Fuzz, and end as libFuzzer does."""
    folder, name, *words = sys.argv[1:]
    work_in(Path(folder))
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
