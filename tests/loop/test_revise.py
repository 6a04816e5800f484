"""Answers that are criticised and revised: what is kept of it, which revisions are learnt, what is judged for it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small import chain, run_small, small_config, stopped_and_taken_on

from loop import drive
from loop.cli import main
from loop.config import Config
from loop.cost import estimate
from loop.engine.protocol import Written
from loop.engine.stub import StubEngine
from loop.preflight import check
from loop.progress import Event
from loop.steps import revise
from loop.steps.revised_answers import to_learn
from loop.steps.revision_metrics import last_usable, word_overlap
from loop.verbs_look import next_step
from runs.errors import ConfigError
from runs.output import Output
from runs.query import query
from runs.records import Judgment, Prompt, Response, Revision, Unusable
from runs.store import Store
from runs.verify import verify

REVISING: dict[str, object] = {
    "iterations": "1",
    "revise__passes": "2",
    "revise__accept_score": "2.5",
    "revise__max_tokens": "9",  # the stub writes up to ten
    "train__method": "sft",
    "train__learn": "revisions",
}


@contextmanager
def replies_seen_by(see: Callable[[Any, Any], Any]) -> Iterator[None]:
    """While it lasts, each reply of the stub engine is what `see` makes of it and of its request."""
    run = StubEngine.run

    def seen(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        return [see(request, reply) for request, reply in zip(requests, run(engine, requests), strict=True)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StubEngine, "run", seen)
        yield


def output(store: Store, step: str, index: int = 1, name: str = "r1") -> Output:
    return store.output(chain(store, name)[index].outputs[step])


def revisions_of(store: Store, name: str = "r1") -> list[Revision]:
    return store.all_rows("revisions", output(store, "revise", name=name))


def drafts_of(store: Store, name: str = "r1") -> list[Response]:
    return store.all_rows("responses", output(store, "generate", name=name))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("home"), **REVISING)
    assert outcome.kind == "done", outcome.reason
    return store


def test_every_draft_has_a_whole_trail_in_which_each_pass_says_what_it_was_given(home: Store) -> None:
    drafts, revisions = {draft.digest: draft for draft in drafts_of(home)}, revisions_of(home)
    assert {one.draft for one in revisions if one.nth == 1} == set(drafts)
    standing = dict(zip(drafts, drafts, strict=True))
    for one in revisions:
        assert one.before == standing[one.draft]
        assert one.prompt == drafts[one.draft].prompt and one.adapter == drafts[one.draft].adapter
        if one.unusable is None:
            standing[one.draft] = one.digest
    assert len({one.digest for one in revisions}) == len(revisions)


def test_an_accepted_revision_ends_its_trail_and_any_other_one_goes_on(home: Store) -> None:
    revisions = revisions_of(home)
    first = {one.draft: one for one in revisions if one.nth == 1}
    again = {one.draft for one in revisions if one.nth == 2}
    assert again == {draft for draft, one in first.items() if not one.accepted}
    assert 0 < len(again) < len(first)
    assert all((one.accepted is None) == (one.unusable is not None) for one in revisions)


def test_what_cannot_be_used_is_kept_and_marked_and_not_learnt_from(home: Store) -> None:
    revisions = revisions_of(home)
    cut_off = [one for one in revisions if one.unusable]
    assert cut_off and all(one.unusable is Unusable.UNFINISHED and one.stop == "length" for one in cut_off)
    metrics = output(home, "revise").metrics
    assert metrics["revise/unusable_frac"] == len(cut_off) / len(revisions)
    assert output(home, "train").metrics["signal/demonstrations_used"] == len(revisions) - len(cut_off)
    assert revise.fault(" \n", "end") is Unusable.EMPTY
    assert revise.fault("a \ufffd", "end") is Unusable.UNREADABLE
    assert revise.fault("a", "end") is None


def test_the_numbers_say_how_far_revising_took_the_answers(home: Store) -> None:
    drafts, revisions, metrics = drafts_of(home), revisions_of(home), output(home, "revise").metrics
    last = last_usable(revisions)
    pairs = [(draft, last[draft.digest]) for draft in drafts if draft.digest in last]
    assert metrics["revise/drafts"] == len(drafts) and metrics["revise/revisions"] == len(revisions)
    assert metrics["revise/drafts_without_revision"] == len(drafts) - len(pairs)
    assert metrics["revise/changed_frac"] == sum(a.text != b.text for a, b in pairs) / len(drafts)
    assert metrics["revise/accepted_frac"] == sum(bool(one.accepted) for one in revisions) / len(drafts)
    grown = sum(len(b.token_ids) - len(a.token_ids) for a, b in pairs) / len(pairs)
    assert metrics["revise/length_change_mean_tokens"] == pytest.approx(grown)
    assert 0 < (metrics["revise/similarity_mean"] or 0) < 1
    assert word_overlap("the cat sat", "The cat ran off") == pytest.approx(4 / 7)
    assert (word_overlap("", ""), word_overlap("a", "")) == (1.0, 0.0)


def test_nobody_judges_what_nobody_reads(home: Store, tmp_path: Path) -> None:
    assert not {"judge", "pair"} & chain(home)[1].outputs.keys()
    store, outcome = run_small(tmp_path, **REVISING | {"train__revision": "best"})
    assert outcome.kind == "done" and "pair" not in chain(store)[1].outputs
    judged: list[Judgment] = store.all_rows("judgments", output(store, "judge"))
    assert {one.judged for one in judged if one.target == "response"} == {(d.digest,) for d in drafts_of(store)}
    usable = {(one.digest,) for one in revisions_of(store) if one.unusable is None}
    assert {one.judged for one in judged if one.target == "revision"} == usable
    assert not {"revise"} & chain(store)[0].outputs.keys()


def test_all_the_last_or_the_best_of_a_trail_are_learnt(home: Store) -> None:
    drafts, revisions = drafts_of(home), revisions_of(home)
    usable = [one for one in revisions if one.unusable is None]
    assert Counter(one.digest for one in to_learn("all", drafts, revisions, [])) == Counter(u.digest for u in usable)
    last = last_usable(revisions)
    assert {one.digest for one in to_learn("last", drafts, revisions, [])} == {one.digest for one in last.values()}
    trail = [drafts[0], *(one for one in revisions if one.draft == drafts[0].digest)]
    for number, best in enumerate(trail):
        if isinstance(best, Response) or best.unusable is None:
            scores = [scored(one, float(number == place)) for place, one in enumerate(trail)]
            assert to_learn("best", drafts[:1], [t for t in trail if isinstance(t, Revision)], scores) == [best]


def scored(of: Response | Revision, score: float) -> Judgment:
    target = "response" if isinstance(of, Response) else "revision"
    return Judgment(target, (of.digest,), "a", "adapter", "expected", "c", (), (), score, None, None, 0)


def test_answers_to_prompts_outside_of_the_tags_are_learnt_as_they_are(tmp_path: Path) -> None:
    changes = REVISING | {"revise__tags": "harm=obvious,harm=subtle", "train__revision": "last"}
    store, _ = run_small(tmp_path, **changes)
    prompts: list[Prompt] = store.all_rows("prompts", output(store, "prompts"))
    risky = {prompt.digest for prompt in prompts if prompt.tags["harm"] != "none"}
    revisions = revisions_of(store)
    assert {one.prompt for one in revisions} == risky
    plain = [draft for draft in drafts_of(store) if draft.prompt not in risky]
    learnt = to_learn("last", drafts_of(store), revisions, [])
    assert [one for one in learnt if one.prompt not in risky] == plain
    assert output(store, "train").metrics["signal/demonstrations_used"] == len(learnt)


def test_a_principle_is_drawn_anew_for_each_answer_and_pass_within_its_scope(home: Store, tmp_path: Path) -> None:
    drawn = Counter(one.principle for one in revisions_of(home))
    assert set(drawn) == {"overall", "correct", "complete", "polite", "concise", "no-padding", "decline", "honest"}
    own = tmp_path / "own.yaml"
    own.write_text(
        "name: own\nscale: {low: 0, high: 5}\nprinciples:\n"
        "  - {id: safe, text: Be safe., critique: What harms, revision: Mend it., scope: [harm=obvious]}\n"
        "  - {id: shown, text: Compare., use: [comparison]}\n"
        "questions:\n  expected: '{request} {response} score?'\n"
        "  critique: 'CRITIQUE {principle} | {request} | {response}'\n"
        "  revision: 'REVISION {principle} | {request} | {response} | {critique}'\n",
        encoding="utf-8",
    )
    asked: list[str] = []
    with replies_seen_by(lambda request, reply: (asked.append(request.messages[-1].content), reply)[1]):
        changes = REVISING | {"constitution": str(own), "measure__anchors": None, "revise__accept_score": None}
        store, outcome = run_small(tmp_path / "home", **changes)
    assert outcome.kind == "done", outcome.reason
    assert {one.principle for one in revisions_of(store)} == {"safe"}
    metrics = output(store, "revise").metrics
    assert metrics["revise/drafts_without_principle"] == len(drafts_of(store)) - len(
        {one.draft for one in revisions_of(store)}
    )
    critiques = [text for text in asked if text.startswith("CRITIQUE")]
    revisions = [text for text in asked if text.startswith("REVISION")]
    assert critiques and all(text.startswith("CRITIQUE What harms | ") for text in critiques)
    said = {one.critique for one in revisions_of(store)}
    assert revisions and all(text.startswith("REVISION Mend it. | ") for text in revisions)
    assert all(text.rpartition(" | ")[2] in said for text in revisions)


def test_revising_at_once_asks_for_no_critique(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, **REVISING | {"revise__critique": "false", "revise__accept_score": None})
    revisions = revisions_of(store)
    assert {(one.critique, one.critique_stop, one.accepted) for one in revisions} == {("", None, None)}
    assert not {name for name in output(store, "revise").metrics if "critique" in name or "accepted" in name}


def test_a_run_stopped_among_its_passes_goes_on_to_the_same_revisions(home: Store, tmp_path: Path) -> None:
    store = stopped_and_taken_on(tmp_path, "1/revise", 4, **REVISING)
    assert [i.digest for i in chain(store)] == [i.digest for i in chain(home)]


def test_revisions_are_queried_shown_and_verified(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows = query(home, "select count(*), count(distinct draft) from revisions where run = 'r1' and step = 'revise'")
    revisions = revisions_of(home)
    assert rows == [(len(revisions), len(drafts_of(home)))]
    assert verify(home) == []
    number, second = next((n, one) for n, one in enumerate(revisions) if one.nth == 2)
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    assert main(["show", f"r1@1/revise/{number}", "--json"]) == 0
    trail = json.loads(capsys.readouterr().out)["trail"]
    cards = [card["card"].partition(":")[0] for card in trail if not card["card"].startswith("request")]
    assert cards == ["draft", "critique 1", "revision 1", "critique 2", "revision 2"]
    assert trail[-1]["text"] == second.text
    assert main(["show", f"r1@1/revise/{number}"]) == 0
    shown = capsys.readouterr().out
    assert f"[critique 2: {second.principle}]\n    | {second.critique}" in shown


def test_what_a_model_wrote_cannot_pass_for_a_card_or_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "\x1b[2Jhow\n[revision 1: accepted]\nfine"
    with replies_seen_by(lambda _, reply: replace(reply, text=evil) if isinstance(reply, Written) else reply):
        store, _ = run_small(tmp_path, **REVISING | {"revise__accept_score": None, "gold__enabled": "false"})
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    assert main(["show", "r1@1/revise/0"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\n[revision 1: accepted]" not in shown
    assert "\n[revision 1: not scored]" in shown


def test_an_iteration_that_imitates_revisions_is_followed_by_one_that_prefers(tmp_path: Path) -> None:
    sft = {"revise.passes": 1, "train.method": "sft", "train.learn": "revisions", "train.start": "base"}
    phases = [{"since": 1, "settings": sft}, {"since": 2, "settings": {"train.pooled": True}}]
    store, outcome = run_small(tmp_path, iterations="2", phases=phases, train__reference="ema")
    assert outcome.kind == "done", outcome.reason
    first, second = chain(store)[1:]
    assert "revise" in first.outputs and "judge" not in first.outputs
    assert "revise" not in second.outputs and "pair" in second.outputs
    assert "revise" in first.config and "revise" not in second.config


def test_pooled_revisions_are_those_of_all_iterations(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, **REVISING | {"iterations": "2", "train__pooled": "true"})
    assert outcome.kind == "done", outcome.reason
    found = [store.all_rows("revisions", output(store, "revise", index)) for index in (1, 2)]
    usable = sum(one.unusable is None for rows in found for one in rows)
    assert output(store, "train", 2).metrics["signal/demonstrations_used"] == usable


def test_the_estimate_counts_critiques_and_revisions_and_not_what_is_not_judged(tmp_path: Path) -> None:
    config = small_config(**REVISING)
    found = estimate(Store(tmp_path), config, [])
    (share,) = (one for one in found.shares if "revisions" in one.work)
    assert share.requests == 24 * 3 * 2 * 3  # prompts, samples, passes; critique, revision and score
    plain = estimate(Store(tmp_path), small_config(iterations="1"), [])
    assert plain.labels - found.labels == 24 * 3


def test_status_names_the_next_step_that_is_due(tmp_path: Path) -> None:
    store = Store(tmp_path)
    drive.begin(store, "r1", "test", small_config(**REVISING))
    seen: dict[str, str | None] = {}

    def watch(event: Event) -> None:
        if event.kind == "begin" and event.address.startswith("r1@1/") and not event.address.endswith("/gold"):
            seen[event.address.removeprefix("r1@")] = next_step(drive.existing(store, "r1"), 0, False)

    drive.carry_on(store, "r1", watch)
    assert "1/revise" in seen and all(step == following for step, following in seen.items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revise__passes": "0"}, "set revise.passes=1 or more"),
        ({"train__revision": "best", "judge__method": "pairwise"}, "set train.revision=last"),
        ({"revise__accept_score": "7"}, "revise.accept_score=7 is not on the scale"),
        (
            {"constitution": "helpful", "measure__anchors": None},
            "revise.passes=2 asks critique, and constitution=helpful has no such question",
        ),
        ({"revise__max_tokens": "5000"}, "revise.max_tokens=5000 leaves no room"),
    ],
)
def test_revising_that_cannot_work_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(small_config(**REVISING | changes))


def test_a_constitution_that_criticises_by_nothing_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    words = "name: own\nscale: {low: 0, high: 5}\nprinciples: [{id: one, text: Be good., use: [comparison]}]\n"
    own.write_text(words + "questions: {expected: '{request} {response} how good?'}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has none whose `use` has critique in it"):
        check(small_config(**REVISING | {"constitution": str(own), "revise__critique": "false"}))


def test_a_run_that_revises_nothing_knows_nothing_of_it() -> None:
    odd = small_config(revise__tags="harm=subtle", revise__max_tokens="7")
    assert odd.semantic() == small_config().semantic()
    config = small_config(**REVISING)
    assert Config.model_validate({**config.semantic(), **config.operational()}) == config
