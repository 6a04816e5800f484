"""Drift's metrics of answers, on answers of real systems: docs/real-text.md."""

from statistics import fmean

import pytest

from benchmarks import real_text, real_text_page
from benchmarks.cells import newest
from benchmarks.external import DATA, answers
from judges.text_repetition import boilerplate_fracs, commonest_frac, self_repetition_frac, templated
from judges.text_signs import declines
from loop.drift.diversity import prompt_independence, vendi_frac

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no public data at {DATA}: SELFSAME_TEST_DATA names its folder"
)


def set_of(system: str) -> list[str]:
    """An answer to each of the 40 questions."""
    return [texts[0] for _, texts in sorted(answers(system).items())]


def test_the_over_trained_system_is_told_from_the_varied_one_by_all_that_looks_for_collapse() -> None:
    varied, collapsed = set_of("HRLHF"), set_of("RLMADISON")
    for share in (boilerplate_fracs, lambda texts: list(map(float, templated(texts)))):
        assert fmean(share(collapsed)) > fmean(share(varied)) + 0.2
    assert vendi_frac(collapsed) < 0.75 * vendi_frac(varied)
    of_questions = [[texts[:4] for _, texts in sorted(answers(name).items())] for name in ("HRLHF", "RLMADISON")]
    before, after = map(prompt_independence, of_questions)
    assert before is not None and after is not None and after > before + 0.1


def test_each_way_to_break_a_varied_systems_answers_is_told_by_what_is_meant_for_it() -> None:
    varied = set_of("HRLHF")
    broken = {name: breaking(varied) for name, breaking in real_text.BROKEN.items()}
    assert commonest_frac(broken["one answer to all"]) == 1
    assert vendi_frac(broken["ten answers to all"]) < 0.5 * vendi_frac(varied)
    assert fmean(templated(varied)) < 0.2 < 0.9 < fmean(templated(broken["in a template"]))
    twice = [fmean(map(self_repetition_frac, texts)) for texts in (varied, broken["each said twice"])]
    assert twice[0] < 0.05 and twice[1] > 0.4
    assert fmean(map(declines, broken["half refused"])) >= 0.5 > 0.1 > fmean(map(declines, varied))


def test_the_page_of_real_text_shows_the_rows() -> None:
    rows = {row["cell"]["data"]: row["result"] for row in newest("real_text")}
    page = real_text_page.PAGE.read_text(encoding="utf-8")
    assert set(rows) == {"alpaca_eval", "cai"}
    assert all(table in page for table in real_text_page.tables(rows).values())
