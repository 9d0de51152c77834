"""Posture checks on the machine: disks, files, keys, TLS, the process and its environment, the clock."""

from __future__ import annotations

from collections.abc import Iterator

from bedrail.governance.posture import Posture, posture_check

NETWORK_DISKS = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "virtiofs",
)  # fmt: skip
VOLATILE_DISKS = ("tmpfs", "ramfs")
LEAST_FREE = 100 * 2**20
"""Bytes below which the next commits may not find room."""

BACKUP_DAYS = 7
CERTIFICATE_DAYS = 14
CLOCK_SECONDS = 5.0

SUPPORT_ENDED = {
    (1, 0): "2019-12-31", (1, 1): "2023-09-11", (3, 0): "2026-09-07", (3, 1): "2025-03-14", (3, 2): "2025-11-23",
    (3, 3): "2026-04-09", (3, 4): "2026-10-22",
}  # fmt: skip
"""OpenSSL's public support by series (its release strategy); a distribution may mend longer."""

DANGEROUS_VARIABLES = frozenset({"SSLKEYLOGFILE"})
DEBUG_VARIABLES = frozenset(
    {"LD_PRELOAD", "PYTHONASYNCIODEBUG", "PYTHONBREAKPOINT", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONSTARTUP"}
)


@posture_check(
    "durability", "dangerous", "Does a commit that returned survive a power cut?", "Start Bedrail's own store again."
)
def durability(posture: Posture) -> Iterator[str]:
    """SQLite's own word: WAL with synchronous=NORMAL loses acknowledged commits (sqlite.org/pragma)."""
    for name, (found, wanted) in posture.machine.durability.items():
        if found != wanted:
            yield f"the database has {name} = {found}, not {wanted}"


@posture_check(
    "network-disk",
    "dangerous",
    "Is the SQLite ledger on a local disk?",
    "Move the home to a local disk, or use PostgreSQL.",
)
def network_disk(posture: Posture) -> Iterator[str]:
    """Locks and memory maps of SQLite's WAL do not work over a network (sqlite.org/wal)."""
    disk = posture.machine.ledger
    if posture.machine.store == "sqlite" and (disk.kind in NETWORK_DISKS or disk.kind.startswith("fuse")):
        yield f"the ledger is on {disk.kind}, where locking and durability cannot be relied on"


@posture_check(
    "database-tls",
    "warning",
    "Is a database elsewhere reached by verified TLS?",
    "Put sslmode=verify-full into the address in store.toml.",
)
def database_tls(posture: Posture) -> Iterator[str]:
    """Every other sslmode of libpq may speak plainly, or to anybody (PostgreSQL manual, 34.19)."""
    if posture.machine.database_link:
        yield f"the database is reached {posture.machine.database_link}"


@posture_check(
    "indexes",
    "note",
    "Has the database all its indexes?",
    "bedrail doctor --make-indexes, when nobody is at the bedside: SQLite takes no entries meanwhile.",
)
def indexes(posture: Posture) -> Iterator[str]:
    """A newer version makes them itself in small homes; in a large one that would hold up whoever appends."""
    if posture.machine.indexes:
        yield f"the database lacks {', '.join(posture.machine.indexes)}: questions about long use are slow"


@posture_check("volatile-disk", "warning", "Does the home survive a restart?", "Move the home to a disk.")
def volatile_disk(posture: Posture) -> Iterator[str]:
    """A file system in memory is gone with the power."""
    if posture.machine.ledger.kind in VOLATILE_DISKS:
        yield f"the home is on {posture.machine.ledger.kind}: it is gone when the machine stops"


@posture_check("disk-full", "dangerous", "Is there room for the next commits?", "Free or add disk space.")
def disk_full(posture: Posture) -> Iterator[str]:
    """Without room nothing is decided: no record, no answer."""
    disk = posture.machine.ledger
    if disk.free < min(LEAST_FREE, disk.size // 100):
        yield f"{disk.free // 2**20} MiB are left for the ledger"


@posture_check("disk-space", "warning", "Is a tenth of the disk free?", "Free or add disk space.")
def disk_space(posture: Posture) -> Iterator[str]:
    """Early enough to act."""
    disk = posture.machine.ledger
    if min(LEAST_FREE, disk.size // 100) <= disk.free < disk.size // 10:
        yield f"{100 * disk.free // max(disk.size, 1)} % of the ledger's disk are free"


@posture_check(
    "anchor-apart", "warning", "Is the anchor on another disk than the ledger?",
    "Mount another disk at HOME/anchor, or have a witness.",
)  # fmt: skip
def anchor_apart(posture: Posture) -> Iterator[str]:
    """Whoever puts an older disk back puts the older anchor back with it; a database server has a disk of its own."""
    beside = posture.machine.store == "sqlite" and posture.machine.anchor.device == posture.machine.ledger.device
    if beside and not posture.house.witnesses:
        yield "anchor and ledger are on one disk: an older copy of the whole disk would not be noticed"


@posture_check(
    "backup", "warning", "Was a backup taken within a week?", "bedrail backup --out FOLDER, on another machine's disk."
)
def backup(posture: Posture) -> Iterator[str]:
    """Also the contingency plan of 45 CFR 164.308(a)(7)(ii)(A)."""
    days = posture.house.backup_days
    if days is None:
        yield "no backup was ever taken"
    elif days > BACKUP_DAYS:
        yield f"the last backup was taken {days:.0f} days ago"


@posture_check("private-files", "dangerous", "Can only this account read the home?", "chmod -R go= HOME")
def private_files(posture: Posture) -> Iterator[str]:
    """The home itself, keys, databases, sealed files."""
    if posture.machine.loose:
        more = f" and {len(posture.machine.loose) - 1} more" if len(posture.machine.loose) > 1 else ""
        yield f"others can read or change {posture.machine.loose[0]}{more}"


@posture_check(
    "keys-readable", "dangerous", "Are the key settings whole?", "Mend keys.toml; docs/keys.md shows each setting."
)
def keys_readable(posture: Posture) -> Iterator[str]:
    """Settings that cannot be read leave records sealed."""
    if posture.keys.fault:
        yield posture.keys.fault


@posture_check(
    "key-beside-data", "warning", "Is the key-encryption key apart from the data?",
    "Rotate to a provider on another volume, in an HSM or a key service; see docs/keys.md.",
)  # fmt: skip
def key_beside_data(posture: Posture) -> Iterator[str]:
    """Whoever takes the disk takes both."""
    if posture.keys.provider_device == posture.machine.ledger.device:
        yield f"the key-encryption key ({posture.keys.provider}) is a file on the disk of the data"


@posture_check(
    "default-secret",
    "dangerous",
    "Has every PIN and token been changed from its default?",
    "Set another PIN at the device.",
)
def default_secret(posture: Posture) -> Iterator[str]:
    """Printed in every manual."""
    for name in posture.keys.default_secrets:
        yield f"the key provider {name} is opened by an empty or default PIN"


@posture_check(
    "second-signature", "note", "Is the ledger signed against quantum computers too?", "bedrail ledger add-key"
)
def second_signature(posture: Posture) -> Iterator[str]:
    """Ed25519 alone may be forged by a later machine."""
    if not posture.keys.second_signature:
        yield "checkpoints are signed with Ed25519 alone, without ML-DSA-44"


@posture_check(
    "tls", "dangerous", "Is what leaves this machine encrypted?",
    "bedrail serve --tls-cert FILE --tls-key FILE, or serve on loopback behind a proxy that ends TLS.",
)  # fmt: skip
def tls(posture: Posture) -> Iterator[str]:
    """45 CFR 164.312(e)(1); loopback leaves nothing."""
    door = posture.door
    if not door.loopback and door.certificate_days is None:
        yield f"{door.host}:{door.port} would be served without TLS"


@posture_check(
    "certificate-expired", "dangerous", "Is the server's certificate good now?", "Renew it; no restart is needed."
)
def certificate_expired(posture: Posture) -> Iterator[str]:
    """Clients that check would be turned away, and those that do not are worse."""
    days = posture.door.certificate_days
    if days is not None and days <= 0:
        yield "the server's certificate has expired"


@posture_check("certificate-ending", "warning", "Is it good for two more weeks?", "Renew it; no restart is needed.")
def certificate_ending(posture: Posture) -> Iterator[str]:
    """Renewed files are taken up at the next handshake."""
    days = posture.door.certificate_days
    if days is not None and 0 < days < CERTIFICATE_DAYS:
        yield f"the server's certificate is good for {days:.0f} more days"


@posture_check("mutual-tls", "note", "Must clients show a certificate?", "bedrail serve --client-ca FILE")
def mutual_tls(posture: Posture) -> Iterator[str]:
    """Tokens stay necessary either way."""
    if not posture.door.loopback and not posture.door.mutual:
        yield "any machine that reaches the port may try a token"


@posture_check("hybrid-exchange", "note", "Is key exchange post-quantum?", "Run on a Python with OpenSSL 3.5 or later.")
def hybrid_exchange(posture: Posture) -> Iterator[str]:
    """Traffic recorded today may be read by a later machine."""
    if not posture.machine.hybrid:
        yield f"{posture.machine.openssl} does not offer X25519MLKEM768"


@posture_check("openssl", "warning", "Is the TLS library still mended?", "Run on a Python with a supported OpenSSL.")
def openssl(posture: Posture) -> Iterator[str]:
    """Of the ssl module; records and signatures use the library that comes with `cryptography`."""
    ended = SUPPORT_ENDED.get(posture.machine.openssl_series)
    if ended:
        yield f"public support of {posture.machine.openssl} ended on {ended}; does your distribution mend it?"


@posture_check(
    "fips", "note", "Is the kernel in FIPS mode?", "Use a validated key provider where law or contract asks for it."
)
def fips(posture: Posture) -> Iterator[str]:
    """Algorithms are FIPS ones; the modules are not validated."""
    if not posture.machine.fips:
        yield "no FIPS mode; each data key seals at most 2^32 records under random nonces (SP 800-38D)"


@posture_check("key-log", "dangerous", "Are TLS secrets kept secret?", "unset SSLKEYLOGFILE")
def key_log(posture: Posture) -> Iterator[str]:
    """Python's and OpenSSL's own debugging aid: whoever reads that file reads the traffic."""
    for name in sorted(DANGEROUS_VARIABLES & set(posture.machine.environment)):
        yield f"{name} writes the secrets of every connection to a file"


@posture_check("debug-environment", "warning", "Is the environment free of debugging aids?", "unset the variable")
def debug_environment(posture: Posture) -> Iterator[str]:
    """They change what runs, or print what should not be printed."""
    for name in sorted(DEBUG_VARIABLES & set(posture.machine.environment)):
        yield f"{name} is set"


@posture_check("core-dumps", "warning", "Are core dumps off?", "ulimit -c 0, or LimitCORE=0 in the unit")
def core_dumps(posture: Posture) -> Iterator[str]:
    """A dump holds open keys and patients' data."""
    if posture.machine.core_dumps:
        yield "a crash would write the process's memory, open keys included, to disk"


@posture_check(
    "root", "warning", "Does it run without root's rights?", "Run as an account of its own that owns the home."
)
def root(posture: Posture) -> Iterator[str]:
    """Least privilege."""
    if posture.machine.root:
        yield "this process is root"


@posture_check("clock-behind", "dangerous", "Is the clock not behind the ledger?", "Set the clock; run NTP.")
def clock_behind(posture: Posture) -> Iterator[str]:
    """Approvals that ended would count again."""
    if posture.machine.behind > CLOCK_SECONDS:
        yield f"the clock is {posture.machine.behind:.0f} s behind the ledger's last entry"


@posture_check("time-sync", "warning", "Is the clock kept by NTP?", "Run chrony or systemd-timesyncd.")
def time_sync(posture: Posture) -> Iterator[str]:
    """By the kernel's own flag (adjtimex)."""
    if posture.machine.synchronised is False:
        yield "the kernel says that its clock is not synchronised"
