"""For tests: keys, tokens and a gateway, and apps that take them. Never for production."""

from ..gateways.forms import FORMS as FORMS
from ..gateways.forms import TokenForm as TokenForm
from ..gateways.forms import form_of_version as form_of_version
from .accounts import Accounts as Accounts
from .accounts import ClientAccount as ClientAccount
from .accounts import User as User
from .accounts import sample_accounts as sample_accounts
from .gateway import LocalGateway as LocalGateway
from .minting import SigningKey as SigningKey
from .minting import compact as compact
from .minting import mint as mint
from .override import allow_missing_keys as allow_missing_keys
from .override import as_principal as as_principal
from .override import override as override
from .samples import byu_claims as byu_claims
from .samples import client_claims as client_claims
from .samples import ucsd_claims as ucsd_claims
from .sign_on import sign_on_link as sign_on_link
