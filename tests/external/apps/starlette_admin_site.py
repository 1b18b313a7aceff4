"""starlette-admin, mounted on a Starlette app with the one line; its user is the principal."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette_admin.auth import AdminUser, BaseAuthProvider
from starlette_admin.contrib.sqla import Admin, ModelView

from jwt_middleware_starlette import JWTMiddleware


class Base(DeclarativeBase):
    pass


class Article(Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class PrincipalIsUser(BaseAuthProvider):
    async def authenticate(self, request: Request) -> AdminUser | None:
        return AdminUser(username=request.user.display_name)

    def get_routes(self, templates: Any) -> list[Route]:
        return [Route("/logout", self.leave, methods=["POST"], name="logout")]

    async def leave(self, request: Request) -> Response:
        return Response("It is the gateway that you are signed in at.")


engine = create_engine(f"sqlite:///{os.environ['FOLDER']}/articles.db")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Article(name="a samovar"))
    session.commit()

app = Starlette()
app.add_middleware(JWTMiddleware, keys=os.environ["JWKS_URL"], api="/apps")
admin = Admin(engine, auth_provider=PrincipalIsUser(), secret_key="of the tests, for nothing")
admin.add_view(ModelView(Article))
admin.mount_to(app)
