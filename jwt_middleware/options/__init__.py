"""Which options there are, and how their values are checked."""

from .checks import is_a as is_a
