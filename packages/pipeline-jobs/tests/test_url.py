from pathlib import Path

import pytest

from pipeline_jobs import InputError, Url, is_url, location, said


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
def test_url_is_written_as_everybody_writes_it(given, text, uri):
    place = location(given)

    assert isinstance(place, Url)
    assert (text, uri) == (str(place), place.uri)
    assert place == location(str(place))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("file:///data/a%20b.txt", "/data/a b.txt"),
        ("file://localhost/data/x", "/data/x"),
        ("FILE:///data/%FF", "/data/\udcff"),
        ("local:///data/a%20b.txt", "/data/a%20b.txt"),
    ],
)
def test_url_of_a_file_here_is_its_path(given, path):
    assert Path(path) == location(given)


def test_path_is_no_url_whatever_its_folders_are_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "s3:" / "bucket" == location(Path("s3://bucket"))
    assert tmp_path / "x://y" == location("./x://y")
    assert not is_url("s3:/bucket")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("https://user:secret@host/x", "a URL with a password is not taken"),
        ("https://secret@host/x", "a URL with a password is not taken"),
        ("sftp://me:secret@host/x", "a URL with a password is not taken"),
        ("sftp://me:sec/ret@host/x", "a URL with a password is not taken"),
        ("s3://AKIA:sec/ret@bucket/x", "a URL with a password is not taken"),
        ("https://host/x?X-Amz-Signature=secret", "a URL with a key or a signature is not taken"),
        ("https://host/x?v=1&AWSAccessKeyId=secret", "a URL with a key or a signature is not taken"),
        ("https://host/x?sig=secret&se=1", "a URL with a key or a signature is not taken"),
        ("https://host/x#access_token=secret", "a URL with a key or a signature is not taken"),
        ("s3://bucket/secret::s3://other", "a chain of URLs is not taken"),
        ("s3://", "names nothing"),
        ("s3://bucket/secret\0", "a URL cannot hold a NUL character"),
        ("s3://bucket/secret\ud800", "a URL cannot hold a lone surrogate"),
        ("s3://bucket/secret" + 4096 * "x", "a URL of more than 4096 characters is not taken"),
    ],
)
def test_url_that_must_not_be_kept_is_refused_and_not_repeated(given, reason):
    with pytest.raises(InputError) as caught:
        location(given)

    assert "input.url" == caught.value.code
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value) + said(given)
    assert said(given).endswith("://…")


def test_file_of_another_machine_is_refused():
    with pytest.raises(InputError, match=r"^file://host/x: a file of this machine is file:///…, with three"):
        location("file://host/x")


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
def test_url_is_named_as_a_path_is(text, name, stem, suffix):
    url = location(text)

    assert (name, stem, suffix) == (url.name, url.stem, url.suffix)


def test_what_is_in_a_folder_has_its_url():
    expected = Url("s3://bucket/folder/x")

    assert expected == location("s3://bucket/folder/") / "x" == location("s3://bucket/folder") / "x"


def test_text_is_said_as_it_is():
    assert ["x\\n", "s3://bucket/a b"] == [said("x\n"), said("s3://bucket/a b")]
