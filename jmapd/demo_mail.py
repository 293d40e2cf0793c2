"""A dozen messages for the demo account: a thread, HTML, attachments, several languages, each as mail really is."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from struct import pack

import attrs

_FIRST = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)


@attrs.frozen
class Sample:
    """One message.

    :param hours: after the first one.
    :param mailbox: a role.
    :param answers: the number in `SAMPLES` of the message that this one answers.
    :param file: name, media type and content of an attachment.
    """

    hours: float
    sender: str
    subject: str
    text: str
    html: str = ""
    mailbox: str = "inbox"
    keywords: frozenset[str] = frozenset()
    answers: int | None = None
    file: tuple[str, str, bytes] | None = None

    @property
    def sent_at(self) -> int:
        """Milliseconds since 1970."""
        return int(self._date.timestamp()) * 1000

    def raw(self, owner: str) -> bytes:
        """The message.

        :param owner: whose account it is for; stands for ``me`` in ``sender``.
        """
        message = EmailMessage(policy=SMTP)
        sent = self.sender == "me"
        message["From"] = f"Demo <{owner}>" if sent else self.sender
        message["To"] = "Maya Lind <maya@example.com>" if sent else f"Demo <{owner}>"
        message["Subject"] = self.subject
        message["Date"] = format_datetime(self._date)
        message["Message-ID"] = self._message_id
        if self.answers is not None:
            message["In-Reply-To"] = message["References"] = SAMPLES[self.answers]._message_id  # noqa: SLF001 (its own class)
        message.set_content(self.text)
        if self.html:
            message.add_alternative(self.html, subtype="html")
        if self.file:
            name, media, content = self.file
            kind, _, subtype = media.partition("/")
            message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
        # fixed ones, so that the same account gets the same octets wherever it is made
        for depth, one in enumerate(part for part in message.walk() if part.is_multipart()):
            one.set_boundary(f"sample-{zlib.crc32(self.subject.encode()):08x}-{depth}")
        return message.as_bytes()

    @property
    def _date(self) -> datetime:
        return _FIRST + timedelta(hours=self.hours)

    @property
    def _message_id(self) -> str:
        return f"<{zlib.crc32(f'{self.hours}{self.subject}'.encode()):08x}@example.com>"


def _picture() -> bytes:
    """A small PNG: a square of one colour."""
    side = 64
    rows = (b"\x00" + bytes((46, 125, 110)) * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


_SEEN = frozenset({"$seen"})

SAMPLES = (
    Sample(
        0,
        "jmapd <jmapd@example.com>",
        "Welcome to jmapd",
        "This mailbox is a demonstration: a dozen messages to try a client with.\n\n"
        "Search them, flag them, move them, delete them. Whatever one client does, the others hear of at once.\n\n"
        "`jmapctl account add` makes an account of your own, and `jmapctl import` brings your mail.\n",
        keywords=frozenset({"$seen", "$flagged"}),
    ),
    Sample(
        3.2,
        "Maya Lind <maya@example.com>",
        "The boat trip in May",
        "Hi,\n\nwe have the boat from the 14th to the 17th. It sleeps six, and so far we are four: Jonas, Ines, you and I.\n"
        "Shall I ask Tomasz? And who brings the charts?\n\nMaya\n",
        keywords=_SEEN,
    ),
    Sample(
        4.5,
        "me",
        "Re: The boat trip in May",
        "Yes, ask Tomasz. I have the charts from last year; I will see whether they are still good.\n\n"
        "> It sleeps six, and so far we are four\n\nThen one bunk is left for the luggage.\n",
        mailbox="sent",
        keywords=_SEEN,
        answers=1,
    ),
    Sample(
        7,
        "Tomasz Wójcik <tomasz@example.net>",
        "Re: The boat trip in May",
        "Chętnie! I am in, from the 15th on. Żagle na maszt!\n\nTomasz\n",
        answers=2,
    ),
    Sample(
        26,
        "Ferry Line <tickets@example.org>",
        "Your booking 7F-3391: one car, two persons",
        "Your booking 7F-3391\n\n14 May, 09:40, Eastport to Holm, one car, two persons: 84.00\n\nBe there 45 minutes early.\n",
        html="<html><body><h1>Your booking 7F-3391</h1><table border=1><tr><th>Departure<th>From<th>To<th>Price</tr>"
        "<tr><td>14 May, 09:40<td>Eastport<td>Holm<td><b>84.00</b></tr></table>"
        "<p>Be there 45 minutes early.</p></body></html>",
        file=("booking-7F-3391.txt", "text/plain", b"BOOKING 7F-3391\nCAR 1  PERSONS 2\nEASTPORT-HOLM 14 MAY 0940\n"),
    ),
    Sample(
        31,
        "Jürgen Groß <juergen@example.de>",
        "Grüße aus Köln – Fotos vom Straßenfest",
        "Hallo,\n\nanbei ein Bild vom Straßenfest. Das Grün ist der Baum vor unserem Haus; näher kam die Kamera nicht heran.\n\n"
        "Herzliche Grüße\nJürgen\n",
        file=("Straßenfest.png", "image/png", _picture()),
    ),
    Sample(
        50,
        "山田花子 <hanako@example.jp>",
        "来週の打ち合わせについて",
        "お世話になっております。\n\n来週の打ち合わせは水曜日の午後二時からでいかがでしょうか。\n\nよろしくお願いいたします。\n山田\n",
        keywords=_SEEN,
    ),
    Sample(
        52.5,
        "ليلى حداد <layla@example.net>",
        "دعوة إلى العشاء",
        "مرحبا،\n\nنود دعوتك إلى العشاء يوم الجمعة في الساعة السابعة.\n\nليلى\n",
        keywords=frozenset({"$flagged"}),
    ),
    Sample(
        71,
        "Ines Duarte <ines@example.pt>",
        "Receita de pão de milho",
        "Olá!\n\nAqui vai a receita: 500 g de farinha de milho, 300 g de farinha de trigo, fermento, sal e água morna.\n"
        "Amassar, esperar uma hora, forno a 220 graus durante quarenta minutos.\n\nBeijinhos\nInês\n",
        keywords=_SEEN,
    ),
    Sample(
        95,
        "Garden Letter <letter@example.org>",
        "What to sow in February",
        "Sow indoors: leeks, peppers, sweet peas.\nOutdoors, under glass: broad beans.\n",
        html="<html><body style='font-family:serif'><h2>What to sow in February</h2><ul><li>Indoors: leeks, peppers, "
        "sweet peas</li><li>Outdoors, under glass: broad beans</li></ul><p><a href='https://example.org/'>More</a></p>"
        "</body></html>",
        mailbox="archive",
        keywords=_SEEN,
    ),
    Sample(
        98,
        "Prize Office <win@example.biz>",
        "You have WON!!! Answer at once",
        "Dear friend,\n\nyour address has won 4,500,000. Send us your bank's name and a photograph of your cat.\n",
        mailbox="junk",
    ),
    Sample(
        120,
        "Jonas Berg <jonas@example.com>",
        "Charts 🗺️ and a knot for you",
        "The charts are from 2019: good enough for the bay, not for the sound. I have ordered new ones.\n\n"
        "And learn the bowline until May: the rabbit comes out of the hole, round the tree, and down the hole again. 🐇\n",
    ),
)
