"""catalog.yaml and the environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from catalog_assets.batches import FEWEST, MOST
from catalog_assets.environment import Environment, EnvironmentSettingError, read_environment
from catalog_assets.settings import PublishSettings, Settings, SettingsError, adjusted, load_settings
from resources.imaging.correction import GENTLE, OFF, CorrectionLimits
from resources.matting.gate import default_thresholds
from resources.store import open_store


def settings_from(folder: Path, text: str) -> Settings:
    (folder / "catalog.yaml").write_text(text)
    return load_settings(open_store(str(folder)))


def test_everything_has_a_default(tmp_path: Path) -> None:
    assert load_settings(open_store(str(tmp_path))) == Settings()
    assert settings_from(tmp_path, "") == Settings()


def test_a_setting_is_read(tmp_path: Path) -> None:
    assert settings_from(tmp_path, "photo: {min_side: 400}\n").photo.limits().min_side == 400


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("photo: {min_side: 300}", GENTLE),
        ("photo: {correction: gentle}", GENTLE),
        ("photo: {correction: off}", OFF),
        ("photo: {correction: 'off'}", OFF),
        ("photo: {correction: {straighten: off}}", replace(GENTLE, straighten=0)),
        (
            "photo: {correction: {white_balance: 0.03, exposure: gentle, grey_reference: [121, 119, 112]}}",
            replace(GENTLE, white_balance=0.03, grey_reference=(121, 119, 112)),
        ),
    ],
)
def test_photo_correction_is_off_gentle_or_as_told(tmp_path: Path, text: str, wanted: CorrectionLimits) -> None:
    photo = settings_from(tmp_path, text).photo
    assert photo.correction.limits() == wanted
    assert photo.limits().max_aspect == 12


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo: {correction: on}\n", "catalog.yaml: photo.correction: .*off, gentle or numbers expected"),
        ("photo: {correction: strong}\n", "catalog.yaml: photo.correction: .*found 'strong'"),
        ("photo: {correction: {straighten: 90}}\n", "catalog.yaml: photo.correction.straighten"),
        ("photo: {correction: {exposure: hard}}\n", "catalog.yaml: photo.correction.exposure: .*off, gentle"),
        ("photo: {correction: {white_balance: .nan}}\n", "catalog.yaml: photo.correction.white_balance"),
        ("photo: {correction: {grey_reference: [1, 2]}}\n", "catalog.yaml: photo.correction.grey_reference"),
        ("photo: {correction: {warmth: 2}}\n", "catalog.yaml: photo.correction.warmth: no such setting"),
        ("photo: {min_sides: 400}\n", "catalog.yaml: photo.min_sides: no such setting"),
        ("photo: {min_side: tall}\n", "catalog.yaml: photo.min_side"),
        ("threads: 0\n", "catalog.yaml: threads"),
        ("image_base_url: javascript:alert(1)\n", "catalog.yaml: image_base_url"),
        ("archives: some\n", "catalog.yaml: archives"),
        ("publish: {target: /cdn}\n", "catalog.yaml: publish.base_url"),
        ("publish: {target: /cdn, base_url: 'https://cdn.shop.example/', keep_days: -1}\n", "publish.keep_days"),
    ],
)
def test_an_error_names_file_field_and_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings_from(tmp_path, text)


@pytest.mark.parametrize("target", ["/srv/cdn", "~/cdn", "s3://shop-cdn", "s3://shop-cdn/pictures/"])
def test_pictures_are_published_to_a_folder_or_a_bucket(tmp_path: Path, target: str) -> None:
    text = f"publish: {{target: {target}, base_url: 'https://cdn.shop.example:8443/p/'}}\narchives: [amazon]\n"
    settings = settings_from(tmp_path, text)
    assert settings.publish == PublishSettings(target=target, base_url="https://cdn.shop.example:8443/p/", keep_days=7)
    assert settings.archives == ("amazon",)


@pytest.mark.parametrize(
    "target", ["", "cdn", "../cdn", "s3://", "s3:/bucket/x", "gs://bucket/x", "s3://KEY:secret@bucket/x", "https://a/b"]
)
def test_a_target_that_makes_no_sense_is_refused_without_showing_it(tmp_path: Path, target: str) -> None:
    with pytest.raises(SettingsError, match=r"catalog.yaml: publish.target: .*s3://bucket/prefix expected") as caught:
        settings_from(tmp_path, f"publish: {{target: '{target}', base_url: 'https://cdn.shop.example/'}}\n")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://cdn.shop.example/",
        "https://cdn.shop.example",
        "https:///p/",
        "https://cdn.shop.example/?v=1/",
        "https://cdn.shop.example/#/",
        "https://user:secret@cdn.shop.example/",
        "https://cdn.shop.example:99999/",
        "https://cdn shop/",
    ],
)
def test_an_address_of_the_cdn_has_no_query_and_ends_with_a_slash(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"catalog.yaml: publish.base_url: .*a slash at its end") as caught:
        settings_from(tmp_path, f"publish: {{target: /cdn, base_url: '{address}'}}\n")
    assert "secret" not in str(caught.value)


def test_thresholds_are_adjusted_by_name() -> None:
    assert adjusted(default_thresholds(), {"parts": 9}, "x").parts == 9
    with pytest.raises(SettingsError, match=r"catalog.yaml: no threshold partz; known are .*parts"):
        adjusted(default_thresholds(), {"partz": 9}, "catalog.yaml")


def test_equal_batch_sizes_are_refused() -> None:
    with pytest.raises(EnvironmentSettingError, match="must differ"):
        Environment(product_batch=32, campaign_batch=32)
    with pytest.raises(EnvironmentSettingError, match="must differ"):
        read_environment({"CATALOG_PRODUCT_BATCH": "300"})


def test_the_environment_is_read_and_checked() -> None:
    found = read_environment(
        {"CATALOG_ROOT": "s3://b/p", "CATALOG_PRODUCT_BATCH": "10", "CATALOG_OWNERS": "team:a, b@c.de"}
    )
    assert (found.root, found.product_batch, found.owners) == ("s3://b/p", 10, ("team:a", "b@c.de"))
    for bad in ("-1", "0", "many", "1e9"):
        with pytest.raises(EnvironmentSettingError, match="CATALOG_PRODUCT_BATCH"):
            read_environment({"CATALOG_PRODUCT_BATCH": bad})


@pytest.mark.parametrize("minutes", ["1", "5", "20", "240"])
@pytest.mark.parametrize("profile", ["embedded", "gpu"])
@pytest.mark.parametrize("scenes", ["", "studio", "flux2-klein"])
def test_batches_are_as_long_as_wanted_and_never_equal(profile: str, scenes: str, minutes: str) -> None:
    variables = {"CATALOG_PROFILE": profile, "CATALOG_SCENE_ENGINE": scenes}
    wanted = read_environment({**variables, "CATALOG_RUN_MINUTES": minutes})
    assert wanted.product_batch != wanted.campaign_batch
    assert all(FEWEST <= batch <= MOST for batch in (wanted.product_batch, wanted.campaign_batch))
    longer = read_environment({**variables, "CATALOG_RUN_MINUTES": "240"})
    assert longer.campaign_batch >= wanted.campaign_batch


def test_slow_engines_get_smaller_batches() -> None:
    quick, slow = read_environment({}), read_environment({"CATALOG_PROFILE": "gpu"})
    assert (quick.product_batch, quick.campaign_batch, slow.campaign_batch) == (400, 300, 60)
    assert read_environment({"CATALOG_SCENE_ENGINE": "sdxl"}).campaign_batch == 60
    assert read_environment({"CATALOG_PROFILE": "gpu", "CATALOG_CAMPAIGN_BATCH": "7"}).campaign_batch == 7
    with pytest.raises(EnvironmentSettingError, match=r"CATALOG_RUN_MINUTES: '0' found, 1 to 240 \(minutes\)"):
        read_environment({"CATALOG_RUN_MINUTES": "0"})
