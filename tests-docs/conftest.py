"""How pytest-xdist shares the documents out between its processes."""

import pytest


def pytest_itemcollected(item):
    """Keep the blocks of a document in one process, where its reader runs them in order."""
    if "document" in item.fixturenames:
        item.add_marker(pytest.mark.xdist_group(item.callspec.params["document"]))
