"""Each package declares every distribution that it imports, so that none is there by chance."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
# Distributions of modules that only an extra brings, and that need not be installed for this test.
OPTIONAL = {
    "dask": "prefect-dask",
    "distributed": "prefect-dask",
    "prefect_dask": "prefect-dask",
    "prefect_ray": "prefect-ray",
}
# Each release of Pydantic asks for one release of its core.
PARTS = {"pydantic_core": "pydantic"}
# Pytest imports these modules, and whoever uses them has it.
PYTEST_PLUGINS = {"testing.py"}


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def read_distributions():
    return {module: {normalize(name) for name in names} for module, names in packages_distributions().items()}


def find_imports(package):
    """Yield the top-level name and the place of each import in the sources of a package."""
    for path in sorted(package.glob("src/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    modules = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for module in modules:
                if not (path.name in PYTEST_PLUGINS and module.partition(".")[0] == "pytest"):
                    yield module.partition(".")[0], f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_import_is_declared(package):
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [project["name"], *project["dependencies"], *(each for extra in extras for each in extra)]
    declared = {normalize(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}
    own = {path.name for path in package.glob("src/*")}

    undeclared = {}
    for module, place in find_imports(package):
        if module in sys.stdlib_module_names or module in own:
            continue
        known = OPTIONAL | PARTS
        names = {known[module]} if module in known else read_distributions().get(module, {normalize(module)})
        if declared.isdisjoint(names):
            undeclared.setdefault(module, place)

    assert {} == undeclared
