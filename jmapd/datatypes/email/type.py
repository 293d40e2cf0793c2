"""The Email type's descriptor."""

from __future__ import annotations

from jmapd.datatypes.email import get, import_, parse, properties, query
from jmapd.datatypes.email.copy import EmailCopier
from jmapd.datatypes.email.set import EmailSetter
from jmapd.methods.datatype import DataType
from jmapd.protocol.capabilities import MAIL
from jmapd.store.emails import email_id, email_number

EMAIL = DataType(
    name="Email",
    capability=MAIL,
    properties=properties.PROPERTIES,
    default_properties=properties.DEFAULT,
    is_property=properties.is_header_property,
    id_of=email_id,
    number_of=email_number,
    getter=get.EmailGetter.open,
    get_arguments=get.ARGUMENTS,
    setter=EmailSetter.open,
    copier=EmailCopier.open,
    query=query.find,
    query_arguments=query.ARGUMENTS,
    conditions=query.CONDITIONS,
    sort_properties=query.SORT_PROPERTIES,
    other_methods=(import_.METHOD, parse.METHOD),
)
