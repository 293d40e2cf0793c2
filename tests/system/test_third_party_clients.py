"""A real mailbox is imported, and clients that others wrote live on it: jmapc over HTTP, websockets over RFC 8887."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jmapc import Client, Comparator, Email, EmailAddress, EmailBodyPart, EmailBodyValue, EmailQueryFilterCondition, Ref
from jmapc.methods import (
    CoreEcho,
    EmailChanges,
    EmailGet,
    EmailGetResponse,
    EmailQuery,
    EmailQueryResponse,
    EmailSet,
    EmailSetResponse,
    MailboxGet,
    MailboxGetResponse,
    ThreadGet,
    ThreadGetResponse,
)

from tests.system.corpus import write_mbox
from tests.system.server import PASSWORD, USER, Server

MESSAGES = 5000


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a mailing list's mbox of 5,000 messages in it."""
    folder: Path = tmp_path_factory.mktemp("third-party")
    write_mbox(folder / "list.mbox", MESSAGES)
    server = Server(folder, throttle="100ms")
    server.start()
    server.add_account()
    said = server.jmapctl("import", USER, str(folder / "list.mbox"))
    assert f"{MESSAGES:,} messages imported" in said.stdout
    yield server
    if server.running():
        assert server.stop()


@pytest.fixture
def client(imported: Server, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", imported.certificate)
    return Client.create_with_password(imported.url.removeprefix("https://"), USER, PASSWORD)


def mailboxes(client: Client) -> dict[str, Any]:
    response = client.request(MailboxGet(ids=None))
    assert isinstance(response, MailboxGetResponse)
    return {str(box.name): box for box in response.data}


def find(client: Client, condition: EmailQueryFilterCondition, **options: Any) -> list[str]:
    query = EmailQuery(filter=condition, sort=[Comparator(property="receivedAt", is_ascending=False)], **options)
    response = client.request(query)
    assert isinstance(response, EmailQueryResponse)
    assert isinstance(response.ids, list)
    return response.ids


def test_importing_again_makes_no_duplicates(imported: Server) -> None:
    imported.jmapctl("import", USER, str(imported.folder / "list.mbox"))
    accounts = imported.jmapctl("account", "list").stdout
    assert f"{MESSAGES:,}" in accounts


def test_jmapc_reads_and_searches(client: Client) -> None:
    echo: Any = client.request(CoreEcho(data={"hello": "world"}))
    assert echo.data == {"hello": "world"}
    box = mailboxes(client)["list"]
    assert box.total_emails == MESSAGES
    assert box.total_threads == -(-MESSAGES // 7)
    newest = find(client, EmailQueryFilterCondition(in_mailbox=box.id), limit=5)
    results = client.request(
        [
            EmailQuery(filter=EmailQueryFilterCondition(in_mailbox=box.id), limit=5),
            EmailGet(ids=Ref("/ids"), fetch_all_body_values=True),
            ThreadGet(ids=Ref("/list/*/threadId")),
        ]
    )
    emails, threads = results[1].response, results[2].response
    assert isinstance(emails, EmailGetResponse)
    assert isinstance(threads, ThreadGetResponse)
    assert [email.id for email in emails.data] == newest
    assert all(email.body_values for email in emails.data)
    emails_of = {thread.id: thread.email_ids for thread in threads.data}
    assert all(email.id in emails_of[str(email.thread_id)] for email in emails.data)
    from_joerg = find(client, EmailQueryFilterCondition(mail_from="müller"), limit=3)
    assert len(from_joerg) == 3
    assert find(client, EmailQueryFilterCondition(text="asyncio socket"), limit=3)
    assert find(client, EmailQueryFilterCondition(has_attachment=True), limit=3)
    assert not find(client, EmailQueryFilterCondition(text="nosuchword"))


def test_jmapc_flags_moves_creates_and_deletes_and_the_socket_hears_of_it(imported: Server, client: Client) -> None:
    socket = imported.socket()
    socket.enable()
    boxes = mailboxes(client)
    (email,) = find(client, EmailQueryFilterCondition(in_mailbox=boxes["list"].id), limit=1)
    account = client.account_id

    def change(method: EmailSet, *types: str) -> EmailSetResponse:
        response = client.request(method)
        assert isinstance(response, EmailSetResponse)
        heard: dict[str, str] = {}
        while not set(types) <= set(heard):
            heard.update(socket.push()["changed"][account])
        assert heard["Email"] == response.new_state
        return response

    change(EmailSet(update={email: {"keywords/$flagged": True}}), "Email")
    change(EmailSet(update={email: {"keywords/$seen": True}}), "Email", "Mailbox")
    move = {f"mailboxIds/{boxes['list'].id}": None, f"mailboxIds/{boxes['Archive'].id}": True}
    change(EmailSet(update={email: move}), "Email", "Mailbox")
    assert mailboxes(client)["Archive"].total_emails == 1
    draft = Email(
        mailbox_ids={str(boxes["Drafts"].id): True},
        keywords={"$draft": True},
        mail_from=[EmailAddress(name="Anna", email=USER)],
        to=[EmailAddress(name="Ben", email="ben@example.org")],
        subject="Größe",
        body_values={"b": EmailBodyValue(value="Hello\nWörld")},
        text_body=[EmailBodyPart(part_id="b", type="text/plain")],
    )
    made = change(EmailSet(create={"draft": draft}), "Email", "Mailbox", "Thread").created
    assert made is not None
    new = str(getattr(made["draft"], "id", None))
    got = client.request(EmailGet(ids=[new], fetch_text_body_values=True))
    assert isinstance(got, EmailGetResponse)
    assert got.data[0].subject == "Größe"
    change(EmailSet(destroy=[new, email]), "Email", "Mailbox", "Thread")
    assert mailboxes(client)["Archive"].total_emails == 0
    socket.close()


def test_changes_since_before_lead_to_now(client: Client) -> None:
    state = client.request(EmailGet(ids=[]))
    assert isinstance(state, EmailGetResponse)
    (email,) = find(client, EmailQueryFilterCondition(text="socket"), limit=1)
    client.request(EmailSet(update={email: {"keywords/later": True}}))
    changes: Any = client.request(EmailChanges(since_state=str(state.state)))
    assert changes.updated == [email]


def test_everything_over_one_socket(imported: Server) -> None:
    socket = imported.socket()
    account = next(iter(imported.http().get(f"{imported.url}/jmap/session").json()["accounts"]))
    query = ("Email/query", {"accountId": account, "filter": {"subject": "release"}, "limit": 20}, "q")
    get = (
        "Email/get",
        {
            "accountId": account,
            "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
            "properties": ["subject", "preview", "hasAttachment"],
        },
        "g",
    )
    found = socket.request(query, get)[1][1]["list"]
    assert len(found) == 20
    assert all("release" in email["subject"] for email in found)
    socket.close()


def test_attachments_are_downloaded_as_they_were_sent(imported: Server, client: Client) -> None:
    (email,) = find(client, EmailQueryFilterCondition(has_attachment=True), limit=1)
    response = client.request(EmailGet(ids=[email], properties=["attachments", "blobId", "size"]))
    assert isinstance(response, EmailGetResponse)
    assert response.data[0].attachments is not None
    (attachment,) = response.data[0].attachments
    target = imported.folder / "plot.png"
    client.download_attachment(attachment, target)
    assert target.stat().st_size == attachment.size
