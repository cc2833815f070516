package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// patience is how long a single answer may take.
const patience = 30 * time.Second

// socket is a connection that hides nothing: messages are seen as they come.
type socket struct {
	*websocket.Conn
	handshake *http.Response
}

// header carries the stage's token.
func (s *stage) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token}}
}

// dial opens a connection as most checks want it.
func (s *stage) dial(ctx context.Context) (*socket, error) {
	return dial(ctx, s.socket, &websocket.DialOptions{HTTPHeader: s.header(), Subprotocols: []string{protocol.Subprotocol}})
}

// refusedError is a handshake that was answered with something else than 101.
type refusedError struct{ status int }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the handshake was answered with %d", e.status)
}

// dial returns a *refusedError if the other side says no.
func dial(ctx context.Context, address string, options *websocket.DialOptions) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, address, options)
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return nil, &refusedError{response.StatusCode}
		}
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // its own text has the URL, and that may have the token
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(256 << 10)
	return &socket{conn, response}, nil
}

// message is what of a frame the checks look at.
type message struct {
	Type         string               `json:"type"`
	ID           string               `json:"id"`
	RequestID    string               `json:"request_id"`
	Code         protocol.Code        `json:"code"`
	Message      string               `json:"message"`
	ConnectionID string               `json:"connectionId"`
	PayloadRef   string               `json:"payload_ref"`
	Result       struct{ URL string } `json:"result"`
	raw          string
}

// next returns the next message.
func (c *socket) next(ctx context.Context) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		return message{}, err
	}
	return parse(b), nil
}

func parse(b []byte) message {
	m := message{raw: string(b)}
	_ = json.Unmarshal(b, &m) // what is no JSON has no fields: raw has it all
	return m
}

// until returns the first message that is wanted, and passes over others.
func (c *socket) until(ctx context.Context, wanted func(message) bool) (message, error) {
	for {
		m, err := c.next(ctx)
		if err != nil || wanted(m) {
			return m, err
		}
	}
}

// send writes a client's message.
func (c *socket) send(ctx context.Context, m protocol.Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Write(ctx, websocket.MessageText, b)
}

// ask sends a message and returns its answer.
func (c *socket) ask(ctx context.Context, m protocol.Message) (message, error) {
	if err := c.send(ctx, m); err != nil {
		return message{}, err
	}
	return c.until(ctx, func(got message) bool { return got.ID == m.ID })
}

// submit sends a request and returns its id once it is accepted.
func (c *socket) submit(ctx context.Context, id, action, payload string) (string, error) {
	m, err := c.ask(ctx, protocol.Message{Action: action, ID: id, Payload: json.RawMessage(payload)})
	if err == nil && m.Type != string(protocol.TypeAccepted) {
		err = fmt.Errorf("%s was answered with %s", action, m.raw)
	}
	return m.RequestID, err
}

// end waits for a request's terminal frame.
func (c *socket) end(ctx context.Context, requestID string) (message, error) {
	return c.until(ctx, func(m message) bool { return m.RequestID == requestID && protocol.Type(m.Type).Terminal() })
}

// closed waits for the end of a connection and says how it was closed.
func (c *socket) closed(ctx context.Context) (code websocket.StatusCode, err error) {
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return websocket.CloseStatus(err), err
		}
	}
}
