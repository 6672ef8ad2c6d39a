"""Keep-alive connections for crowds: asyncio, one request at a time on each."""
import asyncio
import json


class Line:
    """One connection."""

    def __init__(self, port):
        self.port, self.r, self.w = port, None, None

    async def open(self, door):
        async with door:
            self.r, self.w = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def request(self, method, path, body=None, headers=()):
        """(status, body as JSON or None)"""
        data = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "Host: t", *headers]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        self.w.write("\r\n".join([*head, "\r\n"]).encode() + data)
        head = await self.r.readuntil(b"\r\n\r\n")
        lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return int(head.split(b" ", 2)[1]), json.loads(await self.r.readexactly(lengths[0] if lengths else 0) or b"null")

    async def post(self, path, body):
        return await self.request("POST", path, body)

    def close(self):
        if self.w:
            self.w.close()


class Switchboard:
    """Some lines to each of several daemons; whoever asks takes a free one. A lost answer is an OSError."""

    def __init__(self, ports, each=24):
        self.ports, self.each, self.free = list(ports), each, {}

    async def __aenter__(self):
        for port in self.ports:
            self.free[port] = asyncio.Queue()
            for _ in range(self.each):
                self.free[port].put_nowait(Line(port))
        return self

    async def __aexit__(self, *_):
        for q in self.free.values():
            while not q.empty():
                q.get_nowait().close()

    async def request(self, port, method, path, body=None, headers=()):
        line = await self.free[port].get()
        try:
            if line.w is None:
                line.r, line.w = await asyncio.open_connection("127.0.0.1", port)
            return await line.request(method, path, body, headers)
        except (OSError, EOFError) as e:
            line.close()
            line = Line(port)
            raise OSError(f"no answer: {e!r}") from e
        except BaseException:  # what is left of the answer must not be the next one's
            line.close()
            line = Line(port)
            raise
        finally:
            self.free[port].put_nowait(line)
