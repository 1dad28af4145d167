"""Listing of the files in a remote store."""

import pytest

from pipeline_jobs import InputError
from pipeline_jobs.storage.listing import list_matches


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("memory://in/*.txt", ["in/a b.txt", "in/b.txt"]),
        ("memory://in/?.txt", ["in/b.txt"]),
        ("memory://in/**", ["in/a b.txt", "in/b.txt", "in/c.json", "in/more/d.txt"]),
        ("memory://in/", ["in/a b.txt", "in/b.txt", "in/c.json"]),
        ("memory://in/b.txt", ["in/b.txt"]),
        ("memory://none", ["none"]),
        ("https://host/x?v=[1]", None),
    ],
)
def test_pattern_or_folder_lists_its_files(bucket, url, names):
    for name in ("a b.txt", "b.txt", "c.json", ".hidden.txt", "more/d.txt", "more/.x.tmp"):
        bucket.pipe_file(f"/in/{name}", b"")

    assert ([url] if names is None else [f"memory://{name}" for name in names]) == list_matches(url)


@pytest.mark.parametrize("url", ["memory://in/*.txt", "memory://in/"])
def test_no_match_is_refused(bucket, url):
    with pytest.raises(InputError) as caught:
        list_matches(url)

    assert "input.missing" == caught.value.code


def test_unknown_store_is_refused(bucket):
    with pytest.raises(InputError, match=r"^nowhere://x/: no library is known for URLs of nowhere://$"):
        list_matches("nowhere://x/")
