package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// answerTimeout is how long an answer may take: API Gateway gives up on the stage after
// 29 seconds.
const answerTimeout = 35 * time.Second

// ask is a message that waits for its answer.
type ask struct {
	message protocol.Message
	follows bool // the request that it begins, or names, is to be followed
	answer  chan answer
}

// answer is the frame that answers a message, and the request that is followed from now
// on.
type answer struct {
	frame   protocol.Frame
	request *request
}

// ask sends a message and waits for what answers it. A refusal is an *Error.
func (c *Client) ask(ctx context.Context, m protocol.Message, follows bool) (answer, error) {
	got, err := c.exchange(ctx, m, follows)
	if refused, ok := got.frame.(protocol.Error); ok {
		err = refusal(refused)
	}
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", m.Action, err)
	}
	return got, nil
}

func (c *Client) exchange(ctx context.Context, m protocol.Message, follows bool) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	a := &ask{message: m, follows: follows, answer: make(chan answer, 1)}
	id, err := c.enter(a)
	if err != nil {
		return answer{}, err
	}
	defer c.leave(id)
	message, err := encode(a.message)
	if err != nil {
		return answer{}, err
	}
	if err := c.write(ctx, message); err != nil {
		return answer{}, err
	}
	late := time.NewTimer(c.patience)
	defer late.Stop()
	select {
	case got := <-a.answer:
		return got, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-late.C:
		return answer{}, fmt.Errorf("%w within %s", ErrNoAnswer, c.patience)
	case <-c.done:
	}
	select {
	case got := <-a.answer: // the last thing that came
		return got, nil
	default:
		return answer{}, c.why()
	}
}

// enter gives a message its id and makes it one that waits.
func (c *Client) enter(a *ask) (id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return "", c.ended
	}
	c.sent++
	a.message.ID = fmt.Sprintf("%s-%d", c.name, c.sent)
	c.asks[a.message.ID] = a
	return a.message.ID, nil
}

// leave ends the waiting. Frames that came early are kept only while some message may
// still turn out to be theirs. A mishap may have been that of the message that nobody
// answered, so it is not held against another.
func (c *Client) leave(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asks[id] != nil && len(c.mishaps) > 0 {
		c.mishaps = c.mishaps[1:]
	}
	delete(c.asks, id)
	if !c.following() {
		clear(c.early)
	}
}

// encode writes a message. API Gateway closes the connection over one that is too large,
// so that is refused here.
func encode(m protocol.Message) ([]byte, error) {
	message, err := text(m)
	if err == nil && len(message) > protocol.MaxMessage {
		return nil, &Error{
			Code:    protocol.MessageTooLarge,
			Message: fmt.Sprintf("the message has %d bytes, the limit is %d", len(message), protocol.MaxMessage),
		}
	}
	return message, err
}

// text is v as JSON, with no more escapes than JSON needs.
func text(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("payload is not JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
