"""Devices that bend TLS, one after another, with the certificate and key that are given; first a line with the port and
how many there are, then a line tells of each."""

import socket
import sys

from tlslite.api import X509CertChain, parsePEMKey
from tlslite.constants import CipherSuite, ExtensionType, GroupName, HandshakeType, TLS_1_3_HRR
from tlslite.constants import TLS_1_2_DOWNGRADE_SENTINEL
from tlslite.extensions import HRRKeyShareExtension, SrvSupportedVersionsExtension, TLSExtension
from tlslite.messages import Certificate, CertificateVerify, EncryptedExtensions, Finished, ServerHello
from tlslite.messages import ServerHelloDone, ServerKeyExchange

from bent import *


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


CHAIN = X509CertChain()
CHAIN.parsePemList(read(sys.argv[1]))
KEY = parsePEMKey(read(sys.argv[2]), private=True)


def talk(conn, heard):
    """What a device does: it hears the command, says hello, and answers a word."""
    conn.handshakeServer(certChain=CHAIN, privateKey=KEY, reqCert=conn.bend.asks, settings=conn.settings)
    # Only now: what comes with Finished may end the console's session before the command has left.
    heard += conn.read(48, 48)
    conn.bend.stands(conn)
    conn.write(HELLO)
    conn.bend.flows(conn)
    if conn.read(1, 1) != b"!":
        return "closed"
    conn.write(b"!")
    conn.close()
    return "served"


def hello(change):
    """A ServerHello with a change to it."""
    return changed(ServerHello, change)


def field(name, value):
    return hello(lambda msg: setattr(msg, name, value))


def with_extension(kind, data=b"", to=ServerHello):
    def change(msg):
        msg.extensions = [*(msg.extensions or []), TLSExtension(extType=kind).create(bytearray(data))]
    return changed(to, change)


def share(group, public):
    def change(msg):
        entry = msg.getExtension(ExtensionType.key_share).server_share
        entry.group, entry.key_exchange = group, bytearray(public)
    return hello(change)


def retry(group):
    """A HelloRetryRequest instead of each ServerHello that is none."""
    def instead(conn, msg):
        if msg.random == TLS_1_3_HRR:
            return msg
        extensions = [SrvSupportedVersionsExtension().create(TLS13), HRRKeyShareExtension().create(group)]
        return ServerHello().create((3, 3), TLS_1_3_HRR, msg.session_id, msg.cipher_suite, extensions=extensions)
    return when(ServerHello, instead)


def one_record(conn, msg):
    """ServerHello to ServerHelloDone in one record."""
    if isinstance(msg, (ServerHello, Certificate, ServerKeyExchange)):
        conn.held += msg.write()
        return None
    return Message(HANDSHAKE, conn.held + msg.write()) if isinstance(msg, ServerHelloDone) else msg


def record_a_message(payload):
    """A flight, a record for each of its messages."""
    cut = []
    while payload:
        length = 4 + int.from_bytes(payload[1:4], "big")
        cut.append(payload[:length])
        payload = payload[length:]
    return cut


def bad_signature(msg):
    msg.signature = bytearray(flipped(msg.signature))


def unoffered_signature(msg):
    """By its name, one with SHA-1."""
    if isinstance(msg, CertificateVerify):
        msg.signatureAlgorithm = (2, 3)
    else:
        msg.hashAlg = 2


def says(content_type, payload):
    """As the connection stands, this record."""
    return lambda conn: conn.record(content_type, payload)


def only(data):
    """These bytes, and no more."""
    return lambda conn: conn.raw(data) or conn.leave()


def instead(kind, payload):
    """Another handshake message in the place of one; it counts as said."""
    return when(kind, lambda conn, msg: Message(HANDSHAKE, bytearray(payload)))


TICKET = handshake(HandshakeType.new_session_ticket, b"\0\0\x0e\x10" + bytes(4) + b"\x01\0\0\x01t\0\0")
JUNK = 40000

# What leaves with the signature, and what is the first of the flight after ServerHello.
SIGNED = (ServerKeyExchange, CertificateVerify)
FLIGHT = (Certificate, EncryptedExtensions)

BENDS = [
    Bend("nothing bent"),
    Bend("the handshake in records of one byte", cut=one_byte_records),
    Bend("the handshake in records of 100 bytes", cut=lambda payload: pieces(payload, 100)),
    Bend("the flight in one record", (TLS12,), message=one_record),
    Bend("a record for each message", (TLS13,), cut=record_a_message),
    Bend("a retry for another group", (TLS13,), settings={"keyShares": ["secp384r1"], "eccCurves": ["secp384r1"]}),
    Bend("a certificate asked for", asks=True),
    Bend("plain VNC", first=only(HELLO)),
    Bend("HTTP", first=only(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    Bend("an alert first", first=only(record(ALERT, bytes([FATAL, 40])))),
    Bend("an end first", first=Bent.leave),
    Bend("a header that announces 18,433 bytes first", first=only(b"\x16\x03\x03\x48\x01")),
    Bend("a hello that announces 16 MiB", first=only(record(HANDSHAKE, b"\x02\xff\xff\xff" + bytes(9000)))),
    Bend("an empty record before ServerHello", message=before(ServerHello, says(HANDSHAKE, b""))),
    Bend("data before ServerHello", message=before(ServerHello, says(DATA, HELLO))),
    Bend("a HelloRequest before ServerHello", message=before(ServerHello, says(HANDSHAKE, handshake(0)))),
    Bend("a warning before ServerHello", message=before(ServerHello, says(ALERT, bytes([WARNING, 90])))),
    Bend("a close_notify before ServerHello", message=before(ServerHello, lambda conn: conn.record(
        ALERT, bytes([WARNING, 0])) or conn.leave())),
    Bend("a ChangeCipherSpec before ServerHello", message=before(ServerHello, says(CCS, b"\x01"))),
    Bend("33 ChangeCipherSpecs", (TLS13,), message=before(
        EncryptedExtensions, lambda conn: [conn.record(CCS, b"\x01") for _ in range(33)])),
    Bend("TLS 1.1", (TLS12,), message=field("server_version", (3, 2))),
    Bend("a version to come", (TLS12,), message=field("server_version", (3, 9))),
    Bend("a version to come", (TLS13,), message=hello(lambda msg: setattr(
        msg.getExtension(ExtensionType.supported_versions), "version", (3, 5)))),
    Bend("a mark of a downgrade", (TLS12,), message=hello(lambda msg: setattr(
        msg, "random", msg.random[:-8] + TLS_1_2_DOWNGRADE_SENTINEL))),
    Bend("a suite that was not offered", message=field("cipher_suite", CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA)),
    Bend("compression", message=field("compression_method", 1)),
    Bend("another session id", message=field("session_id", bytearray(b"another"))),
    Bend("an extension that nobody offered", message=with_extension(0x1A1A)),
    Bend("an extension twice", (TLS13,), message=hello(lambda msg: msg.extensions.append(msg.extensions[0]))),
    Bend("an extension that nobody offered, later", (TLS13,), message=with_extension(0x1A1A, to=EncryptedExtensions)),
    Bend("a protocol that nobody offered", (TLS13,), message=with_extension(
        ExtensionType.alpn, b"\0\x03\x02h2", EncryptedExtensions)),
    Bend("early data accepted", (TLS13,), message=with_extension(ExtensionType.early_data, to=EncryptedExtensions)),
    Bend("a key chosen that nobody has", (TLS13,), message=with_extension(ExtensionType.pre_shared_key, b"\0\0")),
    Bend("a key share of zeros", (TLS13,), message=share(GroupName.x25519, bytes(32))),
    Bend("a key share for a group that was not offered", (TLS13,), message=share(GroupName.secp521r1, bytes(133))),
    Bend("a public key of zeros", (TLS12,), message=changed(
        ServerKeyExchange, lambda msg: setattr(msg, "ecdh_Ys", bytearray(len(msg.ecdh_Ys))))),
    Bend("retries without end", (TLS13,), message=retry(GroupName.secp384r1)),
    Bend("a retry for the same group", (TLS13,), message=retry(GroupName.x25519)),
    Bend("a retry for a group that was not offered", (TLS13,), message=retry(GroupName.secp521r1)),
    Bend("another certificate", message=rewritten(Certificate, lambda data: data.replace(b"IGEL", b"IGLO"))),
    Bend("no certificate", (TLS12,), message=instead(Certificate, handshake(11, bytes(3)))),
    Bend("no certificate", (TLS13,), message=instead(Certificate, handshake(11, bytes(4)))),
    Bend("a certificate that is cut", message=rewritten(Certificate, lambda data: handshake(11, bytes(data[4:-9])))),
    Bend("a certificate compressed, unasked", message=instead(Certificate, handshake(25, b"\0\x01\0\0\x09\0\0\x01x"))),
    Bend("40,000 bytes more in the chain", (TLS12,), message=rewritten(Certificate, lambda data: handshake(
        11, (len(data) - 4 + JUNK).to_bytes(3, "big") + bytes(data[7:])
        + JUNK.to_bytes(3, "big") + bytes(JUNK)))),
    Bend("no message with the signature", message=when(SIGNED, lambda conn, msg: None)),
    Bend("a wrong signature", message=changed(SIGNED, bad_signature)),
    Bend("a signature of a kind that was not offered", message=changed(SIGNED, unoffered_signature)),
    Bend("an empty signature", message=changed(SIGNED, lambda msg: setattr(msg, "signature", bytearray()))),
    Bend("a fatal alert in the flight", message=before(FLIGHT, says(ALERT, bytes([FATAL, 80])))),
    Bend("a warning in the flight", message=before(FLIGHT, says(ALERT, bytes([WARNING, 90])))),
    Bend("data in the flight", message=before(FLIGHT, says(DATA, HELLO))),
    Bend("an end in the flight", message=before(FLIGHT, Bent.leave)),
    Bend("a wrong Finished", message=rewritten(Finished, flipped)),
    Bend("a Finished that is too short", message=rewritten(Finished, lambda data: handshake(20, bytes(data[4:-1])))),
    Bend("data instead of Finished", message=when(Finished, lambda conn, msg: conn.record(DATA, HELLO))),
    Bend("a ticket instead of Finished", message=instead(Finished, TICKET)),
    Bend("a fatal alert before Finished", message=before(Finished, says(ALERT, bytes([FATAL, 40])))),
    Bend("an end before Finished", message=before(Finished, Bent.leave)),
    Bend("a HelloRequest", stands=says(HANDSHAKE, handshake(0))),
    Bend("a HelloRequest in records of one byte", (TLS12,), stands=lambda conn: [
        conn.record(HANDSHAKE, b"\0") for _ in range(4)]),
    Bend("5 HelloRequests", stands=lambda conn: [conn.record(HANDSHAKE, handshake(0)) for _ in range(5)]),
    Bend("a ticket", stands=says(HANDSHAKE, TICKET)),
    Bend("a ticket in records of one byte", (TLS13,), stands=lambda conn: [
        conn.record(HANDSHAKE, piece) for piece in pieces(TICKET, 1)]),
    Bend("a ticket in pieces, talked over", (TLS13,), stands=lambda conn: [
        conn.record(HANDSHAKE, TICKET[:9]), conn.record(DATA, HELLO), conn.record(HANDSHAKE, TICKET[9:])]),
    Bend("three tickets in one record", (TLS13,), stands=says(HANDSHAKE, TICKET * 3)),
    Bend("500 tickets", (TLS13,), stands=lambda conn: [conn.record(HANDSHAKE, TICKET) for _ in range(500)]),
    Bend("a ticket that is cut", (TLS13,), stands=says(HANDSHAKE, handshake(4, TICKET[4:-3]))),
    Bend("a certificate asked for afterwards", (TLS13,), stands=says(
        HANDSHAKE, handshake(13, b"\0\0\x08\0\x0d\0\4\0\2\4\3"))),
    *AFTERWARDS,
]

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], sum(len(bend.versions) for bend in BENDS), flush=True)
    for bend in BENDS:
        for version in bend.versions:
            sock, _ = listener.accept()
            heard = bytearray()
            with sock:
                end = meet(sock, bend, version, lambda conn: talk(conn, heard))
            words = ", heard the command" if heard == COMMAND else ""
            print(f"{NAMES[version]}, {bend.name}: {end}{words}", flush=True)
