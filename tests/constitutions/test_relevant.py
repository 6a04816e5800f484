"""Long constitutions: what has most to do with a prompt is shown, whole, as far as there is room for it."""

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from constitutions.load import Constitution, Scale, load_constitution
from constitutions.principle import Principle
from constitutions.relevant import Room, longest, relevant
from judges.dialogue import Chances, Choose, Item
from judges.pairwise import Pairwise
from judges.voting import Voting
from loop.cli import main
from loop.engine.stub import StubEngine
from loop.preflight import check
from runs.errors import ConfigError
from runs.records import Judgment, Message
from tests.loop.small import chain, run_small, small_config

TOKENIZER = Path(__file__).parent.parent.parent / "microworld" / "models" / "m1" / "tokenizer.json"
TOPICS = ("weather", "medicine", "football", "grammar", "law", "cooking", "astronomy", "music", "history", "gardens")
QUESTION = "{principle}\nrequest: {request}\nA: {response_a}\nB: {response_b}\nwhich is better? say only A or B."


def words(text: str) -> float:
    return float(len(text.split()))


def constitution(*texts: str, **parts: object) -> Constitution:
    principles = tuple(Principle(id=f"p{n}", text=text) for n, text in enumerate(texts))
    return Constitution(
        name="own", scale=Scale(low=0, high=5), principles=principles, questions={"pairwise": QUESTION}, **parts
    )  # type: ignore[arg-type]


ABOUT = constitution(*(f"On {topic} the response says what {topic} experts would say." for topic in TOPICS))


def chosen(of: Constitution, about: str, room: int, seed: int = 1, count: int | None = None) -> list[str]:
    return [one.id for one in relevant(of, {}, "comparison", about, seed, Room(room, words), count)]


def test_what_the_prompt_is_about_is_shown_in_the_order_of_the_constitution() -> None:
    assert chosen(ABOUT, "what does the law say of gardens?", 26) == ["p4", "p9"]
    assert chosen(ABOUT, "what does the law say of gardens?", 13) in (["p4"], ["p9"])
    assert chosen(ABOUT, "law", 1000, count=1) == ["p4"]
    assert len(chosen(ABOUT, "law", 1000)) == len(TOPICS)


def test_where_nothing_tells_principles_apart_the_lot_does_and_it_is_the_same_every_time() -> None:
    draws = [tuple(chosen(ABOUT, "qqq zzz", 13, seed)) for seed in range(30)]
    assert draws == [tuple(chosen(ABOUT, "qqq zzz", 13, seed)) for seed in range(30)]
    assert len(set(draws)) > 4


def test_scope_use_and_shuffling_are_kept_and_what_does_not_fit_is_passed_over() -> None:
    long = constitution("the law " * 30, "the law is short", "music")
    assert chosen(long, "law", 8) == ["p1", "p2"]
    found = longest(long, "comparison", Room(8, words))
    assert found is not None and (found[0].id, found[1]) == ("p0", 61)
    scoped = long.model_copy(
        update={"principles": tuple(one.model_copy(update={"scope": ("harm=yes",)}) for one in long.principles)}
    )
    assert chosen(scoped, "law", 100) == []
    orders = {tuple(chosen(ABOUT.model_copy(update={"order": "shuffled"}), "law", 1000, seed)) for seed in range(5)}
    assert len(orders) > 1


def test_a_constitution_of_23_000_words_is_split_selected_from_and_fits_a_judge_of_512_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary = json.loads(TOKENIZER.read_text(encoding="utf-8"))["model"]["vocab"]
    known = [
        word for word in (token.removeprefix("\u0120") for token in vocabulary) if word.isalpha() and len(word) > 2
    ]
    luck = random.Random(2)
    sections = []
    for nth in range(115):
        sentences = [" ".join(luck.choices(known, k=20)) + "." for _ in range(10)]
        sections.append(f"## part {nth}\n\n{' '.join(sentences)}")
    document, out = tmp_path / "long.md", tmp_path / "own.md"
    document.write_text("\n\n".join(sections), encoding="utf-8")
    assert len(document.read_text(encoding="utf-8").split()) > 23_000
    shown = ["--explained", "--max-words", "60", "--like", "microworld"]
    assert main(["constitution", "import", str(document), "--out", str(out), *shown]) == 0
    capsys.readouterr()
    long = load_constitution(out)
    assert len(long.principles) > 300
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    judge = Pairwise(
        long, Voting(), 0.5, None, together=True, room=Room(250, lambda text: float(len(tokenizer.encode(text).ids)))
    )
    for nth in range(5):
        request = " ".join(luck.choices(known, k=12))
        item = Item((Message("user", request),), ("A short answer.", "Another one."), seed=nth)
        (question, _) = judge.ask(item, [])
        assert isinstance(question, Choose)
        assert 100 < len(tokenizer.encode(question.messages[0].content).ids) < 512 - 64
        shown_ids = judge.read(item, [(Chances((-0.5, -1.0)),) * 2]).principles
        assert len(shown_ids) >= 2
        assert all(long.principle(id).text in question.messages[0].content for id in shown_ids)


def test_a_run_shows_what_fits_and_keeps_the_ids_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "extends: microworld\nname: own\nprinciples:\n"
        "  - {id: sorted, text: when asked to sort the answer is better that sorts all numbers}\n"
        "  - {id: reversed, text: when asked to reverse the answer is better that reverses the words}\n",
        encoding="utf-8",
    )
    sent: list[str] = []
    run = StubEngine.run

    def noting(self: StubEngine, requests: list[object]) -> list[object]:
        sent.extend(one.messages[0].content for one in requests if type(one).__name__ == "Choose")  # type: ignore[attr-defined]
        return run(self, requests)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(StubEngine, "run", noting)
    settings = {"judge__method": "pairwise", "judge__principles": None, "judge__together": "true"}
    small = {"iterations": "1", "prompts__count": "12", "gold__enabled": "false", "measure__prompts": "4"}
    store, outcome = run_small(
        tmp_path / "home",
        constitution=str(path),
        measure__anchors=None,
        judge__max_principle_tokens="40",
        **settings,
        **small,
    )
    assert outcome.kind == "done"
    judgments: list[Judgment] = store.all_rows("judgments", store.output(chain(store)[1].outputs["judge"]))
    own = load_constitution(path)
    kept = {one.principles for one in judgments}
    assert len(kept) > 1 and all(0 < len(ids) < len(own.principles) for ids in kept)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    for ids in kept:
        listed = "\n".join(f"{nth}. {own.principle(id).text}" for nth, id in enumerate(ids, 1))
        listed = listed if len(ids) > 1 else own.principle(ids[0]).text
        assert len(tokenizer.encode(listed).ids) <= 40
        assert any(text.startswith(f"{listed}\n") for text in sent)


TOGETHER = {"judge__method": "pairwise", "judge__principles": None, "judge__together": "true"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "is for principles in one question"),
        ({"judge__method": "pairwise"}, r"judge\.together=false shows one or none"),
        (TOGETHER | {"judge__max_principle_tokens": "5"}, "alone takes [0-9]+ tokens, and none is cut"),
        (TOGETHER | {"judge__panel": ["base"], "judge__base": "microworld:m0"}, "counted by the one tokenizer"),
        (TOGETHER | {"judge__adapter": "base", "judge__base": "microworld:m0"}, ""),
        (TOGETHER, ""),
    ],
)
def test_room_for_principles_is_refused_where_it_means_nothing(settings: dict[str, object], says: str) -> None:
    config = small_config(**({"judge__max_principle_tokens": "60"} | settings))
    if not says:
        check(config)
        return
    with pytest.raises(ConfigError, match=says):
        check(config)
