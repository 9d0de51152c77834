"""Facts about scenario suites."""

from __future__ import annotations

from bedrail.core.events.fact import FactStruct


class ScenariosKept(FactStruct, frozen=True, kw_only=True, tag="use-case.scenarios-kept"):
    """A suite of vignettes belongs to a use case from now on, in place of any before; `suite` is its artifact."""

    use_case: str
    suite: str
    title: str
    vignettes: int
