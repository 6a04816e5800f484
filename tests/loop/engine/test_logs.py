"""An engine's log: one for each start, and not for ever."""

from pathlib import Path

from loop.engine import child_engine


def test_of_the_logs_of_earlier_engines_the_newest_stay_and_nobody_elses_goes(tmp_path: Path) -> None:
    old = [tmp_path / f"engine-20200101-0000{second:02}-x.log" for second in range(60)]
    for path in (*old, tmp_path / "train-r1.log"):
        path.touch()
    new = child_engine.new_log(tmp_path)
    assert sorted(tmp_path.glob("engine-*")) == [*old[-(child_engine.LOGS_KEPT - 1) :], new]
    assert (tmp_path / "train-r1.log").exists()
