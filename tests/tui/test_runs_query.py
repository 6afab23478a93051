"""The filter language: what is written is what is read, and what fits."""

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.runs.query import ALL, NUMBERS, WORDS, Query, QueryError, Term, parse_query

_TEXT = st.text(st.characters(exclude_characters='"', exclude_categories=("Cs",)), max_size=12)
_OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
_WORDY = st.builds(Term, st.sampled_from(WORDS), st.just(":"), _TEXT, st.booleans())
_NUMERIC = st.builds(Term, st.sampled_from(NUMBERS), _OPERATORS, st.floats(allow_nan=False), st.booleans())
_QUERIES = st.lists(st.one_of(_WORDY, _NUMERIC), max_size=6).map(lambda terms: Query(tuple(terms)))

FACTS = {"name": ("late-s1",), "status": ("finished",), "group": ("late", "mlp"), "r": (4.0, 16.0), "loss": (1.04,)}


@given(_QUERIES)
def test_a_query_reads_back_as_it_is_written(query: Query) -> None:
    assert parse_query(str(query)) == query


@given(st.text(string.printable, max_size=40))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    found = _read(text)
    if isinstance(found, QueryError):
        assert 1 <= found.column <= len(text) + 1
        assert found.title
        assert found.hint
    else:
        assert parse_query(str(found)) == found


def _read(text: str) -> Query | QueryError:
    try:
        return parse_query(text)
    except QueryError as error:
        return error


@given(_QUERIES, st.dictionaries(st.sampled_from(NUMBERS), st.tuples(st.floats(allow_nan=False))))
def test_a_negated_term_fits_exactly_what_the_term_does_not(query: Query, facts: dict[str, tuple[float]]) -> None:
    for term in query.terms:
        other = Term(term.field, term.operator, term.value, not term.negated)
        assert Query((term,)).fits(facts) != Query((other,)).fits(facts)
    assert query.fits(facts) == all(term.fits(facts) for term in query.terms)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("late", True),
        ("LATE s1", True),
        ("early", False),
        ("-early", True),
        ("group:late r>=16 status:finished -tag:x loss<1.05", True),
        ("group:lat", False),
        ("r>16", False),
        ("r<=4", True),
        ("loss=1.04", True),
        ("-loss<1.05", False),
        ("status!=failed", True),
        ('"late-s1"', True),
        ("seed:0", False),
    ],
)
def test_what_fits(text: str, fits: bool) -> None:
    assert parse_query(text).fits(FACTS) is fits


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("late statu:x", 6, "did you mean 'status'?"),
        ("-lss<1", 2, "did you mean 'loss'?"),
        ("r>=many", 4, "r>=16"),
        ("loss<nan", 6, "loss<16"),
        ("status>3", 1, "status:3"),
        ('name:"two words', 6, "close the quotes"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_would_be(text: str, column: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert (caught.value.column, says in caught.value.hint) == (column, True)


def test_only_questions_about_sites_open_records() -> None:
    assert not ALL.asks_for_sites
    assert not parse_query("late loss<1 status:failed").asks_for_sites
    assert parse_query("r>=16").asks_for_sites
    assert math.isinf(parse_query("loss<inf").terms[0].value)  # type: ignore[arg-type]
