"""Work beside requests: forks, one flight for many waiters, watched files."""

__all__ = []
