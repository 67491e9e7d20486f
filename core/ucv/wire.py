"""What vendors' protocols are read with: parsers that are bounded, and patient with devices.

They take bytes and raise `MediaError` for what they cannot accept; what reads from a socket stands
in `ucv` itself. `MultipartParser` takes streams of events and pictures apart, `parse_xml` and what
goes with it read and change documents without entities and namespaces, `normal_mac` and
`usable_serial` say what of a device's words about itself can be relied on.
"""

from ucv.media.errors import MediaError
from ucv.media.multipart import MultipartParser, Part, boundary_of
from ucv.media.xml import escaped as escape_xml
from ucv.media.xml import parse as parse_xml
from ucv.media.xml import text_at as xml_text
from ucv.media.xml import with_text as xml_with_text
from ucv.plugins.identity import normal_mac, usable_serial

__all__ = [
    "MediaError",
    "MultipartParser",
    "Part",
    "boundary_of",
    "escape_xml",
    "normal_mac",
    "parse_xml",
    "usable_serial",
    "xml_text",
    "xml_with_text",
]
