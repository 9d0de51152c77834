"""One-time codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits, thirty seconds, as all apps know it.

A code is good in its own step and the one before or after it (RFC 6238 section 5.2). That each step is used once is
the store's part: `Accounts.advance`.
"""

from __future__ import annotations

import re
from hmac import compare_digest

from bedrail.keys.passwords import missing

STEP_SECONDS = 30
DRIFT_STEPS = 1

_CODE = re.compile(r"^[0-9]{6}\Z")


class Totp:
    """`core.accounts.OneTimeCodes`; raises `Unavailable` when the extra is not installed."""

    def new_secret(self) -> str:
        """160 random bits in base 32 (RFC 4226 section 4 asks for 128, recommends 160)."""
        try:
            from pyotp import random_base32
        except ImportError:
            raise missing() from None
        return random_base32(32)

    def uri(self, secret: str, person: str, issuer: str) -> str:
        """The `otpauth:` address that authenticator apps read."""
        from pyotp import TOTP

        return TOTP(secret).provisioning_uri(name=person, issuer_name=issuer)

    def step_of(self, secret: str, code: str, at: float) -> int | None:
        """The time step to which the code belongs, or None; every permitted step is compared, in constant time."""
        try:
            from pyotp import TOTP
        except ImportError:
            raise missing() from None
        given = code.replace(" ", "")
        if not _CODE.match(given):
            return None
        now, made, found = int(at // STEP_SECONDS), TOTP(secret), None
        for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
            if compare_digest(made.generate_otp(step), given):
                found = step
        return found
