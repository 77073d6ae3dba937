"""A model of one's own, as people write them: it takes no native calls, so its agents call tools by text."""

import json
import urllib.request

from crewai import BaseLLM


class TextOnly(BaseLLM):
    top_k: int = 40

    def call(self, messages, *_arguments, **_options):
        import os

        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        body = json.dumps({"model": self.model, "messages": messages}).encode()
        request = urllib.request.Request(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, {"content-type": "application/json"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.load(answer)["choices"][0]["message"]["content"]

    def supports_function_calling(self) -> bool:
        return False

    def supports_stop_words(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return 100_000
