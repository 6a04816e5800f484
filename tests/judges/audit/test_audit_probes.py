"""Perturbed twins keep the content, or lose all of it; a report says what the audit found."""

import json

from judges.audit.findings import audit
from judges.audit.insertions import ENGLISH, MICROWORLD
from judges.audit.known_bias import KINDS, KnownJudge, simulate
from judges.audit.probes import Insertions, as_list, probes, replaced
from judges.audit.report import as_json, as_metrics

TEXT = "He told Emily to wait. He is going to come back!"
NOTHING = Insertions((), (), (), (), (), (), {}, ())


def test_a_text_has_one_probe_of_each_kind() -> None:
    made = {one.kind: one for one in probes(TEXT, ENGLISH, seed=1, other_answer="Paris.")}
    assert set(made) == set(KINDS)
    assert {kind: one.touched for kind, one in made.items()} == KINDS
    assert all(one.before == TEXT for kind, one in made.items() if one.touched != "person")
    assert made["empty"].after == "" and made["off topic"].after == "Paris."
    assert made["master key"].after in ENGLISH.master_keys


def test_what_only_dresses_keeps_every_word() -> None:
    for one in probes(TEXT, ENGLISH, seed=2):
        if one.touched in ("format", "manner"):
            assert all(word in one.after for word in TEXT.split())


def test_a_swap_goes_from_the_first_of_each_pair_to_the_second_whichever_the_text_has() -> None:
    from_first = {one.kind: one for one in probes("He sees John.", ENGLISH, seed=0)}
    from_second = {one.kind: one for one in probes("She sees Jamal.", ENGLISH, seed=0)}
    assert (from_first["pronouns"].before, from_first["pronouns"].after) == ("He sees John.", "She sees John.")
    assert (from_second["pronouns"].before, from_second["pronouns"].after) == ("He sees Jamal.", "She sees Jamal.")
    assert (from_second["names"].before, from_second["names"].after) == ("She sees John.", "She sees Jamal.")


def test_words_are_replaced_whole_at_once_and_in_their_case() -> None:
    assert replaced("He, HE, the hero. she", {"he": "she", "she": "he"}) == "She, SHE, the hero. he"
    assert replaced("I am going to go", {"going": "leaving", "going to": "gonna"}) == "I am gonna go"
    assert replaced("$1 \\1 (he)", {"he": "\\1"}) == "$1 \\1 (\\1)"


def test_a_list_has_a_point_for_each_sentence() -> None:
    assert as_list("One. Two! Three?") == "- One.\n- Two!\n- Three?"
    assert as_list("  ") == "  "


def test_kinds_without_insertions_and_twins_that_are_no_different_are_left_out() -> None:
    assert [one.kind for one in probes("Yes.", NOTHING, seed=0)] == ["markdown", "empty"]
    assert probes("", NOTHING, seed=0) == ()
    assert "off topic" not in {one.kind for one in probes("Yes.", NOTHING, seed=0, other_answer="Yes.")}


def test_equal_seeds_make_equal_probes() -> None:
    assert probes(TEXT, ENGLISH, seed=3) == probes(TEXT, ENGLISH, seed=3)
    assert len({probes(TEXT, ENGLISH, seed=seed) for seed in range(9)}) > 1


def test_a_microworld_answer_has_probes_of_its_own() -> None:
    made = {one.kind: one.after for one in probes("ann has 3 boats. so it is.", MICROWORLD, seed=0)}
    assert made["names"] == "tom has 3 boats. so it is."
    assert made["hedging"] == "perhaps ann has 3 boats. so it is."


def test_a_report_has_every_statistic_with_its_n_and_its_findings() -> None:
    judged = simulate(KnownJudge(first=40.0), 0, n=200)
    found = audit(judged)
    document = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert [one["name"] for one in document["findings"]] == [one.name for one in found.findings]
    assert "position bias: first" in [one["name"] for one in document["findings"]]
    assert set(document["statistics"]) == {one.name for one in (*found.statistics, *found.families)}
    assert document["groups"]["family"]["family 0"]["label/accuracy"]["n"] == 67
    assert as_metrics(found)["audit/position/first_beyond_half"] == 0.5
    assert as_metrics(found)["audit/position/first_beyond_half_n"] == 200


def test_an_audit_has_one_statistic_of_a_name() -> None:
    names = [one.name for one in audit(simulate(KnownJudge(), 0, n=40)).statistics]
    assert len(names) == len(set(names))
