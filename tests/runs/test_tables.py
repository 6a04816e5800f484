"""Records become rows and come back."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.canonical import digest
from runs.errors import CorruptError
from runs.records import (
    Decision,
    DriftItem,
    Judgment,
    Measurement,
    Message,
    PreferencePair,
    Prompt,
    Reading,
    Record,
    Reply,
    Response,
    Revision,
    Sampling,
    Unscored,
    Unusable,
)
from runs.tables import COLUMNS, KINDS, from_table, read_table, to_parquet
from tests.runs.history import BASE, judgment, prompt, response

ROOT = Path(__file__).parents[2]
names = st.integers(0, 5).map(lambda n: digest(n))
number = st.floats(allow_nan=False, allow_infinity=False)
seeds = st.integers(0, 2**63 - 1)
by = st.sampled_from(["adapter", "base", "endpoint", "verifier", "preference_model", "person"])


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=4).map(tuple)


replies = st.builds(
    Reply, principle=st.text(), order=st.sampled_from(["", "ab", "ba"]), text=st.text(), score=st.none() | number
)


@st.composite
def judgments(draw: st.DrawFn) -> Judgment:
    scored = draw(st.booleans())
    return draw(
        st.builds(
            Judgment, target=st.sampled_from(["response", "pair", "revision", "judgment", "span"]),
            judged=tuples(names), adapter=names, by=by, method=st.text(), constitution=names,
            principles=tuples(st.text()), replies=tuples(replies), score=number if scored else st.none(),
            unscored=st.none() if scored else st.sampled_from(list(Unscored)), probability=st.none() | number,
            seed=seeds,
        )
    )  # fmt: skip


RECORDS: dict[str, st.SearchStrategy[Any]] = {
    "prompts": st.builds(
        Prompt, messages=tuples(st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text())),
        source=st.text(), split=st.sampled_from(["train", "held-out", "anchor"]),
        tags=st.dictionaries(st.text(), st.text(), max_size=3),
    ),
    "responses": st.builds(
        Response, prompt=names, adapter=names, by=by,
        sampling=st.builds(Sampling, temperature=number, top_p=number, max_tokens=st.integers(1, 9999)), seed=seeds,
        text=st.text(), token_ids=tuples(st.integers(0, 2**31 - 1)), logprobs=tuples(number),
        stop=st.sampled_from(["end", "length"]),
    ),
    "revisions": st.builds(
        Revision, prompt=names, draft=names, before=names, nth=st.integers(1, 4), principle=st.text(),
        critique=st.text(), critique_stop=st.sampled_from(["end", "length", None]), adapter=names, by=by,
        sampling=st.builds(Sampling, temperature=number, top_p=number, max_tokens=st.integers(1, 9999)), seed=seeds,
        text=st.text(), token_ids=tuples(st.integers(0, 2**31 - 1)), stop=st.sampled_from(["end", "length"]),
        unusable=st.none() | st.sampled_from(list(Unusable)), accepted=st.none() | st.booleans(),
    ),
    "judgments": judgments(),
    "pairs": st.builds(
        PreferencePair, prompt=names, chosen=names, rejected=names, label_probability=number, weight=number,
        margin=number, label_source=st.text(), judgments=tuples(names),
    ),
    "measurements": st.builds(
        Measurement, adapter=names, reference=names, probes=names,
        numbers=st.dictionaries(st.text(), st.none() | number | st.integers(0, 9), max_size=4),
    ),
    "readings": st.builds(Reading, read=names, adapter=names, logprobs=tuples(number)),
    "drift_items": st.builds(
        DriftItem, adapter=names, probe=st.sampled_from(["held-out", "labelled"]), item=names,
        numbers=st.dictionaries(st.text(), st.none() | number, max_size=4),
    ),
    "decisions": st.builds(
        Decision, verdict=st.sampled_from(["promote", "reject", "roll back", "halt"]), policy=names, reason=st.text(),
        evidence=tuples(st.dictionaries(st.text(), number | st.integers() | st.text(), max_size=3)),
        config_changes=st.dictionaries(st.text(), number, max_size=2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("noun", sorted(KINDS))
@settings(max_examples=25)
@given(data=st.data())
def test_rows_give_back_equal_records_under_the_same_digests(noun: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(RECORDS[noun], max_size=4))
    table = read_table(noun, to_parquet(noun, records), "here")
    back = from_table(noun, table)
    assert back == records
    assert [record.digest for record in back] == table["digest"].to_pylist() == [record.digest for record in records]


def test_every_field_of_every_record_has_a_column() -> None:
    for noun, kind in KINDS.items():
        assert list(COLUMNS[noun]) == list(kind.__dataclass_fields__)  # type: ignore[attr-defined]


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "from tests.runs.history import BASE, prompt, response\n"
        "from runs.tables import to_parquet\n"
        "print(to_parquet('responses', [response(prompt(n), BASE, n) for n in range(50)]).hex())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True
    )
    here = to_parquet("responses", [response(prompt(number), BASE, number) for number in range(50)])
    assert bytes.fromhex(there.stdout) == here


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 3])
def test_a_number_that_would_not_come_back_is_refused(wrong: float) -> None:
    record = Response("p", BASE, "base", Sampling(1.0, 1.0, 4), 1, "", (1,), (wrong,), "end")
    with pytest.raises(TypeError, match=r"Response\.logprobs"):
        to_parquet("responses", [record])


def test_a_record_of_another_noun_is_refused() -> None:
    with pytest.raises(TypeError, match="Prompt"):
        to_parquet("responses", [prompt(1)])


def test_a_shard_of_another_noun_is_corrupt_and_named() -> None:
    records: list[Record] = [judgment(response(prompt(1), BASE, 1), 2.0)]
    with pytest.raises(CorruptError, match="some/place"):
        read_table("prompts", to_parquet("judgments", records), "some/place")
    with pytest.raises(CorruptError, match="some/place"):
        read_table("prompts", b"PAR1 nonsense", "some/place")
