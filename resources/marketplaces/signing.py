"""Signs pictures with the operator's own certificate (C2PA Content Credentials), and reads such signatures.

Specification: https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html. Nothing here uses
the network: no time stamp is asked for, no certificate status, no manifest that lies elsewhere.

Without a time stamp a signature counts as long as its certificate is valid: sign again, with a new one, before that.
Two signatures of the same picture differ in their bytes: the standard's salts, and most algorithms, are random.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import io
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from resources.marketplaces.provenance import SourceType, read_source_type, tag_jpeg
from resources.torch_runtime import missing

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

State = Literal["valid", "trusted", "invalid", "unchecked"]

# Part of the fingerprint: raise it when the manifest changes.
_REVISION = "1"
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# c2pa.created is the one first action that stands without an ingredient. c2pa.opened and c2pa.placed name the pictures
# that went in, each as an ingredient with a digest, and with its own credentials and thumbnail if it has any: camera
# data of the photo would leave the house with it. A picture made from scratch by this program, and its source type that
# says of what (a photo enhanced, a composite, a composite with generated parts), is true of all we make.
_ACTION = "c2pa.created"
_ACTIONS = "c2pa.actions.v2"
# Every manifest lies in a box of this name.
_MARK = b"c2pa"
_WANTED = (
    "C2PA wants a certificate that is valid now, is no authority's, has the key usage digitalSignature, an extended "
    "key usage for signing (emailProtection, documentSigning or C2PA's own) and an authority key identifier"
)
_MAX_FILE_BYTES = 1_000_000
_MAX_NAME = 200
_RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_FORMATS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"RIFF", "image/webp"))
# c2pa-rs: what a reader must not do. Thumbnails would repeat the picture inside itself.
_SETTINGS: Mapping[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


class SigningError(ValueError):
    """A certificate, key or picture that cannot be used for signing; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the Content Credentials in a picture say.

    state: "trusted": valid, and signed under one of the anchors given; "valid": unchanged since it was signed, by whom
    is not vouched for; "invalid": changed, broken, or signed with a certificate that may not sign; "unchecked": there
    are some, but c2pa-python is not installed. source_type: IPTC code of the first action, "" if it says none.
    signer: name on the certificate; as foreign as the picture. problems: codes of the specification.
    """

    state: State
    source_type: str = ""
    signer: str = ""
    problems: tuple[str, ...] = ()


class Signer:
    """Signs JPEGs with the operator's certificate. Serves several threads; pickled as the two paths, never the key.

    name: common name on the certificate. algorithm: COSE's name, e.g. ES256. expires: when signatures stop being
    valid. fingerprint: changes with the chain of certificates; belongs into records. adds_bytes: most that a signature
    adds to a file: 3 to 4 KB with small certificates.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """certificate: PEM file, the signing certificate first, then those above it. key: PEM file, not encrypted.

        Signs a probe, so that a certificate that cannot sign is known before the first picture. Raises SigningError.
        """
        if gone := missing(("c2pa", "cryptography")):
            raise SigningError(f"signing needs {', '.join(gone)}, not installed here; run: pip install .[c2pa]")
        self._certificate, self._key_file = certificate, key
        chain = _read_chain(certificate)
        private = _read_key(key)
        _check_pair(chain[0], private, certificate, key)
        _check_chain(chain, certificate)
        self.name = _common_name(chain[0])
        self.algorithm = _algorithm(private, key)
        self.expires = min(one.not_valid_after_utc for one in chain)
        self._chain = _pem(chain)
        self._anchor = _pem(chain[-1:])
        self._key = _pkcs8(private)
        self.fingerprint = f"{_REVISION}.{hashlib.sha256(self._chain).hexdigest()[:16]}"
        self.adds_bytes = self._tried()

    def __reduce__(self) -> tuple[type[Signer], tuple[Path, Path]]:
        return Signer, (self._certificate, self._key_file)

    def __repr__(self) -> str:
        return f"Signer({self.name!r}, {self.algorithm}, {self.fingerprint})"

    def sign_jpeg(self, data: bytes, code: SourceType, title: str) -> bytes:
        """The same JPEG with Content Credentials that say `code`; sign last, any later change makes them invalid.

        data: a JPEG whose XMP says the same code (`provenance.tag_jpeg`). title: the picture's name, shown to whoever
        looks at the credentials. The result was read back: valid, this code, the XMP still there. SigningError if not,
        or if the certificate has expired meanwhile.
        """
        if read_source_type(data) != code:
            raise SigningError(f"XMP says {read_source_type(data)}, {code} is to be signed: they must be the same")
        signed = self._signed(data, code, title)
        found = read_credentials(signed, self._anchor)
        if found is None or found.state not in ("valid", "trusted") or found.source_type != code:
            said = "nothing" if found is None else ", ".join((found.state, found.source_type, *found.problems))
            raise SigningError(f"{self._certificate}: the signature does not hold: {said}. {_WANTED}")
        if read_source_type(signed) != code:
            raise SigningError("the digital source type in XMP did not survive signing")
        return signed

    def _signed(self, data: bytes, code: SourceType, title: str) -> bytes:
        import c2pa

        signed = io.BytesIO()
        info = c2pa.C2paSignerInfo(
            alg=c2pa.C2paSigningAlg[self.algorithm], sign_cert=self._chain, private_key=self._key, ta_url=None
        )
        try:
            with (
                c2pa.Context.from_dict({**_SETTINGS}) as context,
                c2pa.Signer.from_info(info) as signer,
                c2pa.Builder(json.dumps(_manifest(code, title)), context=context) as builder,
            ):
                builder.sign(signer, "image/jpeg", io.BytesIO(data), signed)
        except c2pa.C2paError as error:
            raise SigningError(f"{self._certificate}: not signed: {_one_line(error)}. {_WANTED}") from error
        return signed.getvalue()

    def _tried(self) -> int:
        """Sign a small picture. Returns the bytes that it took, with some room for how they are written."""
        from PIL import Image

        grey = io.BytesIO()
        Image.new("RGB", (16, 16), (128, 128, 128)).save(grey, "JPEG")
        probe = tag_jpeg(grey.getvalue(), "compositeWithTrainedAlgorithmicMedia")
        signed = self.sign_jpeg(probe, "compositeWithTrainedAlgorithmicMedia", "\U0001f3f7" * _MAX_NAME)
        return len(signed) - len(probe) + 64


def open_signer(certificate: str, key: str) -> Signer | None:
    """The signer of CATALOG_C2PA_CERTIFICATE and CATALOG_C2PA_KEY; None if both are "". Raises SigningError."""
    if not certificate and not key:
        return None
    if not certificate or not key:
        given, other = ("CERTIFICATE", "KEY") if certificate else ("KEY", "CERTIFICATE")
        raise SigningError(f"CATALOG_C2PA_{given} is set and CATALOG_C2PA_{other} is not: set both, or neither")
    return Signer(Path(certificate).expanduser(), Path(key).expanduser())


def read_credentials(data: bytes, anchors: bytes = b"") -> Credentials | None:
    """What the Content Credentials in a picture say; None if it has none. Never raises, whatever the bytes are.

    data: a JPEG, PNG or WebP. anchors: PEM certificates of those whose signatures are trusted; none: nobody's are.
    """
    kind = next((kind for start, kind in _FORMATS if data.startswith(start)), None)
    if kind is None or _MARK not in data:
        return None
    if missing(("c2pa",)):
        return Credentials("unchecked")
    try:
        return _read(data, kind, anchors)
    except Exception as error:  # foreign bytes, through foreign code: whatever it says, they are not valid
        return Credentials("invalid", problems=(type(error).__name__.strip("_"),))


def _read(data: bytes, kind: str, anchors: bytes) -> Credentials | None:
    import c2pa

    settings = {**_SETTINGS, **({"trust": {"user_anchors": anchors.decode("ascii")}} if anchors else {})}
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
        ):
            said = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    states: Mapping[Any, State] = {"Valid": "valid", "Trusted": "trusted"}
    manifest = said["manifests"][said["active_manifest"]]
    return Credentials(
        states.get(said.get("validation_state"), "invalid"),
        _source_type(manifest.get("assertions", ())),
        str(manifest.get("signature_info", {}).get("common_name", ""))[:_MAX_NAME],
        tuple(dict.fromkeys(str(one["code"])[:_MAX_NAME] for one in said.get("validation_status", ()))),
    )


def _source_type(assertions: Iterable[Mapping[str, Any]]) -> str:
    """The IPTC code of the first action, "" if it has none of IPTC's."""
    for assertion in assertions:
        if str(assertion["label"]).startswith("c2pa.actions"):
            address = str(assertion["data"]["actions"][0].get("digitalSourceType", ""))
            return address.removeprefix(_SOURCE_TYPES)[:_MAX_NAME] if address.startswith(_SOURCE_TYPES) else ""
    return ""


def _manifest(code: SourceType, title: str) -> dict[str, Any]:
    # Half of a surrogate pair cannot be written as UTF-8.
    name = title[:_MAX_NAME].encode("utf-8", "replace").decode()
    return {
        "claim_generator_info": [
            {"name": "catalog-pictures", "version": importlib.metadata.version("catalog-pictures")}
        ],
        "title": name,
        "format": "image/jpeg",
        "assertions": [
            {
                "label": _ACTIONS,
                "data": {"actions": [{"action": _ACTION, "digitalSourceType": f"{_SOURCE_TYPES}{code}"}]},
            }
        ],
    }


def _read_chain(file: Path) -> list[x509.Certificate]:
    from cryptography import x509

    content = _read_file(file)
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise SigningError(f"{file}: no certificates in PEM form found (-----BEGIN CERTIFICATE-----)") from None


def _read_key(file: Path) -> PrivateKeyTypes:
    """The private key. What cryptography says of a broken one is not passed on: nothing of a key may reach a log."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read_file(file)
    try:
        return load_pem_private_key(content, password=None)
    except TypeError:
        raise SigningError(f"{file}: the key is encrypted; store it decrypted, readable by the server only") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError(f"{file}: no private key in PEM form found (-----BEGIN PRIVATE KEY-----)") from None


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SigningError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > _MAX_FILE_BYTES:
        raise SigningError(f"{file}: more than {_MAX_FILE_BYTES} bytes found, a PEM file expected")
    return content


def _check_pair(leaf: x509.Certificate, private: PrivateKeyTypes, certificate: Path, key: Path) -> None:
    if leaf.public_key() != private.public_key():
        raise SigningError(
            f"{key} is not the key of the first certificate in {certificate}: "
            "put the signing certificate first, and name the key that it was issued for"
        )


def _check_chain(chain: list[x509.Certificate], file: Path) -> None:
    """Dates, and that each certificate was issued by the next. The rest of C2PA's profile is tried out on a probe."""
    from cryptography.exceptions import InvalidSignature

    now = datetime.datetime.now(datetime.UTC)
    for one in chain:
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            raise SigningError(
                f"{file}: the certificate of {_common_name(one)!r} is valid from {one.not_valid_before_utc:%Y-%m-%d} "
                f"to {one.not_valid_after_utc:%Y-%m-%d}, not now; get a new one"
            )
    for issued, issuer in itertools.pairwise(chain):
        try:
            issued.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            raise SigningError(
                f"{file}: {_common_name(issued)!r} was not issued by {_common_name(issuer)!r}, which follows it; "
                "put the signing certificate first, then the one that issued it, and so on"
            ) from None


def _algorithm(private: PrivateKeyTypes, file: Path) -> str:
    """COSE's name of the signature algorithm for a key. Raises SigningError for a key that C2PA has none for."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(private, Ed25519PrivateKey):
        return "ED25519"
    if isinstance(private, EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, RSAPrivateKey) and private.key_size >= _RSA_BITS:
        return "PS256"
    raise SigningError(
        f"{file}: a key of C2PA expected: P-256, P-384, P-521, Ed25519, or RSA of {_RSA_BITS} bits or more"
    )


def _common_name(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _pem(chain: Iterable[x509.Certificate]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _pkcs8(private: PrivateKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_MAX_NAME]
