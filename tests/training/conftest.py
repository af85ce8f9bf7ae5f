"""Lets the tests of this folder import `small_net`, which is also run as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
