"""The claims that gateways send, under typed names: WSO2, and UCSD's and BYU's additions.

``principal.view(UCSD).user_id`` reads one; ``UCSD.user_id == path_param("id")`` compares one. A
view shows the claims that are there, and an absent one is ``None``. ``usertype`` gates nothing: a
real UCSD token says ``APPLICATION`` and carries a user all the same.

Sources: WSO2's claim dialect (wso2/carbon-apimgt, ``AbstractJWTGenerator``); UCSD's page "Accessing
Authentication Details Via JWT", which also describes BYU's claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

from ..authorization.request import RequestView
from ..authorization.terms import ABSENT, Term
from ..errors import InvalidClaim
from ..principal import Principal, listed

T = TypeVar("T")

WSO2_DIALECT = "http://wso2.org/claims/"
BYU_DIALECT = "http://byu.edu/claims/"


class Field(Generic[T]):
    """One claim of a vocabulary: a value on a view, a term on the class.

    Args:
        names: every spelling in use.
        absent_mark: the text that the sender writes where this claim has no value.
        doc: what the claim means, in a sentence.

    """

    def __init__(self, *names: str, absent_mark: str | None = None, doc: str = "") -> None:
        self.names = names
        self.absent_mark = absent_mark
        self.__doc__ = doc
        self._written = names[0]

    def __set_name__(self, owner: type, name: str) -> None:
        self._written = f"{owner.__name__}.{name}"

    @overload
    def __get__(self, view: None, owner: type) -> Term: ...
    @overload
    def __get__(self, view: object, owner: type) -> T | None: ...
    def __get__(self, view: Any, owner: type) -> Term | T | None:
        if view is None:
            origin = (type(self), *self.names, self.absent_mark)
            return Term(self._written, self._operand, origin=origin)
        return self.read(view.claims)

    def read(self, claims: Mapping[str, Any]) -> T | None:
        """Return the claim's value, or None where it is absent.

        Raises:
            InvalidClaim: it has another type, or two of its spellings disagree.

        """
        values = [claims[name] for name in self.names if name in claims]
        if not values:
            return None
        if any(value != values[0] for value in values):
            raise InvalidClaim(self.names[0], "conflict")
        if self.absent_mark is not None and values[0] == self.absent_mark:
            return None
        return self.convert(values[0])

    def convert(self, value: Any) -> T:
        """Return a claim's value in the field's type."""
        raise NotImplementedError

    def _operand(self, principal: Principal, _: RequestView | None) -> Any:
        value = self.read(principal.claims)
        return ABSENT if value is None else value


class Text(Field[str]):
    """A claim that is one text. Numbers are read as text: WSO2 versions send ids as either."""

    def convert(self, value: Any) -> str:
        """Return the text."""
        if type(value) is str:
            return value
        if type(value) is int:
            return str(value)
        raise InvalidClaim(self.names[0], "type")


class Texts(Field[tuple[str, ...]]):
    """A claim of several texts: a JSON array, or one text joined by commas (WSO2 1.x)."""

    def convert(self, value: Any) -> tuple[str, ...]:
        """Return the texts."""
        return listed(value, ",", self.names[0])


class Object(Field[Mapping[str, Any]]):
    """A claim that is a JSON object, read-only."""

    def convert(self, value: Any) -> Mapping[str, Any]:
        """Return the object."""
        if isinstance(value, Mapping):
            return value
        raise InvalidClaim(self.names[0], "type")


def _wso2(name: str, doc: str, *spellings: str) -> Text:
    return Text(*(WSO2_DIALECT + spelling for spelling in (name, *spellings)), doc=doc)


def _ucsd(name: str, doc: str) -> Text:
    # UCSD: "If a given value was not provided by the SSO server, it will be '-'".
    return Text(WSO2_DIALECT + name, absent_mark="-", doc=doc)


def _byu(name: str, doc: str) -> Text:
    # BYU's gateway writes a single space where a person or an entity has no such value.
    return Text(BYU_DIALECT + name, absent_mark=" ", doc=doc)


class WSO2:
    """What WSO2 API Manager says about a call (dialect ``http://wso2.org/claims/``)."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.claims = claims

    api_context = _wso2("apicontext", "The context of the called API, unique in the gateway.")
    api_name = _wso2("apiname", "The name of the API (3.2 and later).")
    api_version = _wso2("version", "The version of the API.")
    key_type = _wso2(
        "keytype",
        "PRODUCTION or SANDBOX: which kind of key the application used; one key signs both.",
    )
    user_type = _wso2(
        "usertype",
        "APPLICATION_USER where a person took part in the grant, else APPLICATION, in any case; "
        "it identifies nobody.",
    )
    client_id = Text("client_id", WSO2_DIALECT + "client_id", doc="The OAuth client of the call.")
    subscriber = _wso2("subscriber", "Who registered the application; this is not the caller.")
    application_id = _wso2("applicationid", "The id of the application.")
    application_uuid = _wso2("applicationUUId", "The UUID of the application (since 2018).")
    application_name = _wso2("applicationname", "The name of the calling application.")
    application_tier = _wso2("applicationtier", "The rate limit of the application.")
    application_attributes = Object(
        WSO2_DIALECT + "applicationAttributes",
        doc="Attributes that the application's owner has set.",
    )
    tier = _wso2("tier", "The rate limit of the subscription.")
    end_user = _wso2(
        "enduser", "The user in the API manager; outside of it the name means nothing."
    )
    end_user_tenant_id = _wso2(
        "enduserTenantId", "The user's tenant in the API manager.", "enduserTennantId"
    )
    roles = Texts(WSO2_DIALECT + "role", doc="Roles in the API manager only.")
    organizations = Texts("organizations", doc="The user's organizations (4.1 and later).")


class UCSD(WSO2):
    """What UCSD's single sign-on adds; ``-`` means that it did not provide the value."""

    ad_username = _ucsd("adusername", "Active Directory user name; not every account has one.")
    department_codes = Texts(
        WSO2_DIALECT + "departmentcodes", absent_mark="-", doc="Department codes in payroll."
    )
    employee_id = _ucsd("eid", "Employee id.")
    email = _ucsd("emailaddress", "The long form of the email address.")
    given_name = _ucsd("givenname", "First name.")
    last_name = _ucsd("lastname", "Last name.")
    network_user_id = _ucsd("networkuserid", "Kerberos or network user name.")
    student_id = _ucsd("pid", "Student id.")
    racf_id = _ucsd("racfid", "Mainframe id.")
    user_id = _ucsd(
        "systemid", "Persistent, unique, never recycled: the id to keep in your own system."
    )
    ucpath_employee_id = _ucsd("ucpathemplid", "UCPath employee id.")


_POSITION = "Where the surname stands in the whole name."
_PREFERRED = "Preferred first name."


class BYU(WSO2):
    """What BYU adds about the resource owner and about the client's owner.

    The resource owner's claims are there for grants with a user. The client's come from the
    subscriber or from a linked BYU entity, as ``client_claim_source`` says. A single space means
    that there is no such value.
    """

    resource_owner_person_id = _byu("resourceowner_person_id", "Person id.")
    resource_owner_byu_id = _byu("resourceowner_byu_id", "BYU id.")
    resource_owner_net_id = _byu("resourceowner_net_id", "Net id.")
    resource_owner_surname = _byu("resourceowner_surname", "Surname.")
    resource_owner_surname_position = _byu("resourceowner_surname_position", _POSITION)
    resource_owner_rest_of_name = _byu("resourceowner_rest_of_name", "First and middle names.")
    resource_owner_preferred_first_name = _byu("resourceowner_preferred_first_name", _PREFERRED)
    resource_owner_sort_name = _byu("resourceowner_sort_name", "The whole name, for sorting.")
    resource_owner_suffix = _byu("resourceowner_suffix", "Jr, Sr and so on.")
    resource_owner_prefix = _byu("resourceowner_prefix", "Dr, Mr and so on.")
    client_subscriber_net_id = _byu(
        "client_subscriber_net_id", "Net id of who subscribed to the API."
    )
    client_claim_source = _byu(
        "client_claim_source",
        "CLIENT_ID where an entity is linked to the client, else CLIENT_SUBSCRIBER.",
    )
    client_person_id = _byu("client_person_id", "Person id.")
    client_byu_id = _byu("client_byu_id", "BYU id.")
    client_net_id = _byu("client_net_id", "Net id; an entity may have none.")
    client_surname = _byu("client_surname", "Surname, or the name of an entity.")
    client_surname_position = _byu("client_surname_position", _POSITION)
    client_rest_of_name = _byu("client_rest_of_name", "First and middle names.")
    client_preferred_first_name = _byu("client_preferred_first_name", _PREFERRED)
    client_sort_name = _byu("client_sort_name", "The whole name, for sorting.")
    client_name_suffix = _byu("client_name_suffix", "Jr, Sr and so on.")
    client_name_prefix = _byu("client_name_prefix", "Dr, Mr and so on.")
