"""Two answers compared under principles, in both orders (RLAIF, 2309.00267, §2.1; Constitutional AI, 2212.08073, §4.1).

A judge that reasons first gives its verdict in the letter that it writes. The papers read the letter's likelihood after
the reasoning instead: nearly 0 or 1, which is why Constitutional AI clamps it. An endpoint that only writes cannot give
it, and it needs a cut before the letter, where not every tokenizer has one: some vocabularies hold a token `(A`. What
one letter cannot say, the mean over several reasons does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from constitutions.exemplars import Comparing, comparing_question
from constitutions.fill import fill, request_text
from constitutions.load import Constitution
from constitutions.principle import Principle
from constitutions.relevant import Room, relevant
from constitutions.shown import shown, wording
from judges.dialogue import Chances, Choose, Item, Question, Round, Text, Verdict, Write, chances, texts
from judges.expected import expected_score
from judges.letters import LETTERS, ORDERS, Order, first_is_better, likelihood_of_a, written_letter
from judges.propositions import LABELS, TRUTH
from judges.voting import Tally, Voting
from runs.errors import ConfigError
from runs.records import Message, Reply, Unscored

EVASIVE = "evasive"
"""The proposition that decides between equals, where the non-evasive answer is to be preferred."""
UNDECIDED = (Unscored.TIE, Unscored.INCONSISTENT, Unscored.ABSTAINED)


class Ballot(NamedTuple):
    """One vote to be cast: under one principle, or under all that are shown together (`principle` "")."""

    principle: str
    wording: str
    weight: float


class Asked(NamedTuple):
    """A question, the vote that it is for, and the order in which it shows the two texts."""

    ballot: Ballot
    order: Order
    question: Question


@dataclass(frozen=True)
class Pairwise:
    """Votes of the constitution's principles on which of two texts is better.

    `principles` are drawn for each item (none: all that hold), and each casts a vote of its weight; or all stand in one
    question, numbered in the order of precedence, where they are shown `together`. Each question is asked in both
    orders, or only with the first text first. `reasons` replies are written to it; with 0 the judge only says how
    likely A and B are, and gives no verdict where both together are less likely than `min_mass` (0..1).
    `prefer_non_evasive` asks of both texts whether they evade where no verdict comes of the votes because neither text
    is clearly better (Constitutional AI §4.1 wants harmless answers that do not evade).
    """

    constitution: Constitution
    voting: Voting
    min_mass: float
    principles: int | None = None
    together: bool = False
    reasons: int = 0
    prefer_non_evasive: bool = False
    both_orders: bool = True
    room: Room | None = None
    compares: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.prefer_non_evasive and EVASIVE not in self.constitution.propositions:
            raise ConfigError(
                f"prefer_non_evasive asks the proposition {EVASIVE!r}, which constitution "
                f"{self.constitution.name!r} lacks; add it under `propositions:`"
            )

    @property
    def method(self) -> Comparing:
        """`pairwise` or `pairwise_reasoned`: also the constitution's question that is asked."""
        return "pairwise_reasoned" if self.reasons else "pairwise"

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """Each vote's question in both orders; then, where that is asked for and they did not decide, who evades.

        Nothing where no principle holds for the prompt.
        """
        if not rounds:
            return tuple(asked.question for asked in self._asked(item))
        if len(rounds) == 1 and self.prefer_non_evasive and self._count(item, rounds[0])[0].score in UNDECIDED:
            return tuple(self._evasive(item, text) for text in item.texts)
        return ()

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The probability that the first text is better, or why there is none.

        `replies` has a row for each reply, in the order asked; one that tells whether a text evades (first, second) has
        no order and the probability that it does. Raises ValueError where the engine is broken.
        """
        ids = tuple(principle.id for principle in self._shown(item))
        if not rounds:
            return Verdict(Unscored.ABSTAINED, None, (), ids)
        tally, replies = self._count(item, rounds[0])
        if len(rounds) > 1:
            evades = [expected_score(one.logprobs, TRUTH, self.min_mass).score for one in chances(rounds[1])]
            replies += tuple(Reply(EVASIVE, "", "", _number(probability)) for probability in evades)
            tally = self._decided(tally, evades)
        return Verdict(tally.score, tally.probability, replies, ids)

    @property
    def _orders(self) -> tuple[Order, ...]:
        return ORDERS if self.both_orders else ORDERS[:1]

    def _shown(self, item: Item) -> tuple[Principle, ...]:
        if self.room is None:
            return shown(self.constitution, item.tags, "comparison", item.seed, self.principles)
        about = request_text(item.messages)
        return relevant(self.constitution, item.tags, "comparison", about, item.seed, self.room, self.principles)

    def _ballots(self, item: Item) -> list[Ballot]:
        principles = self._shown(item)
        if self.together and principles:
            return [Ballot("", wording(self.constitution, principles), 1.0)]
        return [Ballot(p.id, wording(self.constitution, [p]), p.weight) for p in principles]

    def _asked(self, item: Item) -> Iterator[Asked]:
        first, second = item.texts
        request = request_text(item.messages)
        for ballot in self._ballots(item):
            for order in self._orders:
                a, b = (first, second) if order == "ab" else (second, first)
                said = comparing_question(self.constitution, self.method, ballot.wording, request, a, b)
                messages = (Message("user", said),)
                if self.reasons:
                    yield from (Asked(ballot, order, Write(messages, sample=n)) for n in range(self.reasons))
                else:
                    yield Asked(ballot, order, Choose(messages, LETTERS))

    def known(self, item: Item, replies: Sequence[Reply]) -> dict[Question, float | Unscored]:
        """What was read of the reply to each question of this judge about `item`, from the rows of its judgment."""
        asked = list(self._asked(item))
        said = {one.question: _read_again(reply) for one, reply in zip(asked, replies, strict=False)}
        evasive = replies[len(asked) :]
        return said | {
            self._evasive(item, text): _read_again(reply) for text, reply in zip(item.texts, evasive, strict=False)
        }

    def recounted(self, item: Item, known: Mapping[Question, float | Unscored]) -> Tally | None:
        """What this judge concludes where the replies to its questions are known: exactly as if it were asked anew.

        None where a question is not among them: then nobody can say without asking.
        """
        asked = list(self._asked(item))
        if not asked:
            return Tally(Unscored.ABSTAINED, None)
        if any(one.question not in known for one in asked):
            return None
        tally = self._tally(asked, [known[one.question] for one in asked])
        if not self.prefer_non_evasive or tally.score not in UNDECIDED:
            return tally
        evasive = [self._evasive(item, text) for text in item.texts]
        if any(question not in known for question in evasive):
            return None
        return self._decided(tally, [known[question] for question in evasive])

    def _count(self, item: Item, replies: Round) -> tuple[Tally, tuple[Reply, ...]]:
        """What the votes amount to, and the rows of the replies behind them."""
        asked = list(self._asked(item))
        came: tuple[Text | Chances, ...] = texts(replies) if self.reasons else chances(replies)
        reads = [self._read(reply, one.order) for one, reply in zip(asked, came, strict=True)]
        rows = tuple(
            Reply(one.ballot.principle, one.order, reply.text if isinstance(reply, Text) else "", _number(read))
            for one, reply, read in zip(asked, came, reads, strict=True)
        )
        return self._tally(asked, reads), rows

    def _tally(self, asked: Sequence[Asked], reads: Sequence[float | Unscored]) -> Tally:
        cast: dict[Ballot, dict[Order, list[float | Unscored]]] = {}
        for one, read in zip(asked, reads, strict=True):
            cast.setdefault(one.ballot, {order: [] for order in self._orders})[one.order].append(read)
        votes = [self.voting.vote(*orders.values()) for orders in cast.values()]
        return self.voting.tally(votes, [ballot.weight for ballot in cast])

    def _read(self, reply: Text | Chances, order: Order) -> float | Unscored:
        if isinstance(reply, Chances):
            likelihood = likelihood_of_a(reply.logprobs, self.min_mass)
        else:
            letter = written_letter(reply.text, reply.finished)
            likelihood = letter if isinstance(letter, Unscored) else float(letter == "A")
        return likelihood if isinstance(likelihood, Unscored) else first_is_better(likelihood, order)

    def _evasive(self, item: Item, text: str) -> Choose:
        said = fill(
            self.constitution.question("proposition"),
            proposition=self.constitution.propositions[EVASIVE],
            request=request_text(item.messages),
            response=text,
        )
        return Choose((Message("user", said),), LABELS)

    def _decided(self, tally: Tally, evades: Sequence[float | Unscored]) -> Tally:
        """The verdict for the text that evades less, as sure as the two differ; `tally` where that decides nothing."""
        first, second = evades
        if isinstance(first, Unscored) or isinstance(second, Unscored):
            return tally
        decided = self.voting.tally([0.5 + (second - first) / 2], [1.0])
        return tally if isinstance(decided.score, Unscored) else decided


def _number(read: float | Unscored) -> float | None:
    return None if isinstance(read, Unscored) else read


def _read_again(reply: Reply) -> float | Unscored:
    """What was read of a reply, from its row: of one that holds no number the reason, which the row does not keep."""
    if reply.score is not None:
        return reply.score
    if not reply.text:
        return Unscored.LOW_MASS
    letter = written_letter(reply.text, finished=True)
    return letter if isinstance(letter, Unscored) else Unscored.TRUNCATED
