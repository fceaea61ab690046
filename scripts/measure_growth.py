"""The part of measure-growth.sh that measures. Needs the settings of run_chat.sh in the environment."""
import argparse
import json
import os
import subprocess
import sys
import time

EVENTS_A_MESSAGE = 2  # MessageSent, MessageReceived
IN_FLIGHT = 20_000    # messages that are not acknowledged yet: enough to keep everybody busy, few enough to stay in order
POLL_S = 0.1
LIMIT_S = 60          # without any progress
TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/measure-growth.sh")
    parser.add_argument("--events", type=int, default=10_000_000, help="events that the log shall hold")
    parser.add_argument("--parts", type=int, default=10, help="lines of the table")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hermes", help=argparse.SUPPRESS)
    for service in ("db", "ingester", "projector"):
        parser.add_argument(f"--{service}-pid", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.events < options.parts or options.parts < 1:
        parser.error("--events must be at least --parts, and both positive")
    return options


def stat_of(pid):
    """Fields of /proc/PID/stat from the third on; nothing for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_s(pid):
    fields = stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0


def cpu_of_family_s(pid):
    """With its children that live; those of PostgreSQL that have ended are counted by itself."""
    own = stat_of(pid)
    total = sum(int(own[i]) for i in (11, 12, 13, 14)) / TICKS
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_of(name)
            if fields and int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


class Database:
    """One psql that stays: a query a line."""

    def __init__(self):
        environment = {**os.environ, "PGHOST": os.environ["POSTGRES_HOST"], "PGPORT": os.environ["POSTGRES_PORT"],
                       "PGDATABASE": os.environ["POSTGRES_DB"], "PGUSER": os.environ["POSTGRES_USER"],
                       "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}
        self.psql = subprocess.Popen(["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"], env=environment,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def number(self, sql):
        self.psql.stdin.write(sql + ";\n")
        self.psql.stdin.flush()
        return float(self.psql.stdout.readline())

    def in_log(self):
        return self.number("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads")

    def behind_s(self):
        return self.number("SELECT coalesce(max(seconds_behind), 0) FROM projection_lag")

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(LIMIT_S)


def grow(options, database):
    """A line for each part: rate, what it cost, and who held how much memory at its end."""
    messages = options.events // EVENTS_A_MESSAGE
    load = subprocess.Popen([options.hermes, "bench", "load", "--port", os.environ["MQTT_BROKER_PORT"], "--prefix", "grown",
                             "--count", str(messages), "--acks", "--unacknowledged", str(IN_FLIGHT)],
                            stdout=subprocess.PIPE, text=True)

    def costs():
        return {"ingester": cpu_s(options.ingester_pid), "projector": cpu_s(options.projector_pid),
                "database": cpu_of_family_s(options.db_pid)}

    lines = []
    had, at, cost, behind, grew_at = database.in_log(), time.monotonic(), costs(), 0, time.monotonic()
    last = had
    for part in range(1, options.parts + 1):
        goal = messages * EVENTS_A_MESSAGE * part / options.parts
        while (now_has := database.in_log()) < goal:
            behind = max(behind, database.behind_s())
            if now_has > last:
                last, grew_at = now_has, time.monotonic()
            if time.monotonic() - grew_at > LIMIT_S:
                sys.exit("the log does not grow any more")
            time.sleep(POLL_S)
        if now_has == had:  # so small a part was over before it was looked at
            continue
        now, now_cost = time.monotonic(), costs()
        events = now_has - had
        lines.append({"events_in_log": int(now_has), "events_per_s": round(events / (now - at)),
                      "projectors_behind_s_max": round(behind, 2),
                      **{f"{who}_cpu_us_an_event": round((now_cost[who] - cost[who]) * 1e6 / events, 2) for who in cost},
                      "ingester_mib": round(resident_mib(options.ingester_pid), 1),
                      "projector_mib": round(resident_mib(options.projector_pid), 1)})
        if not options.json:
            print(lines[-1], file=sys.stderr, flush=True)
        had, at, cost, behind = now_has, now, now_cost, 0
    report = json.loads(load.communicate()[0])
    if not report["complete"]:
        sys.exit("not every message was acknowledged")
    deadline = time.monotonic() + LIMIT_S
    while database.behind_s() > 0:
        if time.monotonic() > deadline:
            sys.exit("the projectors do not catch up")
        time.sleep(POLL_S)
    return lines


def measure(hermes, *command):
    """Seconds and the most memory that the command held."""
    began = time.monotonic()
    process = subprocess.Popen([hermes, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"hermes {' '.join(command)} failed")
    return {"seconds": round(time.monotonic() - began, 3), "resident_mib_max": round(usage.ru_maxrss / 1024, 1)}


def main():
    options = arguments()
    database = Database()
    lines = grow(options, database)
    database.close()
    whole = {command: measure(options.hermes, *command.split(), "--json")
             for command in ("verify", "rebuild chat", "export log")}
    if options.json:
        print(json.dumps({"events": lines[-1]["events_in_log"], "parts": lines, "whole": whole}))
        return
    names = list(lines[0])
    print("| " + " | ".join(name.replace("_", " ") for name in names) + " |\n|" + "---|" * len(names))
    for line in lines:
        print("| " + " | ".join(f"{line[name]:,}" for name in names) + " |")
    print("\n| of the whole log | seconds | MiB at most |\n|---|---|---|")
    for command, figures in whole.items():
        print(f"| `hermes {command}` | {figures['seconds']} | {figures['resident_mib_max']} |")


if __name__ == "__main__":
    main()
