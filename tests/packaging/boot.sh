#!/bin/bash
# Runs inside of a booted Debian, as root: the package's whole life. /srv/in holds the package in build/, second.deb,
# tests and pages, and what takes the place of programs that need a network; /srv/site is what the tests import.
set -euo pipefail
trap 'echo "boot test: failed in line $LINENO" >&2; systemctl status jmapd.service jmapd.socket --no-pager >&2 || true; journalctl -u jmapd -n 40 --no-pager >&2 || true' ERR

say() { echo "boot test: $*"; }
api=https://localhost/jmap/api/
python=/usr/lib/jmapd/bin/python3
user=carl@localhost:secret
echo_request='{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":1},"0"]]}'
ask() { curl --silent --show-error --fail --insecure --max-time 20 --user $user --header 'Content-Type: application/json' --data "${1:-$echo_request}" $api; }

say "the pages, from the tutorial on, and clients that others wrote"
cp /srv/in/checkout/tests/packaging/instead/* /usr/local/bin/
(cd /srv/in/checkout && PYTHONPATH=/srv/site:. python3 -m pytest -q -x --tb=short --noconftest -p no:cacheprovider --durations=5 tests/packaging/test_installed.py)

say "installed"
systemctl is-enabled jmapd.service jmapd.socket >/dev/null
systemctl is-active jmapd.service jmapd.socket >/dev/null
[ "$(stat -c %U:%a /var/lib/jmapd)" = jmapd:750 ]
[ "$(curl --silent --insecure --output /dev/null --write-out '%{http_code}' https://localhost/.well-known/jmap)" = 401 ]

say "accounts and mail, by root and by others"
account=$(echo secret | jmapctl account add carl@localhost --password-stdin | sed 's/.*(\(.*\))\.$/\1/')
printf 'From a@b Mon Jan  5 10:00:00 2026\nSubject: hello\n\nworld\n' > /root/mail.mbox
chmod 600 /root/mail.mbox
jmapctl import carl@localhost /root/mail.mbox
ask | grep -q '"a":1'
runuser -u nobody -- jmapctl check-config
[ -z "$(find /var/lib/jmapd ! -user jmapd)" ]

say "a WebSocket over TLS, and a reload that renews the certificate and drops nobody"
cat > /root/client.py <<'CLIENT'
import base64, os, socket, ssl, subprocess, sys, time

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

RENEW = """
make-ssl-cert generate-default-snakeoil --force-overwrite
rm -f /etc/jmapd/tls/certificate.pem /etc/jmapd/tls/key.pem
install -m 640 -g ssl-cert /etc/ssl/private/ssl-cert-snakeoil.key /etc/jmapd/tls/key.pem
install -m 644 /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/jmapd/tls/certificate.pem
"""

def connect():
    return context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 20), server_hostname="localhost")

def frame(text):
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data

def message(tls):
    head = tls.recv(2)
    length = head[1] & 0x7F
    if length == 126:
        length = int.from_bytes(tls.recv(2))
    data = b""
    while len(data) < length:
        data += tls.recv(length - len(data))
    return data

tls = connect()
before = tls.getpeercert(True)
basic = base64.b64encode(b"carl@localhost:secret").decode()
key = base64.b64encode(os.urandom(16)).decode()
tls.sendall((
    "GET /jmap/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: jmap\r\n"
    f"Authorization: Basic {basic}\r\n\r\n").encode())
answer = b""
while not answer.endswith(b"\r\n\r\n"):
    answer += tls.recv(1)
assert answer.startswith(b"HTTP/1.1 101"), answer
request = '{"@type":"Request","id":"r","using":[],"methodCalls":[]}'
for _ in range(2):
    tls.sendall(frame(request))
    assert b'"requestId":"r"' in message(tls)
    subprocess.run(["sh", "-ec", RENEW], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["systemctl", "reload", "jmapd"], check=True)
until = time.monotonic() + 20
while (again := connect().getpeercert(True)) == before and time.monotonic() < until:
    time.sleep(0.1)
sys.exit(0 if before != again else "the certificate is the old one")
CLIENT
$python /root/client.py

say "killed, it comes back; stalled, it is replaced"
main() { systemctl show --property MainPID --value jmapd; }
until_other() { for _ in $(seq 200); do [ "$(main)" != "$1" ] && [ "$(main)" != 0 ] && ask >/dev/null 2>&1 && return; sleep 0.1; done; false; }
first=$(main); kill -KILL "$first"; until_other "$first"
mkdir -p /run/systemd/system/jmapd.service.d
printf '[Service]\nWatchdogSec=3s\n' > /run/systemd/system/jmapd.service.d/quick.conf
systemctl daemon-reload && systemctl restart jmapd
second=$(main); kill -STOP "$second"; until_other "$second"
rm -r /run/systemd/system/jmapd.service.d && systemctl daemon-reload && systemctl restart jmapd

say "the sandbox"
systemd-analyze security --threshold=15 --no-pager jmapd.service | tail -1

say "a backup by root, to a folder that is root's alone"
install -d -m 700 /root/backups
jmapctl backup /root/backups/jmapd.tar

say "an upgrade under requests"
( failed=0; for number in $(seq 400); do
    [ -e /root/upgraded ] && break
    ask "{\"using\":[\"urn:ietf:params:jmap:core\",\"urn:ietf:params:jmap:mail\"],\"methodCalls\":[[\"Mailbox/set\",{\"accountId\":\"$account\",\"create\":{\"k\":{\"name\":\"n$number\"}}},\"0\"]]}" >/root/answer 2>/root/error \
      && grep -q '"created":{"k"' /root/answer || { failed=$((failed + 1)); cat /root/error >&2; }
    echo "$number $failed" > /root/asked
  done ) &
sleep 1
dpkg -i /srv/in/second.deb >/dev/null
sleep 1
touch /root/upgraded; wait
read -r asked failed < /root/asked
say "$asked requests, $failed failed"
# each on its own line: a list of && hides all but its last from `set -e`
[ "$failed" = 0 ]
[ "$asked" -gt 5 ]
dpkg-query --show --showformat '${Version}\n' jmapd | grep -q '^0.1.0+second$'
made=$(ask '{"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":[["Mailbox/query",{"accountId":"'"$account"'","filter":{"hasAnyRole":false},"calculateTotal":true},"0"]]}' | grep -o '"total":[0-9]*')
[ "$made" = "\"total\":$asked" ]

say "restored while it is stopped, by root"
systemctl stop jmapd.socket jmapd.service
jmapctl restore --replace /root/backups/jmapd.tar
echo secret | jmapctl account add ben --password-stdin
[ -z "$(find /var/lib/jmapd ! -user jmapd)" ]
systemctl start jmapd.socket
ask >/dev/null

say "removed and purged, the mail stays"
dpkg --remove jmapd >/dev/null
[ -e /etc/jmapd/jmapd.toml ]
dpkg --purge jmapd | grep -q 'is kept'
[ -e /var/lib/jmapd/jmapd.sqlite ]
[ ! -e /etc/jmapd/jmapd.toml ]
[ ! -e /usr/lib/jmapd ]
# what others put beside it is theirs
[ -e /etc/jmapd/tls/key.pem ]
say "passed"
