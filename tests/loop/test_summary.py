"""What is said of a run's numbers: what rose, what fell, what is within its noise, and when to beware."""

from dataclasses import replace

from loop.summary import Closed, history_table, in_words, next_commands
from runs.records import Run


def closed(index: int, verdict: str = "promote", **metrics: float | None) -> Closed:
    return Closed(
        "r1", index, f"s1:{index}", "s1:p", verdict, "because", {k.replace("__", "/"): v for k, v in metrics.items()}
    )


def test_what_moved_beyond_its_noise_is_said_with_both_numbers() -> None:
    said = " ".join(
        in_words(
            [
                closed(0, judge__score_mean=3.0, gold__sampled_mean=2.0, gold__sampled_se=0.05),
                closed(1, judge__score_mean=3.5, gold__sampled_mean=2.5, gold__sampled_se=0.05),
            ]
        )
    )
    assert "rose from 2 to 2.5 (+25%)" in said
    assert "rose from 3 to 3.5" in said
    assert "Beware" not in said


def test_a_move_within_twice_its_standard_error_is_called_noise() -> None:
    first = closed(0, judge__score_mean=3.0, gold__sampled_mean=2.0, gold__sampled_se=0.05)
    last = closed(1, judge__score_mean=3.0, gold__sampled_mean=2.1, gold__sampled_se=0.05)
    assert "from 2 to 2.1, which is within its noise" in " ".join(in_words([first, last]))


def test_an_interval_serves_as_noise_too() -> None:
    interval = {"judge__anchor_accuracy_low": 0.7, "judge__anchor_accuracy_high": 0.86}
    first = closed(0, judge__score_mean=3.0, judge__anchor_accuracy=0.8, **interval)
    last = closed(1, judge__score_mean=3.0, judge__anchor_accuracy=0.76, **interval)
    assert "agreement with people's labels went from 0.8 to 0.76, which is within its noise" in " ".join(
        in_words([first, last])
    )


def test_a_judge_that_thinks_better_of_itself_while_the_truth_falls_is_pointed_at() -> None:
    first = closed(0, judge__score_mean=3.0, gold__sampled_mean=3.0, gold__sampled_se=0.05)
    last = closed(2, judge__score_mean=3.9, gold__sampled_mean=2.0, gold__sampled_se=0.05)
    assert "Beware" in in_words([first, last])[-1]


def test_a_verifiers_score_is_told_as_right_answers_and_as_nobodys_opinion() -> None:
    first = replace(closed(0, judge__score_mean=0.125, gold__sampled_mean=3.0, gold__sampled_se=0.05), verified=True)
    last = replace(closed(1, judge__score_mean=0.5, gold__sampled_mean=2.0, gold__sampled_se=0.05), verified=True)
    said = in_words([first, last])
    assert "The share of its answers that the verifier finds right rose from 0.125 to 0.5 (+300%)." in said
    assert not any("own" in sentence or "Beware" in sentence for sentence in said)
    assert "right answers" in history_table([first, last]) and "own score" in history_table([first, closed(1)])


def test_an_iteration_that_halted_before_it_was_measured_is_not_compared() -> None:
    seed = closed(0, judge__score_mean=3.0)
    halted = closed(1, "halt", signal__pairs=2)
    assert "nothing to compare" in in_words([seed, halted])[0]


def test_a_run_whose_judge_compares_and_scores_nothing_is_told_of_too() -> None:
    first, last = (closed(n, policy__length_mean_tokens=10.0 + n, policy__kl_to_seed_nats=-0.01) for n in (0, 1))
    assert in_words([first, last]) == [
        "The length of its answers in tokens rose from 10 to 11 (+10%).",
        "The policy has not moved measurably from the seed.",
    ]


def test_a_run_that_finished_no_iteration_is_to_be_resumed() -> None:
    run = Run("r1", "self-rewarding", "", "", {}, {}, {}, begun=0.0)
    assert next_commands(run, []) == ["selfsame resume r1"]


def test_going_past_a_halt_at_the_last_iteration_asks_for_one_more() -> None:
    run = Run("r1", "self-rewarding", "", "", {}, {"iterations": 2}, {}, begun=0.0)
    asked = [next_commands(run, [closed(0), closed(index, "halt")]) for index in (1, 2)]
    assert [any("iterations=3" in command for command in commands) for commands in asked] == [False, True]


def test_the_end_of_a_run_points_to_its_last_audit_where_it_has_one() -> None:
    run = Run("r1", "self-rewarding", "", "", {}, {"iterations": 3}, {}, begun=0.0)
    turns = [closed(0, audit__label__accuracy=0.8), closed(2, audit__label__accuracy=0.7), closed(3)]
    assert "selfsame audit r1@2" in next_commands(run, turns)
    assert not any("audit" in command for command in next_commands(run, [closed(0), closed(3)]))


def test_a_number_that_could_not_be_had_is_a_dash_and_never_compared() -> None:
    one, other = closed(0, judge__score_mean=3.0, gold__sampled_mean=None), closed(1, judge__score_mean=3.5)
    assert "-" in history_table([one, other]).splitlines()[1]
    assert not any("gold" in sentence for sentence in in_words([one, other]))


def test_the_table_has_a_column_for_each_headline_that_the_run_has_and_no_other() -> None:
    head = history_table([closed(0, judge__score_mean=3.0, judge__other=1.0)]).splitlines()[0]
    assert head.split() == ["iteration", "own", "score", "decision"]
