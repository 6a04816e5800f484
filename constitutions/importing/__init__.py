"""Principles out of what people have already: the papers' files, lists, statements with votes, long documents."""
