"""What the bridge itself refuses, with the codes its clients see."""

from __future__ import annotations

from ucv.errors import Forbidden, ServiceError, Unauthorized, ValidationError


class InvalidJson(ValidationError):
    """A JSON object was expected."""

    code = "INVALID_JSON"


class InvalidYaml(ValidationError):
    """The YAML has problems."""

    code = "INVALID_YAML"


class JsonRequired(ValidationError):
    """Changes are taken as JSON only: send Content-Type: application/json."""

    code = "JSON_REQUIRED"
    http_status = 415


class MethodNotAllowed(ValidationError):
    """This cannot be done here."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405


class TooLarge(ValidationError):
    """The request is too large."""

    code = "TOO_LARGE"
    http_status = 413


class UnknownCommand(ValidationError):
    """There is no such command."""

    code = "UNKNOWN_COMMAND"


class AddressRefused(ValidationError):
    """No camera can be at this address."""

    code = "ADDRESS_REFUSED"


class InvalidLogin(Unauthorized):
    """The name or the password is wrong."""

    code = "INVALID_LOGIN"


class InvalidSetupCode(Forbidden):
    """This is not the link of the hub's last start; use the one it printed then."""

    code = "INVALID_SETUP_CODE"


class SetupDone(Forbidden):
    """There is an administrator already; log in instead."""

    code = "SETUP_DONE"


class HostNotAllowed(Forbidden):
    """The hub does not answer to this name; list it in ucv.yaml, server, allowed_hosts."""

    code = "HOST_NOT_ALLOWED"


class OriginNotAllowed(Forbidden):
    """Pages of other sites may not use the hub."""

    code = "ORIGIN_NOT_ALLOWED"


class CannotListen(ServiceError):
    """The hub cannot listen there."""

    code = "CANNOT_LISTEN"


class NoAccount(ServiceError):
    """Other machines are let in once there is an account."""

    code = "NO_ACCOUNT"
