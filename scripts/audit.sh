#!/bin/sh
# Looks for known vulnerabilities in what Streamer is built from, and whether the modules here
# are the ones that go.sum names. It ends with
#
#	0  nothing was found
#	1  something was found: it is named above
#	2  nothing was found where it could look, and a database is out of reach: not checked is
#	   said of each
set -u
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.1.4

found=0 blind=0
say() { printf '%-44s %s\n' "$1" "$2"; }

# Modules as they were when their hashes were written.
for folder in . examples/primes; do
  if out=$(cd "$folder" && go mod verify 2>&1); then say "go mod verify, $folder" "$out"; else
    say "go mod verify, $folder" "WRONG"; echo "$out"; found=1
  fi
done

# Go code that calls what is known to be vulnerable. govulncheck ends with 3 if there is some, as go run says,
# and with 1 if it could not look.
for folder in . examples/primes; do
  out=$(cd "$folder" && go run "$govulncheck" ./... 2>&1)
  case $? in
  0) say "govulncheck, $folder" "none" ;;
  *) case $out in
     *"exit status 3"*) say "govulncheck, $folder" "FOUND"; echo "$out"; found=1 ;;
     *) say "govulncheck, $folder" "not checked: vuln.go.dev, or the program, is out of reach"; echo "$out" | tail -n 2; blind=1 ;;
     esac ;;
  esac
done

# npm packages, which are tools and a client: npm asks the registry of .npmrc.
for folder in . client/ts; do
  out=$(npm audit --prefix "$folder" --package-lock-only --json 2>/dev/null)
  status=$?
  case $out in
  *'"auditReportVersion"'*)
    if [ $status -eq 0 ]; then say "npm audit, $folder" "none"; else say "npm audit, $folder" "FOUND"; echo "$out"; found=1; fi ;;
  *) say "npm audit, $folder" "not checked: the registry answers no audits"; blind=1 ;;
  esac
done

[ $found -eq 0 ] || exit 1
[ $blind -eq 0 ] || exit 2
