package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The types of web/actions.ts are those that package primes declares, the page's code
// compiles by them, and what is wrong by them does not.
func TestTypesOfThePage(t *testing.T) {
	t.Parallel()
	run(t, ".", "go", "tool", "protocol", "-check", "-actions", "web/actions.ts", "./primes")
	tsc, err := filepath.Abs(filepath.Join("..", "..", "client", "ts", "node_modules", ".bin", "tsc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tsc); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatalf("there is no %s", tsc)
		}
		t.Skipf("needs %s, which make client/ts/node_modules brings", tsc)
	}
	run(t, ".", tsc, "-p", "web")

	web, err := filepath.Abs("web")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tsconfig.json": fmt.Sprintf(`{ "extends": %q, "files": ["wrong.ts"] }`, filepath.Join(web, "tsconfig.json")),
		"wrong.ts": fmt.Sprintf(`
			import { connect } from "@pay-theory/streamer";
			import type { Actions } from %q;
			const streamer = connect<Actions>("wss://stage.example/v1");
			// @ts-expect-error it is a number
			streamer.submit("count_primes", { up_to: "100" });
			// @ts-expect-error there is no such member
			streamer.submit("count_primes", { up_to: 100, upTo: 100 });
			// @ts-expect-error there is a payload
			streamer.submit("count_primes");
			// @ts-expect-error there is no such action
			streamer.submit("count", { up_to: 100 });
			// @ts-expect-error there is no such result
			(await streamer.submit("count_primes", { up_to: 100 }).result()).factors;
			// @ts-expect-error nor when it is attached
			(await streamer.attach<"count_primes">("id").result()).factors;
			streamer.submit("count_primes", { up_to: 100 }, { deadlineMs: 1000 });
		`, filepath.Join(web, "actions.js")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, tsc, "-p", ".")
}
