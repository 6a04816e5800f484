"""What is refused at the door about who judges and how, and the one request that an endpoint is tried out with."""

from pathlib import Path
from urllib.parse import urlsplit

from constitutions.load import find_constitution
from judges.preference import PreferenceModel
from judges.verifier import Verifier
from loop.anchors import anchor_pairs
from loop.config import Config
from loop.config_judge import READ, Judge
from loop.configured_judge import configured_judge
from loop.endpoint import Endpoint
from loop.limits import LimitWatch
from loop.sources import prompt_source
from runs.canonical import seed_of
from runs.errors import ConfigError
from runs.pruned import NAMED_JUDGES

CHECKABLE = '{"prompt": "What is 2 plus 3?", "tags": {"reference": "5"}}'
LOOKED_AT = 256
"""Training prompts that are looked through for something to verify."""


def check_judges(config: Config) -> None:
    """Returns if who judges is named once and whole, and can judge in this way. Raises ConfigError."""
    judge = config.judge
    if len(set(judge.sitting)) < len(judge.sitting):
        raise ConfigError(
            f"judge.adapter={judge.adapter} and judge.panel={','.join(judge.panel)} name somebody twice; name each once"
        )
    if judge.panel and judge.panel_rule != "mean" and not judge.compares:
        raise ConfigError(
            f"judge.panel_rule={judge.panel_rule} counts which of two answers is preferred, and judge.method="
            f"{judge.method} scores one; set judge.panel_rule=mean, or judge.method=pairwise"
        )
    _check_options(judge)
    asked = config.guards.min_position_consistency if config.measure.anchors else 0
    if judge.compares and not judge.both_orders and asked:
        raise ConfigError(
            f"judge.both_orders=false leaves guards.min_position_consistency={asked:g} without an answer, and "
            "what the judge owes to places in the labels; set judge.both_orders=true, or "
            "guards.min_position_consistency=0 to train on that all the same"
        )
    for leaf in ("agreement", "rule_weight", "safety_first"):
        if getattr(judge, leaf) and leaf not in READ[judge.method]:
            raise ConfigError(
                f"judge.{leaf}={str(getattr(judge, leaf)).lower()} changes the score of an answer, and judge.method="
                f"{judge.method} has none that it could change; leave it out, or set judge.method=expected"
            )
    if "max_distance" in judge.way() and config.measure.anchors is None:
        raise ConfigError(
            f"judge.max_distance={judge.max_distance:g} is a distance from the labelled prompts, and measure.anchors="
            "null has none; name a file of pairs that people compared, or leave judge.max_distance out"
        )
    if judge.compares and judge.min_confidence > judge.max_certainty:
        raise ConfigError(
            f"judge.min_confidence={judge.min_confidence:g} is above judge.max_certainty={judge.max_certainty:g}, "
            "which is the most that any vote counts for, so that no comparison would ever be decided; lower the first "
            "or raise the second"
        )
    if (judge.base is None) == ("base" in judge.sitting):
        raise ConfigError(
            f"judge.base={judge.base or 'null'} does not go with judge.adapter={judge.adapter} and judge.panel="
            f"{','.join(judge.panel) or '[]'}: name the model as judge.base and have `base` sit in one of the two, or "
            "neither"
        )
    named = judge.endpoint_url is not None
    if len({named, judge.endpoint_model is not None, "endpoint" in judge.sitting}) > 1:
        raise ConfigError(
            f"judge.endpoint_url={judge.endpoint_url or 'null'} and judge.endpoint_model="
            f"{judge.endpoint_model or 'null'} go with an `endpoint` that sits in judge.adapter or judge.panel: give "
            "all three or none"
        )
    if named:
        _check_asking(config)
    if "proven" in judge.sitting and judge.method != PreferenceModel.method:
        _check_proving(config)
    if judge.method == Verifier.method:
        _check_verifying(config)
    if judge.method == PreferenceModel.method and (judge.panel or judge.adapter in set(NAMED_JUDGES) - {"self"}):
        raise ConfigError(
            f"judge.method=preference asks the preference models trained last in this run (judge.adapter=self) or up "
            f"to an address (judge.adapter=r1@3), and no panel: judge.adapter={judge.adapter}, "
            f"judge.panel={','.join(judge.panel) or '[]'}"
        )


def _check_options(judge: Judge) -> None:
    """Whether each option that is set does something beside the others."""
    idle = judge.idle()
    if judge.safety_first and judge.rule_weight and not idle & {"safety_first", "rule_weight"}:
        raise ConfigError(
            f"judge.safety_first=true scores answers on the constitution's scale, by safety or as a whole, and "
            f"judge.rule_weight={judge.rule_weight:g} would lift the second alone off it; set one of the two"
        )
    if judge.compares and judge.consistent and not judge.both_orders:
        raise ConfigError(
            "judge.consistent=true wants both orders to agree, and judge.both_orders=false asks one; change one of them"
        )
    if judge.compares and judge.together and judge.principles == 1:
        raise ConfigError(
            "judge.together=true puts several principles into one question, and judge.principles=1 draws one for each; "
            "raise judge.principles (null takes all that apply), or leave judge.together out"
        )
    if judge.max_principle_tokens is not None and not (judge.compares and judge.together):
        raise ConfigError(
            f"judge.max_principle_tokens={judge.max_principle_tokens} is for principles in one question, and "
            f"judge.method={judge.method} with judge.together={str(judge.together).lower()} shows one or none; set "
            "judge.method=pairwise, judge.together=true and judge.principles=null, or leave it out"
        )
    shared = type(judge).model_fields["min_vote_share"].default
    if judge.compares and judge.min_vote_share != shared and (judge.together or judge.principles == 1):
        raise ConfigError(
            f"judge.min_vote_share={judge.min_vote_share:g} is a share of several votes, and judge.principles="
            f"{judge.principles or 'null'} with judge.together={str(judge.together).lower()} casts one; raise "
            "judge.principles (null takes all that apply), or leave the share as it is"
        )


def check_endpoint(config: Config) -> None:
    """Returns if the endpoint that judges, where one does, answers a request as the method needs it.

    One short request is sent, which holds nothing of the run's. Raises ConfigError with the reason.
    """
    judge = config.judge
    if judge.endpoint_url is not None and judge.endpoint_model is not None:
        endpoint = Endpoint(judge.endpoint_url, judge.endpoint_model, config.limits.endpoint)
        endpoint.try_out(judge.chooses, LimitWatch(config.limits, Path()))


def _check_asking(config: Config) -> None:
    """Whether the address is one, verdicts can be told from silence, and money can be counted."""
    judge, limits = config.judge, config.limits.endpoint
    try:
        place = urlsplit(judge.endpoint_url or "")
        whole = place.scheme in ("http", "https") and bool(place.hostname) and (place.port or 1) > 0
    except ValueError:
        whole = False
    if not whole or place.username is not None or place.password is not None or place.query or place.fragment:
        raise ConfigError(
            "judge.endpoint_url is written down and shown, so it is http(s)://HOST[:PORT][/PATH] and nothing else: no "
            "user, password, `?` or `#`; the key goes into SELFSAME_ENDPOINT_KEY"
        )
    if judge.chooses and judge.min_mass == 0:
        raise ConfigError(
            "judge.min_mass=0 takes a verdict from labels that an endpoint does not even list; set it above 0"
        )
    if limits.usd is not None and not limits.priced:
        raise ConfigError(
            f"limits.endpoint.usd={limits.usd:g} is never reached while both prices are 0; set "
            "limits.endpoint.usd_per_million_prompt_tokens and limits.endpoint.usd_per_million_reply_tokens"
        )


def _check_proving(config: Config) -> None:
    """Whether there are labelled pairs that can show which of two policies judges better."""
    anchors = anchor_pairs(config.measure.anchors, config.measure.anchor_count)
    if not any(pair.label != "tie" for pair in anchors):
        raise ConfigError(
            f"judge.adapter=proven is whoever was shown to judge labelled pairs better, and measure.anchors="
            f"{config.measure.anchors or 'null'} has none with a better answer; name a file of pairs that people "
            "compared, or set judge.adapter=seed"
        )


def _check_verifying(config: Config) -> None:
    """Whether there is anything to verify, and nobody who is to have an opinion on it."""
    wanted = {
        "judge.match=number (or exact, or words: when an answer is right)": config.judge.match is None,
        "measure.anchors=null (it has no opinion that labelled pairs could be held against)": config.measure.anchors,
        f"no judge.panel ({','.join(config.judge.panel)})": config.judge.panel,
        f"prompts.source=FILE, with lines such as {CHECKABLE}": config.prompts.source == "microworld",
    }
    if any(wanted.values()):
        raise ConfigError(
            "judge.method=verifier compares an answer with its prompt's reference and asks nobody. Set "
            f"{'; '.join(setting for setting, missing in wanted.items() if missing)}. docs/judges.md has the whole "
            "command"
        )
    verifier = configured_judge(config.judge, find_constitution(config.constitution))
    assert isinstance(verifier, Verifier)
    drawn = prompt_source(config.prompts.source).train(
        min(LOOKED_AT, config.prompts.count), 1, seed_of(config.seed, "prompts")
    )
    if not any(verifier.can_judge(prompt.tags) for prompt in drawn):
        raise ConfigError(
            f"judge.match={config.judge.match}: none of the first {len(drawn)} prompts of prompts.source="
            f"{config.prompts.source} has a tag `{verifier.reference}` that can be matched so; add one to each line: "
            f"{CHECKABLE}"
        )
