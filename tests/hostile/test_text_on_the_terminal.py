"""What prompts and models can write to whoever looks: no control reaches the terminal, no line passes for ours. (H7)

What is taken out of a text is in tests/loop/test_terminal.py.
"""

import itertools
import json
import logging
import random
import re
import unicodedata
from pathlib import Path

import pytest

from loop.daemon.serve import HarmlessLines
from loop.engine import stub
from loop.progress import Event
from loop.watching import watch
from runs.store import Store
from tests.hostile.conftest import Types
from tests.loop.small import run_small

FORGED = "r9@9 promote: all is well"
"""What a forged line begins with."""
BREAKS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\n\n\r")
STEERING = (
    *(
        "\x1b[2J\x1b[H",
        "\x1b[31;1m",
        "\x1b[8m",
        "\x1b[1A\x1b[2K",
        "\x9b31m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
    ),
    *("\x1b]52;c;cm0gLXJmIH4=\x07", "\x1bP+q544e\x1b\\", "\x1b_x\x1b\\", "\x1b^x\x1b\\", "\x1bX", "\x1b(0", "\x1bc"),
    *("\x08\x08\x08", "\x07", "\x00", "\x7f", "\x0e", "\x0f", "\x1b", "\x9d52;c;YQ==\x9c", "\x90q\x9c", "\x84"),
    *("\u202e", "\u2066", "\u2067", "\u2068\u2069", "\u200f", "\u061c", "\u200b", "\ufeff", "\u00ad", "\U000e0041"),
    *("\u2060", "\U0001d173", "\ufff9", "\u180e", "\ue000", "\U000f0000", "\u0600", "\u070f"),
)
TEXTS = [
    f"write {number} {mark}{line}{FORGED}{mark}"
    for number, (mark, line) in enumerate(random.Random(7).sample([*itertools.product(STEERING, BREAKS)], 200))
]


def steers(shown: str) -> set[str]:
    """The characters that have no business on a terminal."""
    return {character for character in shown if character != "\n" and unicodedata.category(character)[0] == "C"}


def forged(shown: str) -> list[str]:
    """The lines that begin as one of ours would."""
    return [line for line in re.split("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", shown) if line.startswith(FORGED[:4])]


def test_the_texts_are_two_hundred() -> None:
    assert len(set(TEXTS)) == 200


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run whose prompts are the texts, and whose model writes such texts too."""
    folder = tmp_path_factory.mktemp("terminal")
    rows = [{"prompt": text, "split": "train", "tags": {text: text}} for text in TEXTS]
    held_out = [{"prompt": f"held out {text}", "split": "held-out"} for text in TEXTS[:20]]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, [*rows, *held_out])), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stub, "WORDS", tuple(TEXTS[number * 13] for number in range(len(stub.WORDS))))
        store, outcome = run_small(
            folder / "home",
            iterations=1,
            prompts={"source": str(folder / "prompts.jsonl"), "count": len(TEXTS)},
            judge__method="rubric",
            measure={"prompts": 12, "anchors": None},
            gold={"enabled": False},
            generate={"samples": 2},
        )
    assert outcome.kind == "done"
    return store


def test_nothing_that_is_shown_of_a_run_steers_the_terminal_or_passes_for_a_line_of_ours(
    hostile: Store, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(hostile.home))
    rows = [("show", f"r1@1/{step}/{row}") for step in ("prompts", "generate", "judge") for row in range(0, 200, 50)]
    steps = [("show", f"r1@1/{step}", "--rows", "400") for step in ("prompts", "generate", "judge", "pair", "measure")]
    whole = [("status",), ("log",), ("log", "r1", "--graph"), ("show", "r1"), ("daemon", "status"), ("verify",)]
    asked = [("query", f"select * from {view}") for view in ("prompts", "responses", "judgments", "pairs")]
    for words in (*rows, *steps, *whole, *asked):
        said = types(*words)
        assert said.code == 0, said
        assert steers(said.out + said.err) == set() and forged(said.out) == [], words
    for words in (*steps, *whole, *asked):
        said = types(*words, "--json")
        assert said.out.isascii() and said.out.replace("\n", "").isprintable()
    assert FORGED in types(*rows[0]).out  # the words themselves are shown


def test_no_error_steers_the_terminal_or_passes_for_a_line_of_ours(
    tmp_path: Path, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    path = tmp_path / "recipe.yaml"
    for text in TEXTS[::20]:
        for tree in ({"prompts": {"source": text}}, {"engine": {"kind": text}}, {text: "x"}, {"model": {"base": text}}):
            path.write_text(json.dumps({"engine": {"kind": "stub"}, **tree}), encoding="utf-8")
            said = types("run", str(path), "gold.enabled=false", "measure.anchors=null", "capability.prompts=null")
            assert said.code == 78, said
            assert steers(said.err) == set() and forged(said.err) == [], said
            assert said.err.startswith("selfsame: ")


def test_no_word_of_a_worker_steers_the_terminal_or_passes_for_a_line_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with watch() as say:
        for text in TEXTS:
            say(Event("note", "r1", text=f"r1@1/train: attempt 1 of 3 failed: it said: {text}"))
    shown = capsys.readouterr().err
    assert shown.count(FORGED) == len(TEXTS)
    assert steers(shown) == set() and forged(shown) == []


def test_no_word_of_a_worker_forges_a_line_of_the_daemons_log() -> None:
    form = HarmlessLines("%(asctime)s %(levelname)s %(message)s")
    for text in TEXTS:
        shown = form.format(logging.LogRecord("loop", logging.INFO, "", 0, "it said: %s", (text,), None))
        assert steers(shown) == set() and forged(shown) == []
