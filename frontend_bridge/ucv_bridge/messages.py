"""Sentences for people, by error code, in English and Spanish. Codes never change."""

from __future__ import annotations

from typing import Any

from ucv.errors import CameraViewerError

LANGUAGES = ("en", "es")

#: English comes from the error itself, which may say more; these are for the other languages.
_SPANISH = {
    "INTERNAL_ERROR": "Error interno del servidor.",
    "VALIDATION_ERROR": "Los datos no son válidos.",
    "CONFIG_INVALID": "La configuración no es válida.",
    "NOT_FOUND": "No existe.",
    "ALREADY_CONFIGURED": "Ya está configurado.",
    "READ_ONLY": "Está definido en YAML y solo se puede cambiar allí.",
    "NOT_SUPPORTED": "La cámara o su integración no puede hacer esto.",
    "CONN_FAILED": "No se pudo conectar con la cámara.",
    "CONN_REFUSED": "La cámara rechazó la conexión, o no hay camino hasta ella.",
    "CONN_TIMEOUT": "La cámara no respondió a tiempo.",
    "CONN_CLOSED": "La cámara cerró la conexión.",
    "AUTH_FAILED": "La cámara rechaza el usuario o la contraseña.",
    "ACCOUNT_LOCKED": "La cámara ha bloqueado la cuenta.",
    "PROTOCOL_ERROR": "La cámara envió algo que su protocolo no permite.",
    "STREAM_NOT_FOUND": "La cámara no tiene ningún vídeo en esta dirección.",
    "STREAM_ERROR": "El vídeo no se puede reproducir.",
    "CODEC_UNSUPPORTED": "El vídeo usa un códec que no se puede reproducir.",
    "STREAM_STALLED": "La cámara está conectada, pero no envía imágenes.",
    "STREAM_NOT_LIVE": "El vídeo no está en directo en este momento.",
    "SERVICE_ERROR": "Falló una parte del servidor.",
    "STORAGE_ERROR": "No se puede usar la base de datos.",
    "SECRETS_ERROR": "No se puede abrir el almacén de secretos.",
    "PLUGIN_ERROR": "Falló un complemento.",
    "UNAUTHORIZED": "Inicie sesión primero.",
    "FORBIDDEN": "Esta cuenta no tiene permiso para eso.",
    "RATE_LIMITED": "Demasiados intentos; pruebe más tarde.",
}


def language_of(accept_language: str | None) -> str:
    """Return the best of our languages for an ``Accept-Language`` header (RFC 9110, 12.5.4)."""
    best, best_quality = "en", 0.0
    for item in (accept_language or "")[:500].split(","):
        tag, _, parameters = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            quality = float(parameters.partition("q=")[2] or 1.0)
        except ValueError:
            continue
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def envelope(error: CameraViewerError, language: str = "en") -> dict[str, Any]:
    """Return the error as clients see it: ``error`` for a person, ``code`` for a program."""
    message = error.message
    if language == "es":
        message = _SPANISH.get(error.code, message)
    return {"error": message, "code": error.code, "details": error.details}
