"""A backend of the chaos test that speaks HTTP/2 with prior knowledge, as a process:
`chaos_http2_backend.py PORT`. What it answers and how it is told what to do is as with
`chaos_backend.ts`; it is checked by `grpc.health.v1`.

`goaway` has it leave each connection after some requests, and say that it has not processed the
next (RFC 9113, section 6.8). The runtime's own library would abort at that, and now and then
under load (`find_stream_on_goaway_func`), so this is python3-h2.
"""

import asyncio
import hashlib
import os
import random
import re
import sys
import threading

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame

# A HealthCheckResponse of gRPC that says SERVING.
SERVING = bytes([0, 0, 0, 0, 2, 8, 1])
# What a connection takes before it is left.
REQUESTS_BEFORE_GOAWAY = 5

behaviour = "good"


class Backend(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.paths = {}
        self.unsent = {}
        self.asked = 0
        self.last = 0
        self.running = set()
        self.leaving = False
        self.flush()

    def connection_lost(self, error):
        for task in self.running:
            task.cancel()

    def data_received(self, data):
        try:
            for event in self.h2.receive_data(data):
                self.take(event)
        except ProtocolError:
            self.flush()
            self.transport.close()
            return
        self.flush()

    def take(self, event):
        if isinstance(event, RequestReceived):
            self.paths[event.stream_id] = dict(event.headers)[":path"]
        elif isinstance(event, DataReceived):
            if event.flow_controlled_length > 0:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.asked += 1
            if behaviour == "goaway" and self.asked > REQUESTS_BEFORE_GOAWAY:
                self.leave()
            if not self.leaving:
                self.last = event.stream_id
                self.start(event.stream_id)
        elif isinstance(event, StreamReset):
            self.unsent.pop(event.stream_id, None)
        elif isinstance(event, WindowUpdated):
            for stream in list(self.unsent):
                self.send(stream)
        elif isinstance(event, ConnectionTerminated):
            self.transport.close()

    def leave(self):
        """What comes behind the last stream that was taken is not processed."""
        if self.leaving:
            return
        self.leaving = True
        # by the library's own way it would send nothing any more
        self.transport.write(GoAwayFrame(0, last_stream_id=self.last).serialize())

    def start(self, stream):
        task = asyncio.ensure_future(self.answer(stream, self.paths.pop(stream)))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def answer(self, stream, path):
        found = re.search(r"/n/(\d+)$", path)
        number = int(found.group(1)) if found else -1
        body = expected_body(number) if found else SERVING
        if behaviour == "slow":
            await asyncio.sleep(0.02 + 0.06 * random.random())
        try:
            self.respond(stream, body, number)
        except ProtocolError:
            pass  # the stream was reset
        self.flush()

    def respond(self, stream, body, number):
        if behaviour == "garbage":
            return self.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        if behaviour == "silent":
            return self.transport.abort()
        if behaviour == "truncate":
            self.h2.send_headers(stream, answer_head(len(body)))
            self.h2.send_data(stream, body[:3])
            self.flush()
            return self.transport.close()
        if behaviour == "babble":
            # what nobody has asked for
            self.h2.send_headers(stream, [(":status", "103"), ("link", "</poison>")])
            self.h2.ping(bytes(8))
        # every other body is of a length that nobody knows before its end, which is one of trailers
        has_length = number >= 0 and number % 2 == 0
        self.h2.send_headers(stream, answer_head(len(body) if has_length else None))
        self.unsent[stream] = (body, not has_length)
        self.send(stream)

    def send(self, stream):
        body, has_trailers = self.unsent[stream]
        try:
            while body:
                room = self.h2.local_flow_control_window(stream)
                part = body[: min(room, self.h2.max_outbound_frame_size)]
                if not part:
                    break
                body = body[len(part) :]
                self.h2.send_data(stream, part, end_stream=not body and not has_trailers)
            self.unsent[stream] = (body, has_trailers)
            if body:
                return
            if has_trailers:
                self.h2.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        except ProtocolError:
            pass  # the stream was reset
        del self.unsent[stream]

    def flush(self):
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())


def answer_head(length):
    head = [(":status", "200")]
    return head if length is None else head + [("content-length", str(length))]


def expected_body(number):
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return f"{number} {digest} {digest * (number % 97)}".encode()


def take_orders():
    global behaviour
    for line in sys.stdin:
        behaviour = line.strip()
        print(f"now {behaviour}", flush=True)
    os._exit(0)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Backend, "127.0.0.1", int(sys.argv[1]))
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    threading.Thread(target=take_orders, daemon=True).start()
    await server.serve_forever()


asyncio.run(main())
