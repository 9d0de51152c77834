"""Text in pictures: found by rapidocr (optional, runs offline on its own models), as boxes to blank."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bedrail.core.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, end exclusive."""

FOUND = 0.3
"""A region is blanked from this confidence of the reader on: a piece of anatomy too many rather than a name too few."""
READABLE = 0.5
"""From here on what is left after blanking counts as readable."""


@cache
def _reader() -> Any:
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise Unavailable(
            "text in pixels cannot be looked for here.",
            remedy="Install it: pip install 'bedrail[imaging]'; or blacken such images: --pixels remove.",
        ) from error
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def ready() -> None:
    """Raises `Unavailable` with the remedy when the reader is not installed."""
    _reader()


def text_boxes(image: Image, least: float = FOUND) -> list[Box]:
    """Where letters or digits are read in a grey (h, w) or RGB (h, w, 3) image, in pixels of the image.

    Upside-down and vertical lines are found too. Raises `Unavailable` without the extra `imaging`.
    """
    import numpy as np

    height, width = image.shape[:2]
    if height < 8 or width < 8:
        return []
    picture = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    found, _ = _reader()(np.ascontiguousarray(picture), text_score=least, box_thresh=least)
    boxes = []
    for corners, text, _score in found or ():
        if any(letter.isalnum() for letter in text):
            xs, ys = [point[0] for point in corners], [point[1] for point in corners]
            boxes.append((int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1))
    return boxes


def widened(box: Box, height: int, width: int, by: float = 0.25) -> Box:
    """The box with a margin of `by` of its smaller side and two pixels, inside the image."""
    left, top, right, bottom = box
    margin = 2 + int(by * min(right - left, bottom - top))
    return max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin)
