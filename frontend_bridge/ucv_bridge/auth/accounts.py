"""Accounts, sessions and tokens: the first start, logging in, and who a request comes from."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from ucv.clock import Clock
from ucv.errors import Forbidden, Unauthorized, ValidationError
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
from ucv_bridge.auth.attempts import AttemptLimiter
from ucv_bridge.auth.passwords import PasswordHasher, check_password
from ucv_bridge.auth.principal import Principal, Role

#: Seconds a session lasts without use, and how often its end is moved while it is used.
SESSION_LIFE, _SESSION_STEP = 30 * 86400.0, 3600.0
#: Seconds between two notes of when a token was used last.
_TOUCH_STEP = 60.0
#: Longest name of an account or token, in characters.
MAX_NAME = 64


def digest(secret: str) -> str:
    """Return what is stored of a token or cookie: they are random, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Accounts:
    """Everything about who may come in; a refusal never tells which part was wrong."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._users = UserRepository(database)
        self._tokens = TokenRepository(database)
        self._sessions = SessionRepository(database)
        self._audit = AuditLog(database)
        self._clock = clock
        self._hasher = PasswordHasher()
        self._attempts = AttemptLimiter(clock)
        self._setup_code: str | None = None
        self._has_users = False

    # --- first start --------------------------------------------------------------------------

    async def setup_required(self) -> bool:
        """Whether there is no account yet."""
        # Accounts are never deleted down to none, so a yes is asked for again and a no is final.
        if not self._has_users:
            self._has_users = await self._users.count() > 0
        return not self._has_users

    async def setup_code(self) -> str | None:
        """Return the one-time code that makes the administrator, None when there is an account."""
        if not await self.setup_required():
            return None
        if self._setup_code is None:
            self._setup_code = secrets.token_urlsafe(24)
        return self._setup_code

    async def set_up(self, code: str, name: str, password: str, address: str) -> str:
        """Make the administrator with the one-time code; returns the cookie of their session.

        Raises `Forbidden` for a wrong or used code, `RateLimited`, `ValidationError`.
        """
        key = f"setup {address}"
        self._attempts.check(key)
        expected = await self.setup_code()
        if expected is None or not hmac.compare_digest(code.encode(), expected.encode()):
            self._attempts.failed(key)
            raise Forbidden("This link is not valid any more: it works once.")
        user = await self.add_user(name, password, Role.ADMIN, address=address, only_if_first=True)
        self._setup_code = None
        self._has_users = True
        return await self._new_session(user)

    # --- people -------------------------------------------------------------------------------

    async def add_user(
        self,
        name: str,
        password: str,
        role: Role,
        *,
        address: str = "",
        only_if_first: bool = False,
    ) -> User:
        """Make an account; raises `ValidationError`, `AlreadyConfiguredError`, `Forbidden`."""
        name = _checked_name(name)
        check_password(password)
        user = User(
            id=secrets.token_hex(16),
            name=name,
            password_hash=await self._hasher.hash(password),
            role=role.value,
            created_at=self._clock.time(),
        )
        if not await self._users.add(user, only_if_first=only_if_first):
            raise Forbidden("This link is not valid any more: it works once.")
        await self.note(f"user:{name}", "user.add", name, address)
        return user

    async def log_in(self, name: str, password: str, address: str) -> tuple[User, str]:
        """Return the account and the cookie of a new session.

        Raises `Unauthorized` without telling whether name or password is wrong, `RateLimited`.
        """
        keys = (f"account {name[:MAX_NAME]}", f"address {address}")
        self._attempts.check(*keys)
        # Counted before the slow comparison, so that parallel attempts are counted too.
        self._attempts.failed(*keys)
        user = await self._users.by_name(name[:MAX_NAME])
        stored = user.password_hash if user is not None else None
        if not await self._hasher.verify(password, stored) or user is None:
            await self.note(f"user:{name[:MAX_NAME]}", "login", "", address, "refused")
            raise Unauthorized("The name or the password is wrong.")
        self._attempts.succeeded(*keys)
        await self.note(f"user:{user.name}", "login", "", address)
        return user, await self._new_session(user)

    async def log_out(self, cookie: str) -> None:
        """End a session."""
        await self._sessions.delete(digest(cookie))

    # --- programs -----------------------------------------------------------------------------

    async def create_token(self, name: str, role: Role) -> str:
        """Make a token; it is shown once and not stored."""
        name = _checked_name(name)
        token = f"ucv_{secrets.token_urlsafe(32)}"
        await self._tokens.add(
            Token(
                id=secrets.token_hex(16),
                name=name,
                hash=digest(token),
                role=role.value,
                created_at=self._clock.time(),
            )
        )
        await self.note(f"token:{name}", "token.create", name)
        return token

    # --- requests -----------------------------------------------------------------------------

    async def by_token(self, token: str) -> Principal | None:
        """Return whose token it is; None for an unknown or revoked one."""
        found = await self._tokens.by_hash(digest(token))
        if found is None or found.revoked_at is not None:
            return None
        now = self._clock.time()
        if found.last_used_at is None or now - found.last_used_at >= _TOUCH_STEP:
            await self._tokens.touch(found.id, now)
        return Principal(found.name, Role(found.role), f"token:{found.name}")

    async def by_cookie(self, cookie: str) -> Principal | None:
        """Return whose session it is; None for an unknown or expired one."""
        session = await self._sessions.get(digest(cookie))
        now = self._clock.time()
        if session is None or session.expires_at <= now:
            return None
        user = await self._users.get(session.user_id)
        if user is None:
            return None
        if session.expires_at - now < SESSION_LIFE - _SESSION_STEP:
            await self._sessions.extend(session.id_hash, now + SESSION_LIFE)
        return Principal(user.name, Role(user.role), f"user:{user.name}")

    async def note(
        self, actor: str, action: str, target: str = "", address: str = "", outcome: str = "ok"
    ) -> None:
        """Write a line into the audit log."""
        entry = AuditEntry(self._clock.time(), actor, action, target[:200], address[:64], outcome)
        await self._audit.add(entry)

    async def _new_session(self, user: User) -> str:
        cookie = secrets.token_urlsafe(32)
        now = self._clock.time()
        await self._sessions.delete_expired(now)
        await self._sessions.add(Session(digest(cookie), user.id, now, now + SESSION_LIFE))
        return cookie


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        message = f"A name has 1 to {MAX_NAME} printable characters."
        errors = [{"key": "name", "message": message, "suggestion": None}]
        raise ValidationError(message, details={"errors": errors})
    return name
