"""A script: run the command under a profiler, and write what it called of our packages to a file as JSON."""

import json
import sys
import threading
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")


class CallCounter:
    """Counts calls of functions of our packages, and how deep they are nested in each thread."""

    def __init__(self):
        self.calls = Counter()
        self.deepest = 0
        self._thread = threading.local()
        # The folders are those of the sources in an editable installation, else those in site-packages.
        folders = (Path(find_spec(package).origin).parent for package in PACKAGES)
        self._prefixes = {f"{folder}/": f"{folder.parent}/" for folder in folders}
        self._names = {}

    def _find_name(self, code):
        """Return module and function of code in our packages, and None for other code."""
        for prefix, root in self._prefixes.items():
            # Python 3.14 calls a function for the annotations of a class.
            if code.co_filename.startswith(prefix) and code.co_name != "__annotate__":
                return code.co_filename.removeprefix(root), code.co_qualname
        return None

    def profile(self, frame, event, _argument):
        if event not in ("call", "return"):
            return
        code = frame.f_code
        if code not in self._names:
            self._names[code] = self._find_name(code)
        name = self._names[code]
        if name is None:
            return
        depth = getattr(self._thread, "depth", 0) + (1 if event == "call" else -1)
        self._thread.depth = depth
        if event == "call":
            self.deepest = max(self.deepest, depth)
            if code.co_name != "<module>":
                self.calls[name] += 1


def main(report, *arguments):
    """Run the command with these arguments in this process, and write the report."""
    counter = CallCounter()
    sys.argv = ["pipeline", *arguments]
    threading.setprofile(counter.profile)
    sys.setprofile(counter.profile)
    try:
        from pipeline_cli.__main__ import main as run_command

        run_command()
    finally:
        sys.setprofile(None)
        Path(report).write_text(
            json.dumps(
                {
                    "calls": counter.calls.total(),
                    "modules": len({module for module, _ in counter.calls}),
                    "deepest": counter.deepest,
                    "most_called": [
                        f"{count:4} {module} {function}"
                        for (module, function), count in counter.calls.most_common(20)
                    ],
                }
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
