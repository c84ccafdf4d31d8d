"""The search for the strongest form of R and of WCT: ``space`` (the settings) and ``searching``."""
