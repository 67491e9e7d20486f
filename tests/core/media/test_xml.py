from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucv.media import xml
from ucv.media.errors import MediaError

NAMESPACES = [
    "http://www.hikvision.com/ver20/XMLSchema",
    "http://www.hikvision.com/ver10/XMLSchema",
    "http://www.isapi.org/ver20/XMLSchema",
    "http://www.std-cgi.com/ver20/XMLSchema",
    "urn:psialliance-org",
]


# --- local names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(NAMESPACES)))
def test_a_document_of_any_namespace_reads_the_same(number: int) -> None:
    root = xml.parse(f'<A version="2.0" xmlns="{NAMESPACES[number]}"><b>1</b></A>'.encode())
    assert (root.tag, root.attrib, xml.text_at(root, "b")) == ("A", {"version": "2.0"}, "1")


def test_prefixes_are_dropped_whether_or_not_they_are_declared() -> None:
    root = xml.parse(b'<s:Envelope xmlns:s="urn:s"><s:Body t:kind="x"><u:a/></s:Body></s:Envelope>')
    assert [(e.tag, e.attrib) for e in root.iter()] == [
        ("Envelope", {}),
        ("Body", {"kind": "x"}),
        ("a", {}),
    ]


def test_text_is_found_by_path_without_blanks_and_empty_where_there_is_none() -> None:
    root = xml.parse(b"<A><b>\r\n 7 </b><b>8</b><c/></A>")
    assert [xml.text_at(root, path) for path in ("b", "c", "d", "b/e")] == ["7", "", "", ""]


# --- mistakes of firmware -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"<A>Yard & gate</A>", "Yard & gate"),
        (b"<A>Yard &amp; gate &#65;&#x42;</A>", "Yard & gate AB"),
        (b"<A>a&b;c &nbsp; &</A>", "a&b;c &nbsp; &"),
        (b"<A><![CDATA[1 & 2]]> & 3 <![CDATA[&amp;]]></A>", "1 & 2 & 3 &amp;"),
        (b'<A x="1&2">y</A>', "y"),
    ],
    ids=["bare", "escaped", "unknown", "cdata", "attribute"],
)
def test_a_bare_ampersand_is_a_character(data: bytes, text: str) -> None:
    assert xml.parse(data).text == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<A>Tür</A>".encode(), "Tür"),
        ("<A>Tür</A>".encode("latin-1"), "T\ufffdr"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><A>Tür</A>'.encode("latin-1"), "Tür"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><A>Tür</A>'.encode(), "Tür"),
        ('<?xml version="1.0" encoding="GB2312"?><A>大门</A>'.encode("gb2312"), "大门"),
        (b'<?xml version="1.0" encoding="UTF-16"?><A>x</A>', "x"),
        (b'<?xml version="1.0" encoding="nonsense"?><A>x\xff</A>', "x\ufffd"),
        (b'\r\n\xef\xbb\xbf<?xml version="1.0"?><A>x</A>', "x"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><A>x</A>\0\0', "x"),
        ("\ufeff<A>Tür</A>".encode("utf-16-le"), "Tür"),
    ],
    ids=[
        "utf8",
        "undeclared",
        "latin",
        "only-declared-latin",
        "chinese",
        "not-utf16",
        "unknown",
        "blank-before-the-mark",
        "trailing-zeros",
        "utf16",
    ],
)
def test_text_is_read_in_the_encoding_it_has(data: bytes, text: str) -> None:
    assert xml.parse(data).text == text


def test_characters_that_xml_does_not_allow_are_left_out() -> None:
    assert xml.parse(b"<A>Ga\x00te\x1b &#0;&#x1F;&#xFFFF;&#9999999;1</A>").text == "Gate 1"


@pytest.mark.parametrize(
    "data",
    [b"", b"  ", b"<A>", b"<A></B>", b"<A/><B/>", b"OK", b"\xff\xd8\xff", b"<A b=1/>"],
    ids=["nothing", "blanks", "open", "crossed", "two", "text", "picture", "unquoted"],
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError):
        xml.parse(data)


# --- dangers --------------------------------------------------------------------------------------

LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
)


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        b"<?xml version='1.0'?>" + LAUGHS,
        LAUGHS.replace(b"<a>", b"<a>\x00 & "),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://192.0.2.1/p"> %p;]><a/>',
        b"<!DOCTYPE a><a/>",
    ],
    ids=["laughs", "declared", "with-mistakes", "file", "outside", "parameter", "plain"],
)
def test_a_document_type_is_refused_and_no_entity_is_expanded(data: bytes) -> None:
    with pytest.raises(MediaError, match=r"not accepted|not XML"):
        xml.parse(data)


def test_a_document_is_bounded_in_bytes_elements_and_levels() -> None:
    assert len(xml.parse(b"<A>" + b" " * 93 + b"</A>", limit=100).text or "") == 93
    for data in (
        b"<A>" + b" " * 94 + b"</A>",
        b"<a>" * (xml.MAX_DEPTH + 1) + b"</a>" * (xml.MAX_DEPTH + 1),
        b"<a>" + b"<b/>" * xml.MAX_ELEMENTS + b"</a>",
    ):
        with pytest.raises(MediaError):
            xml.parse(data, limit=100 if len(data) == 101 else xml.MAX_BYTES)


@pytest.mark.parametrize(
    "data",
    [
        b"<![CDATA[" * 100_000,
        b"&" * 1_000_000,
        b"<A " + b'a="' * 300_000,
        b"<?xml " + b"encoding" * 120_000,
        b"<a><" + b"b" * 500_000 + b">" + b"<c/>" * 49_000,
        b"\xff" + b"<?xml encoding='" * 60_000,
    ],
    ids=["cdata", "ampersands", "quotes", "declaration", "long-name", "encodings"],
)
def test_no_document_takes_long(data: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MediaError):
        xml.parse(data)
    assert time.process_time() - began < 2.0


# --- changing one element -------------------------------------------------------------------------


def test_one_element_is_changed_and_nothing_else() -> None:
    document = (
        b'<?xml version="1.0" encoding="iso-8859-1"?>\r\n'
        b'<n:Filter version="2.0" xmlns:n="urn:x">\r\n'
        b'  <n:mode opt="auto,day > night">auto</n:mode>\n  <Sub><mode>1</mode></Sub><e/>\n'
        b"  <n:name>a &amp; b</n:name></n:Filter>"
    )
    changed = xml.with_text(document, "mode", "<night>")
    body = document.partition(b"?>\r\n")[2]
    assert changed == b'<?xml version="1.0" encoding="UTF-8"?>\n' + body.replace(
        b">auto<", b">&lt;night&gt;<"
    )
    assert b"<Sub><mode>2</mode>" in xml.with_text(document, "Sub/mode", "2")


@pytest.mark.parametrize(
    "empty",
    [b"<e/>", b"<e />", b'<e a="/>"/>', b"<e></e>", b"<e>\n</e>"],
    ids=["short", "spaced", "attribute", "long", "blank"],
)
def test_an_empty_element_is_filled(empty: bytes) -> None:
    root = xml.parse(xml.with_text(b"<A>" + empty + b"<f>1</f></A>", "e", "on"))
    assert [(e.tag, e.text) for e in root] == [("e", "on"), ("f", "1")]


def test_an_element_that_is_not_there_cannot_be_changed() -> None:
    for path in ("c", "b/c", "A", ""):
        with pytest.raises(MediaError):
            xml.with_text(b"<A><b>1</b></A>", path, "2")


# --- anything at all ------------------------------------------------------------------------------

_PIECES = st.sampled_from(
    [
        b"<A>",
        b"</A>",
        b"<b x='1'>",
        b"</b>",
        b"<c/>",
        b"&",
        b"&amp;",
        b"&#0;",
        b"&#x110000;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"<?xml version='1.0' encoding='",
        b"gbk'?>",
        b"<!DOCTYPE a [",
        b"<!ENTITY b 'c'>",
        b"]>",
        b"&b;",
        b"\0",
        b"\xff\xfe",
        b"text",
        b"xmlns:a='",
    ]
)
_DOCUMENTS = st.binary(max_size=300) | st.lists(_PIECES, max_size=25).map(b"".join)


@given(_DOCUMENTS)
def test_any_bytes_are_a_document_or_a_media_error(data: bytes) -> None:
    with suppress(MediaError):
        root = xml.parse(data, limit=1000)
        size = sum(len(e.tag) + len(e.text or "") + len(e.tail or "") for e in root.iter())
        # Each byte makes a character at most: nothing is expanded.
        assert size <= len(data)


@given(_DOCUMENTS, st.text(max_size=30))
def test_any_document_can_be_wrapped_changed_and_read_again(data: bytes, text: str) -> None:
    document = b"<R><x a='1'/>" + data + b"</R>"
    try:
        before = xml.parse(document)
    except MediaError:
        return
    after = xml.parse(xml.with_text(document, "x", text))
    assert [e.tag for e in after] == [e.tag for e in before]
    assert (after[0].text or "").replace("\r\n", "\n").replace("\r", "\n") == (
        xml.parse(f"<a>{xml.escaped(text)}</a>".encode()).text or ""
    )


@given(st.text(max_size=50))
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    read = xml.parse(f"<a>|{xml.escaped(text)}|</a>".encode()).text or ""
    plain = "".join(c for c in text if c in "\t\n\r" or c >= " ")
    plain = "".join(c for c in plain if c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")
    assert read == f"|{plain}|".replace("\r\n", "\n").replace("\r", "\n")
