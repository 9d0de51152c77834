"""Facts about acts that were refused for want of permission: who tried what, at which door, how often."""

from __future__ import annotations

import msgspec

from bedrail.core.events.fact import FactStruct


class RefusedAct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action of the table of permissions, or `token:decide` and its like, refused `count` times.

    `door` is cli, web, api or python;
    `why` is permission, scope, suspended, sign-in, another-person, second-factor, step-up, or the name of a rule of
    separate duties (`governance.duties`).
    """

    action: str
    count: int
    door: str
    why: str


class ActsRefused(FactStruct, frozen=True, kw_only=True, tag="acts.refused"):
    """A person, token or order (`kind`) whose word was believed was refused these acts between two moments (UTC).

    One fact for all of them in a stretch, however many there were; `more` counts those of further kinds.
    """

    kind: str
    who: str
    acts: tuple[RefusedAct, ...]
    since: str
    until: str
    more: int = 0


class StrangersRefused(FactStruct, frozen=True, kw_only=True, tag="strangers.refused"):
    """Made-up or expired tokens, forms that no page of ours sent and failed TLS handshakes between two moments (UTC).

    One fact for all in a stretch of this node, however many there were; nothing of what they sent is kept.
    """

    forms: int
    handshakes: int
    since: str
    tokens: int
    until: str
