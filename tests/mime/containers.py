"""Containers written by the standards, so that what reads them is held against something else than itself."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7
from cryptography.x509 import load_pem_x509_certificate

IID_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")


def attribute(level: int, kind: int, data: bytes) -> bytes:
    """One attribute of MS-OXTNEF section 2.1.3.3, with its checksum."""
    return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def winmail(*attributes: bytes, codepage: int = 1252) -> bytes:
    """Write a stream of section 2.1.3.1: signature, key, version, code page, and what is given."""
    head = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    return head + attribute(1, 0x00069007, struct.pack("<II", codepage, 0)) + b"".join(attributes)


def packed(title: bytes, data: bytes, *properties: bytes) -> bytes:
    """Write one attachment: its rendering data first, for that is where a new one begins."""
    out = attribute(2, 0x00069002, struct.pack("<HIHHI", 1, 0xFFFFFFFF, 0, 0, 0))
    out += attribute(2, 0x00018010, title + b"\0") + (attribute(2, 0x0006800F, data) if data else b"")
    if properties:
        out += attribute(2, 0x00069005, struct.pack("<I", len(properties)) + b"".join(properties))
    return out


def text_property(name: int, text: str) -> bytes:
    """A PtypString of section 2.1.3.4, padded to four octets."""
    return _sized(0x1F, name, (text + "\0").encode("utf-16-le"))


def object_property(name: int, data: bytes) -> bytes:
    return _sized(0x0D, name, data)


def number_property(name: int, value: int) -> bytes:
    return struct.pack("<HHI", 0x03, name, value)


def named_property(text: str, value: int) -> bytes:
    """A property that has a name instead of a number."""
    name = (text + "\0").encode("utf-16-le")
    padded = name + bytes(-len(name) % 4)
    return struct.pack("<HH16sII", 0x03, 0x8001, b"g" * 16, 1, len(name)) + padded + struct.pack("<I", value)


def _sized(kind: int, name: int, data: bytes) -> bytes:
    return struct.pack("<HHII", kind, name, 1, len(data)) + data + bytes(-len(data) % 4)


@cache
def _signer() -> trustme.LeafCert:
    return trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("al@pacino.example", key_type=trustme.KeyType.RSA)


def signed(content: bytes) -> bytes:
    """Wrap it in SignedData (RFC 5652 section 5), the content inside."""
    leaf = _signer()
    certificate = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate, key, hashes.SHA256())  # type: ignore[arg-type]  # it is RSA
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def encrypted(content: bytes) -> bytes:
    """Wrap it in EnvelopedData (section 6)."""
    certificate = load_pem_x509_certificate(_signer().cert_chain_pems[0].bytes())
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def streamed(pieces: Sequence[bytes]) -> bytes:
    """Write SignedData as programs do that do not know its length yet: ends are marked (X.690 section 8.1.3.6)."""
    strings = b"".join(_tlv(0x04, piece) for piece in pieces)
    content = b"\x30\x80" + _tlv(0x06, bytes.fromhex("2a864886f70d010701")) + b"\xa0\x80\x24\x80" + strings + bytes(6)
    data = b"\x30\x80\x02\x01\x01\x31\x00" + content + b"\x31\x00" + bytes(2)
    return b"\x30\x80" + _tlv(0x06, bytes.fromhex("2a864886f70d010702")) + b"\xa0\x80" + data + bytes(4)


def _tlv(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + value
