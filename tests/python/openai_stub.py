"""A model that needs no network: an OpenAI-compatible server that does what the task it is given says.

    CALL word_counter {"text": "one two"}     calls a tool, natively if the request offers tools, else in text (ReAct)
    BREAK 500                                 answers the request with this status

One such line a step, in the order of the lines. Without any, it calls the first tool that is offered once. Then it answers. Every
text is embedded at the same place.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "CANARY-OUTPUT the work is done"
TOOL_ARGUMENT = "CANARY-ARGUMENT one two three"
QUALITY = 7.5

# A description may be quoted in a JSON text, with its line breaks escaped.
_STEP = re.compile(r"(CALL|BREAK) ([\w ]+?) ?(\{[^{}]*\})?(?=$|\n|\\n)", re.MULTILINE)
_THOUGHT = "Thought: I now can give a great answer\nFinal Answer: "


class Broken(Exception):
    """A request that the model is told to answer with this status."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


def reply(request: dict) -> dict:
    """The assistant's message for a chat request."""
    messages = request.get("messages", [])
    tools = request.get("tools") or []
    text = "\n".join(str(message.get("content") or "") for message in messages)
    wanted = form(request, tools, text)
    if wanted is not None:
        return wanted
    steps = steps_of(messages)
    done = sum(map(is_step, messages))
    if done < len(steps):
        return take(steps[done], bool(tools), done)
    if tools and not steps and not done:
        function = tools[0]["function"]
        names = function["parameters"].get("properties", {})
        return native(function["name"], json.dumps({name: TOOL_ARGUMENT for name in names}), done)
    return {"role": "assistant", "content": _THOUGHT + ANSWER}


def form(request: dict, tools: list, text: str) -> dict | None:
    """A message that is a filled-in form, where the request asks for one: a judge's score, a plan for each task."""
    offered = [tool["function"]["name"] for tool in tools]
    asked = json.dumps(request.get("response_format") or "") + " ".join(offered) + text
    if "TaskEvaluationPydanticOutput" in asked or "Task Execution Evaluator" in text:
        filled = {"quality": QUALITY}
    elif "PlannerTaskPydanticOutput" in asked or "Task Execution Planner" in text:
        filled = {"list_of_plans_per_task": [{"task_number": 1, "task": "the task", "plan": "do it"}]}
    else:
        return None
    if offered:
        return native(offered[0], json.dumps(filled), 0)
    prefix = "" if request.get("response_format") else _THOUGHT
    return {"role": "assistant", "content": prefix + json.dumps(filled)}


def steps_of(messages: list) -> list[tuple[str, str, str]]:
    """What the task says is to be done, from the last message of a person that says so."""
    for message in reversed(messages):
        found = _STEP.findall(str(message.get("content") or "")) if message.get("role") in ("user", "system") else []
        if found:
            return found
    return []


def is_step(message: dict) -> bool:
    """Whether this message is a step that was taken."""
    if message.get("role") == "tool":
        return True
    return message.get("role") == "assistant" and "Action Input:" in str(message.get("content") or "")


def take(step: tuple[str, str, str], has_tools: bool, done: int) -> dict:
    kind, name, arguments = step
    if kind == "BREAK":
        raise Broken(int(name))
    if has_tools:
        return native(name, arguments or "{}", done)
    return {"role": "assistant", "content": f"Thought: a tool\nAction: {name}\nAction Input: {arguments or '{}'}"}


def native(name: str, arguments: str, done: int) -> dict:
    call = {"id": f"call_{done + 1}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.path.endswith("/embeddings"):
            return self._send(200, "application/json", json.dumps(_embeddings(request)).encode())
        try:
            message = reply(request)
        except Broken as broken:
            return self._send(broken.status, "application/json", b'{"error": {"message": "broken"}}')
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        head = {"id": "chatcmpl-1", "created": 1, "model": request.get("model", "gpt-4o-mini")}
        if request.get("stream"):
            return self._send(200, "text/event-stream", _chunks(head, message, finish))
        answer = head | {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
        }
        self._send(200, "application/json", json.dumps(answer).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _embeddings(request: dict) -> dict:
    texts = request.get("input")
    count = len(texts) if isinstance(texts, list) and texts and not isinstance(texts[0], int) else 1
    data = [{"object": "embedding", "index": index, "embedding": [0.01] * 1536} for index in range(count)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": request.get("model"), "data": data, "usage": usage}


def _chunks(head: dict, message: dict, finish: str) -> bytes:
    """The same as a stream: the whole message, then its end."""
    for index, call in enumerate(message.get("tool_calls", [])):
        call["index"] = index
    parts = [(message, None), ({}, finish)]
    chunks = [
        head | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in parts
    ]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


class Stub:
    """Serves on a free port while the `with` block runs."""

    def __enter__(self) -> str:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
