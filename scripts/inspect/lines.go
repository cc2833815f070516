package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/logs"
)

// entry is one line that a function logged.
type entry struct {
	Time     time.Time `json:"time"`
	Function string    `json:"function"`
	// Line is what was logged, one of JSON as it is, any other as a string.
	Line json.RawMessage `json:"line"`

	group logs.Group
	said  said
}

// said is what a line says: words and the members that follow them, in their order.
type said struct {
	level, words string
	members      []member
}

type member struct{ name, value string }

// read makes an entry of a line. The time is the function's own, which is finer than that of
// the log.
func read(e logs.Event) entry {
	text := strings.TrimRight(e.Message, "\n")
	line := entry{Time: e.Time.UTC(), Function: e.Group.Label, group: e.Group, said: said{words: strings.ReplaceAll(text, "\t", "  ")}}
	if !json.Valid([]byte(text)) || !strings.HasPrefix(text, "{") {
		line.Line, _ = json.Marshal(text) // a string always can be
		if parts := remark.FindStringSubmatch(text); parts != nil {
			line.said.level, line.said.words = parts[1], "AWS SDK: "+parts[2]
		}
		return line
	}
	line.Line = json.RawMessage(text)
	var known struct {
		Time       time.Time
		Level, Msg string
	}
	if json.Unmarshal(line.Line, &known) != nil || known.Msg == "" {
		return line
	}
	if !known.Time.IsZero() {
		line.Time = known.Time.UTC()
	}
	line.said = said{level: known.Level, words: known.Msg, members: membersOf(line.Line)}
	return line
}

// remark is how the AWS SDK logs what it warns of, which is no error: that, it returns.
var remark = regexp.MustCompile(`^SDK [0-9/]+ [0-9:]+ (WARN|DEBUG) (.*)$`)

// membersOf are those of an object in their order, as text; empty ones are left out.
func membersOf(object json.RawMessage) (all []member) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return all
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return all
		}
		value := string(raw)
		var text string
		var texts []string
		if json.Unmarshal(raw, &text) == nil {
			value = text
		} else if json.Unmarshal(raw, &texts) == nil {
			value = strings.Join(texts, ",")
		}
		if value != "" && value != "null" {
			all = append(all, member{fmt.Sprint(name), value})
		}
	}
	return all
}

// measures reports whether a line has metrics in it.
func (e entry) measures() bool {
	return len(e.said.members) == 0 && bytes.Contains(e.Line, []byte(`"_aws"`))
}

// frame are the lines that Lambda writes around each run ("View the invocation log"). The
// last one says so if the run came to a bad end.
var frame = regexp.MustCompile(`^(START|END|INIT_START|REPORT) `)

// routine reports whether a line says only that there was a run.
func (e entry) routine() bool {
	return frame.MatchString(e.said.words) && !strings.Contains(e.said.words, "Status: ")
}

// failed reports whether a line tells of an error, or of a run that came to a bad end.
func (e entry) failed() bool {
	return e.said.level == "ERROR" || e.said.level == "" && !e.routine() && !e.measures()
}

// why is what a line says went wrong.
func (e entry) why() string {
	for _, name := range []string{"error", "panic", "reason"} {
		if value := e.value(name); value != "" {
			return e.said.words + ": " + value
		}
	}
	return e.said.words
}

// value is that of a member, empty if there is none.
func (e entry) value(name string) string {
	for _, m := range e.said.members {
		if m.name == name {
			return m.value
		}
	}
	return ""
}

// write prints an entry as one paragraph, without the members that are left out.
func (e entry) write(out io.Writer, functions int, without ...string) {
	words := []string{plain(e.said.words)}
	if e.said.level != "" && e.said.level != "INFO" {
		words[0] = e.said.level + " " + words[0]
	}
	for _, m := range e.said.members {
		if slices.Contains(without, m.name) || slices.Contains([]string{"time", "level", "msg"}, m.name) {
			continue
		}
		value := plain(m.value)
		if strings.ContainsRune(value, ' ') && !strings.HasPrefix(value, `"`) {
			value = `"` + value + `"`
		}
		words = append(words, m.name+"="+value)
	}
	head := fmt.Sprintf("%s  %-*s  ", e.Time.Format("15:04:05.000"), functions, e.Function)
	fmt.Fprintln(out, fold(head+strings.Join(words, " "), len(head)))
}

// writeAll prints entries, with the day before each.
func writeAll(out io.Writer, entries []entry, without ...string) {
	widest, day := 0, ""
	for _, e := range entries {
		widest = max(widest, len(e.Function))
	}
	for _, e := range entries {
		if d := e.Time.Format(time.DateOnly); d != day {
			day = d
			fmt.Fprintln(out, day+", UTC")
		}
		e.write(out, widest, without...)
	}
}

// maxRuns is how many runs are looked at for how they ended.
const maxRuns = 20

// story reads what the functions said of a request since a moment, in the order in which
// they did, and how the runs that did ended if they ended badly.
func story(ctx context.Context, s *session, groups []logs.Group, id string, since time.Time) ([]entry, error) {
	found, err := logs.Read(ctx, s.Config, groups, since, `"`+id+`"`)
	if err != nil {
		return nil, err
	}
	type run struct {
		group logs.Group
		id    string
	}
	var all []entry
	var runs []run
	for _, f := range found {
		e := read(f)
		if !strings.Contains(f.Message, id) || e.measures() {
			continue
		}
		all = append(all, e)
		if r := (run{f.Group, e.value("invocation")}); r.id != "" && !slices.Contains(runs, r) && len(runs) < maxRuns {
			runs = append(runs, r)
		}
	}
	for _, r := range runs {
		found, err := logs.Read(ctx, s.Config, []logs.Group{r.group}, since, `"`+r.id+`"`)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			e := read(f)
			if strings.Contains(f.Message, r.id) && len(e.said.members) == 0 && !e.measures() && !e.routine() {
				all = append(all, e)
			}
		}
	}
	return inOrder(all), nil
}

// inOrder sorts entries by time; those of one moment stay as they are.
func inOrder(all []entry) []entry {
	slices.SortStableFunc(all, func(a, b entry) int { return a.Time.Compare(b.Time) })
	return all
}

func logsCommand(flags *flag.FlagSet) task {
	since := flags.Duration("since", lookBack, "how far back the logs are read")
	whole := flags.Bool("all", false, "also what is the same in each line, and the invocation and trace of each")
	return ofRequest(func(ctx context.Context, s *session, id string, groups []logs.Group) error {
		entries, err := story(ctx, s, groups, id, s.now.Add(-*since))
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("no function said anything of request %s in the last %s: -since reaches further back", id, hours(*since))
		}
		return s.tell(entries, func(out io.Writer) error {
			if *whole {
				writeAll(out, entries)
			} else {
				writeAll(out, entries, "request", "requests", "tenant", "invocation", "trace")
			}
			return nil
		})
	})
}

// ofRequest is a task whose argument is a request's id, and that reads the logs.
func ofRequest(do func(ctx context.Context, s *session, id string, groups []logs.Group) error) task {
	return func(ctx context.Context, s *session, args []string) error {
		id, err := requestID(args[0])
		if err != nil {
			return err
		}
		groups, err := s.groups(ctx)
		if err != nil {
			return err
		}
		return do(ctx, s, id, groups)
	}
}

// lookBack is how far back logs and lists are read unless the command line says otherwise.
const lookBack = 24 * time.Hour

func requestID(text string) (string, error) {
	id := strings.ToUpper(text)
	if !lifecycle.ValidID(id) {
		return "", usageError{fmt.Errorf("%q is no request's id: one has 26 letters and digits, as in the frame accepted", text)}
	}
	return id, nil
}
