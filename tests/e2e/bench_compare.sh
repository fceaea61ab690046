#!/bin/bash
# hermes-bench compare runs two builds in turn, forwards what was asked for, and ends with code 1 where the new one is slower.
source "$(dirname "$0")/lib.sh"

bench=$(dirname "$hermes")/hermes-bench

# A build whose append is as fast as its file says. It keeps its command lines.
make_build() {  # NAME PER_SECOND
  mkdir "$work/$1"
  cat >"$work/$1/hermes-bench" <<SCRIPT
#!/bin/bash
echo "$1 \$*" >>"$work/calls"
echo '{"unit":"events","ours_per_s":$2,"ceiling_per_s":null,"ours_medians":{"commit_ms_p99":$2}}'
SCRIPT
  chmod +x "$work/$1/hermes-bench"
}
make_build fast 200
make_build slow 100

exit_code=0
"$bench" compare "$work/fast" "$work/slow" --benchmark append --pairs 6 --count 7 >"$work/out" 2>/dev/null || exit_code=$?
equal "the exit code for a slower build" 1 "$exit_code"
contains "what is said" "The new build is 50.0 % slower" "$(cat "$work/out")"
equal "the first pair's calls, the old build first, and the second pair's" \
  "fast append --pairs 1 --json --count 7|slow append --pairs 1 --json --count 7|slow append --pairs 1 --json --count 7" \
  "$(head -3 "$work/calls" | paste -sd'|')"

"$bench" compare "$work/slow" "$work/fast/hermes-bench" --benchmark append --pairs 6 >"$work/out" 2>/dev/null
contains "what is said" "100.0 % faster" "$(cat "$work/out")"
"$bench" compare "$work/fast" "$work/slow" --benchmark append --pairs 6 --detail commit_ms_p99 >"$work/out" 2>/dev/null
contains "what is said of milliseconds" "100.0 % faster" "$(cat "$work/out")"

printf '#!/bin/bash\necho oh dear >&2\nexit 3\n' >"$work/slow/hermes-bench"
exit_code=0
"$bench" compare "$work/fast" "$work/slow" --benchmark append >/dev/null 2>"$work/errors" || exit_code=$?
equal "the exit code for a build that fails" 1 "$exit_code"
contains "the error" "ended with exit code 3: oh dear" "$(tail -1 "$work/errors")"

"$bench" compare "$(dirname "$hermes")" "$hermes" --benchmark decide --pairs 1 --json >"$work/out" 2>/dev/null
contains "a build and its hermes" '"difference":"too few pairs"' "$(cat "$work/out")"
