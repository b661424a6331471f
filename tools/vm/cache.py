# SPDX-License-Identifier: GPL-2.0-only
"""What was built once and is kept, outside the source tree.

An entry is a folder named after what went into it. It is built under another
name and renamed when complete, so it is whole or not there, and a lock keeps
two builders apart.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time


class MachineError(Exception):
    """The machine cannot be had; the message says why."""


def only_packaged():
    """Whether to make do with the emulators that Debian 12 has."""
    return bool(os.environ.get("DUNE_VM_PACKAGED"))


def root():
    """The folder of the whole cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("DUNE_CACHE") or os.path.join(base, "dune")


def path(*parts):
    """A path in the cache; its parent folder exists afterwards."""
    full = os.path.join(root(), *parts)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def key(*things):
    """A short name for a combination of strings and files' contents."""
    digest = hashlib.sha256()
    for thing in things:
        if os.path.isfile(thing):
            with open(thing, "rb") as file:
                digest.update(file.read())
        else:
            digest.update(str(thing).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def say(text):
    """Tell the person what goes on."""
    print(f"dune-vm: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def heartbeat(text, quiet=0):
    """Say TEXT, and every half minute that it still goes on; nothing at all
    about what takes less than QUIET seconds."""
    done = threading.Event()
    start = time.monotonic()

    def beat():
        if quiet and not done.wait(quiet):
            say(text)
        while not done.wait(30):
            say(f"... {text}: {time.monotonic() - start:.0f} s")

    if not quiet:
        say(text)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def lock(name):
    """Keep others who take the same lock out."""
    with open(path("locks", name.replace("/", "-")), "w") as file:
        with heartbeat(f"waiting for another dune-vm ({name})", quiet=3):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wait(process):
    """Wait for a build step; if we must end, so must all it has started, for
    the next to try builds in the same place."""
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def run(argv, **kwargs):
    """Run a build step quietly; on failure show the end of what it said."""
    log = path("logs", f"{os.path.basename(argv[0])}-{os.getpid()}-"
               f"{threading.get_ident()}.log")
    with open(log, "w") as file:
        status = _wait(subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True, **kwargs))
    if status:
        with open(log, errors="replace") as file:
            tail = "".join(file.readlines()[-30:])
        raise MachineError(f"{' '.join(argv)}: status {status}\n{tail}")
    os.unlink(log)


def build_once(name, build, text):
    """Return the entry NAME, built by build(folder) if it is not there."""
    final = path(name)
    if os.path.isdir(final):
        return final
    with lock(name):
        if os.path.isdir(final):
            return final
        partial = tempfile.mkdtemp(dir=os.path.dirname(final), prefix="partial.")
        try:
            os.chmod(partial, 0o755)
            with heartbeat(text):
                build(partial)
            os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return final
