"""Pictures of two report pages for the docs: a right tvn1, and one with another epsilon.

python benchmarks/report_pictures.py docs/pictures
"""

import argparse
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from port import Genotype
from port.atomic import writing
from verify import Report, Subject, tvn_spec, verify

WIDTH, HEIGHT = 1000, 1560
COLOURS = 160  # few enough for a small file


def reports() -> Iterator[tuple[str, Report]]:
    subject = Subject(Genotype.load("tvn1"), name="tvn1")
    yield "report_passing", verify(tvn_spec(subject), also=["onnx"])
    wrong = subject.build_right_port()
    wrong.get_submodule("blocks.2.1.path.spatial.norm").eps = 1e-3
    yield "report_failing", verify(tvn_spec(replace(subject, net=wrong)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as made:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, report in reports():
            path = Path(made) / f"{name}.html"
            path.write_text(report.to_html(), "utf-8")
            page.goto(path.as_uri())
            picture = Image.open(io.BytesIO(page.screenshot()))
            with writing(folder / f"{name}.png") as file:
                picture.convert("RGB").quantize(COLOURS).save(file, "png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
