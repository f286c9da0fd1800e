"""A target in Python's standard library: handles what the worker posts, one message a request."""
import base64
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # the worker keeps its connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)["message"]
        try:
            handle(message["messageId"], json.loads(base64.b64decode(message.get("data", ""))))
            self.answer(204)  # done: the message is acked
        except ValueError as err:  # it will never be of use
            self.answer(422, {"Spillway-Verdict": f"dead-letter; {err}"})
        # any other exception closes the connection, and the message comes again

    def answer(self, status, headers={}):
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def handle(message_id, offer):
    sys.stdout.write(f"{message_id} {offer['price']}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8081"))), Target)
    server.daemon_threads = True
    server.serve_forever()
