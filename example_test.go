package streamer_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// Resize is declared where the router, the processor and the clients can see it.
var Resize = streamer.Action[ResizeIn, ResizeOut]{Name: "resize", Async: true}

type ResizeIn struct {
	Images []string `json:"images"`
	Width  int      `json:"width"` // in pixels
}

type ResizeOut struct {
	Resized int `json:"resized"`
}

// Validate refuses a bad message before anything is stored.
func (in ResizeIn) Validate() error {
	if in.Width < 1 || in.Width > 4096 {
		return streamer.Invalid("width", "%d is not 1 to 4096 pixels", in.Width)
	}
	return nil
}

// resize does the work, for as long as it takes.
func resize(ctx context.Context, req *streamer.Request[ResizeIn], r streamer.Reporter[ResizeOut]) error {
	images := req.Payload.Images
	for i, image := range images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.Report(100*float64(i)/float64(len(images)), "Resizing "+image)
	}
	return r.Complete(ResizeOut{Resized: len(images)})
}

// A handler is a function from a typed request to a typed result that reports while it
// works. Deployed, serve.Processor(Resize.Bind(resize)) runs it; here its frames go to
// the screen.
func Example() {
	handler := Resize.Bind(resize)

	fmt.Println(handler.Check(json.RawMessage(`{"images":["a.png"],"width":0}`)))

	payload := json.RawMessage(`{"images":["a.png","b.png"],"width":640}`)
	if err := handler.Handle(context.Background(), &streamer.Request[json.RawMessage]{Payload: payload}, &screen{}); err != nil {
		fmt.Println(err)
	}

	// Output:
	// INVALID_PAYLOAD: width: 0 is not 1 to 4096 pixels
	// {"type":"progress","request_id":"01J8ZK","seq":1,"ts":0,"percentage":0,"message":"Resizing a.png","attempt":1}
	// {"type":"progress","request_id":"01J8ZK","seq":2,"ts":0,"percentage":50,"message":"Resizing b.png","attempt":1}
	// {"type":"complete","request_id":"01J8ZK","seq":3,"ts":0,"result":{"resized":2},"attempt":1}
}

// screen prints the frames that a client would receive.
type screen struct{ seq int64 }

func (s *screen) Report(percentage float64, message string) {
	s.show(protocol.Progress{Event: s.next(), Percentage: percentage, Message: message, Attempt: 1})
}

func (s *screen) Step(percentage float64, message string) { s.Report(percentage, message) }

func (s *screen) Complete(result json.RawMessage, _ *streamer.File) error {
	s.show(protocol.Complete{Event: s.next(), Result: result, Attempt: 1})
	return nil
}

func (s *screen) next() protocol.Event {
	s.seq++
	return protocol.Event{RequestID: "01J8ZK", Seq: s.seq}
}

func (s *screen) show(frame protocol.Frame) {
	line, err := protocol.Encode(frame)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}
