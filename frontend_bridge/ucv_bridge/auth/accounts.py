"""Accounts, sessions and tokens: everything that proves who someone is goes through here."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import unicodedata
from dataclasses import dataclass

from ucv.clock import Clock
from ucv.errors import RateLimited, Unauthorized, ValidationError
from ucv.storage.accounts import (
    AuditEntry,
    AuditLog,
    Session,
    SessionRepository,
    Token,
    TokenRepository,
    User,
    UserRepository,
)
from ucv.storage.database import Database
from ucv_bridge.auth.limits import RateLimiter, network_of
from ucv_bridge.auth.passwords import MAX_LENGTH, MIN_LENGTH, PasswordHasher
from ucv_bridge.auth.principal import Principal, Role
from ucv_bridge.errors import InvalidLogin, InvalidSetupCode, SetupDone

_log = logging.getLogger(__name__)

_DAY = 86_400.0
#: Seconds after which a session ends: unused, and in any case.
SESSION_IDLE, SESSION_LIMIT = 14 * _DAY, 90 * _DAY
#: Seconds between two notes that a session or token is in use: reading must not mean writing.
_SESSION_NOTE, _TOKEN_NOTE = _DAY, 60.0

#: Longest name of an account or token, in characters.
MAX_NAME = 64
#: What tokens begin with, so that they are recognised where they do not belong.
TOKEN_PREFIX = "ucv_"  # noqa: S105 - the public part


@dataclass(frozen=True, slots=True)
class LogIn:
    """A new session: the value of its cookie, and whose it is."""

    cookie: str
    principal: Principal


class Accounts:
    """Who there is, and who is there; times come from the clock. Raises `StorageError`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._users = UserRepository(database)
        self._tokens = TokenRepository(database)
        self._sessions = SessionRepository(database)
        self._audit = AuditLog(database)
        self._clock = clock
        self._hasher = PasswordHasher()
        # One address runs dry long before an account does: nobody alone can lock another out.
        self._by_address = RateLimiter(clock, burst=10, interval=30.0)
        self._by_account = RateLimiter(clock, burst=20, interval=10.0)
        self._setup_code: str | None = None
        self._has_users = False
        self._token_noted: dict[str, float] = {}

    # --- the first start ----------------------------------------------------------------------

    async def setup_required(self) -> bool:
        """Say whether there is no account yet."""
        if not self._has_users:
            self._has_users = await self._users.count() > 0
        if self._has_users:
            self._setup_code = None
        return not self._has_users

    async def begin(self) -> str | None:
        """Forget sessions that are over; return the code of the first-start link, if there is one.

        The code is good for this run of the hub, until there is an account.
        """
        await self._sessions.delete_expired(self._clock.time())
        if await self.setup_required():
            self._setup_code = secrets.token_urlsafe(24)
        return self._setup_code

    async def set_up(self, code: str, name: str, password: str, address: str) -> LogIn:
        """Make the administrator and log in.

        Raises `SetupDone`, `InvalidSetupCode`, `RateLimited`, `ValidationError`.
        """
        self._limit(self._by_address, network_of(address))
        if not await self.setup_required():
            raise SetupDone
        expected = self._setup_code
        if expected is None or not hmac.compare_digest(_utf8(expected), _utf8(code)):
            await self.audit("(unknown)", "setup", address=address, outcome="refused")
            raise InvalidSetupCode
        self._by_address.give_back(network_of(address))
        user = await self.new_user(name, password, Role.ADMIN)
        if not await self._users.add(user, only_if_first=True):
            raise SetupDone
        self._setup_code, self._has_users = None, True
        await self.audit(user.name, "setup", address=address)
        return await self._open_session(user)

    async def new_user(self, name: str, password: str, role: Role) -> User:
        """Return a valid account that is not stored yet; raises `ValidationError`."""
        name = clean_name(name)
        errors = [*_name_faults(name), *_password_faults(password)]
        if errors:
            raise ValidationError(errors[0]["message"] or "", details={"errors": errors})
        hashed = await self._hasher.hash(password)
        return User(secrets.token_hex(16), name, hashed, role, self._clock.time())

    # --- sessions -----------------------------------------------------------------------------

    async def log_in(self, name: str, password: str, address: str) -> LogIn:
        """Open a session; raises `InvalidLogin`, `RateLimited`."""
        name = clean_name(name)
        network, account = network_of(address), name.casefold()
        self._limit(self._by_address, network)
        self._limit(self._by_account, account)
        user = await self._users.by_name(name) if len(name) <= MAX_NAME else None
        encoded = user.password_hash if user else None
        fits = await self._hasher.verify(password[: MAX_LENGTH + 1], encoded)
        if user is None or not fits:
            # What is no account's name may be a password that went into the wrong field.
            who = user.name if user else "(unknown)"
            await self.audit(who, "login", address=address, outcome="refused")
            _log.warning("A log-in as %s from %s was refused", who, address)
            raise InvalidLogin
        self._by_address.give_back(network)
        self._by_account.give_back(account)
        await self._sessions.delete_expired(self._clock.time())
        await self.audit(user.name, "login", address=address)
        return await self._open_session(user)

    async def by_cookie(self, cookie: str) -> Principal | None:
        """Return whose session it is, or None; a session in use is kept from expiring."""
        return await self._by_session(_sha256(cookie), use=True)

    async def log_out(self, principal: Principal) -> bool:
        """End the principal's session; False for a token, which is left as it is."""
        kind, _, key = principal.credential.partition(":")
        if kind == "session":
            await self._sessions.delete(key)
        return kind == "session"

    async def _open_session(self, user: User) -> LogIn:
        cookie = secrets.token_urlsafe(32)
        key, now = _sha256(cookie), self._clock.time()
        await self._sessions.add(Session(key, user.id, now, now + SESSION_IDLE))
        return LogIn(cookie, _principal_of(user, key))

    async def _by_session(self, key: str, *, use: bool) -> Principal | None:
        session = await self._sessions.get(key)
        now = self._clock.time()
        if session is None or session.expires_at <= now:
            return None
        user = await self._users.get(session.user_id)
        if user is None:
            return None
        until = min(now + SESSION_IDLE, session.created_at + SESSION_LIMIT)
        if use and until - session.expires_at >= _SESSION_NOTE:
            await self._sessions.extend(key, until)
        return _principal_of(user, key)

    # --- tokens -------------------------------------------------------------------------------

    async def by_token(self, token: str) -> Principal:
        """Return whose token it is; raises `Unauthorized`."""
        # Found by its hash: how long that takes says nothing about the token.
        found = await self._tokens.by_hash(_sha256(token))
        if found is None or found.revoked_at is not None:
            raise Unauthorized("The token is not valid.")
        now = self._clock.time()
        if now - self._token_noted.get(found.id, 0.0) >= _TOKEN_NOTE:
            self._token_noted[found.id] = now
            await self._tokens.touch(found.id, now)
        return Principal(f"token {found.name}", Role(found.role), f"token:{found.hash}")

    async def is_valid(self, principal: Principal) -> bool:
        """Say whether the session or token still is; connections that stay open ask again."""
        kind, _, key = principal.credential.partition(":")
        if kind == "session":
            return await self._by_session(key, use=True) is not None
        token = await self._tokens.by_hash(key)
        return token is not None and token.revoked_at is None

    # --- the audit log ------------------------------------------------------------------------

    async def audit(
        self, actor: str, action: str, target: str = "", *, address: str = "", outcome: str = "ok"
    ) -> None:
        """Note who did what."""
        entry = AuditEntry(
            self._clock.time(), actor[:100], action, target[:200], address[:64], outcome[:64]
        )
        await self._audit.add(entry)

    @staticmethod
    def _limit(limiter: RateLimiter, key: str) -> None:
        if wait := limiter.take(key):
            raise RateLimited(retry_after=int(wait) + 1)


def new_token(name: str, role: Role, now: float) -> tuple[str, Token]:
    """Return a new token's text, which is shown once, and what is stored of it.

    Raises `ValidationError` for a name that is not valid.
    """
    name = clean_name(name)
    if faults := _name_faults(name):
        raise ValidationError(faults[0]["message"] or "", details={"errors": faults})
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return text, Token(secrets.token_hex(8), name, _sha256(text), role, now)


def clean_name(name: str) -> str:
    """Return a name in the one form it is stored in."""
    return unicodedata.normalize("NFKC", name).strip()


def _name_faults(name: str) -> list[dict[str, str | None]]:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        message = f"A name has 1 to {MAX_NAME} characters, all of them printable."
        return [{"key": "name", "message": message, "suggestion": None}]
    return []


def _password_faults(password: str) -> list[dict[str, str | None]]:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        message = f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
        return [{"key": "password", "message": message, "suggestion": None}]
    return []


def _principal_of(user: User, session_key: str) -> Principal:
    return Principal(user.name, Role(user.role), f"session:{session_key}")


def _sha256(text: str) -> str:
    # These are 192 random bits or more: no need for a slow hash.
    return hashlib.sha256(_utf8(text)).hexdigest()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
