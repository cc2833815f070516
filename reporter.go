package streamer

import (
	"encoding/json"
	"fmt"
)

// Reporter tells those who watch a request how far it is, and ends it. It is safe for
// concurrent use.
type Reporter[Out any] interface {
	// Report says how far the work is, as a percentage of 0 to 100, and what it is
	// doing. It returns at once, never fails the work, and may be called 100,000 times
	// a second: the newest report of each interval (250 ms) goes out, and so does the
	// first and the last. Percentages outside 0 to 100 are clamped, a lower one than
	// before within the attempt counts as that one, NaN and infinities are ignored.
	// Messages are cut at 200 bytes. In a sync action progress has nowhere to go and is
	// dropped.
	Report(percentage float64, message string)
	// Step is Report for the moments that matter: it is certain to go out to everyone
	// who is connected, for the first 100 of an attempt, or of each run of one that goes
	// on after a Checkpoint.
	Step(percentage float64, message string)
	// Complete ends the request with its result. It returns once the result is stored
	// and posted to everyone who watches. An error means that the result was not
	// stored, because the request was lost to another worker, cancelled, or the table
	// did not answer: return it. A second call is an error.
	Complete(result Out) error
}

// Sink is what the engine gives a binding to write to, beneath the types of a
// Reporter. Handlers never see it.
type Sink interface {
	Report(percentage float64, message string)
	Step(percentage float64, message string)
	// Complete takes the result as JSON, and the file it names, if it names one.
	Complete(result json.RawMessage, file *File) error
}

type reporter[Out any] struct{ sink Sink }

func (r reporter[Out]) Report(percentage float64, message string) { r.sink.Report(percentage, message) }
func (r reporter[Out]) Step(percentage float64, message string)   { r.sink.Step(percentage, message) }

func (r reporter[Out]) Complete(result Out) error {
	raw, err := encode(result)
	if err != nil {
		return fmt.Errorf("complete: result is not JSON: %w", err)
	}
	if f, ok := any(result).(interface{ file() File }); ok && string(raw) != "null" {
		if file := f.file(); file.Key != "" {
			return r.sink.Complete(raw, &file)
		}
	}
	return r.sink.Complete(raw, nil)
}
