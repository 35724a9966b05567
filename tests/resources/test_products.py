from __future__ import annotations

import random
from pathlib import Path

import pytest

from resources.names import sku_name
from resources.products import Product, Products, load_products, rows_without_photos
from resources.store import LocalStore, StoreError


def load(tmp_path: Path, text: str | bytes) -> Products:
    (tmp_path / "catalog.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_products(LocalStore(tmp_path))


def found(products: Products) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.code) for problem in products.problems]


def test_no_table_is_no_problem(tmp_path: Path) -> None:
    assert load_products(LocalStore(tmp_path)) == Products()
    assert Products().get("mug") == Product("mug")


def test_a_good_row_is_read_whole(tmp_path: Path) -> None:
    products = load(
        tmp_path,
        "SKU,Title,category,brand,color,material,main view,height-cm,pose,asin,price,description,EAN,Note\n"
        'mug,"Mug, blue",kitchen,ACME,blue,stoneware,front,9.5,Standing,b07gtfschb,12.50 EUR,"two\nlines",4006,\n',
    )
    assert found(products) == []
    product = products.get("mug")
    assert product == Product(
        sku="mug",
        title="Mug, blue",
        category="kitchen",
        brand="ACME",
        color="blue",
        material="stoneware",
        main_view="front",
        height_cm=9.5,
        pose="standing",
        asin="B07GTFSCHB",
        price="12.50 EUR",
        description="two lines",
        extra={"ean": "4006"},
        line=2,
    )
    assert product.get("ean") == "4006"
    assert product.get("height_cm") == "9.5"
    assert product.get("title") == "Mug, blue"
    assert product.get("note", "none") == "none"
    assert Product("x").get("height_cm", "unknown") == "unknown"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_dialects(tmp_path: Path, bom: bytes, delimiter: str, ending: str) -> None:
    rows = [["sku", "title", "color"], ["mug", "Große Tasse", "blau"], [], ["cup", '"a ""b"""', "rot"]]
    products = load(tmp_path, bom + ending.join(delimiter.join(row) for row in rows).encode())
    assert found(products) == []
    assert products.get("mug").title == "Große Tasse"
    assert products.get("cup").title == 'a "b"'


def test_skus_are_named_as_uploads_are(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title\nBlaue  Tasse ,x\n-rf,y\n..%2fz,z\n")
    assert list(products.rows) == [sku_name(name).key for name in ("Blaue  Tasse", "-rf", "..%2fz")]
    assert found(products) == []


def test_paths_addresses_and_formulas_are_refused_row_by_row(tmp_path: Path) -> None:
    products = load(
        tmp_path,
        "sku,image,title\n"
        "A-1,ok.jpg,fine\n"
        "A-2,../../../../etc/passwd,kept\n"
        "A-3,/etc/shadow,kept\n"
        "A-4,http://169.254.169.254/latest/meta-data/,kept\n"
        '"=HYPERLINK(""http://evil"")",ok.jpg,gone\n',
    )
    assert found(products) == [
        (3, "image", "unsafe_path"),
        (4, "image", "unsafe_path"),
        (5, "image", "unsafe_path"),
        (6, "sku", "formula_cell"),
    ]
    assert list(products.rows) == ["A-1", "A-2", "A-3", "A-4"]
    assert products.get("A-1").extra == {"image": "ok.jpg"}
    assert products.get("A-2").extra == {}
    assert products.get("A-2").title == "kept"


@pytest.mark.parametrize(
    "cell",
    ["..\\x", "C:\\x", "file:///x", "//host/x", "~/x", "a/../b", "data:image/png;base64,x", "..%2fx", "%2E%2e/x"],
)
@pytest.mark.parametrize("column", ["image", "photo_url", "File", "main image", "main_view", "path"])
def test_path_like_cells(tmp_path: Path, column: str, cell: str) -> None:
    products = load(tmp_path, f'sku,{column}\nmug,"{cell}"\n')
    assert [code for _, _, code in found(products)] == ["unsafe_path"]
    assert products.get("mug") == Product("mug", line=2)


@pytest.mark.parametrize("sku", ["../x", "a/b", "a\\b", "/etc/passwd", "https://x", "file:x"])
def test_path_like_skus(tmp_path: Path, sku: str) -> None:
    products = load(tmp_path, f"sku,title\n{sku},x\nmug,y\n")
    assert found(products) == [(2, "sku", "unsafe_path")]
    assert list(products.rows) == ["mug"]


def test_text_may_hold_slashes_and_signs(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title,description,profile\nmug,10/20 cm,- handle (steel),a/../b\n")
    assert found(products) == []
    assert products.get("mug").description == "- handle (steel)"
    assert products.get("mug").extra == {"profile": "a/../b"}


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-x.y(1)", " =1", "\t=1"])
def test_formulas(tmp_path: Path, cell: str) -> None:
    products = load(tmp_path, f'sku,title,color\nmug,"{cell}",blue\n')
    assert found(products) == [(2, "title", "formula_cell")]
    assert products.get("mug").title == ""
    assert products.get("mug").color == "blue"


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("height_cm", "12 cm", "bad_height"),
        ("height_cm", "0.05", "bad_height"),
        ("height_cm", "1000.1", "bad_height"),
        ("height_cm", "nan", "bad_height"),
        ("height_cm", "inf", "bad_height"),
        ("height_cm", "1e2", "bad_height"),
        ("height_cm", "1,000", "bad_height"),
        ("height_cm", "٣", "bad_height"),
        ("pose", "sitting", "bad_pose"),
        ("asin", "B07GTFSCH", "bad_asin"),
        ("asin", "B07GTFSCHÄ", "bad_asin"),
        ("gtin", "4006381333932", "bad_gtin"),
        ("gtin", "40063813339", "bad_gtin"),
        ("gtin", "٤٠٠٦٣٨١٣٣٣٩٣١", "bad_gtin"),
        ("link", "file:///etc/passwd", "unsafe_path"),
        ("link", "https://user@shop.example/mug", "unsafe_path"),
        ("link", "javascript:alert(1)", "unsafe_path"),
    ],
)
def test_a_wrong_value_costs_its_cell_only(tmp_path: Path, column: str, cell: str, code: str) -> None:
    products = load(tmp_path, f'sku,title,{column}\nmug,Mug,"{cell}"\n')
    assert found(products) == [(2, column, code)]
    assert products.get("mug") == Product("mug", title="Mug", line=2)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("4006381333931", "4006381333931"),
        ("4006381-333931", "4006381333931"),
        ("036000291452", "036000291452"),
        ("96385074", "96385074"),
        ("10036000291459", "10036000291459"),
    ],
)
def test_trade_numbers(tmp_path: Path, cell: str, number: str) -> None:
    products = load(tmp_path, f"sku,gtin\nmug,{cell}\n")
    assert found(products) == []
    assert products.get("mug").gtin == number


def test_a_number_belongs_to_one_product(tmp_path: Path) -> None:
    text = "sku,asin,gtin\na,B000000001,036000291452\nb,b000000001,0036000291452\nc,B000000002,\nd,,\n"
    products = load(tmp_path, text)
    assert found(products) == [(3, "asin", "duplicate_asin"), (3, "gtin", "duplicate_gtin")]
    assert "'a' in line 2" in products.problems[0].message
    assert [(one.asin, one.gtin) for one in products.rows.values()] == [
        ("B000000001", "036000291452"),
        ("", ""),
        ("B000000002", ""),
        ("", ""),
    ]


def test_all_cells_of_a_product() -> None:
    product = Product("mug", title="Mug", height_cm=9.5, extra={"ean": "96385074"})
    assert product.cells() == {"ean": "96385074", "title": "Mug", "height_cm": "9.5"}


def test_the_products_page_may_be_named(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,link\nmug,https://shop.example/mug?colour=blue\n")
    assert found(products) == []
    assert products.get("mug").get("link") == "https://shop.example/mug?colour=blue"


@pytest.mark.parametrize(("cell", "height"), [("0.1", 0.1), ("1000", 1000.0), ("12,5", 12.5), ("7", 7.0)])
def test_heights(tmp_path: Path, cell: str, height: float) -> None:
    assert load(tmp_path, f"sku;height_cm\nmug;{cell}\n").get("mug").height_cm == height


def test_the_first_row_of_a_sku_wins(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title\nmug,first\ncup,x\nmug,second\n")
    assert products.get("mug").title == "first"
    assert found(products) == [(4, "sku", "duplicate_sku")]
    assert "line 2" in products.problems[0].message


def test_ragged_rows(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title,color\nA,short\nB,too,many,cells\nC,empty,ones,,\n,none,x\n")
    assert list(products.rows) == ["A", "C"]
    assert found(products) == [(3, "", "ragged_row"), (5, "sku", "missing_sku")]


def test_a_quote_that_is_not_closed_costs_its_own_row(tmp_path: Path) -> None:
    products = load(tmp_path, 'sku,title\nA,"open\nB,x\nC,5" nail\nD,"a"b\n"E","e"\n')
    assert list(products.rows) == ["B", "C", "E"]
    assert products.get("C").title == '5" nail'
    assert found(products) == [(2, "", "open_quote"), (5, "", "open_quote")]


def test_long_cells(tmp_path: Path) -> None:
    products = load(tmp_path, f"sku,title\nA,{'x' * 10_000}\nB,{'x' * 10_001}\nC,{'x' * 200_000}\nD,ok\n")
    assert list(products.rows) == ["A", "B", "D"]
    assert products.get("B").title == ""
    assert [code for _, _, code in found(products)] == ["cell_too_long", "cell_too_long"]


def test_control_characters_never_get_through(tmp_path: Path) -> None:
    products = load(tmp_path, b"sku,title\nmug,a\0b\x1b[31m\xe2\x80\xaec\n")
    assert products.get("mug").title == "ab[31mc"
    assert found(products) == [(2, "title", "control_character")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_table"),
        (b"\n \n\n", "empty_table"),
        (b"\xef\xbb\xbf", "empty_table"),
        (b"name,title\nmug,Mug\n", "no_sku_column"),
        (b"\0" * 5000, "no_sku_column"),
        ("sku\nmug\n".encode("utf-16"), "not_utf8"),
        (b"PK\x03\x04xxxx", "not_csv"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, data: bytes, code: str) -> None:
    products = load(tmp_path, data)
    assert products.rows == {}
    assert code in [problem.code for problem in products.problems]


def test_only_a_header_is_no_problem(tmp_path: Path) -> None:
    assert load(tmp_path, "sku,title\n") == Products()


def test_windows_1252_is_read_and_said_aloud(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title\nmug,Grün\ncup,5 €\n".encode("cp1252"))
    assert products.get("mug").title == "Grün"
    assert products.get("cup").title == "5 €"
    assert found(products) == [(2, "", "not_utf8")]


def test_columns_that_are_there_twice(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,title,Title,,sku\nmug,a,b,c,d\n")
    assert products.get("mug").title == "a"
    assert [code for _, _, code in found(products)] == ["duplicate_column", "duplicate_column"]


def test_many_columns(tmp_path: Path) -> None:
    names = ",".join(f"c{number}" for number in range(300))
    products = load(tmp_path, f"sku,{names}\nmug,{names}\n")
    assert [code for _, _, code in found(products)] == ["too_many_columns"]
    assert len(products.get("mug").extra) == 199


def test_a_table_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "catalog.csv").open("wb") as file:
        file.truncate(51 * 2**20)
    products = load_products(LocalStore(tmp_path))
    assert [problem.code for problem in products.problems] == ["file_too_large"]


def test_rows_beyond_the_limit_are_said_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.products.MAX_ROWS", 1000)
    assert found(load(tmp_path, "sku\n" + "".join(f"{number}\n" for number in range(1000)))) == []
    products = load(tmp_path, "sku\n" + "".join(f"{number}\n" for number in range(1002)))
    assert len(products.rows) == 1000
    assert found(products) == [(1002, "", "too_many_rows")]


def test_a_problem_in_every_row_is_not_listed_for_every_row(tmp_path: Path) -> None:
    products = load(tmp_path, "sku,pose\n" + "".join(f"s{number},wrong\n" for number in range(5000)))
    assert len(products.rows) == 5000
    assert len(products.problems) == 51
    assert "4950 more" in products.problems[-1].message


def test_rows_without_photos(tmp_path: Path) -> None:
    products = load(tmp_path, "sku\nmug\nCup\nhat\n")
    problems = rows_without_photos(products, ["mug", "cup"])
    assert [(problem.line, problem.code) for problem in problems] == [(3, "no_photo"), (4, "no_photo")]
    assert "'cup'" in problems[0].message


def test_a_store_that_does_not_answer_is_no_matter_of_the_table(tmp_path: Path) -> None:
    class Down(LocalStore):
        def read(self, key: str) -> bytes:
            raise StoreError("store_busy", "Busy.", retryable=True)

    class Closed(LocalStore):
        def read(self, key: str) -> bytes:
            raise StoreError("no_permission", "Closed.")

    (tmp_path / "catalog.csv").write_text("sku\nmug\n")
    with pytest.raises(StoreError):
        load_products(Down(tmp_path))
    assert [problem.code for problem in load_products(Closed(tmp_path)).problems] == ["no_permission"]


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    generator = random.Random(11)
    pieces = [b"sku", b"title", b",", b";", b'"', b'""', b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\xa4", b"=", b"../"]
    pieces += [b"mug", b"-", b" ", b"\t", b"http://x", b"\xef\xbb\xbf", b"height_cm", b"12"]
    for _ in range(400):
        body = b"".join(generator.choices(pieces, k=generator.randrange(200)))
        products = load(tmp_path, generator.choice([b"", b"sku,title,image\n"]) + body)
        for sku, product in products.rows.items():
            assert sku_name(sku).key == sku == product.sku
            assert not product.title.startswith("=")
        for problem in products.problems:
            (problem.message + problem.column + problem.hint).encode("utf-8")
