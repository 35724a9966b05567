"""Content Credentials: signed with the operator's certificate, read back, and never trusted without a reason."""

from __future__ import annotations

import datetime
import io
import json
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from catalog_assets.environment import read_environment
from catalog_assets.models import configured_engines, engine_table
from resources.engines import Engines
from resources.marketplaces import signing
from resources.marketplaces.provenance import SourceType, read_source_type, tag_jpeg
from resources.marketplaces.signing import Signer, SigningError, open_signer, read_credentials
from tests.certificates import DAY, Authority, authority, private_pem, written_pair

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\x00"


def jpeg(code: SourceType = "composite", side: int = 96) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (side, side, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=90)
    return tag_jpeg(written.getvalue(), code)


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def as_pem(key: ec.EllipticCurvePrivateKey, how: PrivateFormat, password: bytes) -> bytes:
    return key.private_bytes(Encoding.PEM, how, BestAvailableEncryption(password))


@pytest.fixture(scope="module")
def house() -> Authority:
    return authority()


@pytest.fixture(scope="module")
def signer(house: Authority, tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(*written_pair(tmp_path_factory.mktemp("pair"), house))


@pytest.mark.parametrize("code", get_args(SourceType))
def test_a_signed_picture_says_how_it_was_made_and_who_says_so(
    signer: Signer, house: Authority, code: SourceType
) -> None:
    picture = jpeg(code)
    signed = signer.sign_jpeg(picture, code, "mug-01")
    found = read_credentials(signed, house.pem)
    assert found is not None
    assert (found.state, found.source_type, found.signer, found.problems) == ("trusted", code, "Test Shop", ())
    assert read_source_type(signed) == code
    assert np.array_equal(pixels_of(signed), pixels_of(picture))


def test_the_manifest_holds_one_action_the_title_and_no_thumbnail(signer: Signer) -> None:
    import c2pa

    signed = signer.sign_jpeg(jpeg("algorithmicallyEnhanced"), "algorithmicallyEnhanced", "Mug, white")
    with c2pa.Reader("image/jpeg", io.BytesIO(signed)) as reader:
        said = json.loads(reader.json())
    manifest = said["manifests"][said["active_manifest"]]
    assert manifest["title"] == "Mug, white"
    assert manifest["claim_generator_info"][0]["name"] == "catalog-pictures"
    assert "thumbnail" not in manifest
    assert "ingredients" not in manifest
    [actions] = [one["data"]["actions"] for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2"]
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
    assert actions == [{"action": "c2pa.created", "digitalSourceType": address}]
    assert "time" not in manifest["signature_info"]  # nobody was asked for a time stamp


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (rsa.generate_private_key(65537, 2048), "PS256"),
        (ed25519.Ed25519PrivateKey.generate(), "ED25519"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_key_decides_the_algorithm(tmp_path: Path, house: Authority, key: object, algorithm: str) -> None:
    signer = Signer(*written_pair(tmp_path, house, key))
    assert signer.algorithm == algorithm
    picture = jpeg()
    signed = signer.sign_jpeg(picture, "composite", "x" * 500)
    found = read_credentials(signed, house.pem)
    assert found is not None
    assert found.state == "trusted"
    assert 2_000 < len(signed) - len(picture) <= signer.adds_bytes < 6_000


def test_whoever_is_not_known_is_valid_but_not_trusted(signer: Signer) -> None:
    found = read_credentials(signer.sign_jpeg(jpeg(), "composite", "mug"))
    assert found is not None
    assert found.state == "valid"
    assert "signingCredential.untrusted" in found.problems
    stranger = read_credentials(signer.sign_jpeg(jpeg(), "composite", "mug"), authority("Somebody Else").pem)
    assert stranger is not None
    assert stranger.state == "valid"


def test_a_changed_picture_is_invalid(signer: Signer, house: Authority) -> None:
    signed = bytearray(signer.sign_jpeg(jpeg(), "composite", "mug"))
    signed[-300] ^= 0x55  # among the coded pixels
    found = read_credentials(bytes(signed), house.pem)
    assert found is not None
    assert found.state == "invalid"
    assert "assertion.dataHash.mismatch" in found.problems


def test_another_source_type_written_over_the_signed_one_is_invalid(signer: Signer) -> None:
    signed = signer.sign_jpeg(jpeg("trainedAlgorithmicMedia"), "trainedAlgorithmicMedia", "mug")
    forged = signed.replace(b"digitalsourcetype/trainedAlgorithmicMedia", b"digitalsourcetype/xxxxxxxAlgorithmicMedia")
    assert forged != signed
    found = read_credentials(forged)
    assert found is not None
    assert found.state == "invalid"


def test_saving_again_loses_the_credentials(signer: Signer) -> None:
    again = io.BytesIO()
    with Image.open(io.BytesIO(signer.sign_jpeg(jpeg(), "composite", "mug"))) as image:
        image.save(again, "JPEG")
    assert read_credentials(again.getvalue()) is None


def test_a_picture_is_signed_for_what_its_xmp_says(signer: Signer) -> None:
    with pytest.raises(SigningError, match="XMP says composite, trainedAlgorithmicMedia is to be signed"):
        signer.sign_jpeg(jpeg("composite"), "trainedAlgorithmicMedia", "mug")


def test_hostile_titles_are_only_titles(signer: Signer) -> None:
    for title in ("", "\x00", 'a"}],"x":[{"', "\ud800", "\U0001f3f7" * 5000, "<script>"):
        assert read_credentials(signer.sign_jpeg(jpeg(), "composite", title)) is not None


def test_threads_may_share_a_signer(signer: Signer, house: Authority) -> None:
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(lambda number: signer.sign_jpeg(jpeg(), "composite", f"sku-{number}"), range(40)))
    found = [read_credentials(one, house.pem) for one in signed]
    assert {one.state for one in found if one} == {"trusted"}
    assert len(found) == 40


def test_a_signer_travels_to_another_process_without_its_key(signer: Signer, tmp_path: Path) -> None:
    carried = pickle.dumps(signer)
    secret = signer._key.splitlines()[1]
    assert secret not in carried
    (tmp_path / "picture.jpg").write_bytes(jpeg())
    code = (
        "import pickle, sys\nfrom pathlib import Path\n"
        f"signer = pickle.loads({carried!r})\n"
        f"data = Path({str(tmp_path / 'picture.jpg')!r}).read_bytes()\n"
        f"Path({str(tmp_path / 'signed.jpg')!r}).write_bytes(signer.sign_jpeg(data, 'composite', 'mug'))\n"
        "print(signer.fingerprint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == signer.fingerprint
    found = read_credentials((tmp_path / "signed.jpg").read_bytes())
    assert found is not None
    assert found.state == "valid"


def test_the_key_is_seen_nowhere(
    signer: Signer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = signer._key.splitlines()[1].decode()
    signed = signer.sign_jpeg(jpeg(), "composite", "mug")
    with pytest.raises(SigningError) as wrong:
        signer._signed(jpeg()[:200], "composite", "mug")
    printed = capfd.readouterr()
    for said in (repr(signer), str(wrong.value), caplog.text, printed.out, printed.err, signer.fingerprint):
        assert secret not in said
    assert secret.encode() not in signed


def test_the_fingerprint_is_the_certificate_s(tmp_path: Path, house: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pair = written_pair(tmp_path, house, key)
    first = Signer(*pair).fingerprint
    assert Signer(*pair).fingerprint == first
    written_pair(tmp_path, house, key, until=91 * DAY)
    assert Signer(*pair).fingerprint != first


def test_signatures_end_with_the_certificate(tmp_path: Path, house: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = Signer(*written_pair(tmp_path, house, key))
    assert abs(signer.expires - datetime.datetime.now(datetime.UTC) - 90 * DAY) < datetime.timedelta(minutes=5)
    pair = written_pair(tmp_path, house, key, since=-3 * DAY, until=-DAY)
    with pytest.raises(SigningError, match=r"'Test Shop' is valid from .* not now; get a new one"):
        Signer(*pair)
    # Expired while a long run signs with it: the check of the result says so.
    monkeypatch.setattr(signing, "_check_chain", lambda chain, file: None)
    with pytest.raises(SigningError, match="C2PA wants a certificate that is valid now"):
        Signer(*pair)


def test_both_settings_or_neither(tmp_path: Path, house: Authority) -> None:
    certificate, key = written_pair(tmp_path, house)
    assert open_signer("", "") is None
    signer = open_signer(str(certificate), str(key))
    assert signer is not None
    assert signer.name == "Test Shop"
    with pytest.raises(SigningError, match="CATALOG_C2PA_CERTIFICATE is set and CATALOG_C2PA_KEY is not"):
        open_signer(str(certificate), "")
    with pytest.raises(SigningError, match="CATALOG_C2PA_KEY is set and CATALOG_C2PA_CERTIFICATE is not"):
        open_signer("", str(key))


def test_the_environment_names_the_signer(tmp_path: Path, house: Authority) -> None:
    certificate, key = written_pair(tmp_path, house)
    variables = {"CATALOG_C2PA_CERTIFICATE": str(certificate), "CATALOG_C2PA_KEY": str(key)}
    engines = configured_engines(read_environment(variables))
    signer = engines.signer()
    assert signer is not None
    assert engines.signer() is signer
    assert f"exports are signed by 'Test Shop' (ES256); the signatures count until {signer.expires:%Y-%m-%d}" in (
        engine_table(engines)
    )
    half = configured_engines(read_environment({"CATALOG_C2PA_KEY": str(key)}))
    assert "exports cannot be signed: CATALOG_C2PA_KEY is set and" in engine_table(half)
    assert Engines().signer() is None
    assert "signed" not in engine_table(Engines())


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(SigningError) as found:
        Signer(certificate, key)
    said = str(found.value)
    assert "\n" not in said
    return said


def test_a_key_of_another_certificate_is_named(tmp_path: Path, house: Authority) -> None:
    certificate, key = written_pair(tmp_path, house)
    key.write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
    assert "key.pem is not the key of the first certificate" in refusal(certificate, key)


def test_broken_files_are_one_line_each(tmp_path: Path, house: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, key_file = written_pair(tmp_path, house, key)
    good_certificate, good_key = certificate.read_bytes(), key_file.read_bytes()
    assert "nowhere.pem: cannot be read: No such file" in refusal(tmp_path / "nowhere.pem", key_file)
    assert "cannot be read" in refusal(tmp_path, key_file)
    assert "no certificates in PEM form" in refusal(key_file, key_file)
    assert "no private key in PEM form" in refusal(certificate, certificate)
    certificate.write_bytes(b"x" * 1_000_001)
    assert "more than 1000000 bytes" in refusal(certificate, key_file)
    leaf = good_certificate.removesuffix(house.pem)
    certificate.write_bytes(leaf + authority("Another").pem)
    assert "'Test Shop' was not issued by 'Another', which follows it" in refusal(certificate, key_file)
    certificate.write_bytes(good_certificate)
    key_file.write_bytes(as_pem(key, PrivateFormat.PKCS8, b"secret"))
    assert "the key is encrypted" in refusal(certificate, key_file)
    torn = good_key[:100] + good_key[140:]
    key_file.write_bytes(torn)
    assert torn.splitlines()[1].decode() not in refusal(certificate, key_file)
    curve = ec.generate_private_key(ec.SECP256K1())
    assert "a key of C2PA expected: P-256" in refusal(*written_pair(tmp_path, house, curve))


def test_a_certificate_that_may_not_sign_pictures_is_refused_at_once(tmp_path: Path, house: Authority) -> None:
    said = refusal(*written_pair(tmp_path, house, purpose=ExtendedKeyUsageOID.SERVER_AUTH))
    assert "C2PA wants a certificate" in said
    assert "emailProtection" in said


def test_pictures_without_credentials_say_nothing(signer: Signer) -> None:
    assert read_credentials(jpeg()) is None
    assert read_credentials(b"") is None
    assert read_credentials(b"\xff\xd8\xff c2pa") is not None  # says it has some, and has not
    assert read_credentials(b"%PDF c2pa") is None


def test_hostile_bytes_never_raise(signer: Signer) -> None:
    signed = signer.sign_jpeg(jpeg(side=32), "composite", "mug")
    random = np.random.default_rng(11)
    for round_ in range(400):
        hostile = bytearray(signed)
        for at in random.integers(3, len(hostile), 4):
            hostile[at] = random.integers(256)
        if round_ % 3 == 0:
            del hostile[random.integers(4, len(hostile)) :]
        elif round_ % 3 == 1:
            at = random.integers(4, len(hostile) - 8)
            hostile[at : at + 4] = random.bytes(int(random.integers(0, 9)))
        found = read_credentials(bytes(hostile))
        assert found is None or found.state in ("valid", "invalid")


def test_hostile_anchors_never_raise(signer: Signer) -> None:
    found = read_credentials(signer.sign_jpeg(jpeg(), "composite", "mug"), b"\xff no certificates")
    assert found is not None
    assert found.state == "invalid"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/a.c2pa", asked
    server.shutdown()
    server.server_close()


def test_a_manifest_elsewhere_is_not_fetched(server: tuple[str, list[str]]) -> None:
    import c2pa

    address, asked = server
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'dcterms:provenance="{address}"/></rdf:RDF></x:xmpmeta>'
    )
    payload = XMP_NAME + xmp.encode()
    picture = jpeg()
    hostile = picture[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + picture[2:]
    assert b"c2pa" in hostile
    read_credentials(hostile)
    assert asked == []
    with pytest.raises(c2pa.C2paError):  # left to itself, the library would have asked
        c2pa.Reader("image/jpeg", io.BytesIO(hostile))
    assert asked == ["/a.c2pa"]


def test_without_the_package_signing_says_what_to_install(
    tmp_path: Path, house: Authority, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = signer.sign_jpeg(jpeg(), "composite", "mug")
    monkeypatch.setattr(signing, "missing", lambda packages: [one for one in packages if one == "c2pa"])
    assert refusal(*written_pair(tmp_path, house)).endswith("run: pip install .[c2pa]")
    found = read_credentials(signed)
    assert found is not None
    assert found.state == "unchecked"


def test_reading_an_unsigned_picture_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom resources.marketplaces.signing import open_signer, read_credentials\n"
        "assert open_signer('', '') is None\nassert read_credentials(b'\\xff\\xd8\\xff') is None\n"
        "assert not {'c2pa', 'cryptography', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
