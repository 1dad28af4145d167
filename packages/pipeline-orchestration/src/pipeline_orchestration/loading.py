"""Loading of pipelines by their address, `package.module:attribute` or `file.py:attribute`."""

import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import is_interruption

from .definition import PipelineDefinition
from .exceptions import UsageError

_folders: set[Path] = set()
"""Folders that this process has imported definitions from."""

_log = logging.getLogger(__name__)

_MADE_UP = "pipeline_file_"
_OURS = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")
_STANDARD_LIBRARY = f"{Path(os.__file__).parent}{os.sep}"


def load_pipeline(address: str) -> PipelineDefinition:
    """Import the definition at an address, also from a module in the current folder.

    Raises:
        UsageError: ``usage.pipeline``: the address is invalid, the import fails for whatever reason, or there
            is no definition.
    """
    place, _, attribute = address.rpartition(":")
    in_file = place.endswith(".py")
    if not place or not attribute.isidentifier() or (place.startswith(".") and not in_file):
        hint = "expected package.module:attribute or file.py:attribute"
        raise UsageError("usage.pipeline", f"invalid address of a pipeline {address!r}: {hint}")
    module = _import_file(Path(place)) if in_file else _import_module(place)
    try:
        # The module may define `__getattr__`.
        definition, exists = getattr(module, attribute, None), hasattr(module, attribute)
    except BaseException as error:
        raise _make_refusal(place, error) from error
    if not isinstance(definition, PipelineDefinition):
        reason = "is not a PipelineDefinition" if exists else "does not exist"
        raise UsageError("usage.pipeline", f"{escape(address)}: {attribute} {reason}")
    return definition


def make_address_absolute(address: str) -> str:
    """Return an address in which the path of a file is absolute."""
    place, _, attribute = address.rpartition(":")
    return f"{Path(place).absolute()}:{attribute}" if place.endswith(".py") else address


def warn_of_made_up_name(address: str) -> None:
    """Log a warning if the file at an address is imported under a made-up name."""
    place = address.rpartition(":")[0]
    if place.endswith(".py") and (obstacle := _find_obstacle(Path(place))):
        text = "%s is imported as %s%s, which other processes cannot import, because %s; rename the file"
        _log.warning(text, place, _MADE_UP, Path(place).stem, obstacle)


def _import_module(name: str) -> ModuleType:
    # Our own pipelines need nothing from the current folder, where a module may have come with the data.
    is_ours = name.partition(".")[0] == __package__
    if not is_ours:
        _search(Path.cwd(), name, lambda: [name.partition(".")[0]])
    try:
        return importlib.import_module(name)
    except BaseException as error:
        # Another module that is missing is one that this one imports.
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            text = f"no module {name!r}, neither in the current folder nor installed"
            raise UsageError("usage.pipeline", text) from error
        raise _make_refusal(name, error) from error


def _import_file(path: Path) -> ModuleType:
    path = path.absolute()
    if not path.is_file():
        raise UsageError("usage.pipeline", f"{escape(path)}: no such file")
    # The file may import its neighbours, as when Python runs it as a script.
    _search(path.parent, path, partial(_list_imports, path))
    if not _find_obstacle(path):
        try:
            return importlib.import_module(path.stem)
        except BaseException as error:
            raise _make_refusal(path, error) from error
    name = f"{_MADE_UP}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError("usage.pipeline", f"{escape(path)}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)  # as Python does: nobody gets half a module
        raise _make_refusal(path, error) from error
    return module


def _search(folder: Path, place: str | Path, imports: Callable[[], Iterable[str]]) -> None:
    """Import from a folder too, behind all others: nothing in it hides what this program imports later.

    Args:
        folder: of a definition.
        place: the module or the file that has the definition.
        imports: returns the names of modules that it may import from the folder.

    Raises:
        UsageError: ``usage.pipeline``: another folder has taken one of the names. All modules of a process
            are in one table, so the definition would silently get the module of the other.
    """
    if others := _folders - {folder}:
        _check_names(folder, others, place, imports())
    _folders.add(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _check_names(folder: Path, others: set[Path], place: str | Path, imports: Iterable[str]) -> None:
    waiting = [(place, name) for name in imports]
    seen = set()
    while waiting:
        importer, name = waiting.pop()
        own = _find_neighbour(folder, name)
        if own is None or name in seen:
            continue
        seen.add(name)
        origin = _find_origin(name)
        for taken in filter(None, (_find_neighbour(other, name) for other in others)):
            if origin is None or Path(origin) == taken:
                text = f"imports {name!r} from {escape(own)}, but in this process that is {escape(taken)}"
                hint = "rename one of them, or run each pipeline in a process of its own"
                raise UsageError("usage.pipeline", f"{escape(importer)}: {text}; {hint}")
        files = own.parent.rglob("*.py") if own.name == "__init__.py" else [own]
        waiting += [(file, each) for file in files for each in _list_imports(file)]


def _find_neighbour(folder: Path, name: str) -> Path | None:
    """Return the module of a name in a folder: a file, or a package without one."""
    for path in (folder / name / "__init__.py", folder / f"{name}.py"):
        if path.is_file():
            return path
    return folder / name if (folder / name).is_dir() else None


def _list_imports(file: Path) -> set[str]:
    """Return the first parts of all names that a file imports, also those within its functions."""
    import ast  # noqa: PLC0415  # 4 ms to import, where several folders have definitions

    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):  # its import will say so
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _find_obstacle(path: Path) -> str | None:
    """Return why a file cannot be imported under its own name, as other processes will; None if it can."""
    name = path.stem
    if not name.isidentifier():
        return f"{name!r} is no valid name of a module"
    if name in sys.stdlib_module_names:
        return f"the standard library has a module {name!r}"
    origin = _find_origin(name)
    if origin and Path(origin).resolve() == path.resolve():
        return None
    return f"{name!r} is already the module {escape(origin or name)}"


def _find_origin(name: str) -> str | None:
    """Return the file of a module that is imported already, or would be found."""
    if module := sys.modules.get(name):
        return getattr(module, "__file__", None)
    importlib.invalidate_caches()  # the file may be new
    spec = importlib.util.find_spec(name)
    return spec.origin if spec else None


def _make_refusal(place: str | Path, error: BaseException) -> UsageError:
    """Return the refusal of a definition whose import has failed, with file, line and exception.

    Args:
        place: the file or the module, named if no line of it has run.
        error: whatever it raised.

    Raises:
        BaseException: the error itself, if it comes from a signal.
    """
    if is_interruption(error):
        raise error
    text = f"{_locate(error, place) or escape(place)}: {_format_exception(error)}"
    return UsageError("usage.pipeline", text)


def _get_package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _locate(error: BaseException, place: str | Path) -> str | None:
    """Return file and line of an exception, in the user's own code; None if there is none of that.

    Args:
        error: raised by the import of a definition.
        place: the file of the definition, or its module, which may be installed.
    """
    if isinstance(error, SyntaxError) and error.lineno and error.filename and Path(error.filename).is_file():
        return f"{escape(error.filename)}, line {error.lineno}"
    package = str(place).partition(".")[0]
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
        if _get_package(frame) not in _OURS
        and not frame.f_code.co_filename.startswith(("<", _STANDARD_LIBRARY))
        # A library may have a part in every import.
        and ("site-packages" not in Path(frame.f_code.co_filename).parts or _get_package(frame) == package)
    ]
    if not own:
        return None
    file, line = own[-1]
    return f"{escape(file)}, line {line}"


def _format_exception(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001  # its class may be the user's
        return kind
    return f"{kind}: {text}" if text else kind
