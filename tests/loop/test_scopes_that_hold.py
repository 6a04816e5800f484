"""What is said at the door of a principle whose scope no prompt is in: nobody would ever be shown it."""

import json
from pathlib import Path

from loop.load_config import load_config
from loop.preflight import remarks

SCOPED = """\
name: own
scale: {low: 0, high: 5}
questions: {pairwise: "{principle} {request} {response_a} {response_b}"}
principles:
  - {id: kind, text: Be kind.}
  - {id: safe, text: Be safe., scope: [SCOPE]}
"""


def said(folder: Path, scope: str, *settings: str) -> list[str]:
    (folder / "own.yaml").write_text(SCOPED.replace("SCOPE", scope), encoding="utf-8")
    asked = [f"constitution={folder / 'own.yaml'}", "judge.method=pairwise", "judge.principles=1", *settings]
    return remarks(load_config("self-rewarding", asked))


def test_a_scope_that_no_prompt_is_in_is_told_with_the_tags_that_prompts_have(tmp_path: Path) -> None:
    (remark,) = said(tmp_path, "harm=yess")
    assert "'safe' is never shown" in remark and "has harm=yess; they have difficulty=1, " in remark
    assert "harm=none, harm=obvious, harm=subtle" in remark
    assert said(tmp_path, "harm=yes, harm=subtle") == []


def test_tags_are_those_of_the_users_own_prompts(tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {n}.", "tags": {"harm": "yes"}, "split": ["train", "held-out"][n % 2]} for n in range(4)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert said(tmp_path, "harm=yes", f"prompts.source={tmp_path / 'own.jsonl'}") == []
    (remark,) = said(tmp_path, "harm=subtle", f"prompts.source={tmp_path / 'own.jsonl'}")
    assert remark.endswith("has harm=subtle; they have harm=yes")
