"""What people read, in English and Spanish; programs rely on the codes, which never change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ucv.errors import CameraViewerError

Language = Literal["en", "es"]

#: A sentence for each code. English is what the error itself says, which may be more exact.
SPANISH: Mapping[str, str] = {
    "INTERNAL_ERROR": "Error interno del servidor.",
    "VALIDATION_ERROR": "Los datos enviados no son válidos.",
    "CONFIG_INVALID": "La configuración no es válida.",
    "NOT_FOUND": "No existe.",
    "ALREADY_CONFIGURED": "Ya está configurado.",
    "READ_ONLY": "Está definido en YAML y solo se puede cambiar allí.",
    "NOT_SUPPORTED": "La cámara o su integración no pueden hacerlo.",
    "SCAN_TOO_LARGE": "Tantas direcciones solo se exploran si se confirma.",
    "SCAN_PUBLIC": "No se exploran direcciones públicas de Internet.",
    "CONN_FAILED": "No se pudo conectar.",
    "CONN_REFUSED": "La cámara rechazó la conexión, o no hay camino hasta ella.",
    "CONN_TIMEOUT": "La cámara no respondió a tiempo.",
    "CONN_CLOSED": "La cámara cerró la conexión.",
    "AUTH_FAILED": "La cámara rechaza el usuario o la contraseña.",
    "ACCOUNT_LOCKED": "La cámara ha bloqueado la cuenta.",
    "ACCESS_DENIED": "La cámara conoce la cuenta, pero no le permite hacerlo.",
    "WRONG_DEVICE": "En esta dirección responde otro dispositivo.",
    "CLOCK_SKEW": "El reloj de la cámara no está en hora y por eso se niega a responder.",
    "TLS_UNTRUSTED": (
        "Nadie responde por el certificado de la cámara; confíe en su huella si es la correcta."
    ),
    "ENDPOINT_NOT_FOUND": "La cámara no tiene nada en esa ruta.",
    "PLUGIN_NOT_LOADED": "La integración de esta entrada no está cargada.",
    "PLUGIN_TIMEOUT": "Un complemento tardó demasiado.",
    "MIGRATION_FAILED": (
        "Lo guardado de la entrada no se pudo adaptar a esta versión; no se ha cambiado."
    ),
    "HUB_RUNNING": "Hay un servidor en marcha con esta configuración; deténgalo primero.",
    "BACKUP_DAMAGED": "La copia de seguridad está dañada.",
    "BACKUP_TOO_NEW": (
        "La copia de seguridad es de una versión más nueva de UCV; actualice UCV primero."
    ),
    "WRONG_PASSPHRASE": "La contraseña no es la de esta copia de seguridad.",
    "PROTOCOL_ERROR": "La cámara envió algo que su protocolo no permite.",
    "STREAM_NOT_FOUND": "La cámara no tiene vídeo en esta dirección.",
    "STREAM_ERROR": "No se puede reproducir el vídeo.",
    "CODEC_UNSUPPORTED": "El vídeo usa un códec que no se puede reproducir.",
    "STREAM_STALLED": "La cámara está conectada, pero no envía imágenes.",
    "STREAM_NOT_LIVE": "El vídeo no está en directo en este momento.",
    "SERVICE_ERROR": "Falló una parte del servidor.",
    "STORAGE_ERROR": "No se puede usar la base de datos.",
    "SECRETS_ERROR": "No se puede abrir el almacén de secretos.",
    "PLUGIN_ERROR": "Falló un complemento.",
    "UNAUTHORIZED": "Inicie sesión primero.",
    "FORBIDDEN": "Esta cuenta no puede hacerlo.",
    "RATE_LIMITED": "Demasiados intentos; vuelva a intentarlo más tarde.",
    "INVALID_JSON": "Se esperaba un objeto JSON.",
    "INVALID_YAML": "El YAML tiene errores.",
    "JSON_REQUIRED": "Los cambios solo se aceptan como JSON (Content-Type: application/json).",
    "METHOD_NOT_ALLOWED": "Aquí no se puede hacer eso.",
    "TOO_LARGE": "La petición es demasiado grande.",
    "UNKNOWN_COMMAND": "No existe esa orden.",
    "ADDRESS_REFUSED": "Ninguna cámara puede estar en esa dirección.",
    "INVALID_LOGIN": "El nombre o la contraseña no son correctos.",
    "INVALID_SETUP_CODE": "No es el enlace del último arranque; use el que se mostró entonces.",
    "SETUP_DONE": "Ya hay un administrador; inicie sesión.",
    "HOST_NOT_ALLOWED": (
        "El servidor no responde a este nombre; añádalo en ucv.yaml, server, allowed_hosts."
    ),
    "ORIGIN_NOT_ALLOWED": "Las páginas de otros sitios no pueden usar el servidor.",
    "CANNOT_LISTEN": "El servidor no puede escuchar ahí.",
    "NO_ACCOUNT": "Otros equipos solo pueden entrar cuando haya una cuenta.",
}

#: Frequent faults of single fields.
_SPANISH_FAULTS: Mapping[str, str] = {
    "is required": "es obligatorio",
    "unknown key": "clave desconocida",
    "expected text": "se esperaba texto",
    "must not be empty": "no puede estar vacío",
    "there is no such integration": "no existe esa integración",
    "expected true or false": "se esperaba true o false",
    "expected a port number from 1 to 65535": "se esperaba un puerto de 1 a 65535",
    "expected a host name or IP address alone": "se esperaba solo un nombre de host o dirección IP",
}


def choose_language(accept_language: str) -> Language:
    """Return the best of our languages for an Accept-Language header (RFC 9110, 12.5.4)."""
    best: Language = "en"
    best_quality = 0.0
    for item in accept_language[:1000].split(","):
        tag, _, parameter = item.partition(";")
        base = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if quality > best_quality and base in ("en", "es"):
            best, best_quality = ("es" if base == "es" else "en"), quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def sentence(error: CameraViewerError, language: Language) -> str:
    """Return what a person is told of an error."""
    if language == "es":
        return SPANISH.get(error.code, error.message)
    return error.message


def translated_details(details: Mapping[str, Any], language: Language) -> Mapping[str, Any]:
    """Return an error's details with the faults of single fields in that language."""
    errors = details.get("errors")
    if language == "en" or not isinstance(errors, list):
        return details
    return {**details, "errors": [_translated_fault(fault) for fault in errors]}


def _translated_fault(fault: Any) -> Any:
    if not isinstance(fault, dict) or not isinstance(message := fault.get("message"), str):
        return fault
    return {**fault, "message": _SPANISH_FAULTS.get(message, message)}
