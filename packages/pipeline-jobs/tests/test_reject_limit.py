import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import RejectLimit, parse_reject_limit

MOST = 2**63 - 1
EXPECTED = "expected a number of rows from 0 to 9223372036854775807, or a percentage from 0% to 100%, got "


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("0", RejectLimit(count=0)),
        ("50", RejectLimit(count=50)),
        (50, RejectLimit(count=50)),
        (str(MOST), RejectLimit(count=MOST)),
        ("0%", RejectLimit(percent=Decimal(0))),
        ("1%", RejectLimit(percent=Decimal(1))),
        ("0.25%", RejectLimit(percent=Decimal("0.25"))),
        ("100%", RejectLimit(percent=Decimal(100))),
        (RejectLimit(count=3), RejectLimit(count=3)),
    ],
)
def test_number_or_percentage_is_a_limit(value, limit):
    assert limit == parse_reject_limit(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "-1", "+1", "1.5", "1e3", "1_000", "٣", " 1", "1\n", str(MOST + 1), "9" * 5000),
        *(True, None, 1.0),
        *("%", "-1%", "100.1%", "101%", ".5%", "5.%", "1 %", "1%%", "nan%", "1e1%", f"0.{'1' * 16}%"),
    ],
)
def test_any_other_value_is_refused_in_words(value):
    with pytest.raises(ValueError, match=r"^expected a number") as caught:
        parse_reject_limit(value)

    assert str(caught.value).startswith(EXPECTED)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["0", "50", str(MOST), "1%", "0.25%", "1.50%", "0.000000001%", "100%"])
def test_text_of_a_limit_is_what_it_was_parsed_from(text):
    limit = parse_reject_limit(text)

    assert text == str(limit)
    assert limit == pickle.loads(pickle.dumps(limit))


def test_count_allows_as_many_and_no_more():
    limit = RejectLimit(count=2)

    assert limit.allows(0, 0)
    assert limit.allows(2, 2)
    assert not limit.allows(3, 1_000_000)


def test_no_rejects_are_allowed_at_zero():
    assert not parse_reject_limit("0").allows(1, 10)
    assert not parse_reject_limit("0%").allows(1, 10)


def test_all_rows_may_be_rejected_at_a_hundred_percent():
    assert parse_reject_limit("100%").allows(MOST, MOST)


@given(
    st.decimals(0, 100, allow_nan=False, places=15),
    st.integers(0, MOST),
    st.integers(0, MOST),
)
def test_percentage_is_compared_exactly(percent, rejected, read):
    allowed = Fraction(percent) * read >= 100 * rejected

    assert allowed == RejectLimit(percent=percent).allows(rejected, read)


@given(st.integers(1, 10**12))
def test_one_percent_of_a_hundred_times_as_many_rows_is_allowed_to_the_row(rejected):
    limit = parse_reject_limit("1%")

    assert limit.allows(rejected, 100 * rejected)
    assert not limit.allows(rejected, 100 * rejected - 1)
