"""A queue daemon that says what the test wants, to see what a booking daemon makes of it."""
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.stack import free_port

UP = 200, {"status": "UP"}
HANG = "hang"
CUT = "cut"  # the connection closes without an answer


class FakeQueue:
    """`ping` and `verify` are (status, body), HANG, CUT, or a function that gives one of them."""

    def __init__(self, ping=UP, verify=(200, {})):
        self.ping, self.verify, self.asked, self.over = ping, verify, Counter(), threading.Event()
        self.headers = []

    def __enter__(self):
        queue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                name = "ping" if self.path.startswith("/queue/ping") else "verify" if "/tokens/verify" in self.path else self.path
                queue.asked[name] += 1
                if name == "verify":
                    queue.headers.append((self.path, self.headers["Queue-Token"]))
                self.say(getattr(queue, name, (404, {})))

            def say(self, what):
                what = what() if callable(what) else what
                if what == HANG:
                    queue.over.wait(30)
                if what in (HANG, CUT):
                    self.close_connection = True
                    return
                status, body = what
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
