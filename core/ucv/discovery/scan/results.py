"""What a scan found at a host, put together for people: brand, model, and why it is thought so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ucv.discovery.scan.view import HostChange, ScanComparison, ScanResult
from ucv.plugins.sightings import Fingerprint, Sighting


def result_of(fingerprint: Fingerprint, sightings: Sequence[tuple[str, Sighting]]) -> ScanResult:
    """Return what is known of a host; ``sightings`` are those of integrations, with their domains.

    The surest one says what the device is; what it does not tell, the next ones do.
    """
    ranked = sorted(sightings, key=lambda pair: (-pair[1].confidence, pair[0]))
    told = [sighting for _, sighting in ranked]
    return ScanResult(
        host=fingerprint.host,
        ports=fingerprint.ports,
        mac=fingerprint.mac,
        manufacturer=next((one.manufacturer for one in told if one.manufacturer), None),
        model=next((one.model for one in told if one.model), None),
        name=next((one.name for one in told if one.name), None),
        integration=ranked[0][0] if ranked else None,
        confidence=told[0].confidence if told else 0.0,
        evidence=tuple(_evidence(fingerprint)),
        rtsp=fingerprint.rtsp,
        http=fingerprint.http,
        onvif=tuple(service.port for service in fingerprint.onvif),
    )


def compare(
    before: Sequence[ScanResult], after: Sequence[ScanResult], *, before_id: str | None = None
) -> ScanComparison:
    """Return which hosts are new, which are gone, and where ports opened or closed."""
    were = {result.host: result for result in before}
    are = {result.host: result for result in after}
    changed = []
    for host, result in are.items():
        was = were.get(host)
        if was is not None and set(was.ports) != set(result.ports):
            changed.append(
                HostChange(
                    host,
                    opened=tuple(sorted(set(result.ports) - set(was.ports))),
                    closed=tuple(sorted(set(was.ports) - set(result.ports))),
                    was=was,
                )
            )
    return ScanComparison(
        before=before_id,
        new=tuple(host for host in are if host not in were),
        gone=tuple(result for host, result in were.items() if host not in are),
        changed=tuple(changed),
    )


def _evidence(fingerprint: Fingerprint) -> Iterator[str]:
    """Say what was heard, a sentence for each thing."""
    for rtsp in fingerprint.rtsp:
        if rtsp.status == 200 and rtsp.path:
            yield f"RTSP on port {rtsp.port} shows {rtsp.path} to anyone"
        elif not rtsp.realm and not rtsp.server:
            yield f"RTSP answers on port {rtsp.port}"
        if rtsp.realm:
            yield f'RTSP realm "{rtsp.realm}" on port {rtsp.port}'
        if rtsp.server:
            yield f'RTSP server "{rtsp.server}" on port {rtsp.port}'
    for http in fingerprint.http:
        scheme = "HTTPS" if http.tls else "HTTP"
        named = (("server", http.server), ("realm", http.realm), ("title", http.title))
        for what, value in named:
            if value:
                yield f'{scheme} {what} "{value}" on port {http.port}'
        if not any(value for _, value in named):
            yield f"{scheme} answers on port {http.port}"
    for service in fingerprint.onvif:
        yield f"ONVIF device service on port {service.port}"
    if not fingerprint.answered:
        ports = ", ".join(map(str, fingerprint.ports[:16]))
        yield f"Open, without an answer: port {ports}"
    if fingerprint.mac:
        yield f"Hardware address {fingerprint.mac}"
