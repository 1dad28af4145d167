"""The machine that a bench ran on, as far as it can be told."""

import os
import platform
import re
from pathlib import Path

GIGABYTE = 1_000_000_000


def machine() -> dict[str, str]:
    """Return facts by name."""
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory() / GIGABYTE:.0f} GB",
        "system": f"{system()}, {platform.system()} {platform.release()}, {platform.machine()}",
    }


def processor() -> str:
    """Return the model of the processor."""
    return found(Path("/proc/cpuinfo"), r"^model name\s*:\s*(.+)$") or platform.processor() or "unknown"


def memory() -> int:
    """Return the bytes of main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def system() -> str:
    """Return the name of the operating system's release."""
    return found(Path("/etc/os-release"), r'^PRETTY_NAME="?([^"\n]+)') or platform.platform(terse=True)


def found(path: Path, pattern: str) -> str | None:
    """Return the first match in a file that may not be there."""
    if not path.exists():
        return None
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return match[1].strip() if match else None
