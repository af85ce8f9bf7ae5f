"""Photoshop's blocks in a JPEG: captions, keywords and rights (IPTC), paths and guides, as they were.

segment APP13     "Photoshop 3.0", 0, then blocks; long ones go on in the next segment
block             "8BIM", number (2 bytes), name (its length first, even in all), size (4), data (even in all)
"""

from __future__ import annotations

import struct

from PIL import JpegImagePlugin

_HEAD = b"Photoshop 3.0\0"
_MARKER = b"\xff\xed"
_MOST = 65533 - len(_HEAD)
"""Bytes of blocks that one segment holds."""
_THUMBNAILS = (1033, 1036)


def blocks_of(image: JpegImagePlugin.JpegImageFile) -> bytes:
    """All blocks but thumbnails, which would show the picture as it was; what is damaged stays as it is."""
    blocks = b"".join(
        body.removeprefix(_HEAD) for name, body in image.applist if name == "APP13" and body.startswith(_HEAD)
    )
    kept, at = b"", 0
    while blocks[at : at + 4] == b"8BIM" and at + 12 <= len(blocks):
        number, length = struct.unpack_from(">HB", blocks, at + 4)
        start = at + 6 + (length + 2) // 2 * 2
        if start + 4 > len(blocks):
            break
        (size,) = struct.unpack_from(">I", blocks, start)
        end = start + 4 + size + size % 2
        kept += b"" if number in _THUMBNAILS else blocks[at:end]
        at = end
    return kept + blocks[at:]


def segments(blocks: bytes) -> bytes:
    """The blocks as segments of a JPEG."""
    parts = [_HEAD + blocks[at : at + _MOST] for at in range(0, len(blocks), _MOST)]
    return b"".join(_MARKER + struct.pack(">H", len(part) + 2) + part for part in parts)
