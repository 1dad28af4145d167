"""Web servers that lie: what they send is held to what was asked for, in bounded memory."""

import shutil
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline_jobs import InputError, JobA
from pipeline_jobs.storage import remote_input, web_client
from pipeline_jobs.storage.listing import list_matches

pytest.importorskip("aiohttp")

MEGABYTES = 250
RUN = f"""
import resource, sys
from pathlib import Path
from pipeline_jobs import JobA
resource.setrlimit(resource.RLIMIT_DATA, ({MEGABYTES} << 20, {MEGABYTES} << 20))
result = JobA(Path(sys.argv[2])).execute(sys.argv[1])
print(result.code, result.error or result.counts["records"])
"""


@contextmanager
def serve(answer, context=None):
    """Serve requests by a function that gets the handler; yield the URL of the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(OSError):
                answer(self)

        do_HEAD = do_GET  # noqa: N815  # as http.server calls it

        def say(self, status, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()

        def send(self, data):
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def send_endlessly(handler):
    for _ in range(3000):
        handler.send((1 << 20) * b"x\n")


def answer_longer_than_said(handler):
    if handler.command == "HEAD":
        handler.say(200, Content_Length=1000)
    else:
        handler.say(206, Content_Range="bytes 0-999/1000", Content_Length=6 << 30)
        send_endlessly(handler)


def answer_whole_longer_than_said(handler):
    handler.say(200, Accept_Ranges="none", Content_Length=1000 if handler.command == "HEAD" else 6 << 30)
    send_endlessly(handler)


def answer_another_part(handler):
    if handler.command == "HEAD":
        handler.say(200, Content_Length=4)
    else:
        handler.say(206, Content_Range="bytes 4-7/8", Content_Length=4)
        handler.send(b"two\n")


def answer_part_without_range(handler):
    if handler.command == "HEAD":
        handler.say(200, Content_Length=4)
    else:
        handler.say(206, Content_Length=4)
        handler.send(b"two\n")


def answer_shorter_than_said(handler):
    first = int((handler.headers.get("Range") or "bytes=0-").partition("=")[2].partition("-")[0])
    if handler.command == "HEAD":
        handler.say(200, Content_Length=8)
    elif first:
        handler.say(416)
    else:
        handler.say(206, Content_Range="bytes 0-3/8", Content_Length=4)
        handler.send(b"one\n")


def answer_beginning_again(handler):
    if handler.command == "HEAD":
        handler.say(200, Content_Length=10 << 20)
    else:
        handler.say(200, Content_Length=8)
        handler.send(b"one\ntwo\n")


def answer_negative_size(handler):
    handler.say(200, Content_Length=-5)


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (answer_longer_than_said, "input.unreadable", "the server's answer is longer than what it was asked"),
        (answer_whole_longer_than_said, "input.changed", "was changed while it was read"),
        (answer_another_part, "input.unreadable", "sends another part of the file than was asked for"),
        (answer_part_without_range, "input.unreadable", "sends another part of the file"),
        (answer_shorter_than_said, "input.changed", "was changed while it was read"),
        (
            answer_beginning_again,
            "input.unreadable",
            "the beginning of the file where a later part was asked",
        ),
        (answer_negative_size, "input.", ""),
    ],
)
def test_answer_is_held_to_what_was_asked(tmp_path, answer, code, text):
    with serve(answer) as url:
        done = subprocess.run(
            [sys.executable, "-c", RUN, f"{url}/x.txt", tmp_path / "out"],
            capture_output=True,
            text=True,
            check=True,
        )

    assert done.stdout.startswith(code)
    assert text in done.stdout
    assert not (tmp_path / "out").exists()


def test_file_without_a_size_is_downloaded_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_input, "_MAX_DOWNLOAD", 1 << 30)

    def answer(handler):
        handler.say(200)
        send_endlessly(handler)

    with serve(answer) as url:
        result = JobA(tmp_path / "out").execute(f"{url}/x.txt")

    hint = (
        "the server gives no parts of files, and this one has more than 1 GiB; download it, and name the file"
    )
    assert ("input.unreadable", f"{url}/x.txt: cannot be read: {hint}") == (result.code, result.error)


def test_page_of_a_folder_is_read_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(web_client, "_MAX_PAGE_BYTES", 1000)

    def answer(handler):
        handler.say(200, Content_Type="text/html")
        send_endlessly(handler)

    with serve(answer) as url, pytest.raises(InputError, match="longer than what it was asked for"):
        list_matches(f"{url}/*.txt")


def test_redirect_is_followed_and_the_file_keeps_the_url_that_was_asked_for(tmp_path):
    def answer_file(handler):
        if handler.headers.get("Range"):
            handler.say(206, Content_Range="bytes 0-3/4", Content_Length=4)
        else:
            handler.say(200, Content_Length=4)
        handler.send(b"one\n")

    def redirect(handler):
        handler.say(302, Location=f"{other}/elsewhere.txt", Content_Length=0)

    with serve(answer_file) as other, serve(redirect) as url:
        document = JobA(tmp_path).execute(f"{url}/x.txt").unwrap()

    assert tmp_path / "x_processed.json" == document
    assert f'"uri":"{url}/x.txt"' in document.read_text(encoding="utf-8")


def test_endless_redirects_end(tmp_path):
    def redirect(handler):
        handler.say(302, Location=f"{handler.path}x", Content_Length=0)

    with serve(redirect) as url:
        result = JobA(tmp_path).execute(f"{url}/x.txt")

    assert result.code in {"input.missing", "input.unreadable"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and a context of a server with it."""
    if not shutil.which("openssl"):
        pytest.skip("needs the program openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        folder / "key",
        "-out",
        folder / "certificate",
    ]
    subprocess.run([*command.split(), *names], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return folder / "certificate", context


@pytest.mark.parametrize(
    ("target", "code"), [("http", "input.unreadable"), ("https", "None 1"), ("", "None 1")]
)
def test_redirect_from_https_to_http_is_refused(tmp_path, certificate, target, code):
    """A reader of the network could change what is sent from there; nothing is asked of that server."""
    file, context = certificate
    asked = []

    def answer(handler):
        if handler.path == "/x.txt":
            place = {"http": open_url, "https": url, "": ""}[target]
            handler.say(301, Location=f"{place}/there.txt", Content_Length=0)
            return
        asked.append(handler.path)
        if handler.headers.get("Range"):
            handler.say(206, Content_Range="bytes 0-3/4", Content_Length=4)
        else:
            handler.say(200, Content_Length=4)
        handler.send(b"one\n")

    with serve(answer) as open_url, serve(answer, context) as url:
        done = subprocess.run(
            [sys.executable, "-c", RUN, f"{url}/x.txt", tmp_path],
            capture_output=True,
            text=True,
            check=True,
            env={"SSL_CERT_FILE": str(file)},
        )

    assert done.stdout.startswith(code)
    assert ("redirects from https to a URL without encryption" in done.stdout) == (target == "http")
    assert bool(asked) == (target != "http")
