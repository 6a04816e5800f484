"""What is doubtful about a constitution before any model has seen it: by its words alone.

Nothing here is an error: a constitution with findings is read and used like any other. Each rule says what it looks
for in one sentence, and a finding why that matters and what to do.
"""

import re
from collections.abc import Iterator, Sequence

from constitutions.contradiction import avoids, contrary, words_of
from constitutions.extends import Origins
from constitutions.finding import Finding, Linted
from constitutions.load import DEFAULTS, EXEMPLARS_OF, Constitution
from constitutions.principle import Principle
from constitutions.similarity import similarities

VAGUE = frozenset(
    "acceptable adequate adequately appropriate appropriately bad etc fine good inappropriate nice proper properly"
    " reasonable reasonably suitable suitably unacceptable".split()
)
"""Words that leave to the judge what the principle was to say."""
INNER = frozenset(
    "aware believe believes care cares desire feel feels hope hopes intend intends mean means want".split()
)
VISIBLE = frozenset(
    "answer answers ask asks avoid choose decline declines do does explain explains give gives help helps identify make"
    " makes name names offer offers read refuse refuses respond responds response responses reveal say says sentence"
    " sound sounds state states tell tells use uses word words write writes".split()
)
FEWEST_WORDS = 3
MOST_WORDS = 60
GRADE = 16.0
"""The most years of school that a text may take: a judge that is not large reads like a person in a hurry."""
OVERLAP = 0.5
"""Two principles that are more alike than this will nearly always cast the same vote."""
AVOIDING_SHARE = (0.1, 0.8)
"""Of the weight of at least BALANCED principles, how much may be on avoiding: below nobody says what must not be, above
the safest answer is none at all. People's own principles promote more than they forbid (2406.07814)."""
BALANCED = 5
RANGE = re.compile(r"(?<![\w.])(-?\d+) ?(?:to|and|-|\u2013) ?(-?\d+)(?![\w.]\d)")
"""Two numbers between which a score lies: "from 0 to 5", "between 1 and 10", "0-5"."""


def lint(constitution: Constitution, origins: Origins) -> list[Finding]:
    """The findings of every rule on words, by file and line."""
    read = Linted(constitution, origins)
    rules = (_vague, _unactionable, _long, _unreadable, _alike, _uncovered, _unbalanced, _off_scale, _nobody_said)
    return sorted(finding for rule in rules for finding in rule(read))


def grade(text: str) -> float:
    """The years of school that reading `text` takes, by the Automated Readability Index (Senter & Smith 1967).

    4.71 * letters / words + 0.5 * words / sentences - 21.43: from counts alone, so that it needs no list of syllables.
    """
    words = words_of(text)
    sentences = max(1, sum(text.count(end) for end in ".!?;:"))
    letters = sum(map(len, words))
    return 4.71 * letters / len(words) + 0.5 * len(words) / sentences - 21.43 if words else 0.0


def _vague(read: Linted) -> Iterator[Finding]:
    for one in read.principles:
        found = [word for word in words_of(one.text) if word in VAGUE]
        if found and not (one.reasons or one.examples.follows or one.examples.breaks):
            yield read.about(
                "vague", one, f"{found[0]!r} leaves to the judge what the principle was to say",
                "say what a reader would see in the response, or add reasons or examples",
            )  # fmt: skip


def _unactionable(read: Linted) -> Iterator[Finding]:
    for one in read.principles:
        words = words_of(one.text)
        inner = [word for word in words if word in INNER]
        if len(words) < FEWEST_WORDS:
            why = f"{len(words)} words say nothing that two answers could differ in"
        elif inner and not VISIBLE & set(words):
            why = f"{inner[0]!r} is about what a model is, and a judge sees only what it wrote"
        else:
            continue
        yield read.about("unactionable", one, why, "say what the response does or does not do")


def _long(read: Linted) -> Iterator[Finding]:
    for one in read.principles:
        if (count := len(one.text.split())) > MOST_WORDS:
            yield read.about(
                "long", one, f"{count} words in one text, more than {MOST_WORDS}",
                "make two principles of it, or put why it holds into `reasons`",
            )  # fmt: skip


def _unreadable(read: Linted) -> Iterator[Finding]:
    for one in read.principles:
        if len(words_of(one.text)) >= FEWEST_WORDS and (years := grade(one.text)) > GRADE:
            yield read.about(
                "readability", one, f"reading it takes {years:.0f} years of school (Automated Readability Index)",
                "use shorter words and sentences",
            )  # fmt: skip


def _alike(read: Linted) -> Iterator[Finding]:
    voting = [one for one in read.principles if one.use != ("probe",)]
    alike = similarities([one.text for one in voting], [one.text for one in voting])
    for nth, one in enumerate(voting):
        for before, other in enumerate(voting[:nth]):
            if not set(one.use) & set(other.use) or not _meet(one, other):
                continue
            if other.id == one.opposite or one.id == other.opposite:
                yield read.about(
                    "contradictory", one, f"it is called the opposite of {other.id}, and both of them vote",
                    f"let one of the two be `use: [probe]`, or give them other scopes than {_scope(one)}", "opposite",
                )  # fmt: skip
            elif alike[nth][before] >= OVERLAP:
                rule, why, todo = (
                    (
                        "contradictory",
                        "speaks of the same as {} and says the contrary",
                        "drop one of them, or scope them",
                    )
                    if contrary(one.text, other.text)
                    else (
                        "overlapping",
                        "says nearly what {} says, so that it counts twice",
                        "merge them, or halve both",
                    )
                )
                yield read.about(rule, one, f"it {why.format(other.id)} ({alike[nth][before]:.2f})", todo)


def _meet(one: Principle, other: Principle) -> bool:
    return not one.scope or not other.scope or bool(set(one.scope) & set(other.scope))


def _scope(one: Principle) -> str:
    return f"[{', '.join(one.scope)}]" if one.scope else "all prompts"


def _uncovered(read: Linted) -> Iterator[Finding]:
    asked = {
        use: bool(EXEMPLARS_OF[field] & {*read.constitution.questions, *DEFAULTS})
        for use, field in (("comparison", "exemplars_compared"), ("critique", "exemplars_revised"))
    }
    opposed = {one.opposite for one in read.principles}
    for one in read.principles:
        idle = [use for use in one.use if not asked.get(use, one.id in opposed)]
        if idle == list(one.use):
            why = (
                "no principle has it as `opposite`"
                if idle == ["probe"]
                else f"no question asks for {' or '.join(idle)}"
            )
            todo = "name it there" if idle == ["probe"] else "add the question, change its `use`, or drop it"
            yield read.about("uncovered", one, f"it is never shown: {why}", todo, "use")
    for use, is_asked in asked.items():
        of_it = [one for one in read.principles if use in one.use]
        if is_asked and of_it and all(one.scope for one in of_it):
            tags = sorted({tag for one in of_it for tag in one.scope})
            yield read.finding(
                "uncovered", ("principles",), f"a prompt with none of {', '.join(tags)} has no principle for {use}",
                "let one principle hold for all prompts",
            )  # fmt: skip


def _unbalanced(read: Linted) -> Iterator[Finding]:
    voting = [one for one in read.principles if one.use != ("probe",)]
    if len(voting) < BALANCED:
        return
    whole = sum(one.weight for one in voting)
    share = sum(one.weight for one in voting if avoids(one.text)) / whole
    least, most = AVOIDING_SHARE
    if not least <= share <= most:
        why, todo = (
            ("so that the safest answer is none at all", "say also what a response is to do")
            if share > most
            else ("so that nothing says what must not be done", "say also what a response is not to do")
        )
        yield read.finding("balance", ("principles",), f"{share:.0%} of the weight is on avoiding, {why}", todo)


def _off_scale(read: Linted) -> Iterator[Finding]:
    scale = read.constitution.scale
    for method in ("rubric", "expected"):
        named = [(int(a), int(b)) for a, b in RANGE.findall(read.constitution.questions.get(method, ""))]
        if named and not {(scale.low, scale.high), (scale.high, scale.low)} & {*named}:
            low, high = named[0]
            yield read.finding(
                "scale", ("questions", method),
                f"{method} asks for a score from {low} to {high}, and `scale` is {scale.low} to {scale.high}: a score "
                "that is on one alone is misread", "name the numbers of the scale, or set the scale to those",
            )  # fmt: skip


def _nobody_said(read: Linted) -> Iterator[Finding]:
    whole = read.constitution.provenance
    for field, todo in (
        ("licence", "say under which licence its texts may be used"),
        ("author", "say who wrote it"),
        ("approver", "have somebody approve it who answers for it, and name them"),
    ):
        lacking = [one.id for one in read.principles if not getattr(one.provenance, field)]
        if not getattr(whole, field) and (lacking or not read.principles):
            yield read.finding(f"no {field}", ("provenance",), f"nobody is named for {_some(lacking)}", todo)
    lacking = [one.id for one in read.principles if not one.reasons and one.use != ("probe",)]
    if lacking:
        why = f"{_some(lacking)} do not say why; who changes them later cannot tell what they were for"
        yield read.finding(
            "no reasons", ("principles",), why, "add `reasons` (models see them only if `explain` says so)"
        )


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"{', '.join(ids[:3])}{more}" if ids else "it"
