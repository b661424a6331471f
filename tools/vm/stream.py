# SPDX-License-Identifier: GPL-2.0-only
"""The frames by which the agent speaks; guest/agent.c says what they are."""

import struct

MAGIC = b"\xd7VM"
HEADER = len(MAGIC) + 1 + 4
LONGEST = 1 << 20


class Decoder:
    """Cuts a stream into frames; what is not a frame (an emulator's own
    chatter) is passed over."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        """Take more of the stream and yield (type, payload) pairs."""
        self.buffer += data
        while True:
            start = self.buffer.find(MAGIC)
            if start < 0:
                self.buffer = self.buffer[-len(MAGIC) + 1:]
                return
            self.buffer = self.buffer[start:]
            if len(self.buffer) < HEADER:
                return
            kind = chr(self.buffer[len(MAGIC)])
            length, = struct.unpack_from("<I", self.buffer, len(MAGIC) + 1)
            if length > LONGEST:
                self.buffer = self.buffer[len(MAGIC):]
                continue
            if len(self.buffer) < HEADER + length:
                return
            payload = self.buffer[HEADER:HEADER + length]
            self.buffer = self.buffer[HEADER + length:]
            yield kind, payload
