"""Build the manual pages: `python -m man`, in the folder that holds man/."""

from pathlib import Path

from ghostswap import __version__
from man.roff import manual_page

for source in sorted(Path(__file__).parent.glob("*.1.md")):
    source.with_suffix("").write_text(manual_page(source, __version__))
