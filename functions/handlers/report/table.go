package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pay-theory/streamer"
)

// columns is the header of the CSV; the constants below are their places. No field can
// begin a spreadsheet formula: ids are ours, actions begin with a letter, codes are
// written in the handlers' source.
var columns = []string{"request_id", "action", "status", "created_at", "started_at", "ended_at", "duration_ms", "attempt", "code"}

const (
	columnID = iota
	columnAction
	columnStatus
	columnCreatedAt
	columnStartedAt
	columnEndedAt
	columnDuration
	columnAttempt
	columnCode
)

// stamp is RFC 3339 with milliseconds; with a UTC time it ends in Z.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// table is the CSV file that rows are written to as they are read, and read back from.
type table struct {
	file *os.File
	csv  *csv.Writer
}

func createTable(dir string) (*table, error) {
	file, err := os.Create(filepath.Join(dir, "table.csv"))
	if err != nil {
		return nil, fmt.Errorf("create the table: %w", err)
	}
	t := &table{file: file, csv: csv.NewWriter(file)}
	if err := t.csv.Write(columns); err != nil {
		return nil, errors.Join(fmt.Errorf("write the table: %w", err), file.Close())
	}
	return t, nil
}

func (t *table) add(s streamer.Summary) error {
	duration := ""
	if d, ended := length(s); ended {
		duration = strconv.FormatInt(d.Milliseconds(), 10)
	}
	err := t.csv.Write([]string{
		s.ID, s.Action, string(s.Status),
		written(s.CreatedAt), written(s.StartedAt), written(s.EndedAt),
		duration, strconv.Itoa(s.Attempt), string(s.Code),
	})
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// flush ends the writing.
func (t *table) flush() error {
	t.csv.Flush()
	if err := t.csv.Error(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// rows reads the table back.
type rows struct{ csv *csv.Reader }

// rows begins to read, with the first row.
func (t *table) rows() (*rows, error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	r := &rows{csv.NewReader(t.file)}
	if _, err := r.next(1); err != nil { // the header
		return nil, err
	}
	return r, nil
}

// next reads n rows.
func (r *rows) next(n int) ([][]string, error) {
	var next [][]string
	for range n {
		row, err := r.csv.Read()
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		next = append(next, row)
	}
	return next, nil
}

func (t *table) close() { t.file.Close() }

func written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stamp)
}

// length is how long a request took, its waiting included. It reports false for one
// that has not ended.
func length(s streamer.Summary) (d time.Duration, ended bool) {
	if s.EndedAt.IsZero() {
		return 0, false
	}
	return max(s.EndedAt.Sub(s.CreatedAt), 0), true // two clocks wrote them
}
