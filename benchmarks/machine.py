"""Facts about the machine that a bench runs on."""

import os
import platform
import re
from pathlib import Path

GIGABYTE = 1_000_000_000


def describe_machine() -> dict[str, str]:
    """Return facts about this machine by name."""
    return {
        "processor": read_processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{read_memory() / GIGABYTE:.0f} GB",
        "system": f"{read_system()}, {platform.system()} {platform.release()}, {platform.machine()}",
    }


def read_processor() -> str:
    """Return the model of the processor."""
    return (
        find_in_file(Path("/proc/cpuinfo"), r"^model name\s*:\s*(.+)$") or platform.processor() or "unknown"
    )


def read_memory() -> int:
    """Return the bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def read_system() -> str:
    """Return the name of the operating system's release."""
    return find_in_file(Path("/etc/os-release"), r'^PRETTY_NAME="?([^"\n]+)') or platform.platform(terse=True)


def find_in_file(path: Path, pattern: str) -> str | None:
    """Return the first match in a file; None if there is no match or no file."""
    if not path.exists():
        return None
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1].strip() if match else None
