"""WSO2's shipped signing keys: public together with their private halves.

Every WSO2 API Manager pack carries a keystore with the same key pair (alias ``wso2carbon``), and a
gateway that still signs with it emits tokens that anybody can mint. The SHA-256 of each
SubjectPublicKeyInfo was computed from the keystores in wso2/product-apim at the release tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WSO2_DEFAULT_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "da909c62b1bdd210c5c70382b15c9aef0a5b423aa1072dce3ec172c93fbbd74f": "1.x to 2.x",
        "ab9dbc9c2104a2799538f3ad93737ddf97b57adee210e70b175525404710b6ab": "3.0.0",
        "caa08ab78bb6223dd7f464a988b788e2fbd5a5899033b1cdf19f8727def145e3": "3.1.0 to 4.1",
        "b42a33122de66ccd94f7bc4ec3095a182675012cb7b03026cb33f559c56dd1d3": "4.2.0",
        "bbf5e12f2cda252921a6d4dee7814a22c489af71b8e849511e12b58fdba9f7e7": "4.3.0 and later",
        "131376aa6c47751f0abd56b73a7d84fa7f90edeb7c2e26b8ff07df33af3c3632": "4.6.0",
        "914b840fcfd7194c2c278c6a9aecca5e7e7019ebb549107e75f61eb5d1a0d046": "4.7",
        "ad874c42382e2a464a3dba787fb3a0b5e2de30100545742758a6fbf0cb6aca5e": "carbon-apimgt's tests",
    }
)
"""SPKI SHA-256 in hex, and the WSO2 API Manager version that ships the key."""
