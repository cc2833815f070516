package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of results")

// sdks are those that go through the cases, with the file that its own driver holds to what
// it saw.
var sdks = []struct{ name, file string }{{"Go", "results/go.txt"}, {"TypeScript", "results/typescript.txt"}}

// The tables of results say what the SDKs' drivers saw last: that of every case here, and
// that of the groups in the module's README.
func TestTablesOfResults(t *testing.T) {
	all, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	passed := map[string][]string{}
	for _, sdk := range sdks {
		text, err := os.ReadFile(sdk.file)
		if err != nil {
			t.Fatal(err)
		}
		passed[sdk.name] = strings.Fields(string(text))
		for _, name := range passed[sdk.name] {
			if !slices.ContainsFunc(all, func(c Case) bool { return c.Name == name }) {
				t.Errorf("%s has %q, which is no case", sdk.file, name)
			}
		}
	}
	holdTable(t, "README.md", caseTable(all, passed))
	holdTable(t, "../../README.md", groupTable(all, passed))
}

func caseTable(all []Case, passed map[string][]string) string {
	var table strings.Builder
	heading(&table, "case", "")
	for _, c := range all {
		fmt.Fprintf(&table, "| %s | %s |", c.Name, c.About)
		for _, sdk := range sdks {
			if slices.Contains(passed[sdk.name], c.Name) {
				table.WriteString(" ✓ |")
			} else {
				table.WriteString(" – |")
			}
		}
		table.WriteString("\n")
	}
	return table.String()
}

func groupTable(all []Case, passed map[string][]string) string {
	var table strings.Builder
	heading(&table, "what goes wrong", "cases")
	for _, g := range groups {
		cases, right := 0, map[string]int{}
		for _, c := range all {
			if c.Group != g.name {
				continue
			}
			cases++
			for _, sdk := range sdks {
				if slices.Contains(passed[sdk.name], c.Name) {
					right[sdk.name]++
				}
			}
		}
		fmt.Fprintf(&table, "| %s | %d |", g.about, cases)
		for _, sdk := range sdks {
			fmt.Fprintf(&table, " %s |", map[bool]string{true: "✓", false: fmt.Sprint(right[sdk.name])}[right[sdk.name] == cases])
		}
		table.WriteString("\n")
	}
	return table.String()
}

func heading(table *strings.Builder, first, second string) {
	fmt.Fprintf(table, "| %s | %s |", first, second)
	line := "|---|---|"
	for _, sdk := range sdks {
		fmt.Fprintf(table, " %s |", sdk.name)
		line += "---|"
	}
	table.WriteString("\n" + line + "\n")
}

// holdTable compares the table of a file that has the same heading, or writes it.
func holdTable(t *testing.T, file, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	heading, _, _ := strings.Cut(want, "\n")
	from := bytes.Index(text, []byte(heading+"\n"))
	if from < 0 {
		t.Fatalf("%s has no table %q", file, heading)
	}
	length := bytes.Index(text[from:], []byte("\n\n")) + 1
	if length == 0 {
		length = len(text) - from
	}
	if got := string(text[from : from+length]); got == want {
		return
	} else if !*update {
		t.Errorf("%s differs from the results: review them, then run this test with -update\n%s", file, want)
		return
	}
	if err := os.WriteFile(file, slices.Concat(text[:from], []byte(want), text[from+length:]), 0o644); err != nil {
		t.Fatal(err)
	}
}
