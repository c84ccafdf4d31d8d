"""Files, errors, progress, statistics and workers: nothing of the subject."""
