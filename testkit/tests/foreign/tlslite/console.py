"""Consoles that bend TLS, one after another, against the device at the port that is given; a line tells of each."""

import socket
import sys

from tlslite.constants import CipherSuite, ExtensionType, GroupName, HandshakeType
from tlslite.extensions import TLSExtension
from tlslite.messages import ClientHello, ClientKeyExchange, Finished

from bent import *

GREASE = 0x1A1A


def talk(conn):
    """What a console does: the command, the hello, a word and its echo."""
    conn.handshakeClientCert(settings=conn.settings)
    conn.bend.stands(conn)
    conn.write(COMMAND)
    if conn.read(12, 12) != HELLO:
        return "closed"
    conn.bend.flows(conn)
    conn.write(b"!")
    while data := conn.read():
        if data.endswith(b"!"):
            conn.close()
            return "served"
    return "closed"


def with_extension(kind, data=b""):
    """A hello with one more extension."""
    def change(hello):
        hello.extensions.append(TLSExtension(extType=kind).create(bytearray(data)))
    return changed(ClientHello, change)


def without_extension(kind):
    def change(hello):
        hello.extensions = [extension for extension in hello.extensions if extension.extType != kind]
    return changed(ClientHello, change)


def greased(hello):
    """RFC 8701: names that nobody knows come first."""
    hello.cipher_suites.insert(0, GREASE)
    hello.extensions.insert(0, TLSExtension(extType=GREASE).create(bytearray(b"x")))
    groups = hello.getExtension(ExtensionType.supported_groups)
    groups.groups.insert(0, GREASE)
    if versions := hello.getExtension(ExtensionType.supported_versions):
        versions.versions.insert(0, (0x1A, 0x1A))


def field(name, value):
    """A hello with another value in a field."""
    return changed(ClientHello, lambda hello: setattr(hello, name, value))


def share(group, public):
    """A hello with another key share."""
    def change(hello):
        entry = hello.getExtension(ExtensionType.key_share).client_shares[0]
        entry.group, entry.key_exchange = group, bytearray(public)
    return changed(ClientHello, change)


def says(data):
    """It says this instead of a hello, and no more."""
    def first(conn):
        conn.raw(data)
        raise Left
    return first


def early_data(length):
    return record(DATA, bytes(length), b"\x03\x03")


def psk(binder):
    """A pre-shared key that nobody knows."""
    identity = b"\0\x04none" + bytes(4)
    binder = bytes([len(binder)]) + binder
    lists = [len(each).to_bytes(2, "big") + each for each in (identity, binder)]
    return with_extension(ExtensionType.pre_shared_key, b"".join(lists))


def renegotiate(conn):
    """RFC 5246 section 7.4.1.2; with TLS 1.3 there is no such thing."""
    suites = [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
    hello = ClientHello().create((3, 3), bytearray(32), bytearray(), suites, extensions=[])
    conn.record(HANDSHAKE, hello.write())


# Version 0.2, seven suites of three bytes, a challenge.
SSL2_HELLO = b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10" + b"".join(
    suite + b"\0\x80" for suite in (b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06", b"\x07")) + bytes(16)

BENDS = [
    Bend("nothing bent"),
    Bend("the handshake in records of one byte", cut=one_byte_records),
    Bend("the handshake in records of 100 bytes", cut=lambda payload: pieces(payload, 100)),
    Bend("a hello with what nobody knows first", message=changed(ClientHello, greased)),
    Bend("a hello of 60,000 bytes", message=with_extension(GREASE, bytes(60000))),
    Bend("a hello that announces 65,536 bytes", first=says(record(HANDSHAKE, b"\x01\x01\0\0" + bytes(9000)))),
    Bend("a hello that announces 16 MiB", first=says(record(HANDSHAKE, b"\x01\xff\xff\xff" + bytes(9000)))),
    Bend("half a hello", first=says(record(HANDSHAKE, b"\x01\0\x02\0\x03\x03"))),
    Bend("a hello of no bytes", first=says(record(HANDSHAKE, b"\x01\0\0\0"))),
    Bend("SSL 2's hello", first=says(SSL2_HELLO)),
    Bend("HTTP", first=says(b"GET / HTTP/1.1\r\n\r\n")),
    Bend("plain VNC", first=says(HELLO)),
    Bend("data first", first=says(record(DATA, COMMAND))),
    Bend("a ChangeCipherSpec first", first=says(record(CCS, b"\x01"))),
    Bend("Finished first", first=says(record(HANDSHAKE, handshake(20, bytes(12))))),
    Bend("an alert first", first=says(record(ALERT, bytes([FATAL, 40])))),
    Bend("a close_notify first", first=says(record(ALERT, bytes([WARNING, 0])))),
    Bend("an empty record first", first=says(record(HANDSHAKE, b""))),
    Bend("a record that announces 16,385 bytes first", first=says(b"\x16\x03\x01\x40\x01\x01")),
    Bend("SSL 3", (TLS12,), message=field("client_version", (3, 0))),
    Bend("TLS 1.0", (TLS12,), message=field("client_version", (3, 1))),
    Bend("TLS 1.1", (TLS12,), message=field("client_version", (3, 2))),
    Bend("a version to come", (TLS12,), message=field("client_version", (3, 9))),
    Bend("TLS_FALLBACK_SCSV", (TLS12,), settings={"sendFallbackSCSV": True}),
    Bend("no suite", message=field("cipher_suites", [])),
    Bend("old suites alone", message=field("cipher_suites", [CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA])),
    Bend("compression too", message=field("compression_methods", [1, 0])),
    Bend("compression alone", message=field("compression_methods", [1])),
    Bend("no extension", message=field("extensions", [])),
    Bend("no groups", message=without_extension(ExtensionType.supported_groups)),
    Bend("no signature algorithms", message=without_extension(ExtensionType.signature_algorithms)),
    Bend("no key share", (TLS13,), message=without_extension(ExtensionType.key_share)),
    Bend("an extension twice", message=with_extension(ExtensionType.extended_master_secret)),
    Bend("an extension with too much in it", message=with_extension(ExtensionType.heartbeat, bytes(9))),
    Bend("bytes behind the hello", message=rewritten(
        ClientHello, lambda data: handshake(1, bytes(data[4:]) + b"x"))),
    Bend("a key share of zeros", (TLS13,), message=share(GroupName.x25519, bytes(32))),
    Bend("a key share that is on no curve", (TLS13,), message=share(GroupName.secp256r1, b"\x04" + bytes(64)),
         settings={"keyShares": ["secp256r1"], "eccCurves": ["secp256r1"]}),
    Bend("a key share of 31 bytes", (TLS13,), message=share(GroupName.x25519, bytes(31))),
    Bend("a key share for another group first", (TLS13,), settings={"keyShares": ["secp521r1"]}),
    # RFC 8446 section 4.2.10: a server that takes none skips what it cannot open.
    Bend("early data", (TLS13,), message=both(
        with_extension(ExtensionType.early_data), before(Finished, lambda conn: conn.raw(early_data(64))))),
    Bend("early data of 20,000 bytes", (TLS13,), message=both(
        with_extension(ExtensionType.early_data), before(Finished, lambda conn: conn.raw(early_data(10000) * 2)))),
    Bend("early data that nobody announced", (TLS13,), message=before(Finished, lambda conn: conn.raw(early_data(64)))),
    Bend("a key that nobody knows", (TLS13,), message=psk(bytes(32))),
    Bend("a key that nobody knows, not last", (TLS13,), message=both(psk(bytes(32)), with_extension(GREASE))),
    Bend("heartbeat asked for", settings={"use_heartbeat_extension": True}),
    Bend("a public key on no curve", (TLS12,), message=changed(
        ClientKeyExchange, lambda msg: setattr(msg, "ecdh_Yc", bytearray(32)))),
    Bend("a certificate that nobody asked for", (TLS12,), message=before(
        ClientKeyExchange, lambda conn: conn.record(HANDSHAKE, handshake(11, bytes(3))))),
    Bend("a certificate that nobody asked for", (TLS13,), message=before(
        Finished, lambda conn: conn.record(HANDSHAKE, handshake(11, bytes(4))))),
    Bend("a wrong Finished", message=rewritten(Finished, flipped)),
    Bend("a Finished that is too short", message=rewritten(Finished, lambda data: handshake(20, bytes(data[4:-1])))),
    Bend("data before Finished", message=before(Finished, lambda conn: conn.record(DATA, COMMAND))),
    Bend("data in the clear before Finished", message=before(
        Finished, lambda conn: conn.raw(record(DATA, COMMAND, b"\x03\x03")))),
    Bend("no Finished", message=when(Finished, lambda conn, msg: conn.record(DATA, COMMAND) or conn.leave())),
    Bend("an early ChangeCipherSpec", (TLS12,), message=before(
        ClientKeyExchange, lambda conn: conn.record(CCS, b"\x01"))),
    Bend("33 ChangeCipherSpecs", (TLS13,), message=before(
        Finished, lambda conn: [conn.record(CCS, b"\x01") for _ in range(33)])),
    Bend("a ChangeCipherSpec of 2", message=before(Finished, lambda conn: conn.record(CCS, b"\x02"))),
    Bend("a fatal alert before Finished", message=before(
        Finished, lambda conn: conn.record(ALERT, bytes([FATAL, 40])))),
    Bend("a warning before Finished", message=before(Finished, lambda conn: conn.record(ALERT, bytes([WARNING, 90])))),
    Bend("a close_notify before Finished", message=before(
        Finished, lambda conn: conn.record(ALERT, bytes([WARNING, 0])))),
    Bend("an end before Finished", message=before(Finished, Bent.leave)),
    Bend("a new hello", stands=renegotiate),
    Bend("three new hellos", stands=lambda conn: [renegotiate(conn) for _ in range(3)]),
    Bend("a ticket", (TLS13,), stands=lambda conn: conn.record(
        HANDSHAKE, handshake(HandshakeType.new_session_ticket, bytes(8) + b"\0\0\x01t\0\0"))),
    *AFTERWARDS,
]


for bend in BENDS:
    for version in bend.versions:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), BOUND) as sock:
            print(f"{NAMES[version]}, {bend.name}: {meet(sock, bend, version, talk)}", flush=True)
