package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer/internal/logs"
)

// table is what a log widget shows.
type table struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// maxRows is how many lines of a log are shown, the newest first.
const maxRows = 50

var (
	source    = regexp.MustCompile(`SOURCE '([^']+)'`)
	columns   = regexp.MustCompile(`\| fields ([^|]+)`)
	levels    = regexp.MustCompile(`filter level in \[([^\]]+)\]`)
	levelName = regexp.MustCompile(`"(\w+)"`)
)

// logTable answers the kind of query that our dashboards have: some members of the lines of
// some levels. It reads the log itself, which costs nothing, where CloudWatch Logs Insights
// charges for what it looks through.
func logTable(ctx context.Context, cfg aws.Config, query string, from time.Time) (table, error) {
	var groups []logs.Group
	for _, found := range source.FindAllStringSubmatch(query, -1) {
		groups = append(groups, logs.Group{Name: found[1]})
	}
	fields, named := columns.FindStringSubmatch(query), levels.FindStringSubmatch(query)
	if len(groups) == 0 || fields == nil || named == nil {
		return table{}, fmt.Errorf("the log query is none of ours: %.200s", query)
	}
	t := table{Rows: [][]string{}}
	for name := range strings.SplitSeq(fields[1], ",") {
		t.Columns = append(t.Columns, strings.TrimPrefix(strings.TrimSpace(name), "@"))
	}
	var wanted, terms []string
	for _, found := range levelName.FindAllStringSubmatch(named[1], -1) {
		wanted = append(wanted, found[1])
		terms = append(terms, fmt.Sprintf("$.level = %q", found[1]))
	}
	lines, err := logs.Read(ctx, cfg, groups, from, "{ "+strings.Join(terms, " || ")+" }")
	if err != nil {
		return t, err
	}
	slices.SortStableFunc(lines, func(a, b logs.Event) int { return b.Time.Compare(a.Time) })
	for _, line := range lines {
		var members map[string]any
		if json.Unmarshal([]byte(line.Message), &members) != nil || !slices.Contains(wanted, fmt.Sprint(members["level"])) {
			continue
		}
		var row []string
		for _, column := range t.Columns {
			switch v := members[column]; {
			case column == "timestamp":
				row = append(row, line.Time.UTC().Format("15:04:05.000"))
			case v == nil:
				row = append(row, "")
			default:
				row = append(row, fmt.Sprint(v))
			}
		}
		if t.Rows = append(t.Rows, row); len(t.Rows) == maxRows {
			break
		}
	}
	return t, nil
}
