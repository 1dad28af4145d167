"""Prefect's own settings files of the current folder, left out of this process.

Prefect has no setting for that: it reads ``.env``, ``prefect.toml`` and ``pyproject.toml`` at its import and
each time its settings change.
"""

import os
import sys
from typing import Any

from .api_url import find_profiles

_FILE_SOURCES = (
    "FilteredDotEnvSettingsSource",
    "PrefectTomlConfigSettingsSource",
    "PyprojectTomlConfigSettingsSource",
)


def leave_out_files() -> None:
    """Keep Prefect from reading settings files of the current folder in this process.

    Where Prefect is imported already, that holds for what it reads from now on.
    """
    # Before that of the files, it is asked where the profiles are.
    os.environ.setdefault("PREFECT_PROFILES_PATH", str(find_profiles()))
    if "prefect.settings.base" in sys.modules:
        _leave_out_sources()
    elif not any(isinstance(each, _BeforeFirstUse) for each in sys.meta_path):
        sys.meta_path.insert(0, _BeforeFirstUse())


class _BeforeFirstUse:
    """Import hook that finds nothing, and changes Prefect's settings before they are made."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Change them when the module that makes them is searched for."""
        if name == "prefect.settings.context" and "prefect.settings.base" in sys.modules:
            _leave_out_sources()


def _leave_out_sources() -> None:
    from prefect.settings.base import PrefectBaseSettings  # noqa: PLC0415  # see above

    # The method by which a class of pydantic-settings says where its values come from.
    list_all = PrefectBaseSettings.settings_customise_sources.__func__  # type: ignore[attr-defined]  # a class method

    def list_others(cls: type, *args: Any, **kwargs: Any) -> tuple[Any, ...]:  # noqa: ANN401  # passed on
        sources = list_all(cls, *args, **kwargs)
        return tuple(each for each in sources if type(each).__name__ not in _FILE_SOURCES)

    PrefectBaseSettings.settings_customise_sources = classmethod(list_others)  # type: ignore[assignment, method-assign]
