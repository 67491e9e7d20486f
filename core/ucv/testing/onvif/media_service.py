"""Media1 and Media2: profiles, and the addresses of streams and still pictures."""

from __future__ import annotations

from collections.abc import Collection

from ucv.media.xml import escaped
from ucv.testing.onvif.soap import Call, Operation, SoapFault
from ucv.testing.onvif.views import STREAMS, Identity, Source, stream_path

_BOUNDS = '<tt:Bounds x="0" y="0" width="640" height="360"/>'
_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>"
    "</tt:Address><tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
    "</tt:Multicast>"
)


class MediaService:
    """Answers both generations of the service."""

    def __init__(self, identity: Identity, quirks: Collection[str]) -> None:
        self._identity = identity
        self._quirks = quirks

    def first(self) -> dict[str, Operation]:
        """Return the operations of Media1."""
        return {
            "GetVideoSources": self._sources,
            "GetProfiles": lambda _call: (
                f"<trt:GetProfilesResponse>{self._all(self._profile1)}</trt:GetProfilesResponse>"
            ),
            "GetStreamUri": lambda call: (
                f"<trt:GetStreamUriResponse><trt:MediaUri>{self._uri1(self._stream(call))}"
                "</trt:MediaUri></trt:GetStreamUriResponse>"
            ),
            "GetSnapshotUri": lambda call: (
                f"<trt:GetSnapshotUriResponse><trt:MediaUri>{self._uri1(self._still(call))}"
                "</trt:MediaUri></trt:GetSnapshotUriResponse>"
            ),
        }

    def second(self) -> dict[str, Operation]:
        """Return the operations of Media2."""
        return {
            "GetProfiles": self._profiles2,
            "GetVideoSourceConfigurations": self._source_configurations,
            "GetStreamUri": lambda call: (
                f"<tr2:GetStreamUriResponse><tr2:Uri>{self._stream(call)}</tr2:Uri>"
                "</tr2:GetStreamUriResponse>"
            ),
            "GetSnapshotUri": lambda call: (
                f"<tr2:GetSnapshotUriResponse><tr2:Uri>{self._still(call)}</tr2:Uri>"
                "</tr2:GetSnapshotUriResponse>"
            ),
        }

    def _all(self, describe: object) -> str:
        assert callable(describe)  # noqa: S101 - one of the two below
        return "".join(
            describe(source, stream)
            for source in self._identity.sources.values()
            for stream in range(len(STREAMS))
        )

    def _sources(self, _call: Call) -> str:
        told = "".join(
            f'<trt:VideoSources token="{source.token}"><tt:Framerate>{STREAMS[0][3]}</tt:Framerate>'
            "<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution>"
            "</trt:VideoSources>"
            for source in self._identity.sources.values()
        )
        return f"<trt:GetVideoSourcesResponse>{told}</trt:GetVideoSourcesResponse>"

    def _source_configurations(self, _call: Call) -> str:
        told = "".join(
            f'<tr2:Configurations token="VSC_{source.number}"><tt:Name>Source</tt:Name>'
            f"<tt:UseCount>2</tt:UseCount><tt:SourceToken>{source.token}</tt:SourceToken>{_BOUNDS}"
            "</tr2:Configurations>"
            for source in self._identity.sources.values()
        )
        return (
            "<tr2:GetVideoSourceConfigurationsResponse>"
            f"{told}</tr2:GetVideoSourceConfigurationsResponse>"
        )

    def _profiles2(self, call: Call) -> str:
        if "broken-media2" in self._quirks:
            raise SoapFault("InvalidArgVal", status=500)
        wanted = {(element.text or "").strip() for element in call.body.iter("Type")}
        profiles = "".join(
            self._profile2(source, stream, wanted)
            for source in self._identity.sources.values()
            for stream in range(len(STREAMS))
        )
        return f"<tr2:GetProfilesResponse>{profiles}</tr2:GetProfilesResponse>"

    def _profile1(self, source: Source, stream: int) -> str:
        _, width, height, rate, bits = STREAMS[stream]
        encoding = "H264" if self._identity.codec == "h264" else "MPEG4"
        if "media1-says-h264" in self._quirks:
            encoding = "H264"
        token = source.profile(stream)
        moved = ""
        if source.head is not None:
            moved = (
                f'<tt:PTZConfiguration token="PTZ_{source.number}"><tt:Name>PTZ</tt:Name>'
                f"<tt:UseCount>2</tt:UseCount><tt:NodeToken>Node_{source.number}</tt:NodeToken>"
                "</tt:PTZConfiguration>"
            )
        return (
            f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name>'
            f'<tt:VideoSourceConfiguration token="VSC_{source.number}"><tt:Name>Source</tt:Name>'
            f"<tt:UseCount>2</tt:UseCount><tt:SourceToken>{source.token}</tt:SourceToken>{_BOUNDS}"
            f'</tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="VEC_{token}">'
            f"<tt:Name>Encoder</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>{encoding}"
            f"</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}"
            "</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl>"
            f"<tt:FrameRateLimit>{rate}</tt:FrameRateLimit><tt:EncodingInterval>1"
            f"</tt:EncodingInterval><tt:BitrateLimit>{bits}</tt:BitrateLimit></tt:RateControl>"
            f"{_MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
            f"</tt:VideoEncoderConfiguration>{self._audio1(token)}{moved}</trt:Profiles>"
        )

    def _audio1(self, token: str) -> str:
        if not self._identity.audio:
            return ""
        return (
            f'<tt:AudioEncoderConfiguration token="AEC_{token}"><tt:Name>Audio</tt:Name>'
            f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{self._identity.audio}</tt:Encoding>"
            f"<tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>{_MULTICAST}"
            "<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:AudioEncoderConfiguration>"
        )

    def _profile2(self, source: Source, stream: int, wanted: set[str]) -> str:
        _, width, height, rate, bits = STREAMS[stream]
        encoding = {"h264": "H264", "h265": "H265"}[self._identity.codec]
        token = source.profile(stream)
        parts = {
            "VideoSource": (
                f'<tr2:VideoSource token="VSC_{source.number}"><tt:Name>Source</tt:Name>'
                f"<tt:UseCount>2</tt:UseCount><tt:SourceToken>{source.token}</tt:SourceToken>"
                f"{_BOUNDS}</tr2:VideoSource>"
            ),
            "VideoEncoder": (
                f'<tr2:VideoEncoder token="VEC_{token}" GovLength="15"><tt:Name>Encoder</tt:Name>'
                f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{encoding}</tt:Encoding>"
                f"<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
                f"</tt:Resolution><tt:RateControl><tt:FrameRateLimit>{rate}</tt:FrameRateLimit>"
                f"<tt:BitrateLimit>{bits}</tt:BitrateLimit></tt:RateControl>"
                "<tt:Quality>4</tt:Quality></tr2:VideoEncoder>"
            ),
        }
        if self._identity.audio:
            parts["AudioEncoder"] = (
                f'<tr2:AudioEncoder token="AEC_{token}"><tt:Name>Audio</tt:Name><tt:UseCount>1'
                f"</tt:UseCount><tt:Encoding>{_MIME[self._identity.audio]}</tt:Encoding>"
                "<tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate></tr2:AudioEncoder>"
            )
        if source.head is not None:
            parts["PTZ"] = (
                f'<tr2:PTZ token="PTZ_{source.number}"><tt:Name>PTZ</tt:Name><tt:UseCount>2'
                f"</tt:UseCount><tt:NodeToken>Node_{source.number}</tt:NodeToken></tr2:PTZ>"
            )
        # Without a type, a device tells the token and the name alone.
        told = "".join(text for name, text in parts.items() if wanted & {name, "All"})
        return (
            f'<tr2:Profiles token="{token}" fixed="true"><tr2:Name>{token}</tr2:Name>'
            f"<tr2:Configurations>{told}</tr2:Configurations></tr2:Profiles>"
        )

    # --- addresses ------------------------------------------------------------------------------

    def _found(self, call: Call) -> tuple[Source, int]:
        found = self._identity.source_of_profile(call.text("ProfileToken"))
        if found is None:
            raise SoapFault("InvalidArgVal", "NoProfile")
        return found

    def _stream(self, call: Call) -> str:
        source, stream = self._found(call)
        uri = escaped(self._identity.address("rtsp", stream_path(source.number, stream)))
        if "uri-escaped-twice" in self._quirks:
            uri = escaped(uri)
        if "uri-with-blanks" in self._quirks:
            uri = f"\n   {uri}\n  "
        return uri

    def _still(self, call: Call) -> str:
        if "no-snapshot" in self._quirks:
            raise SoapFault("ActionNotSupported")
        source, _ = self._found(call)
        return escaped(self._identity.address("http", f"/onvif/snapshot?channel={source.number}"))

    def _uri1(self, uri: str) -> str:
        return (
            f"<tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>"
        )


_MIME = {"AAC": "MP4A-LATM", "G711": "PCMU", "G726": "G726"}
