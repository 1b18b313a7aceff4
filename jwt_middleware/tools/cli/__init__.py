"""The command ``jwt-assertion``, also ``python -m jwt_middleware``."""

from .command import main as main
