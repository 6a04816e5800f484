"""Public data, and what was published about it: the figures of docs/external.md."""

import math

import pytest

from benchmarks import external, external_page

pytestmark = pytest.mark.skipif(
    not external.DATA.is_dir(), reason=f"no public data at {external.DATA}: SELFSAME_TEST_DATA names its folder"
)


def test_win_rates_and_lengths_are_the_published_ones_and_length_control_keeps_their_order_and_sign() -> None:
    found = {model: external.alpaca_eval(model) for model in external.ALPACA}
    for model, numbers in found.items():
        told = numbers["published"]
        assert numbers["win_rate"] == pytest.approx(told["win_rate"], abs=0.01), model
        assert numbers["win_rate_se"] == pytest.approx(told["win_rate_se"], abs=0.01), model
        assert math.floor(numbers["length_mean"]) == told["length_floor"], model
        assert math.copysign(1, numbers["length"][1]) == math.copysign(1, told["length"]), model
    published = sorted(found, key=lambda model: -found[model]["published"]["controlled"])
    assert sorted(found, key=lambda model: -found[model]["controlled"][0]) == published


def test_text_signs_rank_the_papers_systems_as_the_paper_describes_them() -> None:
    systems = external.cai()["systems"]

    def ranked(sign: str) -> list[str]:
        return sorted(systems, key=lambda system: -systems[system][sign]["mean"][0])

    assert ranked("evades")[0] == "HHRLHF"
    assert systems["HHRLHF"]["evades"]["less_reference"][1] > 0.1
    assert all(systems[system]["evades"]["mean"][0] == 0 for system in systems if system != "HHRLHF")
    for sign in ("boilerplate", "openings", "consoling", "preaching"):
        assert ranked(sign)[0] == "RLMADISON", sign
        assert systems["RLMADISON"][sign]["less_reference"][1] > 0, sign
    # Bare refusals are alike too: among answers that engage, only RL-CAI is boilerplate.
    engaged = {system: systems[system]["sets"]["boilerplate_engaged"] for system in systems}
    assert engaged.pop("RLMADISON") > 0.2
    assert max(engaged.values()) < 0.05


def test_declining_is_what_people_call_declining() -> None:
    found = external.labelled_refusals("test")
    assert found["both"] / (found["both"] + found["people_alone"]) >= 0.9
    assert found["both"] / (found["both"] + found["pattern_alone"]) >= 0.8
    assert found["pattern_alone"] <= 0.02 * found["n"]


def test_the_page_shows_the_rows() -> None:
    page = external_page.PAGE.read_text(encoding="utf-8")
    assert all(table in page for table in external_page.tables().values())
