"""Sweeps over many fits of one data set, behind Optuna's journal: how big a code should be (`size`), and which net
(`tune`). Both go on where they were stopped."""

from narrows.sweep._size import Sized as Sized
from narrows.sweep._size import size as size
from narrows.sweep._tune import Tuned as Tuned
from narrows.sweep._tune import tune as tune
