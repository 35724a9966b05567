"""Dagster's pages as a user drives them: by what is written on them. Every step leaves a screenshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

BACKFILL_MS = 1_800_000
RUN_MS = 600_000
# Until its icons are loaded a link begins with their names: "lineage Lineage" is one, "column_lineage Jobs" another.
_LINEAGE = re.compile(r"\bLineage$")
# Dialogs fade in and out.
_FADED_MS = 700


@dataclass
class DagsterPages:
    """One browser window on a webserver. url: its address. screenshots: the folder for pictures of the steps.

    What a page is asked to say is waited for; AssertionError if it never does.
    """

    page: Page
    url: str
    screenshots: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What is done in here ends with a screenshot, also where it fails."""
        try:
            yield
        finally:
            self.page.wait_for_timeout(_FADED_MS)
            self.page.screenshot(path=self.screenshots / f"{next(self._numbers):02d}_{name}.png")

    def open(self) -> None:
        self.page.goto(self.url)

    def open_groups(self, *names: str) -> None:
        """The graph of all assets, filtered to these groups in its search field."""
        self.page.get_by_role("navigation").get_by_role("link", name=_LINEAGE).click()
        # Not clicked: the field lies under the editor that draws it.
        self.page.get_by_role("textbox", name="Search and filter assets").focus()
        self.page.keyboard.type(" or ".join(f'group:"{name}"' for name in names))
        self.page.keyboard.press("Enter")
        expect(self.page).to_have_url(re.compile("/asset-groups~.*" + ".*".join(names)))

    def materialize(self) -> None:
        """Everything that the graph shows."""
        self.page.get_by_role("button", name="Materialize all").click()

    def choose_all_partitions(self, number: int, assets: int) -> None:
        """In the dialogue that asks which partitions of these assets; there are so many of both."""
        expect(self._dialog("Partition selection")).to_contain_text(f"materialize {assets} assets")
        self._dialog("Partition selection").get_by_role("button", name="All", exact=True).click()
        expect(self._dialog("Partition selection")).to_contain_text(f"{number} partitions selected")

    def launch_backfill(self) -> None:
        self._dialog("Partition selection").get_by_role("button", name="Launch backfill").click()

    def follow_toast(self, text: str) -> None:
        """Open what Dagster says it has started."""
        toast = self.page.get_by_role("region", name="Notifications").get_by_role("listitem").filter(has_text=text)
        toast.get_by_text("View", exact=True).click()

    def wait_for_backfill(self, assets: int) -> None:
        """Until the page of a back-fill says of each of so many assets that it is through."""
        expect(self.page.get_by_text("100% completed")).to_have_count(assets, timeout=BACKFILL_MS)

    def wait_for_run(self) -> None:
        """Until the page of a run says that it succeeded."""
        expect(self.page.get_by_text("Success", exact=True).first).to_be_visible(timeout=RUN_MS)

    def open_asset(self, *key: str) -> None:
        """An asset's page, by its link in the catalog."""
        self.page.get_by_role("navigation").get_by_role("link", name="Catalog").click()
        name = " / ".join(key)
        # Dagster writes long names twice: shortened to fit, and in full where nobody sees it.
        self.page.get_by_role("link", name=f"{name} {name}", exact=True).click()
        expect(self.page.get_by_role("tab", name="Lineage", exact=True)).to_be_visible()

    def open_tab(self, name: str) -> None:
        """A tab of the page, or of the part of it that was opened last."""
        self.page.get_by_role("tab", name=name, exact=True).last.click()

    def open_check(self, name: str) -> None:
        """What a check of the asset said of each partition."""
        self.open_tab("Checks")
        self.page.get_by_text(name, exact=True).filter(visible=True).first.click()
        self.open_tab("Partitions")

    def open_partition(self, name: str) -> None:
        shown = self.page.get_by_text(name, exact=True).filter(visible=True)
        shown.first.click()
        expect(shown).to_have_count(2)  # in the list, and above what is known of it

    def read_failure(self) -> str:
        """The whole text of the run's failure, from the page of a failed partition; it stays open."""
        self.page.get_by_role("button", name="View logs").click()
        self.page.get_by_role("dialog").get_by_role("button", name="View full message").last.click()
        message = self._dialog("Failure:").last
        expect(message).to_be_visible()
        return message.inner_text()

    def close_dialogs(self) -> None:
        while self.page.get_by_role("dialog").count():
            self.page.keyboard.press("Escape")
            self.page.wait_for_timeout(500)

    def shows(self, state: str, number: int) -> None:
        """The filters above a list of partitions say how many are in this state."""
        expect(self.page.get_by_text(f"{state} ({number})", exact=True)).to_be_visible()

    def says(self, text: str) -> None:
        expect(self.page.get_by_text(text, exact=True).first).to_be_visible()

    def says_of(self, name: str, value: str) -> None:
        """The metadata of this name holds this."""
        expect(self.metadata(name)).to_be_visible()
        expect(self.metadata(name)).to_contain_text(value)

    def metadata(self, name: str) -> Locator:
        """The row of metadata with this name."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=name, exact=True)).first

    def picture_widths(self, name: str) -> list[int]:
        """The widths of the pictures in a metadata value, which stays open."""
        self.metadata(name).get_by_text("[Show Markdown]").click()
        return _widths(self._dialog(name).locator("img"))

    def open_file(self, path: str) -> None:
        """A page on disk, as one opens a path that Dagster shows."""
        self.page.goto(Path(path).as_uri())

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()

    def widths_on_page(self) -> list[int]:
        return _widths(self.page.locator("img"))

    def _dialog(self, text: str) -> Locator:
        return self.page.get_by_role("dialog").filter(has_text=text)


def _widths(pictures: Locator) -> list[int]:
    """The width of each picture as the browser decoded it, 0 where it could not."""
    expect(pictures.first).to_be_visible()
    # A picture further down is loaded when it is looked at.
    width = "async img => { img.loading = 'eager'; await img.decode().catch(() => {}); return img.naturalWidth }"
    return [int(picture.evaluate(width)) for picture in pictures.all()]
