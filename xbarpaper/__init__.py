"""Sparse deep neural networks on non-ideal memristive crossbars: the library behind the notebooks."""

__version__ = "0.1.0"
