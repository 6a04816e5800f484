"""What is refused at the door: exit 78, the value, the place, the next command, and nothing written."""

import json
from pathlib import Path
from shutil import copyfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.cli import main
from loop.load_config import load_config, recipe_names
from loop.preflight import check, remarks
from loop.terminal import block
from runs.errors import ConfigError

MODELS = Path(__file__).parents[2] / "microworld" / "models"
WRITERS = ("generate", "judge", "measure", "gold", "capability")
CONSTITUTION = """
name: mine
scale: {low: 0, high: 5}
questions:
  expected: "{request} {response}"
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the files of a model; what is in them, but for the tokenizer, does not matter at the door."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    copyfile(MODELS / "m1" / "tokenizer.json", folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    return folder


def refused(model: Path, *overrides: str) -> str:
    config = load_config("self-rewarding", [f"model.base={model}", *overrides])
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert caught.value.exit_code == 78
    return str(caught.value)


def has(text: str, *facts: str) -> None:
    assert all(fact in text for fact in facts), text


def test_what_is_whole_passes(model: Path) -> None:
    check(load_config("self-rewarding", [f"model.base={model}"]))


def test_a_missing_model_folder_is_named(tmp_path: Path) -> None:
    has(refused(tmp_path / "nowhere"), "model.base=", "nowhere")


def test_the_placeholder_of_the_8b_recipe_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"model\.base=FOLDER"):
        check(load_config("self-rewarding-8b"))


def test_a_hub_name_without_a_pinned_revision_is_refused() -> None:
    config = load_config("self-rewarding", ["model.base=owner/name", "model.revision=main"])
    with pytest.raises(ConfigError, match=r"model\.revision=main"):
        check(config)


def test_a_mistyped_file_is_told_before_what_the_settings_want_of_it(model: Path) -> None:
    has(refused(model, "prompts.source=promts.jsonl"), "promts.jsonl: no such file")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(model: Path, name: str) -> None:
    (model / "model.safetensors").rename(model / name)
    has(refused(model), str(model), "safetensors", "pickled")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_that_brings_code_of_its_own_is_refused(model: Path, name: str) -> None:
    (model / name).write_text(json.dumps({"auto_map": {"AutoModelForCausalLM": "modeling.Own"}}))
    has(refused(model), str(model / name), "auto_map")


def test_a_model_without_a_chat_template_is_refused(model: Path) -> None:
    (model / "tokenizer_config.json").write_text("{}")
    has(refused(model), str(model), "chat template")


def test_a_chat_template_in_its_own_file_is_found(model: Path) -> None:
    (model / "tokenizer_config.json").write_text("{}")
    (model / "chat_template.jinja").write_text("{{ messages }}")
    check(load_config("self-rewarding", [f"model.base={model}"]))


def test_an_adapter_of_pickled_weights_is_refused_with_what_is_there(model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.bin").write_bytes(b"")
    has(refused(model, f"model.adapter={adapter}"), str(adapter), "adapter_model.safetensors", "adapter_model.bin")


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("{not json", ["line 2"]),
        ('"only a text"', ["line 2"]),
        ('{"question": "x"}', ["line 2", "question"]),
        ('{"prompt": ""}', ["line 2"]),
        ('{"prompt": 5}', ["line 2"]),
        ('{"messages": [{"role": "user"}]}', ["line 2"]),
        ('{"messages": [{"role": "tool", "content": "x"}]}', ["line 2", "tool"]),
        ('{"messages": [{"role": "assistant", "content": "x"}]}', ["line 2", "assistant"]),
        ('{"prompt": "x", "split": "test"}', ["line 2", "test"]),
        ('{"prompt": "x", "tags": {"a": 1}}', ["line 2", "tags"]),
    ],
)
def test_a_bad_line_of_a_prompt_file_is_named_by_its_number(
    model: Path, tmp_path: Path, line: str, facts: list[str]
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "fine"}\n' + line + "\n")
    has(
        refused(
            model, f"prompts.source={path}", "gold.enabled=false", "measure.anchors=null", "capability.prompts=null"
        ),
        str(path),
        *facts,
    )


def test_bytes_of_a_prompt_file_that_are_no_text_are_named_by_their_line(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'{"prompt": "fine"}\n{"prompt": "\xff"}\n')
    has(
        refused(
            model, f"prompts.source={path}", "gold.enabled=false", "measure.anchors=null", "capability.prompts=null"
        ),
        str(path),
        "line 2",
    )


def test_a_bad_row_of_a_parquet_file_is_named_by_its_number(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    pq.write_table(pa.table({"prompt": ["fine", None]}), path)
    has(
        refused(
            model, f"prompts.source={path}", "gold.enabled=false", "measure.anchors=null", "capability.prompts=null"
        ),
        str(path),
        "line 2",
    )


def test_a_file_that_only_says_that_it_is_parquet_is_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    path.write_text("no")
    has(
        refused(
            model, f"prompts.source={path}", "gold.enabled=false", "measure.anchors=null", "capability.prompts=null"
        ),
        str(path),
    )


def test_a_missing_prompt_file_is_named(model: Path, tmp_path: Path) -> None:
    has(
        refused(
            model,
            f"prompts.source={tmp_path}/no.jsonl",
            "gold.enabled=false",
            "measure.anchors=null",
            "capability.prompts=null",
        ),
        "no.jsonl",
    )


def test_an_anchor_without_a_label_is_named_by_its_line(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "q"}], "a": "x", "b": "y", "label": "c"}\n')
    has(refused(model, f"measure.anchors={path}"), str(path), "line 1", "label")


@pytest.mark.parametrize(
    ("overrides", "facts"),
    [
        (["train.batch_size=16", "train.micro_batch_size=5"], ["train.batch_size=16", "train.micro_batch_size=5"]),
        (["prompts.source=x.jsonl"], ["gold.enabled", "x.jsonl"]),
        (["prompts.source=x.jsonl", "gold.enabled=false"], ["measure.anchors", "x.jsonl"]),
        (["judge.method=rubric", "judge.temperature=0"], ["judge.temperature=0", "judge.replies"]),
        (["generate.max_tokens=512"], ["generate.max_tokens=512", "engine.max_model_len_tokens"]),
        (["measure.max_tokens=512"], ["measure.max_tokens=512", "engine.max_model_len_tokens"]),
        (["constitution=nothing-like-it"], ["constitution=nothing-like-it", "microworld"]),
        (["constitution=no/such"], ["constitution=no/such", "microworld"]),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_both(
    model: Path, overrides: list[str], facts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").touch()
    has(refused(model, *overrides), *facts)


def test_a_constitution_without_the_question_of_the_judge_is_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(CONSTITUTION)
    check(load_config("self-rewarding", [f"model.base={model}", f"constitution={path}"]))
    has(refused(model, f"constitution={path}", "judge.method=rubric"), "judge.method=rubric", str(path), "expected")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "self-rewarding", "train.betta=1"], 78),
        (["run", "self-rewarding", "model.base=./nowhere"], 78),
        (["run", "self-rewarding", "train.micro_batch_size=5"], 78),
        (["run", "no-such-recipe"], 2),
        (["run"], 2),
        (["run", "self-rewarding", "--nonsense"], 2),
        (["nonsense"], 2),
        (["show", "r1@0/judge"], 2),
        (["show", "!!"], 2),
        (["resume", "r1"], 2),
        (["log", "r1"], 2),
        (["query", "select nothing from nowhere"], 2),
    ],
)
def test_a_mistake_writes_nothing_and_says_it_in_json_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("SELFSAME_HOME", str(home))
    assert main([*arguments, "--json"]) == code
    shown = capsys.readouterr()
    said = json.loads(shown.out)
    assert said["exit_code"] == code
    assert block(said["error"]) in shown.err
    assert not home.exists()


def test_an_engine_cannot_sleep_on_a_cpu(model: Path) -> None:
    has(refused(model, "limits.engine_while_training=sleep"), "limits.engine_while_training=sleep", "stop", "resident")


def test_judging_in_one_order_needs_a_word_that_nobody_asks_for_consistency(model: Path) -> None:
    one_order = ("judge.method=pairwise", "judge.both_orders=false")
    has(refused(model, *one_order), "judge.both_orders=false", "guards.min_position_consistency=0")
    check(load_config("self-rewarding", [f"model.base={model}", *one_order, "guards.min_position_consistency=0"]))


@pytest.mark.parametrize(
    ("overrides", "facts"),
    [
        (("judge.safety_first=true", "judge.rule_weight=1"), ("judge.safety_first=true", "judge.rule_weight=1")),
        (
            ("judge.method=pairwise", "judge.both_orders=false", "judge.consistent=true"),
            ("judge.consistent=true", "judge.both_orders=false"),
        ),
        (
            ("judge.method=pairwise", "judge.together=true"),
            ("judge.together=true", "judge.principles=1", "null takes all"),
        ),
        (("judge.method=pairwise", "judge.min_vote_share=0.9"), ("judge.min_vote_share=0.9", "judge.principles=1")),
        (
            ("judge.method=pairwise", "judge.min_vote_share=0.9", "judge.principles=null", "judge.together=true"),
            ("judge.min_vote_share=0.9", "judge.together=true"),
        ),
    ],
)
def test_an_option_that_does_nothing_beside_another_is_refused(
    model: Path, overrides: tuple[str, ...], facts: tuple[str, ...]
) -> None:
    has(refused(model, *overrides), *facts)


@pytest.mark.parametrize(
    ("overrides", "facts"),
    [
        (["judge.method=pairwise", "judge.safety_first=true"], ["judge.safety_first=true", "judge.method=pairwise"]),
        (["judge.method=pairwise", "judge.rule_weight=2"], ["judge.rule_weight=2.0", "judge.method=pairwise"]),
        (
            ["judge.method=pairwise", "judge.min_confidence=0.8", "judge.max_certainty=0.6"],
            ["judge.min_confidence=0.8", "judge.max_certainty=0.6", "no comparison would ever be decided"],
        ),
        (["judge.endpoint_url=http://127.0.0.1:9/v1"], ["judge.endpoint_url=", "give all three or none"]),
        (["judge.endpoint_model=m"], ["judge.endpoint_model=m", "give all three or none"]),
    ],
)
def test_settings_of_the_judge_that_contradict_are_refused(model: Path, overrides: list[str], facts: list[str]) -> None:
    has(refused(model, *overrides), *facts)


def test_more_principles_than_there_are_to_draw_from_are_refused(model: Path) -> None:
    compared = ("judge.method=pairwise", "judge.principles=99")
    has(refused(model, *compared), "judge.principles=99", "has 8 to draw from", "at most", "null")
    has(refused(model, *compared, "judge.principle_ids=polite,concise"), "has 2 to draw from (polite, concise)")


def test_labelled_pairs_in_a_sheet_are_refused_with_what_makes_a_file_of_them(model: Path) -> None:
    said = refused(model, "measure.anchors=pairs.csv")
    has(said, "measure.anchors=pairs.csv", "selfsame label add pairs.csv", "label export --anchors", '"label": "a"')


def test_a_table_of_a_spreadsheet_is_refused_by_its_kind(model: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.csv").write_text("prompt\nhello\n")
    bare = ("gold.enabled=false", "measure.anchors=null", "capability.prompts=null")
    has(refused(model, f"prompts.source={tmp_path}/prompts.csv", *bare), "prompts.csv: a .csv file", "JSONL")


def test_more_labelled_pairs_than_there_are_is_said_and_not_refused(model: Path) -> None:
    asked = ["audit.items=100000", "measure.anchor_count=900", f"model.base={model}"]
    assert remarks(load_config("self-rewarding", asked)) == [
        "audit.items=100000: measure.anchors=microworld has 400 labelled pairs, and all of these are taken",
        "measure.anchor_count=900: measure.anchors=microworld has 400 labelled pairs, and all of these are taken",
    ]
    assert remarks(load_config("self-rewarding", [f"model.base={model}"])) == []


def test_a_setting_of_a_shipped_recipe_that_decides_nothing_is_named_only_to_who_gave_it() -> None:
    config = load_config("self-rewarding", ["capability.prompts=null", "capability.count=7"])
    (said,) = remarks(config, ["capability.prompts", "capability.count"])
    assert said.startswith("nothing reads capability.count here")
    assert remarks(config, ["capability.prompts"]) == []
    assert remarks(config) == [said]


def test_a_judge_by_principles_needs_a_principle_that_compares(model: Path, tmp_path: Path) -> None:
    probes = "principles: [{id: kind, text: Be kind., use: [probe]}]"
    pairwise = '  pairwise: "{principle} {request} {response_a} {response_b}"'
    (tmp_path / "own.yaml").write_text(f"{CONSTITUTION}{pairwise}\n{probes}\n")
    says = refused(model, f"constitution={tmp_path / 'own.yaml'}", "judge.method=pairwise")
    has(says, "judge.method=pairwise compares answers by principles", "own.yaml has none for comparisons")


def test_what_is_set_and_decides_nothing_is_named(model: Path) -> None:
    idle = ["judge.together=true", "judge.panel_rule=majority", f"judge.revision={'0' * 40}", "train.patience=2"]
    config = load_config("self-rewarding", [f"model.base={model}", *idle, "judge.min_mass=0.4"])
    assert config.unread() == ["judge.panel_rule", "judge.revision", "judge.together", "train.patience"]


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_shipped_recipe_sets_nothing_that_decides_nothing(recipe: str) -> None:
    assert load_config(recipe).unread() == []


def test_a_question_that_no_answer_makes_fit_is_refused_with_what_to_shorten(tmp_path: Path) -> None:
    long = tmp_path / "long.yaml"
    sentence = "The response is honest and kind to everybody it speaks of. "
    asking = "questions:\n  pairwise: '{request} {principle} {response_a} {response_b}'\n"
    head = f"name: long\nscale: {{low: 0, high: 5}}\n{asking}principles:\n- id: long\n  text: "
    long.write_text(f"{head}{sentence * 60}\n", encoding="utf-8")
    settings = [f"constitution={long}", "judge.method=pairwise"]
    with pytest.raises(ConfigError, match="max_model_len_tokens=512 has to hold it") as caught:
        check(load_config("self-rewarding", settings))
    has(str(caught.value), "--like microworld", f"constitution lint {long} --model microworld:m1 --context 512")
    assert "raise engine.max_model_len_tokens" not in str(caught.value)  # the model itself reads 512
    long.write_text(f"{head}{sentence}\n", encoding="utf-8")
    check(load_config("self-rewarding", settings))
    assert not remarks(load_config("self-rewarding", settings))
    (remark,) = remarks(load_config("self-rewarding", [*settings, "generate.max_tokens=300"]))
    has(remark, "generate.max_tokens=300 allows them", "end the run at engine.max_model_len_tokens=512")


def test_a_question_about_a_labelled_pair_that_does_not_fit_is_refused() -> None:
    settings = ["judge.method=pairwise", "engine.max_model_len_tokens=80", *(f"{one}.max_tokens=8" for one in WRITERS)]
    with pytest.raises(ConfigError, match=r"tokens about a labelled pair of measure\.anchors"):
        check(load_config("self-rewarding", settings))
