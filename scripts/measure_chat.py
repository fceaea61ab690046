"""The part of measure-chat.sh that sits at a pseudo-terminal. Needs the settings of run_chat.sh in the environment.

A key is a letter that is typed once in the whole run and appears in no message, so its first appearance in what the client
writes is its echo, whatever is redrawn in between. Keys are pressed when they are due, not when the last one has come back: a
client that stalls is charged for every key that waited.
"""
import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import shlex
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
import unicodedata

ROWS, COLUMNS = 24, 80
KEY_PAUSE_S = (0.02, 0.06)  # between two keys: a fast typist, and a burst now and then
KEYS_IN_A_LINE = 60
LIMIT_S = 30  # for anything that is waited for
TARGETS = {"echo_ms_p99": 50, "prompt_ms_median": 300, "start_first_s": 10, "start_again_s": 10}

# Narrow letters that nobody else types here.
LETTERS = [chr(c) for c in (*range(0x100, 0x250), *range(0x400, 0x530), *range(0x13A0, 0x13F6), *range(0x1401, 0x166D))
           if unicodedata.category(chr(c)) in ("Ll", "Lu", "Lo")]


def number(least, most):
    def parse(text):
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}")
        return value
    return parse


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/measure-chat.sh")
    parser.add_argument("--keys", type=number(1, len(LETTERS)), default=400, help="keys to press")
    parser.add_argument("--starts", type=number(1, 1000), default=20, help="starts of the client")
    parser.add_argument("--per-second", type=number(1, 5000), default=200, help="messages that come in meanwhile")
    parser.add_argument("--json", action="store_true")
    for name in ("--hermes", "--start-first-s", "--start-again-s"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


class Client:
    """`hermes chat` on a pseudo-terminal."""

    def __init__(self, hermes, user):
        self.user = user
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.began = time.monotonic()
        self.process = subprocess.Popen([hermes, "chat", "--user", user], stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, start_new_session=True)
        os.close(slave)
        self.output = b""

    def read(self, timeout_s):
        """What the client has written since: the bytes, and when they were there. Nothing when the time passes first."""
        if not select.select([self.master], [], [], max(0, timeout_s))[0]:
            return b"", time.monotonic()
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            data = b""
        at = time.monotonic()
        if not data:
            sys.exit(f"the client of {self.user} has ended: {self.output[-500:].decode(errors='replace')}")
        return data, at

    def wait_for(self, text):
        """When `text` was written."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            data, at = self.read(deadline - time.monotonic())
            self.output += data
            if text.encode() in self.output:
                return at
            if not data:
                sys.exit(f"the client of {self.user} does not show {text!r}: {self.output[-500:].decode(errors='replace')}")

    def press(self, text):
        os.write(self.master, text.encode())

    def leave(self):
        self.press("\x15\x04")  # Ctrl-U, Ctrl-D
        deadline = time.monotonic() + LIMIT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    os.read(self.master, 1 << 16)
                except OSError:
                    break
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit(f"the client of {self.user} does not leave")
        os.close(self.master)


class Senders:
    """Messages to a user at a steady rate, by a client that is not ours."""

    def __init__(self, user, per_second):
        topic = f"{os.environ.get('MQTT_TOPIC', 'chat/messages')}/{user}"
        self.publisher = subprocess.Popen(["mosquitto_pub", "-h", os.environ["MQTT_BROKER_HOST"], "-p",
                                           os.environ["MQTT_BROKER_PORT"], "-V", "mqttv5", "-q", "1", "-t", topic, "-l"],
                                          stdin=subprocess.PIPE)
        self.user, self.per_second, self.stopping = user, per_second, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        began = time.monotonic()
        count = 0
        while not self.stopping.wait(max(0, began + count / self.per_second - time.monotonic())):
            message = {"type": "message", "message_id": f"measured-{os.getpid()}-{count}", "sender_id": f"sender-{count % 20}",
                       "sender_name": "Sender", "receiver_id": self.user, "content": f"measured {count}."}
            self.publisher.stdin.write(json.dumps(message).encode() + b"\n")
            self.publisher.stdin.flush()
            count += 1

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.publisher.stdin.close()
        self.publisher.wait(LIMIT_S)


def measure_echo(hermes, keys, per_second):
    """Milliseconds of each key, and how many messages came on the screen per second meanwhile."""
    client = Client(hermes, "typist")
    client.wait_for("typist> ")
    senders = Senders("typist", per_second)
    client.wait_for(f"measured {per_second}.")  # the flow stands
    letters = random.sample(LETTERS, keys)
    waiting = {}  # letter: when it was pressed
    took_ms, seen, tail = [], set(), b""
    began = due = time.monotonic()
    pressed = 0
    last_echo = began
    while len(took_ms) < keys:
        now = time.monotonic()
        if pressed < keys and now >= due:
            letter = letters[pressed]
            if pressed % KEYS_IN_A_LINE == 0:
                client.press("\x15")
            waiting[letter.encode()] = due = time.monotonic()
            client.press(letter)
            pressed += 1
            due += random.uniform(*KEY_PAUSE_S)
            continue
        if waiting and now - min(waiting.values()) > LIMIT_S:
            sys.exit("a key is not echoed")
        data, at = client.read((due if pressed < keys else now + LIMIT_S) - now)
        tail += data
        for letter in [letter for letter in waiting if letter in tail]:
            took_ms.append((at - waiting.pop(letter)) * 1e3)
            last_echo = at
        seen.update(re.findall(rb"measured \d+\.", tail))
        tail = tail[-64:]
    senders.stop()
    client.leave()
    return took_ms, len(seen) / (last_echo - began)


def measure_prompt(hermes, starts):
    took_ms = []
    for _ in range(starts):
        client = Client(hermes, "starter")
        took_ms.append((client.wait_for("starter> ") - client.began) * 1e3)
        client.leave()
    return took_ms


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    options = arguments()
    if options.check:  # that they are good, before servers are started
        print(shlex.join(sys.argv[2:]))
        return
    prompt_ms = measure_prompt(options.hermes, options.starts)
    echo_ms, per_second = measure_echo(options.hermes, options.keys, options.per_second)
    figures = {
        "keys": len(echo_ms), "messages_shown_per_s": round(per_second, 1),
        "echo_ms_p50": round(percentile(echo_ms, 0.5), 2), "echo_ms_p99": round(percentile(echo_ms, 0.99), 2),
        "echo_ms_max": round(max(echo_ms), 2),
        "starts": len(prompt_ms), "prompt_ms_median": round(statistics.median(prompt_ms), 1),
        "prompt_ms_max": round(max(prompt_ms), 1),
        "start_first_s": float(options.start_first_s), "start_again_s": float(options.start_again_s),
    }
    if options.json:
        print(json.dumps({**figures, "targets": TARGETS}))
        return
    print(f"{figures['keys']} keys while {figures['messages_shown_per_s']:.0f} messages a second came in; "
          f"{figures['starts']} starts of the client\n")
    print("| from | to | p50 or median | p99 | max | target |")
    print("|---|---|---|---|---|---|")
    print(f"| key press | its echo | {figures['echo_ms_p50']} ms | {figures['echo_ms_p99']} ms | {figures['echo_ms_max']} ms "
          f"| p99 {TARGETS['echo_ms_p99']} ms |")
    print(f"| `hermes chat` | its prompt | {figures['prompt_ms_median']} ms | | {figures['prompt_ms_max']} ms "
          f"| {TARGETS['prompt_ms_median']} ms |")
    print(f"| `./run_chat.sh start`, the first | healthy | {figures['start_first_s']:.1f} s | | | {TARGETS['start_first_s']} s |")
    print(f"| `./run_chat.sh start`, later ones | healthy | {figures['start_again_s']:.1f} s | | | {TARGETS['start_again_s']} s |")


if __name__ == "__main__":
    main()
