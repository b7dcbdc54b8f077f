"""Draw docs/images/video_page.png: the page about a generated film, in a headless Chromium.

python scripts/draw_video_page.py --out docs/images/video_page.png
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.runtime.video_page import write_video_page
from embodied_mem.video.scripted import draw_script, write_film
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook


def main() -> None:
    """Write the film, the memory, the page, and the picture of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/video_page.png"))
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        script = draw_script(60 * arguments.minutes, every=25.0, seed=3, shown=2.0)
        write_film(folder / "generated.mp4", script, rate=5, width=320, height=240)
        config = IntakeConfig(rate=5.0, side=320, folder_rate=30.0, look="grid")
        with EventIndex(folder / "store") as index:
            take_in(index, folder / "generated.mp4", config, GridLook())
            page = write_video_page(folder / "page.html", index, title="embodied-mem: generated")
            chosen = index.events("kind = 'came' AND caption LIKE 'Something red%'")[0]
        subprocess.run(
            [arguments.browser, "--headless=new", "--no-sandbox", "--hide-scrollbars",
             "--window-size=1200,820", f"--user-data-dir={folder / 'profile'}",
             f"--screenshot={arguments.out.resolve()}", f"{page.as_uri()}#e{chosen.id}"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


if __name__ == "__main__":
    main()
