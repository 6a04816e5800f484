"""The statistics of texts and of policies by which drift is seen: pure functions, without a model."""
