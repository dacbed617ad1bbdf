"""The claims that the course puts to the test, as data; see `ledger.Claim`.

A module a chapter, each with a list `CLAIMS`.
"""

from minitorch.studies.claims import (
    bn_only,
    hypernets,
    laperm,
    subspaces,
    supermasks,
    superposition,
    tickets,
)

CLAIMS = [
    *hypernets.CLAIMS,
    *subspaces.CLAIMS,
    *tickets.CLAIMS,
    *supermasks.CLAIMS,
    *superposition.CLAIMS,
    *laperm.CLAIMS,
    *bn_only.CLAIMS,
]
