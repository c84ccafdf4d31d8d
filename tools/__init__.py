"""Maintainers' tools; nothing of the library imports them."""
