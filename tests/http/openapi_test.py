#!/usr/bin/env python3
"""Holds the server to its OpenAPI document: drives every operation against the real program, and
validates each answer against the schema that the document has for it.

usage: openapi_test.py <postroad>
Fails on an operation that was not driven, and on an answer that is not in the document.
"""
import concurrent.futures
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

import jsonschema

NDJSON, SSE = "application/x-ndjson", "text/event-stream"


class Server:
    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, "serve", "--data", folder, "--listen.http", "127.0.0.1:0",
             "--listen.grpc", "127.0.0.1:0", "--listen.rsocket", "127.0.0.1:0",
             "--log.level", "warn", "--config", self.outbox(program, folder)])
        ports, deadline = os.path.join(folder, "ports"), time.monotonic() + 60
        while not os.path.exists(ports):
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        lines = dict(line.split() for line in open(ports, encoding="utf-8"))
        self.host, self.port = lines["http"].split(":")

    def outbox(self, program, folder):
        """An outbox of three rows that can be no events; the settings that name it."""
        self.database = os.path.join(folder, "shop.db")
        subprocess.run([program, "outbox", "install", "--url", "sqlite:" + self.database],
                       check=True, stdout=subprocess.DEVNULL)
        with sqlite3.connect(self.database) as shop:
            shop.executemany("INSERT INTO postroad_outbox (topic) VALUES (?)", [("_no",)] * 3)
        settings = os.path.join(folder, "postroad.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f'[[outbox.source]]\nname = "shop"\nurl = "sqlite:{self.database}"\n')
        return settings

    def ask(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=60)
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Document:
    def __init__(self, document):
        self.document = document
        jsonschema.Draft202012Validator.check_schema(
            {"$defs": document["components"]["schemas"]})
        self.operations = {
            operation["operationId"]: (method.upper(), path, item, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items() if method != "parameters"}
        self.driven = set()

    def resolve(self, value):
        while "$ref" in value:
            found = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            value = found
        return value

    def validate(self, schema, value):
        """JSON Schema is OpenAPI 3.1's own; references lead into the document."""
        whole = dict(schema)
        whole["components"] = self.document["components"]
        jsonschema.Draft202012Validator(
            whole, format_checker=jsonschema.FormatChecker()).validate(value)

    def parameters(self, operation_id):
        _, _, item, operation = self.operations[operation_id]
        every = item.get("parameters", []) + operation.get("parameters", [])
        return {(one["in"], one["name"]): one for one in map(self.resolve, every)}


class Driver:
    def __init__(self, server, document):
        self.server, self.document = server, document

    def __call__(self, operation_id, path=None, query=None, body=None, headers=None, status=200,
                 content="application/json"):
        """One request, checked against the document both ways; the answer's JSON."""
        method, template, _, operation = self.document.operations[operation_id]
        known = self.document.parameters(operation_id)
        for name in query or {}:
            assert ("query", name) in known, f"{operation_id}: {name} is not documented"
        target = re.sub(r"\{(\w+)\}",
                        lambda m: urllib.parse.quote((path or {})[m[1]], safe=""), template)
        if query:
            target += "?" + urllib.parse.urlencode(query, doseq=True)
        if body is not None:
            body, headers = self.with_body(operation, body, headers)
        got, got_type, text = self.server.ask(method, target, body, headers)
        assert got == status, f"{operation_id}: {got}, not {status}: {text[:500]}"
        self.document.driven.add(operation_id)
        return self.checked(operation, got, got_type, text, content)

    def with_body(self, operation, body, headers):
        headers = dict(headers or {})
        kind = headers.setdefault("Content-Type", "application/json")
        documented = operation["requestBody"]["content"]
        if "json" in kind and kind != NDJSON:
            self.document.validate(documented[kind]["schema"], body)
            body = json.dumps(body)
        elif not any(name.startswith("ce-") for name in headers):
            assert kind in documented, kind
        return body, headers

    def checked(self, operation, status, kind, text, content):
        responses = operation["responses"]
        response = self.document.resolve(responses.get(str(status)) or responses["default"])
        if str(status) not in responses:
            content = "application/problem+json"
        if "content" not in response:
            assert text == b"", text
            return None
        assert kind == content, f"{operation['operationId']}: {kind}, not {content}"
        schema = response["content"][kind]["schema"]
        if kind == NDJSON:
            lines = [json.loads(line) for line in text.splitlines()]
            for line in lines:
                self.document.validate(schema, line)
            return lines
        if "json" not in kind:
            return text.decode()
        value = json.loads(text)
        self.document.validate(schema, value)
        return value


def drive_posting(call):
    call("postEvents", query={"topic": "t"}, body={"id": "a", "payload": "1"},
         headers={"Idempotency-Key": "k"})
    call("postEvents", body=[{"topic": "t", "payload": {"n": 2}, "type": "x.y", "key": "k",
                              "headers": {"h": "v"}, "time": "2026-01-02T03:04:05Z"},
                             {"topic": "user/1", "payload_base64": "/wAB"}])
    call("postEvents", query={"topic": "t"}, body='{"payload":3}\n{"payload":4}\n',
         headers={"Content-Type": NDJSON})
    event = {"specversion": "1.0", "id": "c", "source": "t", "type": "a.b", "data": [5]}
    call("postEvents", body=event, headers={"Content-Type": "application/cloudevents+json"})
    call("postEvents", body=[event], headers={"Content-Type": "application/cloudevents-batch+json"})
    call("postEvents", body="6", headers={"Content-Type": "text/plain", "ce-specversion": "1.0",
                                          "ce-id": "d", "ce-source": "t", "ce-type": "a"})
    problem = call("postEvents", body={"topic": "a b"}, status=400)
    assert (problem["field"], problem["value"]) == ("events[0].topic", "a b"), problem
    call("postEvents", query={"topic": "t"}, body="x", headers={"Content-Type": "text/xml",
                                                                "ce-specversion": "2"}, status=400)


def drive_reading(call):
    page = call("readEvents", query={"topic": "t", "from": "beginning", "max": 2})
    assert [event["offset"] for event in page["events"]] == [0, 1]
    call("readEvents", query={"topic": "t", "cursor": page["cursor"], "type": ["x.*", "a.b"]})
    call("readEvents", query={"topic": ["user/*", "t"], "last": 3, "wait": "1ms"})
    lines = call("readEvents", query={"topic": "*", "time": "-1h", "stop_at_end": "true"},
                 headers={"Accept": NDJSON}, content=NDJSON)
    assert "caught_up" in lines[-1]
    call("readEvents", query={"topic": "none", "wait": "1s", "heartbeat": "1s"},
         headers={"Accept": NDJSON}, content=NDJSON)
    text = call("readEvents", query={"topic": "t", "from": "beginning", "max": 4, "format": "sse"},
                content=SSE)
    schema = {"$ref": "#/components/schemas/ReadEvent"}
    data = re.findall(r"^id: \S+\ndata: (.*)$", text, re.M)
    assert len(data) == 4, text
    for one in data:
        call.document.validate(schema, json.loads(one))
    call("readEvents", query={"topic": "t", "cursor": "bad"}, status=400)


def drive_topics(call):
    topics = call("listTopics", query={"pattern": "*", "page_size": 1})
    call("listTopics", query={"page_token": topics["next_page_token"]})
    assert call("getTopic", {"topic": "user/1"})["next_offset"] == 1
    call("getTopic", {"topic": "none"}, status=404)
    call("deleteTopic", {"topic": "user/1"}, status=204)


def drive_subscriptions(call):
    s = {"name": "billing/s"}
    settings = {"topics": ["t"], "start": "beginning", "ack_deadline": "10s",
                "retry_schedule": ["1s"], "max_attempts": 3}
    call("createSubscription", s, body=settings, status=201)
    call("createSubscription", s, body=settings)
    call("createSubscription", s, body={"topics": ["u"]}, status=409)
    changed = call("updateSubscription", s, body={"max_attempts": 5})
    assert changed["settings"]["ack_deadline"] == "10s" and changed["settings"]["max_attempts"] == 5
    call("listSubscriptions")
    deliveries = call("pull", s, {"max": 3, "wait": "10s", "consumer": "c"})["deliveries"]
    ids = [delivery["delivery_id"] for delivery in deliveries]
    assert len(ids) == 3, deliveries
    assert call("getSubscription", s)["in_flight"] == 3
    settled = call("settle", s, {"consumer": "c"},
                   {"acks": [ids[0]], "extends": [{"delivery_id": ids[1], "by": "1m"}],
                    "terminates": [{"delivery_id": ids[2], "reason": "no"}],
                    "nacks": [{"delivery_id": 999, "delay": "1s"}]})
    assert settled["settled"] == 3 and len(settled["failures"]) == 1, settled
    call("settle", s, {"consumer": "c"}, {"replies": [{"delivery_id": ids[1], "payload": {"a": 1}}]})
    call("seekSubscription", s, body={"start": "time", "time": "-1h"})
    drive_dead_letters(call, s)
    call("deleteSubscription", s, status=204)
    call("getSubscription", s, status=404)


def drive_dead_letters(call, s):
    def some(count):
        deadline = time.monotonic() + 30
        while True:
            letters = call("listDeadLetters", s)["dead_letters"]
            if len(letters) == count:
                return letters
            assert time.monotonic() < deadline, letters
            time.sleep(0.01)

    kill = [d["delivery_id"] for d in call("pull", s, {"max": 3, "wait": "10s"})["deliveries"]]
    call("settle", s, body={"terminates": [{"delivery_id": one} for one in kill]})
    letter = dict(s, id=some(len(kill) + 1)[0]["id"])
    call("listDeadLetters", s, {"page_size": 1})
    call("editDeadLetter", letter, body={"payload": "better"})
    assert call("resendDeadLetter", letter)["resent"] == 1
    assert call("dropDeadLetter", letter)["dropped"] == 1
    call("dropDeadLetter", dict(s, id="x"), status=404)
    call("resendDeadLetters", s)
    call("dropDeadLetters", s)
    some(0)


def drive_schedule(call):
    for name in ("one", "two", "three"):
        call("postEvents", query={"topic": "later"},
             body={"id": name, "deliver_at": "+1h", "search_keys": ["k"], "payload": 1})
    page = call("listScheduled", query={"search_key": "k", "page_size": 2})
    call("listScheduled", query={"topic": "later", "page_token": page["next_page_token"]})
    one = {"topic": "later", "id": "one"}
    changed = call("changeScheduled", query=one,
                   body={"deliver_at": "+2h", "event": {"payload": "new"}})
    assert changed["payload"] == "new", changed
    assert call("cancelScheduled", query=one)["cancelled"] == 1
    assert call("cancelScheduled", query={"search_key": "k"})["cancelled"] == 2
    call("changeScheduled", query=one, body={"deliver_at": "+2h"}, status=404)
    call("cancelScheduled", status=400)


def drive_receipts(call):
    call("createSubscription", {"name": "r"}, body={"topics": ["t"], "start": "beginning"},
         status=201)
    receipt = call("getReceipt", query={"topic": "t", "offset": 0})
    assert receipt["subscriptions"][0]["state"] == "stored", receipt
    assert call("getReceipt", query={"topic": "t", "id": "a", "timeout": "1ms"})["timed_out"]
    outcome = call("postEvents", query={"topic": "t", "wait": "acked", "timeout": "1ms"},
                   body={"payload": 1})
    assert outcome["wait_timed_out"], outcome
    call("getReceipt", query={"topic": "t", "id": "none"}, status=404)


def drive_outbox(call):
    shop, deadline = {"source": "shop"}, time.monotonic() + 30

    def rows(count):
        while True:
            found = call("listOutboxPoison", shop)["rows"]
            if len(found) == count and not any(row["retry"] for row in found):
                return [row["id"] for row in found]
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    ids = rows(3)
    assert len(call("listOutboxPoison", shop, {"page_size": 2})["rows"]) == 2
    while call("listOutbox")["sources"][0]["poison_rows"] != 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert call("dropOutboxRow", dict(shop, row=ids[0]))["dropped"] == 1
    call("dropOutboxRow", dict(shop, row=ids[0]), status=404)
    with sqlite3.connect(call.server.database) as database:
        database.execute("UPDATE postroad_outbox SET topic = 'mended' WHERE id = ?", ids[1:2])
    assert call("retryOutboxRow", dict(shop, row=ids[1]))["retried"] == 1
    assert rows(1) == ids[2:]
    assert call("getTopic", {"topic": "mended"})["next_offset"] == 1
    assert call("retryOutboxPoison", shop)["retried"] == 1
    rows(1)
    assert call("dropOutboxPoison", shop)["dropped"] == 1
    call("listOutboxPoison", {"source": "none"}, status=404)


class EventSource:
    """A stream of server-sent events; next() gives (name, data)."""

    def __init__(self, server, target):
        self.connection = http.client.HTTPConnection(server.host, int(server.port), timeout=60)
        self.connection.request("GET", target, headers={"Accept": SSE})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()

    def until(self, name):
        event = None
        while True:
            line = self.answer.readline().decode()
            assert line, f"the stream ended before {name}"
            if line.startswith("event: "):
                event = line[7:].strip()
            elif line.startswith("data: ") and event == name:
                return json.loads(line[6:])
            elif line == "\n":
                event = None


def drive_users(call):
    stream = EventSource(call.server, "/v1/events?topic=user/7")
    me = stream.until("opened")["connection"]
    seen = call("listPresence", query={"user": "7"})["connections"]
    assert [one["connection"] for one in seen] == [me], seen
    call("listPresence", query={"page_size": 1})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        posted = pool.submit(call, "postEvents", query={"wait": "acked", "timeout": "60s"},
                             body={"topic": "user/7", "type": "n", "payload": {"n": 1}})
        stream.until(None)
        acks = {"connection": me, "acks": [{"topic": "user/7", "offset": 0, "reply": {"ok": True}},
                                           {"topic": "none", "offset": 0}]}
        deadline = time.monotonic() + 30
        while (said := call("ackEvents", body=acks))["taken"] != 1:
            assert time.monotonic() < deadline, said
        receipt = posted.result()["receipts"][0]
        assert receipt["connections"][0]["reply"] == {"ok": True}, receipt
        asked = pool.submit(call, "askQuestion", query={"user": "7", "to": me, "wait": "all",
                                                        "timeout": "60s", "route": "r"},
                            body={"sure?": 1})
        question = stream.until("question")
        assert question["payload"] == {"sure?": 1}, question
        call("answerQuestion", {"question": question["question"]}, {"connection": me},
             body={"yes": 1}, status=204)
        answer = asked.result()["answers"][0]
        assert (answer["state"], answer["answer"]) == ("answered", {"yes": 1}), answer
    stream.until("question_over")
    call("answerQuestion", {"question": question["question"]},
         {"connection": me, "failed": "late"}, status=404)
    call("ackEvents", body={"connection": me, "acks": []})
    call("askQuestion", query={"user": "nobody"}, body={}, status=404)


def check_parameters(server, document):
    """The server knows every parameter that the document names, and no other."""
    def problem(method, template, name):
        target = re.sub(r"\{\w+\}", "none", template) + "?" + urllib.parse.urlencode({name: "!"})
        status, _, text = server.ask(method, target)
        return json.loads(text).get("detail", "") if status >= 400 else ""

    unknown = "is no parameter of this request"
    for operation_id, (method, template, _, _) in document.operations.items():
        if not template.startswith("/v1/"):
            continue
        for place, name in document.parameters(operation_id):
            if place == "query":
                assert unknown not in problem(method, template, name), (operation_id, name)
        named = problem(method, template, "no-such")
        assert unknown in named, f"{operation_id} takes any parameter: {named}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], folder)
        try:
            document = Document(json.loads(server.ask("GET", "/openapi.json")[2]))
            call = Driver(server, document)
            drive_posting(call)
            drive_reading(call)
            drive_topics(call)
            drive_subscriptions(call)
            drive_schedule(call)
            drive_receipts(call)
            drive_users(call)
            drive_outbox(call)
            call("getStats")
            call("getOpenApi")
            for page in ("getMetrics", "getHealth", "getReadiness"):
                call(page, content="text/plain")
            left = set(document.operations) - document.driven
            assert not left, f"not driven: {sorted(left)}"
            check_parameters(server, document)
            print(f"{len(document.operations)} operations answer as the document says")
        finally:
            status = server.stop()
        assert status == 0, status


if __name__ == "__main__":
    main()
