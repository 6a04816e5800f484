"""What other people made, read at the door: judgments of pairs, and multiple-choice questions for any model."""
