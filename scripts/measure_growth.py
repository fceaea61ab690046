"""The part of measure-growth.sh that measures, on two systems that run_chat.sh has started."""
import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time

EVENTS_A_MESSAGE = 2  # MessageSent, MessageReceived
IN_FLIGHT = 20_000    # messages that are not acknowledged yet: enough to keep everybody busy, few enough to stay in order
POLL_S = 0.1
LIMIT_S = 60          # without any progress
YOUNG = 10            # the young log has this part of the grown one's events
TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/measure-growth.sh")
    parser.add_argument("--events", type=int, default=10_000_000, help="events that the log shall hold")
    parser.add_argument("--parts", type=int, default=10, help="lines of the table")
    parser.add_argument("--pairs", type=int, default=10,
                        help="how often the grown and the young system are compared, each time with a hundredth of the events; 0: not at all")
    parser.add_argument("--json", action="store_true")
    for hidden in ("hermes", "grown", "young"):
        parser.add_argument("--" + hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.events < options.parts or options.parts < 1:
        parser.error("--events must be at least --parts, and both positive")
    if not 0 <= options.pairs <= 20:
        parser.error("--pairs must be from 0 to 20")
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


def settings_in(state):
    """What run_chat.sh wrote into the state folder: NAME='value', a line each."""
    lines = (state / "env").read_text().splitlines()
    return dict("".join(shlex.split(line)).split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


class System:
    """Broker, database, ingester and projector of one state folder."""

    def __init__(self, hermes, state):
        state = pathlib.Path(state)
        settings = settings_in(state)
        self.hermes = hermes
        self.environment = {**os.environ, **settings, "HERMES_STATE_DIR": str(state)}
        self.pid = {name: int((state / "run" / name).read_text().split()[0]) for name in ("db", "ingester", "projector")}
        login = {"PG" + name: settings["POSTGRES_" + ours]
                 for name, ours in (("HOST", "HOST"), ("PORT", "PORT"), ("DATABASE", "DB"), ("USER", "USER"), ("PASSWORD", "PASSWORD"))}
        self.psql = subprocess.Popen(["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"],  # one that stays
                                     env={**os.environ, **login}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def number(self, sql):
        self.psql.stdin.write(sql + ";\n")
        self.psql.stdin.flush()
        return float(self.psql.stdout.readline())

    def in_log(self):
        return int(self.number("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"))

    def behind_s(self):
        return self.number("SELECT coalesce(max(seconds_behind), 0) FROM projection_lag")

    def costs(self):
        return {"ingester": cpu_s(self.pid["ingester"]), "projector": cpu_s(self.pid["projector"]),
                "database": cpu_of_family_s(self.pid["db"])}

    def begin_load(self, prefix, messages):
        return subprocess.Popen([self.hermes, "bench", "load", "--port", self.environment["MQTT_BROKER_PORT"], "--prefix", prefix,
                                 "--count", str(messages), "--acks", "--unacknowledged", str(IN_FLIGHT)],
                                stdout=subprocess.PIPE, text=True)

    def end_load(self, load):
        """Waits until every message is acknowledged and in the tables."""
        if not json.loads(load.communicate()[0])["complete"]:
            sys.exit("not every message was acknowledged")
        deadline = time.monotonic() + LIMIT_S
        while self.behind_s() > 0:
            if time.monotonic() > deadline:
                sys.exit("the projectors do not catch up")
            time.sleep(POLL_S)

    def measure(self, *command):
        """Seconds and the most memory that a command of ours took."""
        began = time.monotonic()
        process = subprocess.Popen([self.hermes, *command], env=self.environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"hermes {' '.join(command)} failed")
        return {"seconds": round(time.monotonic() - began, 3), "resident_mib_max": round(usage.ru_maxrss / 1024, 1)}

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(LIMIT_S)


def grow(system, options):
    """A line for each part: rate, what it cost, and who held how much memory at its end."""
    messages = options.events // EVENTS_A_MESSAGE
    lines = []
    had, at, cost, behind, grew_at = system.in_log(), time.monotonic(), system.costs(), 0, time.monotonic()
    last = had
    load = system.begin_load("grown", messages)
    for part in range(1, options.parts + 1):
        goal = messages * EVENTS_A_MESSAGE * part / options.parts
        while (now_has := system.in_log()) < goal:
            behind = max(behind, system.behind_s())
            if now_has > last:
                last, grew_at = now_has, time.monotonic()
            if time.monotonic() - grew_at > LIMIT_S:
                sys.exit("the log does not grow any more")
            time.sleep(POLL_S)
        if now_has == had:  # so small a part was over before it was looked at
            continue
        now, now_cost = time.monotonic(), system.costs()
        events = now_has - had
        lines.append({"events_in_log": now_has, "events_per_s": round(events / (now - at)),
                      "projectors_behind_s_max": round(behind, 2),
                      **{f"{who}_cpu_us_an_event": round((now_cost[who] - cost[who]) * 1e6 / events, 2) for who in cost},
                      "ingester_mib": round(resident_mib(system.pid["ingester"]), 1),
                      "projector_mib": round(resident_mib(system.pid["projector"]), 1)})
        tell(options, lines[-1])
        had, at, cost, behind = now_has, now, now_cost, 0
    system.end_load(load)
    return lines


def compare(grown, young, options):
    """CPU of an event in the grown system and in the young one, which take turns. What a system does of its own accord while the other
    one works (a checkpoint, autovacuum) belongs to its turn before."""
    messages = max(1, options.events // EVENTS_A_MESSAGE // 100)
    systems = {"grown": grown, "young": young}
    # The middle of the young one's turns is at its part of the events.
    before = max(1, options.events // EVENTS_A_MESSAGE // YOUNG - messages * options.pairs // 2)
    young.end_load(young.begin_load("young", before))

    began = {name: [] for name in systems}  # CPU seconds of each system when each of its turns began
    seconds = {name: [] for name in systems}
    held = {name: system.in_log() for name, system in systems.items()}
    for pair in range(options.pairs):
        for name, system in systems.items():
            began[name].append(sum(system.costs().values()))
            at = time.monotonic()
            system.end_load(system.begin_load(f"pair-{pair}", messages))
            seconds[name].append(time.monotonic() - at)
    for name, system in systems.items():
        began[name].append(sum(system.costs().values()))
        held[name] = (held[name] + system.in_log()) / 2

    events = messages * EVENTS_A_MESSAGE
    # A turn of a few messages may be over before the kernel has counted anything: then it is taken for one tick.
    cost = {name: [max(end - begin, 1 / TICKS) * 1e6 / events for begin, end in zip(at, at[1:])] for name, at in began.items()}
    ratios = [ours / theirs for ours, theirs in zip(cost["grown"], cost["young"])]
    figures = {"pairs": options.pairs, "events_a_turn": events,
               **{f"{name}_events_in_log": round(held[name]) for name in systems},
               **{f"{name}_cpu_us_an_event": [round(each, 2) for each in cost[name]] for name in systems},
               **{f"{name}_events_per_s": round(events * options.pairs / sum(seconds[name])) for name in systems},
               "cpu_ratio": round(sum(cost["grown"]) / sum(cost["young"]), 3), "cpu_ratio_median": round(statistics.median(ratios), 3),
               "cpu_ratio_min": round(min(ratios), 3), "cpu_ratio_max": round(max(ratios), 3)}
    tell(options, figures)
    return figures


def tell(options, figures):
    """What is known already of a long run, for who watches it."""
    if not options.json:
        print(figures, file=sys.stderr, flush=True)


def print_tables(lines, turns, whole):
    names = list(lines[0])
    print("| " + " | ".join(name.replace("_", " ") for name in names) + " |\n|" + "---|" * len(names))
    for line in lines:
        print("| " + " | ".join(f"{line[name]:,}" for name in names) + " |")
    if turns:
        print("\n| events in the log | events/s | CPU µs an event |\n|---|---|---|")
        for name in ("young", "grown"):
            print(f"| {turns[name + '_events_in_log']:,} | {turns[name + '_events_per_s']:,} | "
                  f"{statistics.mean(turns[name + '_cpu_us_an_event']):.1f} |")
        print(f"\nCPU of an event, {turns['pairs']} pairs: ratio {turns['cpu_ratio']} of the sums, median {turns['cpu_ratio_median']} "
              f"({turns['cpu_ratio_min']} to {turns['cpu_ratio_max']}).")
    print("\n| of the whole log | seconds | MiB at most |\n|---|---|---|")
    for command, figures in whole.items():
        print(f"| `hermes {command}` | {figures['seconds']} | {figures['resident_mib_max']} |")


def main():
    options = arguments()
    grown, young = (System(options.hermes, state) for state in (options.grown, options.young))
    lines = grow(grown, options)
    turns = compare(grown, young, options) if options.pairs else None
    events = grown.in_log()
    for system in (grown, young):
        system.close()
    whole = {command: grown.measure(*command.split(), "--json") for command in ("verify", "rebuild chat", "export log")}
    if options.json:
        print(json.dumps({"events": events, "parts": lines, "turns": turns, "whole": whole}))
    else:
        print_tables(lines, turns, whole)


if __name__ == "__main__":
    main()
