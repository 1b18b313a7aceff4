"""Work beside requests: what a fork renews, work that requests wait for, watched files."""

__all__ = []
