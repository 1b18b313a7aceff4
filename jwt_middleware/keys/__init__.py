"""Which keys are trusted now? The only room that fetches them."""

__all__ = []
