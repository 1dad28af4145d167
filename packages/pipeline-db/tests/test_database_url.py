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


def test_a_store_accepts_a_url_as_text():
    store = PeeweeStore(WITH)

    assert (DatabaseUrl(WITHOUT), None) == (store.place, store.path)
    assert [True, True, False, False] == [
        is_url(text) for text in (WITH, "postgres://", "p.db", "mysql://h/d")
    ]
    with pytest.raises(ValueError, match=r"expected a URL like"):
        PeeweeStore("postgresql://a:b/c@d/e")
