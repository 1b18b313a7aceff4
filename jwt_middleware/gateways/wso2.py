"""WSO2 API Manager: how each of its versions writes a token, its claims, and UCSD's additions.

Sources: wso2/carbon-apimgt and wso2/product-apim at their release tags (the JWT generators,
APIConstants and the claim dialect); UCSD's page "Accessing Authentication Details Via JWT".
"""

from __future__ import annotations

from dataclasses import replace

from ..principal import ClaimNames, ListClaim, Mark
from .gateway import Gateway, WireFormat
from .views import ClaimsView, Object, Text, Texts

WSO2_DIALECT = "http://wso2.org/claims/"

_NEWEST = Gateway(
    name="wso2",
    title="WSO2 API Manager",
    # Standard alphabet padded (1.9 to 2.6), base64url padded (3.x, 4.0, 4.1), standard unpadded
    # (4.2 and later), base64url unpadded (the url-safe generators); milliseconds up to 1.10.
    wire=WireFormat(relaxed_base64=True, milliseconds=True),
    names=ClaimNames(
        subject=("sub", WSO2_DIALECT + "enduser"),
        client_id=("client_id", WSO2_DIALECT + "client_id", "azp"),
        roles=(ListClaim(WSO2_DIALECT + "role", ","),),
        application=(WSO2_DIALECT + "applicationname",),
        # The grant had no user: the end user is then whoever subscribed. 4.x writes
        # Application_User for every token, so there a service is taken for a person.
        service=(Mark(WSO2_DIALECT + "usertype", "(?i:application)"),),
        # UCSD's tokens say APPLICATION also where a person signed in at its single sign-on; BYU's
        # name the resource owner.
        person=(
            Mark(WSO2_DIALECT + "systemid", "(?!-$).+"),
            Mark(WSO2_DIALECT + "networkuserid", "(?!-$).+"),
            Mark("http://byu.edu/claims/resourceowner_person_id", " *[^ ].*"),
        ),
    ),
    context_claim=WSO2_DIALECT + "apicontext",
    dialect=WSO2_DIALECT,
    terms={
        "aud": "a claim that WSO2 API Manager does not write by itself",
        WSO2_DIALECT + "apicontext": "the context of the API as WSO2 API Manager has it, with its "
        "version",
    },
    marks=(
        Mark(WSO2_DIALECT + "apicontext"),
        Mark("iss", r"wso2\.org/products/am|http://wso2\.org/gateway"),
    ),
)

PRESETS = (
    _NEWEST,
    # WSO2 up to 1.4 and the older Carbon gateway write the JCA name into alg.
    replace(_NEWEST, name="wso2-1.4", algorithm_aliases={"SHA256withRSA": "RS256"}),
    # WSO2 3.1.0 with JWT access tokens writes exp as a string of milliseconds.
    replace(_NEWEST, name="wso2-3.1", wire=_NEWEST.wire._replace(text_exp=True)),
)


def _wso2(name: str, doc: str, *spellings: str) -> Text:
    return Text(*(WSO2_DIALECT + spelling for spelling in (name, *spellings)), doc=doc)


def _ucsd(name: str, doc: str) -> Text:
    # UCSD: "If a given value was not provided by the SSO server, it will be '-'".
    return Text(WSO2_DIALECT + name, absent_mark="-", doc=doc)


class WSO2(ClaimsView):
    """What WSO2 API Manager says about a call (dialect ``http://wso2.org/claims/``).

    ``user_type`` gates nothing: a real UCSD token says ``APPLICATION`` and carries a user.
    """

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
