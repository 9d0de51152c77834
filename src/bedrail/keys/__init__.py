"""All cryptography: signing, per-subject encryption, pseudonyms, tokens, and the folder the keys rest in."""

from bedrail.keys.files import KeyFolder
from bedrail.keys.pseudonyms import HmacPseudonyms
from bedrail.keys.signing import Ed25519Signer, verify_ed25519
from bedrail.keys.tokens import new_token, token_digest
from bedrail.keys.vault import AesVault

__all__ = [
    "AesVault",
    "Ed25519Signer",
    "HmacPseudonyms",
    "KeyFolder",
    "new_token",
    "token_digest",
    "verify_ed25519",
]
