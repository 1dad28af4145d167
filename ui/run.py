"""Check in a browser what runs show in Prefect's UI, and keep pictures.

python ui/run.py [--shots FOLDER]
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from fixtures import create_fixtures
from pages import check_pages, open_browser
from server import run_server

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Create the runs on a Prefect server, and check its pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=Path, default=Path("ui-shots"), help="folder for the pictures")
    shots = parser.parse_args().shots.absolute()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        sys.exit("chromium not found: apt-get install chromium, or set CHROMIUM to its path")
    # A short name, because the pictures show it.
    with tempfile.TemporaryDirectory(prefix="demo-") as place, run_server(Path(place)) as server:
        fixtures = create_fixtures(server)
        with open_browser(chromium) as page:
            check_pages(page, server.url, fixtures, shots)
    print(f"all pages are as expected; pictures: {shots}")


if __name__ == "__main__":
    main()
