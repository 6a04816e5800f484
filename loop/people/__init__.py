"""People, where they matter: which pairs are put to them, how, what they said, and what it says of a judge."""
