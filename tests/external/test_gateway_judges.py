"""Judges that are not ours, over each gateway's tokens: every difference has its reason.

The tokens are those of each vendor's documented checks and others that differ in how they are
written; the judges are in ``gateway_judges.py``, the reasons in ``gateway_differences.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from .gateway_corpus import Corpus, every_corpus
from .gateway_differences import table
from .gateway_judges import JUDGES, Verdicts

pytestmark = pytest.mark.external

TIME_LIMIT = 14.0
"""Seconds from the making of the tokens to the last verdict: no token's time is nearer an edge."""


class Judged(NamedTuple):
    corpora: Mapping[str, Corpus]
    verdicts: Mapping[str, Verdicts]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """What each judge says of every token, at about one moment."""
    with every_corpus() as corpora:
        verdicts = {
            name: judge.ask(
                [corpora[form] for form in judge.forms], tmp_path_factory.mktemp("judge")
            )
            for name, judge in JUDGES.items()
        }
        made = min(corpus.made for corpus in corpora.values())
        assert time.time() < made + TIME_LIMIT, "too slow: times near an edge are past it"
        yield Judged(corpora, verdicts)


@pytest.mark.parametrize("name", JUDGES)
def test_every_difference_is_in_the_table_and_every_row_is_one(judged: Judged, name: str) -> None:
    corpora = [judged.corpora[form] for form in JUDGES[name].forms]
    found = {
        (corpus.form, key): "we" if corpus.by_us[key] else "the judge"
        for corpus in corpora
        for key, refusal in judged.verdicts[name][corpus.form].items()
        if corpus.by_us[key] is not (refusal is None)
    }

    assert found == table(name, corpora)


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_is_asked_about_every_token_that_it_can_read(judged: Judged, name: str) -> None:
    judge = JUDGES[name]
    for form in judge.forms:
        cases = judged.corpora[form].cases
        readable = {case.key for case in cases if judge.reads_lines or case.token is not None}

        assert judged.verdicts[name][form].keys() == readable


def test_we_say_of_each_token_what_its_vendor_s_page_says(judged: Judged) -> None:
    cases = [
        (corpus.form, case.key, case.is_good, corpus.by_us[case.key])
        for corpus in judged.corpora.values()
        for case in corpus.cases
        if case.is_good is not None
    ]

    assert [case for case in cases if case[2] != case[3]] == []


def test_every_gateway_is_judged_by_a_library_and_by_envoy(judged: Judged) -> None:
    libraries = {form for name, judge in JUDGES.items() if name != "Envoy" for form in judge.forms}

    assert libraries == judged.corpora.keys() == {*JUDGES["Envoy"].forms}
