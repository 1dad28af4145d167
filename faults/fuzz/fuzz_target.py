"""Fuzz one target, guided by coverage.

Usage: fuzz_target.py FOLDER TARGET [LIBFUZZER OPTION OR CORPUS FOLDER ...]
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["fuzz", "pipeline_jobs", "pipeline_orchestration", "tomllib"]):
    from fuzz.targets import TARGETS, set_work_folder


def main() -> None:
    """Fuzz, and exit as libFuzzer does."""
    folder, name, *words = sys.argv[1:]
    set_work_folder(Path(folder))
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
