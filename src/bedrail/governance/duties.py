"""Separation of duties: what a role permits and one's own part in the matter forbids, rule by rule.

NIST SP 800-53 AC-5, ISO/IEC 27002:2022 control 5.3. Each rule is enforced where the act is judged; a refusal names it
as its first reason, and is counted among refused acts under that name.
"""

from __future__ import annotations

DUTIES: dict[str, str] = {
    "own-access": "nobody certifies their own roles, tokens or orders",
    "own-account": "nobody takes their own second factors away",
    "own-answer": "nobody accepts their own answer to a finding",
    "own-emergency": "nobody reviews their own emergency",
    "own-plan": "nobody carries out the disposal that they approved",
    "own-request": "nobody approves or opens what is another's to approve or open",
    "own-work": "nobody approves what they made",
    "second-place": "one person fills one place of an approval",
    "kept-apart": "keys, pseudonyms, data and servers are in different hands",
}
"""Each rule with what it says."""
