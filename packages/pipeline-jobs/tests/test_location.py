"""Locations: paths and URLs are parsed and normalized, and unsafe URLs are refused."""

from pathlib import Path

import pytest

from pipeline_jobs import InputError, Url, parse_location
from pipeline_jobs.storage.location import is_url, redact_url, redact_urls


@pytest.mark.parametrize(
    ("given", "text", "uri"),
    [
        ("s3://bucket/x.txt", "s3://bucket/x.txt", "s3://bucket/x.txt"),
        ("S3A://bucket/x.txt", "s3://bucket/x.txt", "s3://bucket/x.txt"),
        ("gcs://bucket/x.txt", "gs://bucket/x.txt", "gs://bucket/x.txt"),
        ("s3://bucket/a b%20ä\n.txt", "s3://bucket/a b%20ä\n.txt", "s3://bucket/a%20b%2520%C3%A4%0A.txt"),
        ('s3://bucket/"\\', 's3://bucket/"\\', "s3://bucket/%22%5C"),
        ("s3://bucket/mail@x?y#z", "s3://bucket/mail@x?y#z", "s3://bucket/mail@x%3Fy%23z"),
        (
            "s3://arn:aws:s3:eu:12:accesspoint/p/x",
            "s3://arn:aws:s3:eu:12:accesspoint/p/x",
            "s3://arn:aws:s3:eu:12:accesspoint/p/x",
        ),
        (
            "HTTPS://Example.ORG:443/X%20y?v=1#top",
            "https://example.org/X%20y?v=1",
            "https://example.org/X%20y?v=1",
        ),
        ("http://example.org", "http://example.org/", "http://example.org/"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("sftp://me@host:22/x", "sftp://me@host:22/x", "sftp://me@host:22/x"),
        ("memory:///x.txt", "memory://x.txt", "memory://x.txt"),
    ],
)
def test_url_is_normalized(given, text, uri):
    place = parse_location(given)

    assert isinstance(place, Url)
    assert (text, uri) == (str(place), place.uri)
    assert place == parse_location(str(place))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("file:///data/a%20b.txt", "/data/a b.txt"),
        ("file://localhost/data/x", "/data/x"),
        ("FILE:///data/%FF", "/data/\udcff"),
        ("local:///data/a%20b.txt", "/data/a%20b.txt"),
    ],
)
def test_file_url_becomes_a_path(given, path):
    assert Path(path) == parse_location(given)


def test_path_object_is_never_a_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "s3:" / "bucket" == parse_location(Path("s3://bucket"))
    assert tmp_path / "x://y" == parse_location("./x://y")
    assert not is_url("s3:/bucket")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("https://user:secret@host/x", "a URL cannot hold a password"),
        ("https://secret@host/x", "a URL cannot hold a password"),
        ("sftp://me:secret@host/x", "a URL cannot hold a password"),
        ("sftp://me:sec/ret@host/x", "a URL cannot hold a password"),
        ("s3://AKIA:sec/ret@bucket/x", "a URL cannot hold a password"),
        ("https://host/x?X-Amz-Signature=secret", "a URL cannot hold a key or a signature"),
        ("https://host/x?v=1&AWSAccessKeyId=secret", "a URL cannot hold a key or a signature"),
        ("https://host/x?sig=secret&se=1", "a URL cannot hold a key or a signature"),
        ("https://host/x#access_token=secret", "a URL cannot hold a key or a signature"),
        ("s3://bucket/secret::s3://other", "a chain of URLs is not supported"),
        ("s3://", "the URL names no file"),
        ("s3://bucket/secret\0", "a URL cannot hold a NUL character"),
        ("s3://bucket/secret\ud800", "a URL cannot hold a lone surrogate"),
        ("s3://bucket/secret" + 4096 * "x", "a URL cannot have more than 4096 characters"),
    ],
)
def test_refused_url_is_not_repeated(given, reason):
    with pytest.raises(InputError) as caught:
        parse_location(given)

    assert "input.url" == caught.value.code
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value) + redact_url(given)
    assert redact_url(given).endswith("://…")


def test_file_url_of_another_machine_is_refused():
    with pytest.raises(InputError, match=r"^file://host/x: a file of this machine is file:///…, with three"):
        parse_location("file://host/x")


@pytest.mark.parametrize(
    "given", ["file://me:secret@host/x", "file://me:sec ret@host/x?secret", "file://host/x#secret"]
)
def test_refused_file_url_is_repeated_without_password_and_query(given):
    with pytest.raises(InputError, match=r"^file://host/x.{0,2}: a file of this machine") as caught:
        parse_location(given)

    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/x.txt", "https://host/x.txt"),
        ("https://host/x.txt?ticket=1", "https://host/x.txt?…"),
        ("s3://bucket/x.txt?versionId=1", "s3://bucket/x.txt?…"),
        ("s3://bucket/x.txt#part?page=1", "s3://bucket/x.txt#…"),
    ],
)
def test_message_repeats_no_query_and_no_fragment(url, shown):
    assert shown == parse_location(url).shown == Url(url).shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("GET 'https://me:secret@host/x?t=secret' failed", "GET 'https://host/x' failed"),
        (
            "no route to https://host/x#secret, or to http://h?secret",
            "no route to https://host/x or to http://h",
        ),
        ("what? no #1", "what? no #1"),
    ],
)
def test_message_of_a_library_is_cleared_of_passwords_and_queries(message, shown):
    assert shown == redact_urls(message)


@pytest.mark.parametrize(
    ("text", "name", "stem", "suffix"),
    [
        ("s3://bucket/folder/x.txt.gz", "x.txt.gz", "x.txt", ".gz"),
        ("s3://bucket/x?y.z", "x?y.z", "x?y", ".z"),
        ("https://host/x.txt?v=1.2", "x.txt", "x", ".txt"),
        ("https://host/..%2F..%2Fx", "..%2F..%2Fx", "..%2F.", ".%2Fx"),
        ("https://host.org/", "", "host", ""),
        ("memory://x.txt", "x.txt", "x", ".txt"),
    ],
)
def test_url_has_name_stem_and_suffix_of_a_path(text, name, stem, suffix):
    url = parse_location(text)

    assert (name, stem, suffix) == (url.name, url.stem, url.suffix)


def test_name_can_be_added_to_a_folder_url():
    expected = Url("s3://bucket/folder/x")

    assert (
        expected == parse_location("s3://bucket/folder/") / "x" == parse_location("s3://bucket/folder") / "x"
    )


def test_accepted_text_is_only_escaped():
    assert ["x\\n", "s3://bucket/a b"] == [redact_url("x\n"), redact_url("s3://bucket/a b")]
