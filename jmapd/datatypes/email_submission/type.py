"""The EmailSubmission type's descriptor."""

from __future__ import annotations

from jmapd.datatypes.email_submission.query import CONDITIONS, SORT_KEYS, query
from jmapd.datatypes.email_submission.record import NAME, submission_id, submission_number
from jmapd.datatypes.email_submission.set import SubmissionSetter
from jmapd.datatypes.objects import getter
from jmapd.methods.datatype import DataType
from jmapd.protocol.capabilities import SUBMISSION

EMAIL_SUBMISSION = DataType(
    name=NAME,
    capability=SUBMISSION,
    properties=(
        "id",
        "identityId",
        "emailId",
        "threadId",
        "envelope",
        "sendAt",
        "undoStatus",
        "deliveryStatus",
        "dsnBlobIds",
        "mdnBlobIds",
    ),
    id_of=submission_id,
    number_of=submission_number,
    getter=getter(NAME, submission_id),
    setter=SubmissionSetter.open,
    set_arguments=("onSuccessUpdateEmail", "onSuccessDestroyEmail"),
    query=query,
    conditions=CONDITIONS,
    sort_properties=SORT_KEYS,
)
