#!/bin/bash
# hermes-bench peers measures every contender, and leaves out those whom npm can't bring.
source "$(dirname "$0")/lib.sh"

bench=$(dirname "$hermes")/hermes-bench
small=(--rounds 1 --seconds 0.3 --count 2000 --plain-count 200 --json)

mkdir "$work/bin"
printf '#!/bin/bash\nexit 127\n' >"$work/bin/npm"
chmod +x "$work/bin/npm"
PATH=$work/bin:$PATH "$bench" peers "${small[@]}" >"$work/alone" 2>/dev/null
contains "a run without npm" '"skipped":"there is no npm"' "$(cat "$work/alone")"
equal "who is measured without npm" '["Hermes","Hermes, one by one"] ["Hermes"] ["Hermes"]' \
  "$(node -e '
    const { measures } = JSON.parse(require("fs").readFileSync(process.argv[1]));
    console.log(measures.map((m) => JSON.stringify(m.contenders.map((c) => c.name))).join(" "))' "$work/alone")"

"$bench" peers "${small[@]}" >"$work/all" 2>/dev/null
grep -q '"skipped":null' "$work/all" || skip "npm cannot install the peers (is there a network?)"
equal "who is measured, each with a figure" \
  '["Hermes","Hermes, one by one","Emmett","Message DB","rows"] ["Hermes","Emmett","Message DB","rows"] ["Hermes","MQTT.js and pg"]' \
  "$(node -e '
    const { measures } = JSON.parse(require("fs").readFileSync(process.argv[1]));
    console.log(measures.map((m) => JSON.stringify(m.contenders.filter((c) => c.per_s > 0).map((c) => c.name))).join(" "))' "$work/all")"
