"""What "good" means: principles, the questions that put them to a judge, and the shipped *.yaml."""
