"""Views of Django REST framework, of every kind, for ``test_rest_framework``."""

from __future__ import annotations

from typing import Any

from . import django_site  # noqa: F401 - configures Django before REST framework is imported

# isort: split
from django.urls import include, path
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
)
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from jwt_middleware import attribute, has_role, path_param
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware_django import public, requires
from jwt_middleware_django.rest_framework import JWTAuthentication, Requires

ADMIN = has_role("acme_admin")
BUYER = has_role("acme_buyer")
OWN_PROJECT = attribute("project_id") == path_param("project_id")
IsAdmin: Any = Requires(ADMIN)
IsBuyer: Any = Requires(BUYER)


class Refuses(BasePermission):
    """A permission of the site's own, which refuses in the framework's way."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class Page(APIView):
    """What every view here is: it tells who calls."""

    authentication_classes = (JWTAuthentication,)
    permission_classes: Any = ()

    def get(self, request: Request, **_: str) -> Response:
        user: Any = request.user
        assert request.auth is request.META.get(PRINCIPAL_KEY)
        assert user is None or user.principal is request.auth
        return Response({"subject": None if user is None else user.subject})


def page(*permissions: Any) -> Any:
    """A view class with these permissions."""
    return type("Page", (Page,), {"permission_classes": permissions}).as_view()  # type: ignore[attr-defined]


class Guarded(Page):
    permission_classes = (IsAdmin,)


class ByMethod(Page):
    @requires(ADMIN)
    def get(self, request: Request, **_: str) -> Response:
        return super().get(request)

    def post(self, request: Request) -> Response:
        return Response("posted")

    @public
    def put(self, request: Request) -> Response:
        return Response("put")


@api_view(["GET"])
@authentication_classes([JWTAuthentication])
@permission_classes([IsAdmin])
def function(request: Request) -> Response:
    return Response({"subject": request.user.subject})


class Projects(ViewSet):
    authentication_classes = (JWTAuthentication,)
    permission_classes: Any = ()

    @requires(ADMIN)
    def list(self, request: Request) -> Response:
        return Response("listed")

    def create(self, request: Request) -> Response:
        return Response("created")

    @action(detail=False, permission_classes=[IsBuyer])
    def cart(self, request: Request) -> Response:
        return Response("cart")


class Orders(Projects):
    permission_classes = (IsAdmin,)


router = SimpleRouter()
router.register("projects", Projects, basename="project")
router.register("orders", Orders, basename="order")

urlpatterns = [
    path("who", Page.as_view()),
    path("guarded", Guarded.as_view()),
    path("by-method", ByMethod.as_view()),
    path("function", function),
    path("given", Page.as_view(permission_classes=[IsAdmin])),
    path("taken", Guarded.as_view(permission_classes=[AllowAny])),
    path("project/<project_id>", page(Requires(OWN_PROJECT))),
    path("authenticated", page(Requires())),
    path("shadow", page(Requires(ADMIN, enforce=False))),
    path("frameworks", page(IsAuthenticated)),
    path("refuses", page(Refuses)),
    path("two", page(IsAdmin, IsBuyer)),
    path("and", page(IsAdmin & IsBuyer)),
    path("and-or", page((IsAdmin & IsBuyer) | Refuses)),
    path("refuses-or-and", page(Refuses | (IsAdmin & IsBuyer))),
    path("not-and", page(~(IsAdmin & IsBuyer))),
    path("not-and-mixed", page(~(IsAdmin & AllowAny))),
    path("api/", include(router.urls)),
]
