"""Addresses of pipelines: `package.module:attribute` or `file.py:attribute`."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pipeline_jobs import shown

from .definition import PipelineDefinition
from .errors import UsageError


def load_pipeline(address: str) -> PipelineDefinition:
    """Import the definition at an address; modules of the current folder can be imported too.

    Raises:
        UsageError: ``usage.pipeline``: there is none.
    """
    place, _, attribute = address.rpartition(":")
    file = place.endswith(".py")
    if not place or not attribute.isidentifier() or (place.startswith(".") and not file):
        hint = "write package.module:attribute or file.py:attribute"
        raise UsageError("usage.pipeline", f"{address!r} is no address of a pipeline; {hint}")
    module = _file(Path(place)) if file else _module(place)
    found = getattr(module, attribute, None)
    if not isinstance(found, PipelineDefinition):
        text = "is no PipelineDefinition" if hasattr(module, attribute) else "is not there"
        raise UsageError("usage.pipeline", f"{shown(address)}: {attribute} {text}")
    return found


def absolute(address: str) -> str:
    """Return the address with the path of a file made absolute."""
    place, _, attribute = address.rpartition(":")
    return f"{Path(place).absolute()}:{attribute}" if place.endswith(".py") else address


def _module(name: str) -> ModuleType:
    # For a pipeline of ours, what the current folder holds is nothing to import: it may be anybody's.
    ours = name.partition(".")[0] == __package__
    if not ours and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise UsageError(
                "usage.pipeline", f"{name}: imports {error.name}, which is not installed"
            ) from error
        raise UsageError("usage.pipeline", f"no module {name!r}, here or installed") from error
    except (ImportError, SyntaxError) as error:
        raise UsageError("usage.pipeline", f"{name}: {error}") from error


def _file(path: Path) -> ModuleType:
    path = path.absolute()
    if not path.is_file():
        raise UsageError("usage.pipeline", f"{shown(path)}: no such file")
    name = f"pipeline_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError("usage.pipeline", f"{shown(path)}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # What lies beside the file can be imported by it, as when Python runs it.
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise UsageError("usage.pipeline", f"{shown(path)}: {error}") from error
    return module
