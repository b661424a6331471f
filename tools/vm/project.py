# SPDX-License-Identifier: GPL-2.0-only
"""This project, built for the machines in copies of its tree.

The module is built once a kernel, the user land once for all of them, so that
the same bytes run on both vendors.
"""

import filecmp
import glob
import os
import shutil
import subprocess

import cache

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def _sources():
    said = subprocess.run(["git", "-C", TREE, "ls-files", "-co", "-z",
                           "--exclude-standard"],
                          stdout=subprocess.PIPE).stdout
    if not said:
        raise cache.MachineError(f"git lists no files in {TREE}")
    return {os.fsdecode(name) for name in said.split(b"\0")
            if name and os.path.isfile(os.path.join(TREE, os.fsdecode(name)))}


def _update_copy(copy):
    """Bring the copy up to date; what did not change keeps its time."""
    listing = os.path.join(copy, ".dune-vm-files")
    wanted = _sources()
    known = set()
    if os.path.exists(listing):
        with open(listing) as file:
            known = set(file.read().split("\0"))
    for name in known - wanted - {""}:
        if os.path.exists(os.path.join(copy, name)):
            os.unlink(os.path.join(copy, name))
    for name in wanted:
        source, target = os.path.join(TREE, name), os.path.join(copy, name)
        if os.path.exists(target) and filecmp.cmp(source, target, False):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    with open(listing, "w") as file:
        file.write("\0".join(sorted(wanted)))


def _copy(purpose):
    copy = cache.path("build", cache.key(TREE), purpose, "src")
    os.makedirs(copy, exist_ok=True)
    _update_copy(copy)
    return copy


def _make(copy, *goals):
    with cache.heartbeat("building this project", quiet=3):
        cache.run(["make", "-s", "-C", copy, f"-j{os.cpu_count()}", *goals])


def install_modules(kernel, target):
    """Build the modules for a kernel and put them into a folder."""
    if not kernel.kdir:
        return
    os.makedirs(target)
    with cache.lock(f"build-{cache.key(TREE, kernel.kdir)}"):
        copy = _copy(f"{kernel.name}-{cache.key(kernel.kdir)}")
        _make(copy, "module", f"KDIR={kernel.kdir}")
        for module in glob.glob(f"{copy}/**/*.ko", recursive=True):
            shutil.copy2(module, target)


def install_user_land(target):
    """Build library, programs and tests and install them in a folder."""
    # for tools/coverage
    purpose = "user-gcov" if os.environ.get("DUNE_GCOV") else "user"
    with cache.lock(f"build-{cache.key(TREE, purpose)}"):
        _make(_copy(purpose), "install", "install-tests", "PREFIX=/usr",
              f"DESTDIR={target}")
