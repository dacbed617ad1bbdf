"""The claims of the chapter "Superposition"."""

from __future__ import annotations

from minitorch.studies.ledger import Claim

CLAIMS: list[Claim] = []
