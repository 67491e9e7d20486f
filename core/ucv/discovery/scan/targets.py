"""Which addresses a scan is to look at: parsed, merged, counted, and checked before it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from ucv.errors import PublicAddresses, ScanTooLarge, ValidationError

#: Addresses that are scanned without asking whether so many are meant.
DEFAULT_LIMIT: Final = 4096
#: Addresses that are scanned at most, whatever is confirmed: an IPv4 /8.
MAX_ADDRESSES: Final = 1 << 24
#: Connections that a scan makes at most: a quick one of all these addresses.
MAX_PROBES: Final = 8 * MAX_ADDRESSES
#: Longest text of ranges, in characters, and how many there may be.
MAX_TEXT: Final = 32_768
MAX_WORDS: Final = 1024

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SEPARATORS = re.compile(r"[\s,;]+")
#: An interface as Linux names it; what `ip` allows beyond that is asking for trouble.
_SCOPE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}")
#: RFC 1122, 3.2.1.3; RFC 1112, section 4; RFC 4291, sections 2.5.2, 2.5.5 and 2.7.
_NO_HOSTS: Final[tuple[Network, ...]] = tuple(
    map(ip_network, ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::/96", "ff00::/8"))
)
_LOOPBACK_V6: Final = int(IPv6Address("::1"))
_MAPPED: Final = ip_network("::ffff:0:0/96")
#: Loopback, RFC 1918, RFC 4193, link-local, and the ranges of documentation (RFC 5737, RFC 3849).
_NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
            "2001:db8::/32",
        ),
    )
)


@dataclass(frozen=True, slots=True, order=True)
class AddressRange:
    """Addresses from ``first`` to ``last``, both included, as numbers.

    ``scope`` is the interface that link-local IPv6 addresses are on (RFC 4007, section 11), "" for
    all others.
    """

    version: int
    scope: str
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many addresses these are."""
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[str]:
        scope = f"%{self.scope}" if self.scope else ""
        for number in range(self.first, self.last + 1):
            yield f"{_address(self.version, number)}{scope}"

    def __str__(self) -> str:
        first, last = _address(self.version, self.first), _address(self.version, self.last)
        if self.first == self.last:
            text = str(first)
        elif (network := self._network()) is not None:
            text = str(network)
        else:
            text = f"{first}-{last}"
        return f"{text}%{self.scope}" if self.scope else text

    def _network(self) -> Network | None:
        """Return the network whose hosts these are, if they are those of one."""
        edge = 1 if self.version == 4 else 0  # its own address and that for broadcasts
        size = self.count + 2 * edge
        start = self.first - edge
        if self.count < 3 or size & (size - 1) or start < 0 or start % size:
            return None
        bits = 32 if self.version == 4 else 128
        return ip_network((start, bits - size.bit_length() + 1))


@dataclass(frozen=True, slots=True)
class Targets:
    """Addresses to look at: ranges that do not overlap, in order."""

    ranges: tuple[AddressRange, ...]

    @property
    def count(self) -> int:
        """How many addresses these are."""
        return sum(one.count for one in self.ranges)

    @property
    def texts(self) -> tuple[str, ...]:
        """The ranges in normal form, the same for all ways to write them."""
        return tuple(map(str, self.ranges))

    def __iter__(self) -> Iterator[str]:
        """Yield one address after the other, made when it is needed."""
        for one in self.ranges:
            yield from one

    def __contains__(self, address: object) -> bool:
        """Whether an address, as text, is one of them."""
        head, _, scope = str(address).partition("%")
        try:
            one = ip_address(head)
        except ValueError:
            return False
        return any(
            (one.version, scope) == (among.version, among.scope)
            and among.first <= int(one) <= among.last
            for among in self.ranges
        )

    def __str__(self) -> str:
        return ",".join(self.texts)


def parse_targets(text: str | Sequence[str]) -> Targets:
    """Return the addresses that a text or several name, separated by commas or blanks.

    Each is a network (``192.0.2.0/24``), a range (``192.0.2.10-192.0.2.20``, ``192.0.2.10-20``) or
    one address, of IPv4 or IPv6; link-local IPv6 ones with their interface (``fe80::1%eth0``). The
    network's own and the broadcast address of an IPv4 network of four addresses or more are left
    out. Raises `ValidationError` that names the word it does not understand.
    """
    whole = text if isinstance(text, str) else ",".join(text)
    if len(whole) > MAX_TEXT:
        raise ValidationError("That are too many ranges for one scan.")
    words = [word for word in _SEPARATORS.split(whole) if word]
    if not words:
        raise ValidationError("Say which addresses to scan, such as 192.0.2.0/24.")
    if len(words) > MAX_WORDS:
        raise ValidationError(f"That are {len(words):,} ranges; {MAX_WORDS:,} is the most.")
    return Targets(tuple(_merged(sorted(map(_range, words)))))


def check_targets(
    targets: Targets,
    *,
    limit: int = DEFAULT_LIMIT,
    confirmed: bool = False,
    allow_public: bool = False,
) -> None:
    """Refuse what a scan should not look at, or not without somebody confirming it.

    Raises `ValidationError` for addresses that no host has (multicast, reserved) and for more than
    `MAX_ADDRESSES`, `PublicAddresses` unless ``allow_public``, and `ScanTooLarge` for more than
    ``limit`` addresses unless ``confirmed``.
    """
    for one in targets.ranges:
        _check_hosts(one)
        public = None if allow_public else _first_public(one)
        if public is not None:
            raise PublicAddresses(
                f"{public} is an address of the public internet; such are not scanned.",
                details={"address": str(public)},
            )
    if targets.count > MAX_ADDRESSES:
        raise ValidationError(
            f"These are {targets.count:,} addresses; {MAX_ADDRESSES:,} is the most.",
            details={"count": targets.count, "limit": MAX_ADDRESSES},
        )
    if targets.count > limit and not confirmed:
        raise ScanTooLarge(count=targets.count, limit=limit)


def check_probes(targets: Targets, ports: Sequence[int]) -> None:
    """Refuse what would take days; raises `ValidationError`."""
    count = targets.count * len(ports)
    if count > MAX_PROBES:
        raise ValidationError(
            f"{len(ports):,} ports of {targets.count:,} addresses are {count:,} connections; "
            f"{MAX_PROBES:,} is the most.",
            details={"count": count, "limit": MAX_PROBES},
        )


def _range(word: str) -> AddressRange:
    """Return what one word names."""
    body, sign, scope = word.partition("%")
    if sign and "/" in scope:  # fe80::%eth0/64 is as good as fe80::/64%eth0
        scope, _, prefix = scope.partition("/")
        body = f"{body}/{prefix}"
    try:
        first, last = _ends(body)
    except ValueError as error:
        raise ValidationError(
            f"{word[:60]!r} is no address, network or range of addresses.",
            details={"word": word[:60]},
        ) from error
    if int(last) < int(first):
        raise ValidationError(f"{word[:60]!r} ends before it begins.", details={"word": word[:60]})
    link_local = isinstance(first, IPv6Address) and (first.is_link_local or last.is_link_local)
    if link_local != bool(sign) or (sign and not _SCOPE.fullmatch(scope)):
        raise ValidationError(
            f"{word[:60]!r}: link-local IPv6 addresses, and only those, need their interface, "
            "as in fe80::1%eth0.",
            details={"word": word[:60]},
        )
    return AddressRange(first.version, scope, int(first), int(last))


def _ends(body: str) -> tuple[Address, Address]:
    """Return the first and last address; raises `ValueError`."""
    if "/" in body:
        network = ip_network(body, strict=False)
        if isinstance(network, IPv4Network) and network.prefixlen < 31:
            return network.network_address + 1, network.broadcast_address - 1
        return network[0], network[-1]
    start, sign, end = body.partition("-")
    first = ip_address(start)
    if not sign:
        return first, first
    if end.isascii() and end.isdigit() and isinstance(first, IPv4Address):
        return first, ip_address(f"{start.rpartition('.')[0]}.{end}")
    last = ip_address(end)
    if first.version != last.version:
        raise ValueError("addresses of two kinds")
    return first, last


def _merged(ranges: Sequence[AddressRange]) -> Iterator[AddressRange]:
    """Join sorted ranges that overlap or touch."""
    current: AddressRange | None = None
    for one in ranges:
        if current is None:
            current = one
        elif (one.version, one.scope) == (current.version, current.scope) and (
            one.first <= current.last + 1
        ):
            last = max(one.last, current.last)
            current = AddressRange(current.version, current.scope, current.first, last)
        else:
            yield current
            current = one
    if current is not None:
        yield current


def _check_hosts(one: AddressRange) -> None:
    """Refuse addresses that no host has."""
    if one.version == 6 and one.first == one.last == _LOOPBACK_V6:
        return
    for network in (*_NO_HOSTS, _MAPPED):
        first, last = int(network.network_address), int(network.broadcast_address)
        if network.version == one.version and one.first <= last and first <= one.last:
            raise ValidationError(
                f"{one} has addresses that no device can have ({network}).",
                details={"word": str(one)},
            )


def _first_public(one: AddressRange) -> Address | None:
    """Return the first address of the public internet, if there is one."""
    at = one.first
    while at <= one.last:
        for network in _NOT_PUBLIC:
            first, last = int(network.network_address), int(network.broadcast_address)
            if network.version == one.version and first <= at <= last:
                at = last + 1
                break
        else:
            return _address(one.version, at)
    return None


def _address(version: int, number: int) -> Address:
    return IPv4Address(number) if version == 4 else IPv6Address(number)
