"""The counts of Mailboxes agree with a recount, whatever is done (RFC 8621 section 2)."""

from hypothesis import given
from hypothesis import strategies as st

from jmapd.store.counts import shares
from jmapd.store.threads import Member

TRASH = 9
MEMBERS = st.lists(
    st.builds(Member, st.booleans(), st.frozensets(st.sampled_from([1, 2, TRASH]), min_size=1)), max_size=6
)


@given(MEMBERS, st.none() | st.just(TRASH))
def test_rfc8621_2_the_share_of_a_thread_by_the_words_of_the_rfc(members: list[Member], trash: int | None) -> None:
    found = shares(members, trash)
    for mailbox in {mailbox for member in members for mailbox in member.mailboxes}:
        inside = [member for member in members if mailbox in member.mailboxes]
        if trash is None:
            considered = members
        elif mailbox == trash:
            considered = [member for member in members if trash in member.mailboxes]
        else:
            considered = [member for member in members if member.mailboxes != {trash}]
        assert found[mailbox] == (
            len(inside),
            sum(member.unread for member in inside),
            1,
            int(any(member.unread for member in considered)),
        )


def test_rfc8621_2_an_unread_email_in_the_trash_alone_leaves_the_thread_read_elsewhere() -> None:
    members = [Member(False, frozenset({1})), Member(True, frozenset({TRASH}))]
    assert shares(members, TRASH) == {1: (1, 0, 1, 0), TRASH: (1, 1, 1, 1)}
