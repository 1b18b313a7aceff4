"""Sign-on for Django: ``path("auth/callback/jwt-auth", SignOn(...))`` in ``urls.py``.

With ``"jwt_middleware_django.sign_on"`` in ``INSTALLED_APPS`` and after ``manage.py migrate``,
``DjangoDirectory`` keeps the accounts as users of the site. The session begins with Django's
``login``.
"""

from .directory import DjangoDirectory
from .views import SignOn

__all__ = ["DjangoDirectory", "SignOn"]
