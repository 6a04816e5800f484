"""What the names in an audit mean, what to do about a fault, and what an audit saw in a sentence or three."""

from collections.abc import Mapping
from typing import Any

STATISTICS = {
    "position/first_beyond_half": "how much more often than in half of the showings the first answer is preferred",
    "position/first_when_inconsistent": "of the pairs that the two orders judge differently, the share to the first",
    "position/consistency": "share of pairs with the same verdict in both orders",
    "position/chance_shift": "how much likelier an answer is held to be the better one for being shown first",
    "position/coefficient": "of pairs judged in one order: what being first adds to the odds at equal labels, in nats",
    "position/coefficient_by_degree": "the same, labels being read as the sign of how much better an answer is",
    "length/coefficient": (
        "what being much longer adds to the odds of winning at equal labels, in nats; three quarters of "
        "it at the usual difference in length (root mean square); above 0 the longer wins"
    ),
    "length/coefficient_by_degree": "the same, labels being read as the sign of how much better an answer is",
    "length/longer_when_better": "how much more often the better answer is recognised where it is the longer one",
    "length/accuracy_matched": "how often the labels are met where both answers are about equally long",
    "self/coefficient": "what the judge's own authorship adds to the odds of winning at equal labels, in nats",
    "self/coefficient_by_degree": "the same, labels being read as the sign of how much better an answer is",
    "self/own_when_better": "how much more often the better answer is recognised where the judge wrote it",
    "self/at_equal_likelihood": "what is left of it among answers that the judge finds equally likely, in nats",
    "likelihood/coefficient": "what it adds to the odds of winning that the judge finds a text likely, in nats",
    "likelihood/coefficient_by_degree": "the same, labels being read as the sign of how much better an answer is",
    "label/accuracy": "how often labels that decide are met, a tie of the judge being half a hit",
    "label/accuracy_decided": "how often they are met where neither side ties",
    "label/kappa": "agreement with the labels, ties among them, beyond chance (Cohen); 1 is all, 0 none",
    "label/kendall_tau_b": "rank correlation (Kendall) of labels and chances; of scores, of which of two is higher",
    "label/spearman": "the same by Spearman",
    "calibration/brier": "mean squared error of the stated chances; 0 is best, always saying a half has 0.25",
    "calibration/reliability": "the part of it that is wrong confidence; 0 is best",
    "calibration/resolution": "the part that is telling sure pairs from unsure ones; more is better",
    "calibration/uncertainty": "the part that no judge can help",
    "calibration/ece": "mean distance of confidence and accuracy over ten bins; chance alone makes it more than 0",
    "calibration/slope": "what stated log-odds should be multiplied by; 1 is right, below it over-confident",
    "calibration/temperature": "what they should be divided by, 1 / slope",
    "verdict/failed": "share of pairs that the judge failed to answer",
    "verdict/abstained": "share of pairs that it answered, preferring neither: undecided, ties, orders that cancel",
    "spread/ties": "share of pairs between which it sees no difference; contradicting orders are no tie",
    "spread/at_high": "share of scores at the upper end of the scale",
    "spread/at_low": "share of scores at the lower end of the scale",
    "spread/distinct": "how many different scores it gives",
    "format/outweighs_content": "share of answers for which a new format gains more than lost content costs",
    "principle/flipped": "share of verdicts that turn where the principle is replaced by its opposite",
    "retest/same_verdict": "share of pairs with the same verdict when asked again",
    "retest/equal": "share of items with the same score when asked again",
    "retest/correlation": "rank correlation of the scores of both times (Spearman)",
    "triads/cyclic": "share of three answers that beat each other in a circle",
}
AGAINST = {
    "position/": "a judge that errs towards neither place",
    "length/": "a judge that length does not draw",
    "self/": "a judge that its own authorship does not draw",
    "likelihood/": "a judge that likelihood does not draw",
    "label/accuracy": "a judge that is right in 65% of pairs",
    "family/": "a judge that is right in 65% of its pairs",
    "calibration/slope": "a slope of 1",
    "verdict/failed": "a judge that fails in 5% of pairs",
    "spread/at_": "a judge with 60% of scores at this end",
    "change/": "a judge whose scores such a change leaves alone",
    "fooled/": "such twins outscoring 25% of real answers",
    "principle/": "a judge of whose verdicts 50% turn",
    "triads/": "a judge with 25% of circles, as a coin has",
}
"""What the p of a finding is against, by how the name of its statistic begins: the worst judge that is still sound."""
FAMILIES = "family/"
"""How the names of the statistics begin that are of one family alone."""
KINDS = {
    "family": "how often the labels are met in this family alone: {kind}",
    "change": "mean change of the score when the answer is changed in this way alone: {kind}",
    "fooled": "share of answers that such a twin without content outscores: {kind}",
}
"""Of the statistics that there are for each family or kind of twin."""

ADVICE = {
    "position bias": (
        "Which answer is shown {end} decides verdicts. Judge in both orders (`judge.both_orders=true`), or count "
        "only verdicts that both orders share (`judge.consistent=true`)."
    ),
    "length bias: longer": (
        "At equal quality the longer answer wins, and a policy that learns from this judge grows wordy. Check the"
        " labels first; then bound it with `pair.length_control` or `pair.max_longer_tokens`, and watch the "
        "policy's length."
    ),
    "length bias: shorter": (
        "At equal quality the shorter answer wins, and a policy that learns from this judge grows terse. Check "
        "the labels first; then look at what the constitution says of length."
    ),
    "self-preference: own": (
        "At equal quality the judge takes its own answer, so its scores of itself flatter. Let another judge sit "
        "(`judge.adapter`), or a panel (`judge.panel`)."
    ),
    "self-preference: other": (
        "At equal quality the judge takes the other's answer over its own. Compare answers of one author only, or"
        " let another judge sit (`judge.adapter`)."
    ),
    "likelihood bias": (
        "Verdicts go with how {end} the judge finds a text, at equal quality: what is familiar passes for what is"
        " good, or the reverse. Let another model sit (`judge.adapter`, `judge.panel`)."
    ),
    "worse than chance in": (
        "Of the pairs of {end} it contradicts the labels, whatever it is worth elsewhere. Look whether this family's "
        "labels mean the other answer, or its prompts ask for what the constitution calls worse; else keep the family "
        "out of what it judges."
    ),
    "near chance in": (
        "Of the pairs of {end} it hardly knows which answer is better, whatever it is worth elsewhere. Keep the family "
        "out of what it judges, or take another judge for it."
    ),
    "worse than chance": (
        "It contradicts the labels: it is right less often than a coin, and what is trained on it learns the reverse. "
        "Something is probably turned round. Look whether the labels of the pairs mean the other answer "
        "(`measure.anchors`), and whether the question or the scale asks for the worse one "
        "(`selfsame constitution show FILE`)."
    ),
    "near chance": (
        "The judge hardly knows which answer is better; nothing should be trained on it. Take another judge, "
        "method or constitution."
    ),
    "over-confident": (
        "It is surer than it is right. Bound what one vote counts for (`judge.max_certainty`), or use hard labels"
        " (`pair.labels=hard`)."
    ),
    "under-confident": (
        "It is right more often than it says. Its order of answers can be trusted more than its soft labels "
        "(`pair.labels=hard`), and `judge.max_certainty` may be too low."
    ),
    "fails to answer": (
        "Too many pairs have no verdict. Read some replies (`selfsame show ADDRESS`), allow longer ones "
        "(`judge.max_tokens`), or mend the question in the constitution."
    ),
    "saturated": (
        "Most scores stand at the {end} end of the scale, which tells no answers apart. Compare answers "
        "(`judge.method=pairwise`), or ask for more in the rubric."
    ),
    "rewards": (
        "The score rises although nothing better is said ({end}): a policy will learn to do it. Say in the "
        "constitution that it earns nothing, and count it in the policy's answers."
    ),
    "fooled by": (
        "Text without content ({end}) outscores real answers: a policy can learn to say nothing else. Do not "
        "train on this judge; take another method or model."
    ),
    "ignores the principle": (
        "Verdicts do not follow the principle that is given: the constitution is not what judges. Take a model "
        "that follows it, or words that it understands."
    ),
    "intransitive": (
        "More circles than a coin makes: these preferences fit no order. Score answers one by one, or take "
        "another judge."
    ),
}
"""By how the name of a finding begins; `end` is the rest of it."""
OF_A_FILE = {
    "position bias": (
        "Which answer is shown {end} decides verdicts. Have each pair judged in both orders, and count only verdicts "
        "that both share."
    ),
    "length bias: longer": (
        "At equal quality the longer answer wins. Check the labels first; what is chosen or trained by these judgments "
        "grows wordy, so count them at equal length."
    ),
    "length bias: shorter": (
        "At equal quality the shorter answer wins. Check the labels first; what is chosen or trained by these "
        "judgments grows terse, so count them at equal length."
    ),
    "worse than chance in": (
        "Of the rows of {end} the judge contradicts the labels, whatever it is worth elsewhere. Look whether this "
        "family's labels mean the other output, and mend them in the file; else use no judgment of this family."
    ),
    "near chance in": (
        "Of the rows of {end} the judge hardly knows which output is better, whatever it is worth elsewhere: use no "
        "judgment of this family."
    ),
    "worse than chance": (
        "The judge contradicts the labels: it is right less often than a coin. Something is probably turned round. "
        "Read some rows: if the labels mean the other output, exchange the ends of the labels alone "
        "(`--label-first`, `--label-second`); if the preferences do, exchange theirs (`--says-first`, "
        "`--says-second`) and leave those of the labels (name them too). Exchanging the columns of the outputs turns "
        "both and mends nothing."
    ),
    "near chance": (
        "The judge hardly knows which output is better; nothing should be chosen or trained by these judgments."
    ),
    "over-confident": "It is surer than it is right: read no more from its numbers than which output it prefers.",
    "under-confident": "It is right more often than it says: its order of outputs is worth more than its numbers.",
    "fails to answer": (
        "Too many pairs have no preference. Look in the file why these rows are empty: what could not be judged is "
        "seldom like the rest."
    ),
}
"""The same where somebody else's judgments were read from a file: no setting of ours made them."""
PERSON = (
    "The {kind} in an answer decide verdicts, which nobody's quality depends on. Take another judge, or put these "
    "families before people (`selfsame label next ADDRESS`)."
)


def meaning(statistic: str) -> str:
    """What the statistic says, in a clause; "" for a name that is not known here."""
    group, _, kind = statistic.partition("/")
    return STATISTICS.get(statistic) or (KINDS[group].format(kind=kind) if group in KINDS else "")


def against(statistic: str) -> str:
    """The worst judge that is still sound, of which p says how often it looks as bad; "" for an unknown name."""
    return next((said for begins, said in AGAINST.items() if statistic.startswith(begins)), "")


def advice(finding: str, of_a_file: bool = False) -> str:
    """What the finding means, and what to do about it; "" for a name that is not known here.

    `of_a_file`: the judgments were read from a file, and are no run's.
    """
    for begins, said in (OF_A_FILE if of_a_file else ADVICE).items():
        if finding.startswith(begins):
            return said.format(end=finding.removeprefix(begins).strip(": "))
    kind, bias, _ = finding.partition(" bias: ")
    return PERSON.format(kind=kind) if bias else ""


def in_brief(document: Mapping[str, Any]) -> str:
    """The faults that were found, those that would have been, and those of which nothing can be said."""
    cleared, unseen = document.get("cleared"), [one["fault"] for one in document.get("unseen", ())]
    none = "no fault could be seen" if unseen and not cleared else "no fault found"
    named = ", ".join(finding["name"] for finding in document["findings"]) or none
    seen = f" Would probably have shown, and does not: {'; '.join(cleared)}." if cleared else ""
    blind = f" Would not have shown: {'; '.join(unseen)}." if unseen else ""
    return f"{named}.{seen}{blind}"
