"""Clients of other protocols from the standard library: HTTP has to get an answer, TLS an alert."""

import http.client
import socket
import ssl
import sys

host, port = sys.argv[1].rsplit(":", 1)

h = http.client.HTTPConnection(host, int(port), timeout=20)
h.request("GET", "/streams", headers={"Accept": "application/json"})
r = h.getresponse()
print("http", r.status, r.read().decode().replace("\n", " "))

try:
    ssl._create_unverified_context().wrap_socket(socket.create_connection((host, int(port)), 20))
except ssl.SSLError as error:
    print("tls", error.reason)
