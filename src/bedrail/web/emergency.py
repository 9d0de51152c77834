"""Break-glass in the browser: take an emergency role for an hour, give it back, look at what others did with theirs.

The rules are those of the command (`journeys/breaking_glass.py`); a proof that is too old leads to giving a new one.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedrail.governance.access import GLASS_MINUTES, GLASS_ROLES, roles_now
from bedrail.governance.permissions import permitted
from bedrail.governance.views import Registry
from bedrail.journeys import breaking_glass
from bedrail.journeys.context import Context
from bedrail.journeys.reception import Reception
from bedrail.web.account import OwnAccount, signed_in_person
from bedrail.web.sign_in import Form
from bedrail.web.visitors import page, see


class Emergency(OwnAccount):
    """The endpoints below /emergency.

    They fold a registry of their own, so that they keep nobody from signing in, and no page waits for a notice.
    """

    def __init__(self, reception: Reception) -> None:
        super().__init__(reception)
        self._ctx = replace(reception.ctx, registry=Registry(), principal=None)
        self._turn = threading.Lock()
        self._carrying = ThreadPoolExecutor(1, "notices")

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/emergency", self.showing(self.show), methods=["GET"]),
            Route("/emergency", self.posting(self.take), methods=["POST"]),
            Route("/emergency/end", self.posting(self.end), methods=["POST"]),
            Route("/emergency/review", self.posting(self.review), methods=["POST"]),
            Route("/emergency/{grant}", self.showing(self.show_done), methods=["GET"]),
        ]

    def show(self, request: Request) -> Response:
        """What one holds, the form to take a role, and, for those who may look, every grant with its review."""
        principal = signed_in_person(request)
        with self._turn:
            registry, now = self._ctx.refresh(), self._ctx.clock.now().timestamp()
            roles = roles_now(registry, principal.person, now)
            withheld, grants = registry.access.withheld, tuple(registry.access.grants.values())
            held = registry.access.grant_of(principal.person, now)
        return page(
            "emergency.html",
            principal=principal,
            minutes=GLASS_MINUTES,
            roles=sorted(GLASS_ROLES - roles) if permitted(roles, "break-glass.open", withheld) else (),
            held=held,
            waiting=any(each.person == principal.person and not each.reviewed_by for each in grants),
            grants=grants[::-1] if permitted(roles, "access.read", withheld) else (),
            may_review=permitted(roles, "break-glass.review", withheld),
            verdicts=breaking_glass.VERDICTS,
            form=self.form_key(request),
        )

    def take(self, request: Request, form: Form) -> Response:
        """Break the glass: on record, and left for mailers, before this answers; a pager is called by a thread apart.

        What a pager does not take is tried again every minute (`Reception.tend`).
        """
        role, reason = form.get("role", ""), form.get("reason", "")
        with self._turn:
            _, notice = breaking_glass.take_role(self._as(request), signed_in_person(request).person, role, reason)
        self._ctx.notices.keep(notice)
        self._carrying.submit(self._ctx.notices.give, notice)
        return see("/emergency")

    def end(self, request: Request, _: Form) -> Response:
        """Give the role back."""
        with self._turn:
            breaking_glass.end_glass(self._as(request), signed_in_person(request).person)
        return see("/emergency")

    def review(self, request: Request, form: Form) -> Response:
        """Say whether somebody else's was justified."""
        with self._turn:
            breaking_glass.review_glass(
                self._as(request), signed_in_person(request).person, form.get("grant", ""), form.get("verdict", ""),
                form.get("remark", ""),
            )  # fmt: skip
        return see("/emergency")

    def show_done(self, request: Request) -> Response:
        """Everything that was done under one grant."""
        with self._turn:
            grant = breaking_glass.named_grant(self._ctx, request.path_params["grant"])
            acts = tuple(self._ctx.registry.access.acts.get(grant.grant, ()))
        acts += tuple(breaking_glass.responded_under(self._ctx.views, grant))
        return page("emergency_done.html", grant=grant, done=breaking_glass.in_order(acts))

    def _as(self, request: Request) -> Context:
        return replace(self._ctx, principal=signed_in_person(request))
