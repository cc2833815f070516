package constructs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/constructs"
)

// maxAlarmDescription is the most that a description may have ("PutMetricAlarm").
const maxAlarmDescription = 1024

// Each alarm leads to its chapter of RUNBOOK.md, and each chapter is one of an alarm.
func TestRunbook(t *testing.T) {
	const page = "https://wiki.example.com/streamer"
	text, err := os.ReadFile("../RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	chapters := chaptersOf(string(text))
	for _, url := range []string{"", page} {
		props := withWorkers()
		props.Alarms = &constructs.AlarmProps{RunbookURL: url}
		tpl := synth(t, nil, props)
		linked := map[string]bool{}
		for _, alarm := range tpl.ofType("AWS::CloudWatch::Alarm") {
			description, _ := at(tpl.Resources[alarm].Properties, "AlarmDescription").(string)
			link, chapter, _ := strings.Cut(description[strings.LastIndex(description, " ")+1:], "#")
			if url == "" && link != "https://github.com/pay-theory/streamer/blob/main/RUNBOOK.md" || url != "" && link != url {
				t.Errorf("%s leads to %s", alarm, link)
			}
			if _, there := chapters[chapter]; !there {
				t.Errorf("%s leads to the chapter %q, which RUNBOOK.md lacks", alarm, chapter)
			}
			linked[chapter] = true
			if len(description) > maxAlarmDescription {
				t.Errorf("%s is described with %d characters", alarm, len(description))
			}
		}
		for chapter := range chapters {
			if !linked[chapter] {
				t.Errorf("no alarm leads to the chapter %q of RUNBOOK.md", chapter)
			}
		}
	}
	for chapter, text := range chapters {
		at := 0
		for _, part := range []string{"**It means**", "**Look**", "**Do**", "**It is over**"} {
			next := strings.Index(text[at:], part)
			if next < 0 {
				t.Errorf("the chapter %q lacks %s, or has it too early", chapter, part)
				break
			}
			at += next
		}
	}
}

// chaptersOf are the chapters of a page by the fragments that GitHub gives their headings.
func chaptersOf(page string) map[string]string {
	chapters := map[string]string{}
	for _, chapter := range strings.Split(page, "\n## ")[1:] {
		heading, text, _ := strings.Cut(chapter, "\n")
		chapters[strings.ReplaceAll(strings.ToLower(heading), " ", "-")] = text
	}
	return chapters
}

// The runbook speaks of what the functions log in their words.
func TestRunbookQuotesTheLogs(t *testing.T) {
	text, err := os.ReadFile("../RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../functions/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, literal := range regexp.MustCompile(`"([a-z ]+)"`).FindAllSubmatch(source, -1) {
			sources[string(literal[1])] = true
		}
	}
	for _, line := range []string{"function does not start", "message not done", "processor panicked", "keys not fetched", "reconciled", "unfinished"} {
		if quoted := strings.Contains(string(text), "`"+line+"`"); !quoted || !sources[line] {
			t.Errorf("%q: quoted %v, logged %v", line, quoted, sources[line])
		}
	}
}
