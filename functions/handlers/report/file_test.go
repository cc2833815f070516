package report

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// full is a disk with room for so many bytes.
type full struct{ room int }

var errFull = errors.New("the disk is full")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestFileKeepsItsFirstError(t *testing.T) {
	for _, room := range []int{0, 100_000} {
		f := newFile(&full{room}, nil)
		for range 3_000 { // more than the buffer before the disk
			f.page([]byte("0 0 1 1 re f"))
		}
		if err := f.close("", time.Time{}); !errors.Is(err, errFull) || strings.Count(err.Error(), errFull.Error()) != 1 {
			t.Errorf("room for %d bytes: err is %v", room, err)
		}
	}
}
