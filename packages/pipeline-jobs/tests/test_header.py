"""The header of a document is parsed literally, or refused naming the key."""

import json

import pytest

from pipeline_jobs import InputError, Source
from pipeline_jobs.documents import handwritten
from pipeline_jobs.documents.header import Header, parse_header

PATTERN = "string should match pattern"
KEYS = ["format", "version", "source", "record_count", "records_sha256"]


def test_every_key_is_optional():
    parsed = parse_header({}, "x.json")

    assert (None, None, None) == (parsed.origin, parsed.record_count, parsed.records_sha256)


def test_null_equals_a_missing_key():
    assert parse_header({}, "x.json") == parse_header({"source": None, "record_count": None}, "x.json")


def test_complete_header_is_parsed():
    source = {"uri": "file:///x.txt", "name": "x.txt", "bytes": 7, "sha256": 64 * "a"}
    beside = {"format": "pipeline-records", "version": 1, "source": source}

    parsed = parse_header(beside | {"record_count": 2, "records_sha256": 64 * "b"}, "x.json")

    assert Source("file:///x.txt", "x.txt", 7, 64 * "a") == parsed.origin
    assert (2, 64 * "b") == (parsed.record_count, parsed.records_sha256)


def test_source_without_a_name_is_named_by_its_uri():
    assert (
        Source("s3://bucket/x", "s3://bucket/x")
        == parse_header({"source": {"uri": "s3://bucket/x"}}, "x.json").origin
    )


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"format": "csv"}, "'format': input should be 'pipeline-records'"),
        ({"format": None}, "'format': input should be 'pipeline-records'"),
        ({"version": 2}, "'version': newer than the latest known version, which is 1"),
        ({"version": 0}, "'version': input should be greater than or equal to 1"),
        ({"version": "1"}, "'version': input should be a valid integer"),
        ({"version": 1.0}, "'version': input should be a valid integer"),
        ({"version": True}, "'version': input should be a valid integer"),
        ({"record_count": -1}, "'record_count': input should be greater than or equal to 0"),
        ({"record_count": 2**63}, f"'record_count': input should be less than or equal to {2**63 - 1}"),
        ({"record_count": "2"}, "'record_count': input should be a valid integer"),
        ({"records_sha256": 64 * "A"}, f"'records_sha256': {PATTERN} '^[0-9a-f]{{64}}$'"),
        ({"records_sha256": 64 * "a" + "\n"}, f"'records_sha256': {PATTERN} '^[0-9a-f]{{64}}$'"),
        ({"source": "file:///x"}, "'source': expected an object"),
        ({"source": {}}, "'source.uri': field required"),
        ({"source": {"uri": "x.txt"}}, f"'source.uri': {PATTERN} '^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$'"),
        ({"source": {"uri": "file:///a b"}}, f"'source.uri': {PATTERN} '^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$'"),
        ({"source": {"uri": "a:", "name": "\0"}}, rf"'source.name': {PATTERN} '^[^\x00]*$'"),
        (
            {"source": {"uri": "a:", "bytes": -1}},
            "'source.bytes': input should be greater than or equal to 0",
        ),
        ({"source": {"uri": "a:", "sha256": ""}}, f"'source.sha256': {PATTERN} '^[0-9a-f]{{64}}$'"),
        (
            {"recods": []},
            f"'recods': unknown key; a document has {', '.join(KEYS)} and records",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_invalid_header_is_refused_naming_the_key(beside, message):
    with pytest.raises(InputError) as caught:
        parse_header(beside, "x.json")

    assert ("input.shape", f"x.json: {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("key", ["\ud800", "\x1b[31m", 500 * "x"])
def test_unprintable_or_long_key_is_refused_and_escaped(key):
    with pytest.raises(InputError) as caught:
        parse_header({key: 1}, "x.json")

    assert "input.shape" == caught.value.code
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_keys_of_the_header_are_known_without_its_model():
    """Importing the model takes half a second, and most documents need none."""
    assert set(Header.model_fields) == handwritten._HEADER_KEYS
