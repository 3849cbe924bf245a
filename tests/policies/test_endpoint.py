"""An OpenAI-compatible endpoint, played by a small server on the loopback interface that can also misbehave."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from envs.types import EnvSpec
from policies.endpoint import Endpoint, EndpointClient, EndpointError
from policies.types import FinishReason, Sampling
from rl.records.evaluate import evaluate
from rl.workers.endpoint import EndpointWorkers


class Server:
    """Answers every request by `play(handler, body)`; keeps what was asked."""

    def __init__(self, play):
        self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                self.asked.append((handler.path, body, dict(handler.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has left
                    play(handler, body)

            def log_message(handler, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def send(handler, status, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def chat(text, finish="stop", **usage):
    return {"choices": [{"message": {"content": text}, "finish_reason": finish}], "usage": usage}


@pytest.fixture
def serve():
    made = []

    def serve(play, **settings):
        """(server, client) of a server that behaves so."""
        server = Server(play)
        client = EndpointClient(Endpoint(server.url, "m", **{"retries": 2, "deadline_seconds": 5.0, **settings}))
        made.append((server, client))
        return server, client

    yield serve
    for server, client in made:
        client.close()
        server.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("policies.endpoint.LONGEST_PAUSE", 0.01)


def test_messages_go_to_the_chat_api_and_text_to_the_other_with_the_sampling(serve, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")

    def play(handler, body):
        choice = {"text": "four", "finish_reason": "length"}
        send(
            handler,
            200,
            chat("4", prompt_tokens=9, completion_tokens=2) if "messages" in body else {"choices": [choice]},
        )

    server, client = serve(play, key_variable="MY_KEY")
    sampling = Sampling(max_new_tokens=7, temperature=0.5, top_p=0.9, stop=("\n",))
    message = {"role": "user", "content": "2 + 2?"}
    first, second = client.ask_all([[message], "2 + 2 ="], sampling, seeds=[3, 4])
    assert (first.text, first.finish, first.num_read, first.num_written) == ("4", FinishReason.STOP, 9, 2)
    assert (second.text, second.finish) == ("four", FinishReason.LENGTH)
    by_path = {path: (body, headers) for path, body, headers in server.asked}
    body, headers = by_path["/v1/chat/completions"]
    assert body == {
        "model": "m",
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n"],
        "seed": 3,
        "messages": [message],
    }
    assert headers["Authorization"] == "Bearer secret"
    assert by_path["/v1/completions"][0]["prompt"] == "2 + 2 ="


def test_answers_come_in_the_order_of_the_prompts_with_no_more_requests_at_a_time_than_asked(serve):
    now, lock = [0, 0], threading.Lock()

    def play(handler, body):
        with lock:
            now[0] += 1
            now[1] = max(now)
        time.sleep(0.02 * (1 + len(body["prompt"]) % 3))
        with lock:
            now[0] -= 1
        send(handler, 200, {"choices": [{"text": body["prompt"].upper()}]})

    _, client = serve(play, concurrency=3)
    prompts = ["a" * n for n in range(1, 13)]
    answers = client.ask_all(prompts, Sampling(max_new_tokens=4), seeds=[0] * 12)
    assert [answer.text for answer in answers] == [prompt.upper() for prompt in prompts]
    assert 1 < now[1] <= 3


def test_errors_that_may_pass_are_tried_again_and_counted(serve):
    num = iter(range(100))

    def play(handler, body):
        if next(num) < 2:
            send(handler, 429, {"error": "slow down"}, Retry_After="1")
        else:
            send(handler, 200, chat("fine", prompt_tokens=1_000_000, completion_tokens=500_000))

    _, client = serve(play, price_in=2.0, price_out=8.0)
    assert client.ask([{"role": "user", "content": "x"}], Sampling()).text == "fine"
    assert (client.spent.requests, client.spent.retries) == (1, 2)
    assert client.spent.cost(client.endpoint) == pytest.approx(2.0 + 4.0)
    assert "cost 6.0000" in client.spent.told(client.endpoint)


@pytest.mark.parametrize(
    ("play", "told", "num_asked"),
    [
        (lambda h, b: send(h, 401, {"error": "no such key"}), "status 401.*no such key", 1),
        (lambda h, b: send(h, 503, {"error": "loading"}), "status 503", 3),
        (lambda h, b: send(h, 302, b"", Location="http://127.0.0.1:1/"), "status 302", 1),
        (lambda h, b: send(h, 200, b"<html>"), "not of the OpenAI form.*<html>", 1),
        (lambda h, b: send(h, 200, {"choices": []}), "not of the OpenAI form", 1),
        (lambda h, b: send(h, 200, b"[" * 100_000), "not of the OpenAI form", 1),
        (lambda h, b: send(h, 200, chat(["a", "list"])), "content is list", 1),
        (lambda h, b: h.connection.close(), "gave no answer", 3),
    ],
    ids=["key", "busy", "redirect", "html", "no choice", "deep", "no text", "hangs up"],
)
def test_what_is_no_answer_is_told_with_what_came(serve, play, told, num_asked):
    server, client = serve(play)
    with pytest.raises(EndpointError, match=told):
        client.ask([{"role": "user", "content": "x"}], Sampling())
    assert len(server.asked) == num_asked


def test_a_body_without_end_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr("policies.endpoint.MAX_BODY", 1 << 16)

    def play(handler, body):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 4096)

    _, client = serve(play)
    with pytest.raises(EndpointError, match="sent more than"):
        client.ask("x", Sampling())


def test_the_deadline_holds_for_an_answer_that_trickles(serve):
    def play(handler, body):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    _, client = serve(play, deadline_seconds=0.2, retries=0)
    with pytest.raises(EndpointError, match=r"no whole answer within 0\.2 s"):
        client.ask("x", Sampling())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "localhost:8000", "model": "m"}, "expected a URL"),
        ({"url": "http://x/v1", "model": ""}, "needs `model`"),
        ({"url": "http://x/v1", "model": "m", "concurrency": 0}, "concurrency is 0"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        Endpoint(**settings)


def numbers_of(prompt):
    """The summands of `Add 46 + 66.`"""
    return [int(word.strip(".")) for word in prompt.split() if word.strip(".").isdigit()]


def solves_even(handler, body):
    """Right at sums whose first number is even."""
    numbers = numbers_of(body["messages"][-1]["content"])
    answer = sum(numbers) if numbers[0] % 2 == 0 else 12345
    send(handler, 200, chat(f"#### {answer}", prompt_tokens=10, completion_tokens=5))


def test_a_model_behind_an_endpoint_is_evaluated_like_any_policy(serve):
    from envs.registry import make

    server, _ = serve(solves_even)
    spec = EnvSpec("addition", {"template": "chat"})
    problems = [make(spec).problem(i) for i in range(20)]
    workers = EndpointWorkers(Endpoint(server.url, "m"), spec)
    try:
        found = evaluate(workers, problems, num_samples=2, sampling=Sampling(max_new_tokens=16))
        with pytest.raises(ValueError, match="not trained"):
            workers.publish({}, 1)
    finally:
        workers.close()
    expected = [2 * (numbers_of(p.text)[0] % 2 == 0) for p in problems]
    assert [row.c_answer for row in found.rows] == expected
    assert {row.mean_tokens for row in found.rows} == {5.0}


def test_eval_takes_a_url_and_shows_what_it_took(serve):
    from typer.testing import CliRunner

    from experiments.__main__ import app

    server, _ = serve(solves_even)
    command = ["eval", server.url, "--model", "m", "--env", "addition", "-n", "3", "-k", "1", "--prices", "1,2"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert " 0 tried again" in shown.output.replace("(", " ")
    assert "cost 0.00" in shown.output
    refused = CliRunner().invoke(app, ["eval", server.url, "--env", "addition"])
    assert "--model" in str(refused.exception)


def test_eval_tells_strict_and_lenient_figures_apart(serve, tmp_path):
    from typer.testing import CliRunner

    from experiments.__main__ import app

    def unannounced(handler, body):
        send(
            handler,
            200,
            chat(
                f"The sum: {sum(numbers_of(body['messages'][-1]['content']))} apples",
                prompt_tokens=10,
                completion_tokens=5,
            ),
        )

    server, _ = serve(unannounced)
    command = ["eval", server.url, "--model", "m", "--env", "addition", "-n", "3", "-k", "2", "-o", tmp_path / "e.json"]
    shown = CliRunner().invoke(app, list(map(str, command)))
    assert shown.exit_code == 0, shown.output
    written = json.loads((tmp_path / "e.json").read_text())
    assert {row["c_answer"] for row in written["rows"]} == {0}
    assert {row["c_answer"] for row in written["lenient"]["rows"]} == {2}
    row = next(line for line in shown.output.splitlines() if line.split()[:1] == ["loose"])
    assert row.split()[2] == "1.00"
