"""The sections of ``params.yaml``: each parameter with its default, its range and what it means.

Nothing of this is written anywhere else: profiles hold only what differs, and the comments of ``params.yaml`` are the
docstrings and descriptions here. Functions take the section that they need, and so depend on its module alone.
"""
