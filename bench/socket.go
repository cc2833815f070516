package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// patience is how long a frame is waited for.
const patience = time.Minute

// socket is one connection, and what came over it that nobody has taken yet.
type socket struct {
	conn   *websocket.Conn
	frames chan frame
	ended  error // once frames is closed

	sent, received int // bytes of messages
	messages       int // received
}

// frame is one message that came, Streamer's or of package bare.
type frame struct {
	at   time.Time
	size int

	Type      string `json:"type"`
	ID        string `json:"id"`
	RequestID string `json:"request_id"`
	TS        int64  `json:"ts"`
	Code      string `json:"code"`
	Message   string `json:"message"`
}

// terminal reports whether f ends its request.
func (f frame) terminal() bool {
	return f.Type == "complete" || f.Type == "failed" || f.Type == "cancelled"
}

func dial(ctx context.Context, url string) (*socket, error) {
	handshake, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, _, err := websocket.Dial(handshake, url, nil)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(1 << 20)
	s := &socket{conn: conn, frames: make(chan frame, 4096)}
	go s.read(ctx)
	return s, nil
}

// dialAll opens so many, a few at a time.
func dialAll(ctx context.Context, url string, n int) ([]*socket, error) {
	all := make([]*socket, n)
	err := each(n, min(n, 20), func(i int) (err error) {
		all[i], err = dial(ctx, url)
		return err
	})
	if err != nil {
		closeAll(all)
		return nil, err
	}
	return all, nil
}

func closeAll(all []*socket) {
	_ = each(len(all), 50, func(i int) error {
		if all[i] != nil {
			all[i].close()
		}
		return nil
	})
}

func (s *socket) close() { _ = s.conn.Close(websocket.StatusNormalClosure, "") } // it may be closed already

func (s *socket) read(ctx context.Context) {
	defer close(s.frames)
	for {
		_, raw, err := s.conn.Read(ctx)
		if err != nil {
			s.ended = err
			return
		}
		f := frame{at: time.Now(), size: len(raw)}
		if err := json.Unmarshal(raw, &f); err != nil {
			f.Message = string(raw) // not JSON: an answer of package bare to what was none
		}
		s.frames <- f
	}
}

// send sends a message.
func (s *socket) send(ctx context.Context, message any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	s.sent += len(raw)
	return s.conn.Write(ctx, websocket.MessageText, raw)
}

// next takes the frame that comes next. Whatever says that something failed is an error.
func (s *socket) next(ctx context.Context) (frame, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f, open := <-s.frames:
		if !open {
			return f, fmt.Errorf("the connection ended: %w", s.ended)
		}
		s.received += f.size
		s.messages++
		if f.Type == "error" || f.Type == "failed" || f.Message == "Internal server error" {
			return f, fmt.Errorf("answered with %s %s: %s", f.Type, f.Code, f.Message)
		}
		return f, nil
	case <-timer.C:
		return frame{}, fmt.Errorf("no frame came in %s", patience)
	case <-ctx.Done():
		return frame{}, ctx.Err()
	}
}

// until takes frames up to the first that is as wanted.
func (s *socket) until(ctx context.Context, wanted func(frame) bool) (frame, error) {
	for {
		f, err := s.next(ctx)
		if err != nil || wanted(f) {
			return f, err
		}
	}
}

// echo is a message that both sides answer at once, as long as they are.
var echo = message{Action: "echo", ID: "1", Payload: map[string]any{"text": "All that is gold does not glitter, not all those who wander are lost."}}

type message struct {
	Action  string         `json:"action"`
	ID      string         `json:"id,omitempty"`
	Payload map[string]any `json:"payload,omitempty"`
}

// ask sends a message and takes the next frame, which answers it on a connection where
// nothing else goes on.
func (s *socket) ask(ctx context.Context, m any) (took time.Duration, err error) {
	since := time.Now()
	if err := s.send(ctx, m); err != nil {
		return 0, err
	}
	f, err := s.next(ctx)
	return f.at.Sub(since), err
}
