"""What the notebooks call: an experiment, stage by stage."""
