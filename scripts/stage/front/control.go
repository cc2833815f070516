package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// decode reads what a call to the front itself brings: one JSON value with no member that
// v has no field for.
func decode(body io.Reader, v any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode the body: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode the body: more than one JSON value")
	}
	return nil
}
