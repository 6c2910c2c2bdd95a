"""TLS connections that send what they are told to, not what they should; made of tlslite-ng."""

import socket
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Callable

from tlslite.constants import AlertDescription, ContentType, HandshakeType
from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert
from tlslite.handshakesettings import HandshakeSettings
from tlslite.messages import Message
from tlslite.tlsconnection import TLSConnection

TLS12, TLS13 = (3, 3), (3, 4)
BOTH = (TLS12, TLS13)
NAMES = {TLS12: "TLS 1.2", TLS13: "TLS 1.3"}

CCS, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
WARNING, FATAL = 1, 2

# The console's command, and what a VNC server says first.
COMMAND = b"PROCYCMD PW_01234567-89ab-cdef-0123-456789abcdef"
HELLO = b"RFB 003.008\n"

# No wait is longer, in seconds; none takes this long when all is well.
BOUND = 60


@dataclass
class Bend:
    """One way to misbehave. What is not said is done as it should be."""

    name: str
    versions: tuple = BOTH
    # Gets the connection and each message that is to leave; gives what leaves instead, or None.
    message: Callable = lambda conn, msg: msg
    # Gets what is to leave in the handshake and gives the payloads of the records that it leaves in.
    cut: Callable = lambda payload: [payload]
    # Gets the connection: before it says anything, when the handshake is over (and a device has the command), and when
    # data flows.
    first: Callable = lambda conn: None
    stands: Callable = lambda conn: None
    flows: Callable = lambda conn: None
    # Whether a device asks for the console's certificate.
    asks: bool = False
    # What differs from the settings below.
    settings: dict = field(default_factory=dict)


class Left(Exception):
    """It has ended its side of the connection, by FIN."""


class Bent(TLSConnection):
    """A connection with a bend in it."""

    def __init__(self, sock, bend, version):
        super().__init__(Tee(sock))
        self.bend = bend
        self.closeSocket = False
        self.warnings = []
        self.held = bytearray()
        self.settings = HandshakeSettings()
        self.settings.minVersion = self.settings.maxVersion = version
        self.settings.keyShares = ["x25519"]
        for name, value in bend.settings.items():
            setattr(self.settings, name, value)

    def record(self, content_type, payload):
        """Sends a record, protected as the state of the connection has it."""
        for _ in self._recordLayer.sendRecord(Message(content_type, bytearray(payload))):
            pass

    def raw(self, data):
        """Sends bytes as they are."""
        self.sock.send(bytes(data))

    def leave(self):
        """Ends the stream without a word."""
        self.sock.flush()
        raise Left

    def _sendMsg(self, msg, randomizeFirstBlock=True, update_hashes=True):
        msg = self.bend.message(self, msg)
        if msg:
            yield from super()._sendMsg(msg, randomizeFirstBlock, update_hashes)

    def _queue_message(self, msg):
        msg = self.bend.message(self, msg)
        if msg:
            super()._queue_message(msg)

    def _sendMsgThroughSocket(self, msg):
        pieces = self.bend.cut(msg.write()) if msg.contentType == HANDSHAKE else [msg.write()]
        for piece in pieces:
            yield from super()._sendMsgThroughSocket(Message(msg.contentType, piece))

    def _getNextRecord(self):
        # tlslite-ng would end the connection on any warning.
        for result in super()._getNextRecord():
            if result not in (0, 1) and result[0].type == ContentType.alert:
                level, description = result[1].bytes[:2]
                if level == WARNING and description != AlertDescription.close_notify:
                    self.warnings.append(AlertDescription.toStr(description))
                    continue
            yield result


class Tee:
    """A socket that keeps what it has heard."""

    def __init__(self, sock):
        self.sock = sock
        self.heard = bytearray()

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def recv(self, most):
        data = self.sock.recv(most)
        self.heard += data
        return data

    def drain(self):
        while self.recv(65536):
            pass

    def alert(self):
        """The alert in the clear that it heard, if it heard one."""
        at = 0
        while at + 7 <= len(self.heard):
            content_type, length = self.heard[at], int.from_bytes(self.heard[at + 3:at + 5], "big")
            if content_type == ALERT and length == 2:
                return AlertDescription.toStr(self.heard[at + 6])
            at += 5 + length


def meet(sock, bend, version, talk):
    """Lets the connection talk, and says what was the end of it: the peer's alert, or ours, or the words of `talk`."""
    sock.settimeout(BOUND)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conn = Bent(sock, bend, version)
    tee = conn.sock.socket
    try:
        bend.first(conn)
        end = talk(conn)
    except TLSRemoteAlert as alert:
        end = AlertDescription.toStr(alert.description)
    except TLSLocalAlert as alert:
        end = f"its own {AlertDescription.toStr(alert.description)}"
    except Left:
        end = "left"
    except (TLSAbruptCloseError, ConnectionError):
        end = "the end"
    # The peer hears our end, and then we hear all that it had to say.
    try:
        sock.shutdown(socket.SHUT_WR)
        tee.drain()
    except TimeoutError:
        end += ", silence"
    except OSError:
        pass
    return ", ".join([*conn.warnings, tee.alert() or end])


def pieces(payload, size):
    """A payload in pieces."""
    return [payload[at:at + size] for at in range(0, len(payload), size)]


def one_byte_records(payload):
    return pieces(payload, 1)


def when(kind, act):
    """A message hook: on messages of a class, `act` is told and says what leaves instead."""
    return lambda conn, msg: act(conn, msg) if isinstance(msg, kind) else msg


def before(kind, act):
    """A message hook: `act` before messages of a class."""
    def hook(conn, msg):
        act(conn)
        return msg
    return when(kind, hook)


def both(one, other):
    """A message hook that is two."""
    return lambda conn, msg: other(conn, one(conn, msg))


def changed(kind, change):
    """A message hook: messages of a class leave with a change to them, of which the connection itself does not hear."""
    def hook(conn, msg):
        msg = deepcopy(msg)
        change(msg)
        return msg
    return when(kind, hook)


def rewritten(kind, rewrite):
    """A message hook: messages of a class leave as other bytes."""
    return when(kind, lambda conn, msg: Message(msg.contentType, bytearray(rewrite(msg.write()))))


def flipped(data):
    """The same but for the last bit."""
    return data[:-1] + bytes([data[-1] ^ 1])


def record(content_type, payload, version=b"\x03\x01"):
    """A record in the clear."""
    return bytes([content_type]) + version + len(payload).to_bytes(2, "big") + payload


def handshake(kind, body=b""):
    """A handshake message by its type and its body."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def padded(size):
    """Pads the next records so that what is protected has this size (RFC 8446 section 5.4)."""
    def act(conn):
        conn._recordLayer.padding_cb = lambda length, *_: max(0, size - length)
    return act


def key_update(conn, ask, cut=lambda payload: [payload]):
    """A KeyUpdate, and the new keys of this side (RFC 8446 section 4.6.3)."""
    for piece in cut(handshake(HandshakeType.key_update, bytes([ask]))):
        conn.record(HANDSHAKE, piece)
    layer, session = conn._recordLayer, conn.session
    renew = layer.calcTLS1_3KeyUpdate_reciever
    session.cl_app_secret, session.sr_app_secret = renew(
        session.cipherSuite, session.cl_app_secret, session.sr_app_secret)


# After the handshake, either side may do all of this; nobody should.
AFTERWARDS = [
    Bend("31 empty records", stands=lambda conn: [conn.record(DATA, b"") for _ in range(31)]),
    Bend("33 empty records", stands=lambda conn: [conn.record(DATA, b"") for _ in range(33)]),
    Bend("an empty handshake record", stands=lambda conn: conn.record(HANDSHAKE, b"")),
    Bend("a record of 16,384 bytes", flows=lambda conn: conn.record(DATA, b"x" * 16384)),
    Bend("a record of 16,385 bytes", flows=lambda conn: conn.record(DATA, b"x" * 16385)),
    Bend("a header that announces 18,433 bytes", stands=lambda conn: conn.raw(b"\x17\x03\x03\x48\x01")),
    Bend("a record padded to the maximum", (TLS13,), stands=padded(16385)),
    Bend("a record padded beyond the maximum", (TLS13,), stands=padded(16386)),
    Bend("a record of padding alone", (TLS13,), stands=lambda conn: conn.record(0, bytes(100))),
    Bend("a record in the clear", stands=lambda conn: conn.raw(b"\x17\x03\x03\0\x20" + bytes(32))),
    Bend("a record of heartbeat", stands=lambda conn: conn.record(HEARTBEAT, b"\x01\0\x01x" + bytes(16))),
    Bend("a record of type 99", stands=lambda conn: conn.record(99, b"x")),
    Bend("bytes that are no record", stands=lambda conn: conn.raw(b"RFB 003.008\n" * 9)),
    Bend("a ChangeCipherSpec", stands=lambda conn: conn.record(CCS, b"\x01")),
    Bend("a second Finished", stands=lambda conn: conn.record(HANDSHAKE, handshake(20, bytes(32)))),
    Bend("a message of type 99", stands=lambda conn: conn.record(HANDSHAKE, handshake(99, b"x"))),
    Bend("half a message, then data", stands=lambda conn: conn.record(HANDSHAKE, handshake(24, b"\0")[:2])),
    Bend("a KeyUpdate", (TLS13,), stands=lambda conn: key_update(conn, 1)),
    Bend("a KeyUpdate in records of one byte", (TLS13,), stands=lambda conn: key_update(conn, 1, one_byte_records)),
    Bend("32 KeyUpdates", (TLS13,), stands=lambda conn: [key_update(conn, 1) for _ in range(32)]),
    Bend("34 KeyUpdates", (TLS13,), stands=lambda conn: [key_update(conn, 1) for _ in range(34)]),
    Bend("a KeyUpdate that asks for nonsense", (TLS13,), stands=lambda conn: key_update(conn, 2)),
    Bend("a KeyUpdate and more in one record", (TLS13,),
         stands=lambda conn: conn.record(HANDSHAKE, handshake(24, b"\0") * 2)),
    Bend("a KeyUpdate, of which it knows nothing", (TLS12,),
         stands=lambda conn: conn.record(HANDSHAKE, handshake(24, b"\0"))),
    Bend("a warning", stands=lambda conn: conn.record(ALERT, bytes([WARNING, 90]))),
    Bend("5 warnings", stands=lambda conn: [conn.record(ALERT, bytes([WARNING, 90])) for _ in range(5)]),
    Bend("a fatal alert", stands=lambda conn: conn.record(ALERT, bytes([FATAL, 80]))),
    Bend("half an alert", stands=lambda conn: conn.record(ALERT, bytes([FATAL]))),
    Bend("a close_notify", stands=lambda conn: conn.record(ALERT, bytes([WARNING, 0])) or conn.leave()),
    Bend("an end without close_notify", stands=Bent.leave),
    Bend("an end without close_notify while data flows", flows=Bent.leave),
]
