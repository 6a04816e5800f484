"""What happened: the nouns, their digests, the store, lineage, SQL and the way to MLflow."""
