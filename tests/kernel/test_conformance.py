"""Jupyter's own suite for kernels, with job cells among its samples."""

from __future__ import annotations

from typing import Any

import jupyter_kernel_test as suite  # type: ignore[import-untyped]  # published without types

from fakes.kernel import PATIENCE

JOB = "%framework=pytorch\n"


class TestKernel(suite.KernelTests):  # type: ignore[misc]  # published without types
    kernel_name = "ciao"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = (
        {"text": "zi", "matches": {"zip"}},
        {"text": "%framework=py", "matches": {"pytorch"}},
        {"text": "%fra", "matches": {"%framework="}},
        {"text": f"{JOB}%worker=2;%mem", "matches": {"%memory="}},
        {"text": "%ciao desc", "matches": {"describe"}},
    )
    complete_code_samples = ("1", "print('hello')", "def f(x):\n  return x*2\n\n\n", f"{JOB}import os\n\n")
    incomplete_code_samples = (
        "print('''hello",
        "def f(x):\n  x*2",
        "%framework=pytorch",
        f"{JOB}%worker=2\n",
        f"{JOB}import os",
        f"{JOB}for i in range(3):\n\n",
    )
    invalid_code_samples = ("import = 7q", f"{JOB}import = 7q\n\n")
    code_page_something = "zip?"
    code_generate_error = "%framwork=pytorch\npass"
    code_execute_result = (
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    )
    code_display_data = (
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": f"{JOB}pass", "mime": "text/html"},
    )
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "%framework=pytorch"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls) -> None:
        """The suite gives a message a tenth of a second to follow another, which is about this machine's other work."""
        super().setUpClass()
        for channel in (cls.kc.shell_channel, cls.kc.iopub_channel):
            get = channel.get_msg
            channel.get_msg = lambda timeout=None, get=get: get(timeout=max(timeout or 0.0, PATIENCE))

    def flush_channels(self) -> None:
        """Until the answer to a question and its end have come, and so all that was sent before them."""
        asked = self.kc.kernel_info()
        while self.kc.get_shell_msg()["parent_header"].get("msg_id") != asked:
            pass
        while (end := self.kc.get_iopub_msg())["parent_header"].get("msg_id") != asked or (
            end["content"].get("execution_state") != "idle"
        ):
            pass

    def history_helper(self, *args: Any, **asked: Any) -> dict[str, Any]:
        """In a range, ipykernel calls the running session 0, where the suite expects its number."""
        reply: dict[str, Any] = super().history_helper(*args, **asked)
        if asked["hist_access_type"] == "range":
            reply["content"]["history"] = [[s or asked["session"], *rest] for s, *rest in reply["content"]["history"]]
        return reply
