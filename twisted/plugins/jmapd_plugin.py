"""Makes `twistd jmapd` appear."""

from twisted.application.service import ServiceMaker

jmapd = ServiceMaker(
    "jmapd",
    "jmapd.tap",
    "A JMAP mail server whose clients live on one WebSocket.",
    "jmapd",
)
