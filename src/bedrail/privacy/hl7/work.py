"""The work on files of HL7 v2 messages, for the harness of all media."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version

import msgspec

from bedrail.core.errors import Unavailable
from bedrail.core.ports import KeyedDigest
from bedrail.privacy.hl7.deidentifier import Deidentifier
from bedrail.privacy.hl7.rules import FieldRules, read_profile, read_rules
from bedrail.privacy.keyed import Keyed
from bedrail.privacy.sources import Chunk, split_messages
from bedrail.privacy.text.transform import TextRules
from bedrail.privacy.text.values import Mode
from bedrail.privacy.treating import Handle, Tally
from bedrail.privacy.wording import Wording


@dataclass(frozen=True, slots=True)
class MessageWork:
    """`privacy.streaming.Work` over messages: one in, one out, framing, batches and line ends as they were.

    `profile` names a shipped profile, or `config` holds rules as TOML. `dates` and `text` override what they say.
    """

    digest: KeyedDigest
    this_year: int
    profile: str = "safe-harbor"
    config: str = ""
    dates: str = ""
    text: str = ""
    words: TextRules = field(default_factory=lambda: TextRules(method="mask", profile="safe-harbor"))
    mode: Mode = "full"

    def rules(self) -> FieldRules:
        """The rules in force; raises `Invalid`."""
        if self.config:
            return read_rules(self.config, dates=self.dates, text=self.text)
        return read_profile(self.profile, dates=self.dates, text=self.text)

    def open(self) -> Handle:
        """Reads rules and loads the detector, once in each process."""
        rules, keyed = self.rules(), Keyed(self.digest)
        words = Wording(keyed, self.words, self.mode) if rules.text == "deidentify" else None
        made = Deidentifier(rules, keyed, this_year=self.this_year, words=words)

        def handle(chunk: Chunk, tally: Tally) -> bytes:
            out = []
            for number, message in enumerate(split_messages(chunk.data), start=chunk.first):
                try:
                    out.append(made.message(message))
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 (whatever a message provokes is that message's failure)
                    tally.fail(number, error)
                    continue
                tally.done()
            for place, action, rule, count in made.counts():
                tally.handled(place, action, rule, count)
            return b"".join(out)

        return handle

    def digest_of_all(self) -> str:
        """The digest of everything but the key that decides the output."""
        parts = (self.rules().digest, self.dates, self.text, self.words, self.mode, self.this_year, version("bedrail"))
        return sha256(msgspec.json.encode(parts)).hexdigest()
