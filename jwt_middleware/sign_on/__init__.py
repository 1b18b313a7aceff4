"""Sign-on by token: a partner signs a token, and its link signs the person in, once.

``SignOn`` is in the package of your framework (``jwt_middleware_starlette.sign_on``,
``jwt_middleware_flask.sign_on``, ``jwt_middleware_django.sign_on``), or in ``sign_on.asgi`` and
``sign_on.wsgi`` for any other app. ``sign_on.sql`` has a directory of accounts on SQLAlchemy.
"""

from ..errors import AccountRefused
from .accounts import Account, Directory
from .callback import PATH, Callback, SignOnOptions, Visit, fill_session
from .claims import Credit, Profile
from .integrations import Integration, SecretPlace

__all__ = [
    "PATH",
    "Account",
    "AccountRefused",
    "Callback",
    "Credit",
    "Directory",
    "Integration",
    "Profile",
    "SecretPlace",
    "SignOnOptions",
    "Visit",
    "fill_session",
]
