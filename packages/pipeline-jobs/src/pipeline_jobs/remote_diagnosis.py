"""What is known of an output folder in a store without changing it."""

from .errors import OutputError
from .findings import Finding
from .remote import info, opened
from .remote_errors import output_reported
from .remote_output import WHOLE
from .url import Url


def examine_remote_folder(folder: Url) -> list[Finding]:
    """Tell whether a store can be asked for an output folder, and how a document appears there."""
    try:
        with output_reported(folder):
            system, path = opened(folder)
            root = path.partition("/")[0] if folder.scheme in WHOLE else "/"
            info(system, root)
            there = ""
            try:
                info(system, path)
            except FileNotFoundError:
                there = ", none yet, the first run makes it"
    except OutputError as error:
        return [Finding("output folder", str(folder), error)]
    how = "whole" if folder.scheme in WHOLE else "by a new name, as whole as its store renames"
    return [Finding("output folder", f"{folder}{there}; a document appears there {how}")]
