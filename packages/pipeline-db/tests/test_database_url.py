"""The URL of a PostgreSQL database: valid ones, and where its password is hidden."""

import copy
import pickle

import pytest

from pipeline_db import DatabaseUrl, PeeweeStore
from pipeline_db.database_url import is_url

SECRET = "s3cr:t%40!"
WITH = f"postgresql://me:{SECRET}@db.example:5433/name?sslmode=require"
WITHOUT = "postgresql://me@db.example:5433/name?sslmode=require"


@pytest.mark.parametrize(
    ("given", "visible"),
    [
        (WITH, WITHOUT),
        (WITHOUT, WITHOUT),
        ("postgres://h/d", "postgresql://h/d"),
        ("postgresql://", "postgresql://"),
        ("postgresql:///d?host=/tmp", "postgresql:///d?host=/tmp"),
        ("postgresql://me:@/d?host=/tmp", "postgresql://me@/d?host=/tmp"),
        ("postgresql://me:pw@a,b:5433,[::1]:5434/d", "postgresql://me@a,b:5433,[::1]:5434/d"),
        ("postgresql://%2Frun%2Fpg/d", "postgresql://%2Frun%2Fpg/d"),
        ("postgresql:///d?password=pw&user=me%40corp", "postgresql:///d?user=me%40corp"),
        ("postgresql:///d?user=me@corp&sslpassword=pw", "postgresql:///d?user=me@corp"),
        ("postgresql://:pw@h/d", "postgresql://h/d"),
        ("postgresql://me:p?w@h/d", "postgresql://me@h/d"),
        ("postgresql:///d?options=-csearch_path%3Dmine", "postgresql:///d?options=-csearch_path%3Dmine"),
    ],
)
def test_the_text_does_not_contain_the_password(given, visible):
    url = DatabaseUrl(given)

    assert (visible, f"DatabaseUrl({visible!r})") == (str(url), repr(url))
    assert (given, given not in {visible, "postgres://h/d", "postgresql://me:@/d?host=/tmp"}) == (
        url.with_password,
        url.has_password,
    )


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:hid/den@h/d",
        "postgresql://me:hid@den@h/d",
        "postgresql://me:hid/den?x@h/d",
        "postgresql://me:hid/den?x=y@h/d",
        "postgresql://me:hid den@h/d",
        "postgresql://me:hidden\n@h/d",
        "postgresql://me:hidden@h:port/d",
        "postgresql+psycopg://me:hidden@h/d",
        "me:hidden@h/d",
        "host=h password=hidden",
        "",
    ],
)
def test_an_invalid_url_is_rejected_and_not_shown(given):
    with pytest.raises(ValueError, match=r"URL") as caught:
        DatabaseUrl(given)

    assert not any(part in str(caught.value) for part in ("hid", "den"))


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://h/d?Password=hidden",
        "postgresql://h/d?sslmode=require&PASSWORD=hidden",
        "postgresql://h/d?p%61ssword=hidden",
        "postgresql://h/d?%70%61%73%73%77%6f%72%64=hidden",
        "postgresql://h/d?p%2561ssword=hidden",
        "postgresql://h/d#password=hidden",
        "postgresql://h#password=hidden",
        "postgresql://h#hidden/d",
        "postgresql://h/d?sslmode=require#password=hidden",
        "postgresql://h/d?#hidden",
        "postgresql://me#hidden@h/d",
        "postgresql://me?hidden@h/d",
        "postgresql://h/d?hidden",
        "postgresql://h/d?=hidden",
        "POSTGRESQL://h/d?password=hidden",
    ],
)
def test_a_password_in_another_place_is_refused_and_not_shown(given):
    """The driver knows no fragment, and no parameter with such a name."""
    with pytest.raises(ValueError, match=r"URL") as caught:
        DatabaseUrl(given)

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["passwd", "pwd", "api_token", "client_secret", "credentials", "password2"])
def test_what_is_meant_as_a_secret_is_hidden_under_any_name(name):
    url = DatabaseUrl(f"postgresql://h/d?{name}=hidden#1&sslmode=require")

    assert ("postgresql://h/d?sslmode=require", True) == (str(url), url.has_password)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://me:pw@h/d", "postgresql://me@h/d"),
        ("postgresql://me:p#w@h/d", "postgresql://me@h/d"),
        ("postgresql://me@h:1,[::1]/d?sslmode=require", "postgresql://me@h:1,[::1]/d?…"),
        ("postgresql:///d?password=pw", "postgresql:///d?…"),
        ("postgresql:///d?", "postgresql:///d"),
        ("postgresql://me?password=pw@h/d", "postgresql://me?…"),
    ],
)
def test_a_message_repeats_no_query(given, shown):
    assert shown == DatabaseUrl(given).shown


def test_the_password_is_not_pickled(monkeypatch):
    monkeypatch.delenv("PIPELINE_DB_URL", raising=False)
    url = DatabaseUrl(WITH)
    pickled = pickle.dumps([url, PeeweeStore(url)])

    assert b"s3cr" not in pickled
    found, store = pickle.loads(pickled)
    assert (WITHOUT, False) == (found.with_password, found.has_password)
    assert (url, WITHOUT) == (found, store.place.with_password)
    assert (url, url) == (copy.copy(url), copy.deepcopy(url))
    assert copy.deepcopy(url).with_password == WITH


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (WITH, WITH),
        (WITH.replace("sslmode=require", "sslmode=prefer"), WITHOUT),
        (WITHOUT, WITHOUT),
        ("postgresql://a@b@c", WITHOUT),
        ("", WITHOUT),
    ],
)
def test_another_process_takes_the_password_from_its_environment(monkeypatch, variable, expected):
    """If the URL is the same otherwise."""
    pickled = pickle.dumps(DatabaseUrl(WITH))
    monkeypatch.setenv("PIPELINE_DB_URL", variable)

    assert expected == pickle.loads(pickled).with_password
    assert expected == DatabaseUrl.complete(WITHOUT).with_password
    assert WITH == DatabaseUrl.complete(WITH).with_password


def test_the_message_of_a_driver_is_redacted():
    url = DatabaseUrl(WITH)

    assert "no user … (…)" == url.redact("no user s3cr:t@! (s3cr:t%40!)")
    assert "a b c" == DatabaseUrl("postgresql://u:a@h/d").redact("a b c")


def test_what_a_driver_quotes_of_the_query_is_redacted():
    """Other than the address of the server, without which nobody finds the fault."""
    url = DatabaseUrl("postgresql:///d?host=/run/pg&sslmode=req%20uire&options=-cTimeZone%3Dhid%20-cx%3Dy")
    message = 'invalid sslmode value: "req uire"; "TimeZone": "hid"; socket "/run/pg/.s"; hid is required'

    assert 'invalid sslmode value: "…"; "TimeZone": "…"; socket "/run/pg/.s"; hid is required' == url.redact(
        message
    )


def test_a_store_accepts_a_url_as_text():
    store = PeeweeStore(WITH)

    assert (DatabaseUrl(WITHOUT), None) == (store.place, store.path)
    assert [True, True, False, False] == [
        is_url(text) for text in (WITH, "postgres://", "p.db", "mysql://h/d")
    ]
    with pytest.raises(ValueError, match=r"expected a URL like"):
        PeeweeStore("postgresql://a:b/c@d/e")
