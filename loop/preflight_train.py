"""What is refused at the door of a way to train: settings that contradict each other, answers that cannot be read."""

from loop.config import Config
from loop.demonstration_file import demonstrations_path, read_demonstrations
from loop.strict_lines import free_to_learn
from runs.errors import ConfigError


def check_training(config: Config) -> None:
    """Returns if an adapter can be trained as the settings say. Raises ConfigError with the first that cannot be."""
    train = config.train
    if train.batch_size % train.micro_batch_size:
        raise ConfigError(
            f"train.batch_size={train.batch_size} is no multiple of train.micro_batch_size={train.micro_batch_size}; "
            "change one of the two"
        )
    if train.refers and train.reference == "ema" and train.start != "continue":
        raise ConfigError(
            "train.reference=ema is the mean of adapters that went on from each other, and with "
            f"train.start={train.start} each has new matrices; set train.start=continue, or train.reference=seed"
        )
    if train.start == "stack" and train.stack_rank < 2 * train.lora_rank:
        raise ConfigError(
            f"train.stack_rank={train.stack_rank} has no room for a second adapter of "
            f"train.lora_rank={train.lora_rank} on the first; set train.stack_rank={2 * train.lora_rank} or more"
        )
    if train.source == "best" and config.judge.compares:
        raise ConfigError(
            f"train.learn=best wants the best-scored answer, and judge.method={config.judge.method} scores none; "
            "set train.learn=chosen, or judge.method=expected"
        )
    if train.source == "revisions":
        _check_revisions(config)
    if train.method == "rl":
        _check_online(config)
    if train.source == "demonstrations" or train.rehearses:
        _check_demonstrations(config)


def check_moving_average(config: Config) -> None:
    """Returns if no phase takes the mean of adapters that an earlier phase began afresh. Raises ConfigError."""
    variants = config.variants()
    if config.phases and config.phases[0].since == 1:
        variants = variants[1:]  # iteration 0 trains nothing
    for number, variant in enumerate(variants):
        fresh = [one.train.start for one in variants[:number] if one.train.start != "continue"]
        if variant.train.method == "dpo" and variant.train.reference == "ema" and fresh:
            raise ConfigError(
                "train.reference=ema is the mean of adapters that went on from each other, and with train.start="
                f"{fresh[0]} those of an earlier phase have other matrices; set train.reference=seed or previous in "
                "the later"
            )


def _check_demonstrations(config: Config) -> None:
    """Whether there are answers to imitate, and some that may be rehearsed."""
    train = config.train
    asked = f"train.rehearsal_frac={train.rehearsal_frac:g}" if train.rehearses else "train.learn=demonstrations"
    if train.demonstrations is None:
        raise ConfigError(f"{asked} wants a file of answers; set train.demonstrations=FILE")
    read = read_demonstrations(demonstrations_path(train.demonstrations))
    if train.rehearses and not free_to_learn(read, config.prompts.source):
        raise ConfigError(
            f"{asked}: each prompt of train.demonstrations={train.demonstrations} is held back for measuring by "
            f"prompts.source={config.prompts.source}; give others, or leave train.rehearsal_frac out"
        )


def _check_revisions(config: Config) -> None:
    """Whether there are revisions to learn from, and scores where the best one is wanted."""
    if not config.revise.passes:
        raise ConfigError("train.learn=revisions wants answers that are revised; set revise.passes=1 or more")
    if config.train.revision == "best" and config.judge.compares:
        raise ConfigError(
            f"train.revision=best wants the best-scored revision, and judge.method={config.judge.method} scores none; "
            "set train.revision=last, or judge.method=expected"
        )


def _check_online(config: Config) -> None:
    train, judge = config.train, config.judge
    if config.generate.max_tokens >= train.max_length_tokens:
        raise ConfigError(
            f"generate.max_tokens={config.generate.max_tokens} leaves no room for a prompt within "
            f"train.max_length_tokens={train.max_length_tokens}; raise the second"
        )
    if train.reward == "preference":
        return
    more = judge.commit_first or judge.agreement or judge.safety_first or judge.panel
    if judge.method != "expected" or more:
        raise ConfigError(
            f"train.reward={train.reward} asks one judge for its expected score, and rules beside it "
            "(judge.rule_weight); set judge.method=expected without judge.panel, commit_first, agreement and "
            "safety_first, or train.reward=preference"
        )
    if judge.max_distance is not None:
        raise ConfigError(
            f"train.reward={train.reward} rewards each answer and never abstains, so that judge.max_distance="
            f"{judge.max_distance:g} would be passed over; leave it out, and ask what the judge knows (prompts.mix)"
        )
    if judge.adapter in ("base", "endpoint"):
        raise ConfigError(
            f"train.reward={train.reward} asks an adapter of the model that is trained, and "
            f"judge.adapter={judge.adapter} is another model; set judge.adapter=seed"
        )
