"""Open what runs leave in Prefect's UI in a browser, read it as a person does, and keep pictures of it.

python ui/run.py [--shots FOLDER]
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from pages import browser, look
from scene import played
from server import started

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Play the scene on a server of its own, and look at it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=Path, default=Path("ui-shots"), help="folder for the pictures")
    shots = parser.parse_args().shots.absolute()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        sys.exit("there is no chromium: apt-get install chromium, or say by CHROMIUM=… where one is")
    # A short name: it stands in the pictures.
    with tempfile.TemporaryDirectory(prefix="demo-") as place, started(Path(place)) as server:
        scene = played(server)
        with browser(chromium) as page:
            look(page, server.url, scene, shots)
    print(f"all is there; pictures are in {shots}")


if __name__ == "__main__":
    main()
