"""Messages to parts: RFC 8621 section 4.1.4, RFC 2045, RFC 2046, and what is damaged or hostile."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmapd.message.body import find_body, has_attachment
from jmapd.message.parse import BOUNDS, parse
from jmapd.message.parts import NotParsable, Part
from jmapd.message.prepare import prepare
from jmapd.message.transfer import decode


def multipart(kind: str, *parts: str, boundary: str = "b") -> str:
    inner = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{inner}--{boundary}--\r\n'


def leaf(media_type: str, name: str, disposition: str = "inline") -> str:
    return f"Content-Type: {media_type}\r\nContent-Disposition: {disposition}\r\nContent-ID: <{name}>\r\n\r\n{name}"


def names(parts: tuple[Part, ...]) -> list[str | None]:
    return [part.cid for part in parts]


def test_rfc8621_4_1_4_the_rfcs_own_example() -> None:
    """multipart/mixed of A, a mixed with alternative of B to F, and G to K, as the RFC draws it."""
    alternative = multipart(
        "alternative",
        multipart("mixed", leaf("text/plain", "B"), leaf("image/jpeg", "C"), leaf("text/plain", "D"), boundary="b3"),
        multipart("related", leaf("text/html", "E"), leaf("image/jpeg", "F"), boundary="b4"),
        boundary="b2",
    )
    inner = multipart(
        "mixed",
        alternative,
        leaf("image/jpeg", "G", "attachment"),
        leaf("application/x-excel", "H"),
        leaf("message/rfc822", "J"),
        boundary="b1",
    )
    raw = "Subject: x\r\n" + multipart("mixed", leaf("text/plain", "A"), inner, leaf("text/plain", "K"), boundary="b0")
    body = find_body(parse(raw.encode()))
    assert names(body.text) == ["A", "B", "C", "D", "K"]
    assert names(body.html) == ["A", "E", "K"]
    assert names(body.attachments) == ["C", "F", "G", "H", "J"]
    assert has_attachment(body)


def test_rfc8621_4_1_4_html_alone_is_the_text_too() -> None:
    raw = b"Content-Type: text/html\r\n\r\n<p>x"
    body = find_body(parse(raw))
    assert body.text == body.html
    assert not has_attachment(body)


def test_rfc8621_4_1_4_an_image_that_the_html_shows_is_no_attachment() -> None:
    raw = multipart("related", "Content-Type: text/html\r\n\r\n<img src=cid:i>", leaf("image/png", "i"))
    assert not has_attachment(find_body(parse(raw.encode())))


def test_rfc2046_5_1_offsets_are_those_of_the_encoded_bodies() -> None:
    raw = multipart("mixed", "\r\nfirst", "Content-Transfer-Encoding: base64\r\n\r\nc2Vjb25k").encode()
    bodies = [raw[part.offset : part.offset + part.length] for part in parse(raw).sub_parts]
    assert bodies == [b"first", b"c2Vjb25k"]
    assert [part.size for part in parse(raw).sub_parts] == [5, 6]


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: bare\n\nline feeds\n",
        b"Subject: bare\r\rcarriage returns\r",
        b"From anna@example.org Mon Jan  6 2025\r\nSubject: mbox line\r\n\r\nx",
        b"Subject: no body",
        b"Subject: folded\r\n more\r\n\r\nx",
        b"Subject: 8 bit \xe9\xff\x00\r\n\r\nx",
        b"no colon here\r\nSubject: late\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=lost\r\n\r\n--other\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=open\r\n\r\n--open\r\n\r\nx",
        b"Content-Type: multipart/mixed\r\n\r\nx",
        b"Content-Type: nonsense\r\nContent-Transfer-Encoding: uuencode\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\nab!!c=d",
        b"just text",
    ],
)
def test_damaged_messages_get_the_best_reading(raw: bytes) -> None:
    prepared = prepare(raw)
    assert prepared.text_body
    assert prepared.preview if hasattr(prepared, "preview") else prepared.properties["preview"] is not None


@pytest.mark.parametrize("raw", [b"", b"\r\n \r\n", b"\x00\x01\x02\x03" * 100])
def test_what_is_no_message_at_all(raw: bytes) -> None:
    with pytest.raises(NotParsable):
        parse(raw)


def test_rfc2046_5_1_1_a_boundary_that_begins_another_is_not_it() -> None:
    inner = multipart("mixed", "\r\nx", boundary="outer-1")
    raw = multipart("mixed", inner, "\r\ny", boundary="outer").encode()
    root = parse(raw)
    assert [part.type for part in root.sub_parts] == ["multipart/mixed", "text/plain"]


def test_rfc2231_a_name_in_pieces() -> None:
    raw = b"Content-Type: application/pdf;\r\n name*0*=utf-8''Gr%C3%BC;\r\n name*1*=%C3%9Fe;\r\n name*2=.pdf\r\n\r\nx"
    assert parse(raw).name == "Gr\u00fc\u00dfe.pdf"


MESSAGES = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"Content-Type: text/html; charset=\xff\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Disposition: attachment; filename*0*=x''%; filename*7=y\r\n",
            b"From: a <b@c>, d: e;, (((\r\n",
            b"Subject: =?utf-8?q?=C3?= =?utf-8?b?qQ==?= =?x?q?\r\n",
            b"Date: yesterday\r\n",
            b"--b\r\n",
            b"--b--\r\n",
            b"--b",
            b"\r\n",
            b"\n",
            b"\r",
            b"text \xe9\x00=\r\n",
        ]
    )
    | st.binary(max_size=12),
    max_size=30,
).map(b"".join)


def spans(part: Part) -> Iterator[Part]:
    yield part
    for one in part.sub_parts:
        yield from spans(one)


@settings(max_examples=500)
@given(MESSAGES)
def test_any_bytes_are_read_and_every_part_lies_inside(raw: bytes) -> None:
    try:
        root = parse(raw)
    except NotParsable:
        return
    ids = [part.part_id for part in root.leaves()]
    assert len(ids) == len(set(ids))
    for part in spans(root):
        assert 0 <= part.offset <= part.offset + part.length <= len(raw)
        if part.part_id is not None:
            assert part.size == len(decode(raw[part.offset : part.offset + part.length], part.encoding)) or (
                b"\n" not in raw
            )
    prepare(raw)


def nested(levels: int) -> bytes:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))
    return b"Subject: deep\r\n" + head + b"\r\nx"


HOSTILE = {
    "1,000 levels": nested(1000),
    "10,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000,
    "a million boundaries": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 1_000_000,
    "boundary prefixes": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n" * 500_000,
    "a million recipients": b"To: " + b"a@b.example, " * 1_000_000 + b"\r\n\r\nx",
    "nested comments": b"To: " + b"(" * 500_000 + b"\r\n\r\nx",
    "parameters without end": b"Content-Type: text/plain" + b"; a*1*=x" * 200_000 + b"\r\n\r\nx",
    "a gigantic header": b"X: " + b"y" * 20_000_000 + b"\r\n\r\nx",
    "a million fields": b"X: y\r\n" * 1_000_000 + b"\r\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 300_000 + b"\r\n\r\nx",
    "quotes": b"To: " + b'"\\' * 500_000 + b"\r\n\r\nx",
    "html": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 500_000,
    "html attributes": b"Content-Type: text/html\r\n\r\n<a " + b"b='" * 500_000,
    "references": b"References: " + b"<a@b> " * 300_000 + b"\r\n\r\nx",
    "subject": b"Subject: " + b"Re: [x] " * 100_000 + b"\r\n\r\nx",
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 5_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_cost_bounded_time(name: str) -> None:
    """A generous bound: each is read in well under a second, but for what a slow machine adds."""
    started = time.process_time()
    prepared = prepare(HOSTILE[name])
    assert time.process_time() - started < 5
    assert sum(1 for _ in parse(HOSTILE[name]).leaves()) <= BOUNDS.max_parts + BOUNDS.max_depth
    assert len(prepared.message_ids) <= 100
