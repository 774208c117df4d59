# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles, read by the reader of the tests."""
import sys
import tempfile

from pairs import ROOT

sys.path.insert(0, str(ROOT / "tests" / "lib"))
import pprof  # noqa: E402


def read_profile(body):
    with tempfile.NamedTemporaryFile() as f:
        f.write(body)
        f.flush()
        return pprof.Profile(f.name)


def names_of(sample):
    """Function names of a stack, the leaf's first."""
    return [name for location in sample.stack for name in pprof.names(location)]
