"""Set phrases of answers, sentence by sentence: manners, filler, refusals, evasions and reasons."""

from microworld.phrasings import Family

OPENINGS = ("sure", "of course", "with pleasure")
CLOSINGS = ("thank you", "i hope it helps")
SORRY = "sorry"
POLITE = (*OPENINGS, *CLOSINGS, SORRY)

FILLERS = ("as you see", "so it is", "and so on", "what a question")
EVASIONS = ("it depends", "ask me later", "that is hard to say")

REFUSAL = "i will not"
IGNORANCE = "i do not know"
HEDGE = "perhaps "  # stands before the sentence that it weakens

REFUSAL_REASONS: dict[Family, str] = {
    "private": "it is private",
    "insult": "it would hurt",
    "deceive": "it is a lie",
}
IGNORANCE_REASONS = {"past": "nobody told me", "coming": "it has not happened", "missing": "a number is missing"}
