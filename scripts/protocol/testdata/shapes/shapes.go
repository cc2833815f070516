// Package shapes declares actions of every shape that a type can have in JSON.
package shapes

import (
	"encoding/json"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/protocol/testdata/shapes/other"
)

const prefix = "shape."

// Shape tries everything: it takes Shapes and gives Given.
var Shape = streamer.Action[Shapes, Given]{
	Name: prefix + "all-of-them", Async: true, Timeout: 90 * time.Second, Attempts: 2, Backoff: streamer.Backoff{First: time.Second},
}

var plain = streamer.Action[[]int, map[string]*other.Item]{Name: "plain"}

// MaxSize, Colour and Wait are constants.
const (
	MaxSize = 12_000
	Wait    = 90 * time.Minute
)

// Colour is one of few.
type Colour string

// In no order.
const (
	Red  Colour = "red"
	Blue Colour = "blue"
)

// Shapes is a payload.
type Shapes struct {
	// Size is 1 to MaxSize, for at most Wait. Without Colour it is nothing.
	Size     int `json:"size"`
	Half     float32
	Colour   Colour          `json:"colour,omitempty"`
	Optional *bool           `json:"optional,omitempty"`
	Pointer  *string         `json:"pointer"`
	Quoted   int64           `json:"quoted,string"` // more than a JavaScript number
	List     []string        `json:"list"`
	Pair     [2]uint8        `json:"pair"`
	Bytes    []byte          `json:"bytes"`
	Any      any             `json:"any"`
	Raw      json.RawMessage `json:"raw,omitzero"`
	At       time.Time       `json:"at"`
	For      time.Duration   `json:"for"`
	Number   json.Number     `json:"number"`
	Text     text            `json:"text"`
	Own      own             `json:"own"`
	ByName   map[string]Item `json:"by_name"`
	Inline   struct {
		X, Y int
	} `json:"inline"`
	Hidden string `json:"-"`
	hidden string
	Shared
}

// Given is a result.
type Given struct {
	*Shared
	streamer.File
	Size    string           `json:"size"` // in place of the file's
	Items   []Item           `json:"items"`
	Some    []Item           `json:"some,omitempty"`
	Counts  map[int]int      `json:"counts"`
	Tree    *Tree            `json:"tree"`
	Actions Actions          `json:"actions"`
	Number  number           `json:"number"`
	Page    Page[other.Item] `json:"page"`
	Numbers Page[int]        `json:"numbers"`
	Code    protocol.Code    `json:"code"`
	Matrix  [][]*float64     `json:"matrix"`
}

// Shared is in both, so it is open.
type Shared struct {
	Names []string `json:"names"`
}

// Tree holds itself.
type Tree struct {
	Branches []Tree `json:"branches,omitempty"`
}

// Actions has a name that is taken.
type Actions struct {
	Count int `json:"count"`
}

// number has a name that means something else in TypeScript.
type number struct {
	Value float64 `json:"value"`
}

// Page is one of many.
type Page[T any] struct {
	Items []T `json:"items,omitempty"`
}

// Item has the name of another.
type Item struct {
	Name string `json:"name"`
}

type text struct{}

func (text) MarshalText() ([]byte, error) { return nil, nil }

type own struct{}

func (*own) UnmarshalJSON([]byte) error { return nil }

func (*text) UnmarshalText([]byte) error { return nil }
