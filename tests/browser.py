"""Headless Chromium driven over its debugging pipe, with nothing but the standard library."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

FLAGS = [
    "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
]  # fmt: skip
# After which a browser hangs (s): a machine on which much else runs may need minutes for what takes a second.
PATIENCE = 600
SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-webgpu-adapter=swiftshader", "--use-vulkan=swiftshader"]


class Browser:
    """One page of one browser; everything that the page writes to the console or fails at is in `complaints`."""

    def __init__(self, gpu=False, size=(1200, 1000)):
        self.profile = tempfile.mkdtemp()
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def connect():
            # The protocol is spoken on descriptors 3 and 4; high ones first, as these may be among our four.
            high = [os.dup(d) for d in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        flags = FLAGS + (SOFTWARE_GPU if gpu else ["--disable-gpu"])
        flags += [f"--user-data-dir={self.profile}", f"--window-size={size[0]},{size[1]}", "about:blank"]
        self.process = subprocess.Popen(
            ["chromium", *flags], close_fds=False, preexec_fn=connect,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self.next_id, self.answers, self.complaints, self.session = 0, {}, [], None
        self.arrived = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Performance", "Network"):
            self.call(f"{domain}.enable")

    def _listen(self):
        rest = b""
        while chunk := os.read(self.read_end, 1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            for text in messages:
                message = json.loads(text)
                with self.arrived:
                    self._note(message)
                    self.arrived.notify_all()

    def _note(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(params["args"])[:600])
        elif method == "Log.entryAdded":
            self.complaints.append(json.dumps(params["entry"])[:600])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "blob:", "data:")):
            self.complaints.append("the page asks the network for " + params["request"]["url"])

    def call(self, method, **params):
        self.next_id += 1
        own = self.next_id
        message = {"id": own, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        with self.arrived:
            if not self.arrived.wait_for(lambda: own in self.answers, timeout=PATIENCE):
                raise TimeoutError(f"Chromium does not answer {method}")
            answer = self.answers.pop(own)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, path, fragment=""):
        """Shows a file, and waits until it is there."""
        self.loaded = False
        self.call("Page.navigate", url=f"file://{os.path.abspath(path)}{fragment}")
        with self.arrived:
            if not self.arrived.wait_for(lambda: self.loaded, timeout=PATIENCE):
                raise TimeoutError(f"{path} does not load")

    def value(self, expression):
        """Of a JavaScript expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, expression):
        """Until the expression holds in the page."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {PATIENCE} s: {expression}; complaints: {self.complaints}")
            time.sleep(0.05)

    def until_complaint(self, part):
        """Until the browser has complained of something whose text has this part."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: any(part in c for c in self.complaints), timeout=PATIENCE):
                raise TimeoutError(f"no complaint of {part}, but {self.complaints}")

    def accessible(self):
        """What a screen reader is told: role, name, description, whether a keyboard reaches it, whether it is read out."""
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            if not node["ignored"]:
                properties = {p["name"]: p["value"].get("value") for p in node.get("properties", [])}
                yield {
                    "role": node["role"]["value"], "name": node.get("name", {}).get("value", "").strip(),
                    "description": node.get("description", {}).get("value", ""),
                    "focusable": properties.get("focusable", False), "live": properties.get("live", "off"),
                }  # fmt: skip

    def mouse(self, kind, x, y):
        """kind: mousePressed, mouseMoved or mouseReleased, at CSS pixels of the window."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=int(kind != "mouseReleased"), clickCount=1)

    def key(self, key, code=None, text=None):
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, **extra)

    def screenshot(self, path, size, dark):
        import base64
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        # The page hears of its size and colours before its next frame, and has drawn them by the one after that.
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))))")
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot))

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.profile, ignore_errors=True)
