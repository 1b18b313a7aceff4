"""The demo: a guarded app on loopback, and a tour of what it answers."""
