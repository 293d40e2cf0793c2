"""The capability URNs that jmapd knows."""

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
VACATION_RESPONSE = "urn:ietf:params:jmap:vacationresponse"
WEBSOCKET = "urn:ietf:params:jmap:websocket"
WEBSOCKET_TICKET = "com:linagora:params:jmap:ws:ticket"
"""Not the IETF's: Twake Mail's clients and others look for it to open a WebSocket from a browser."""
