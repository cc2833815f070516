package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

type echoIn struct {
	Message string `json:"message"`
}

type echoOut struct {
	Message string `json:"message"`
}

var echoAsync = streamer.Action[echoIn, echoOut]{Name: "echo_async", Async: true}

// submit starts an echo.
func submit(t *testing.T, c *Client) *Run[echoOut] {
	t.Helper()
	run, err := Submit(t.Context(), c, echoAsync, echoIn{"hello"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// said is what a run's updates say until its end, one after the other.
func said[Out any](t *testing.T, run *Run[Out]) (all []string) {
	t.Helper()
	for u, err := range run.Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %v", u.Status, u.Percentage))
	}
	return all
}

// The frames of one request in the orders in which they may come; whatever the order, the
// result is the same and percentages do not fall.
func TestFramesInAnyOrder(t *testing.T) {
	const result = `{"message":"hello"}`
	for name, frames := range map[string]func(m protocol.Message) []protocol.Frame{
		"in order": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{accepted(m), progress(m.ID, 11, 30), progress(m.ID, 12, 60), complete(m.ID, 13, result)}
		},
		"twice": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{accepted(m), accepted(m), progress(m.ID, 11, 30), progress(m.ID, 11, 30), complete(m.ID, 13, result), complete(m.ID, 13, result)}
		},
		"progress reordered": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{accepted(m), progress(m.ID, 12, 60), progress(m.ID, 11, 30), complete(m.ID, 13, result)}
		},
		"progress before accepted": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{progress(m.ID, 11, 30), progress(m.ID, 12, 60), accepted(m), complete(m.ID, 13, result)}
		},
		"the end before accepted": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{complete(m.ID, 13, result), accepted(m), progress(m.ID, 12, 60)}
		},
		"the end of a duplicate, with another message's ref, before accepted": func(m protocol.Message) []protocol.Frame {
			a := accepted(m)
			a.Duplicate, a.Status = true, protocol.Completed
			return []protocol.Frame{progress("m1", 12, 60), complete("m1", 13, result), progress("m1", 11, 30), a}
		},
		"progress after the end": func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{accepted(m), complete(m.ID, 13, result), progress(m.ID, 14, 10)}
		},
		"a retry": func(m protocol.Message) []protocol.Frame {
			retrying := protocol.RetryingFrame{Event: protocol.Event{RequestID: requestID, Ref: m.ID, Seq: 12}, Attempt: 1, NextAt: 99, Code: protocol.Unavailable}
			return []protocol.Frame{accepted(m), progress(m.ID, 11, 30), retrying, complete(m.ID, 13, result)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, func(s *socket) {
				s.send(frames(s.expect("echo_async"))...)
				s.untilGone()
			})
			run := submit(t, c)
			updates := said(t, run)
			if !slices.IsSortedFunc(updates, func(a, b string) int { return int(percentage(t, a) - percentage(t, b)) }) ||
				updates[len(updates)-1] != "COMPLETED 100" {
				t.Errorf("got %q", updates)
			}
			if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" || run.ID() != requestID {
				t.Errorf("got %+v of %s, %v", out, run.ID(), err)
			}
			if left := kept(c); left != 0 {
				t.Errorf("%d things are kept after the end", left)
			}
		})
	}
}

// kept counts all that a client keeps.
func kept(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.requests) + len(c.early) + len(c.asks)
	if c.current != nil {
		n += len(c.current.mishaps)
	}
	return n
}

func percentage(t *testing.T, update string) (p float64) {
	t.Helper()
	if _, err := fmt.Sscanf(update[strings.Index(update, " ")+1:], "%f", &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUpdatesSayAllThatAFrameSays(t *testing.T) {
	step := make(chan struct{})
	c := against(t, func(s *socket) {
		m := s.expect("echo_async")
		for _, f := range []protocol.Frame{
			accepted(m), progress(m.ID, 11, 30),
			protocol.RetryingFrame{Event: protocol.Event{RequestID: requestID, Seq: 12, TS: 12}, Attempt: 1, NextAt: 99, Code: protocol.Unavailable},
			failed(m.ID, 13),
		} {
			s.send(f)
			<-step
		}
		s.untilGone()
	})
	want := []Update{
		{Status: protocol.Pending, At: time.UnixMilli(1)},
		{Status: protocol.Processing, Percentage: 30, Message: "at 30", Attempt: 1, At: time.UnixMilli(11)},
		{Status: protocol.Retrying, Percentage: 30, Message: "at 30", Attempt: 1, At: time.UnixMilli(12), NextAt: time.UnixMilli(99), Code: protocol.Unavailable},
		{Status: protocol.Failed, Percentage: 30, Message: "at 30", Attempt: 3, At: time.UnixMilli(13), Code: protocol.Unavailable},
	}
	var got []Update
	for u, err := range submit(t, c).Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, u)
		step <- struct{}{}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A reader that is slow finds the newest state, and nothing is kept for it meanwhile.
func TestUpdatesAreNewestWins(t *testing.T) {
	burst := make(chan struct{})
	c := against(t, func(s *socket) {
		m := s.expect("echo_async")
		s.send(accepted(m))
		<-burst
		for seq := range int64(1000) {
			s.send(progress(m.ID, 11+seq, float64(seq)/10))
		}
		s.send(complete(m.ID, 2000, `{"message":"hello"}`))
		s.untilGone()
	})
	run := submit(t, c)
	var seen int
	for u, err := range run.Updates(t.Context()) {
		if seen++; seen == 1 {
			close(burst)
			if _, err := run.Result(t.Context()); err != nil { // the burst is over
				t.Error(err)
			}
		}
		if err != nil || seen > 2 || seen == 2 && u.Status != protocol.Completed {
			t.Errorf("update %d is %+v, %v", seen, u, err)
		}
	}
}

func TestEndsThatAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(ref string) protocol.Frame
		want Error
	}{
		"failed":    {func(ref string) protocol.Frame { return failed(ref, 11) }, Error{Code: protocol.Unavailable, Message: "the table did not answer", Retryable: true, RequestID: requestID}},
		"cancelled": {func(ref string) protocol.Frame { return cancelled(ref, 11) }, Error{Code: CodeCancelled, Message: "the request was cancelled", RequestID: requestID}},
	} {
		t.Run(name, func(t *testing.T) {
			client := against(t, func(s *socket) {
				m := s.expect("echo_async")
				s.send(accepted(m), c.end(m.ID))
				s.untilGone()
			})
			_, err := submit(t, client).Result(t.Context())
			got, ok := errors.AsType[*Error](err)
			if !ok || got.Code != c.want.Code || got.Message != c.want.Message || got.Retryable != c.want.Retryable || got.RequestID != requestID {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	for name, answer := range map[string]func(s *socket, m protocol.Message){
		"of a request that waits": func(s *socket, m protocol.Message) { s.send(cancelled("another", 11)) },
		"of a request that runs": func(s *socket, m protocol.Message) {
			s.send(protocol.Request{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Status: protocol.Processing}, cancelled("another", 11))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, func(s *socket) {
				s.send(accepted(s.expect("echo_async")))
				m := s.expect(protocol.ActionCancel)
				if m.RequestID != requestID {
					t.Errorf("cancelled %+v", m)
				}
				answer(s, m)
				s.untilGone()
			})
			run := submit(t, c)
			if err := run.Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Result(t.Context()); !isCode(err, CodeCancelled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func isCode(err error, code protocol.Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

func TestWatch(t *testing.T) {
	subscribed := func(m protocol.Message, status protocol.Status) protocol.Subscribed {
		return protocol.Subscribed{Answer: protocol.Answer{ID: m.ID}, RequestID: m.RequestID, Status: status, Attempt: 1, Percentage: 52.5, Message: "Processing...", Seq: 11}
	}
	end := complete("m1", 20, `{"message":"hello"}`)
	for name, c := range map[string]struct {
		answer func(m protocol.Message) []protocol.Frame
		later  []protocol.Frame
		want   []string
	}{
		"in the middle": {func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{subscribed(m, protocol.Processing)}
		}, []protocol.Frame{end}, []string{"PROCESSING 52.5", "COMPLETED 100"}},
		"news before the answer": {func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{progress("m1", 12, 80), subscribed(m, protocol.Processing)}
		}, []protocol.Frame{end}, []string{"PROCESSING 52.5", "PROCESSING 80", "COMPLETED 100"}},
		"after the end": {func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{subscribed(m, protocol.Completed), end}
		}, nil, []string{"PENDING 0", "COMPLETED 100"}},
		"after the end, which comes first": {func(m protocol.Message) []protocol.Frame {
			return []protocol.Frame{end, subscribed(m, protocol.Completed)}
		}, nil, []string{"PENDING 0", "COMPLETED 100"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			client := against(t, func(s *socket) {
				s.send(c.answer(s.expect(protocol.ActionSubscribe))...)
				<-seen
				s.send(c.later...)
				s.untilGone()
			})
			run, err := Watch[echoOut](t.Context(), client, requestID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for u, err := range run.Updates(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, fmt.Sprintf("%s %v", u.Status, u.Percentage)); len(got) == len(c.want)-1 {
					close(seen)
				}
			}
			if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %+v, %v", got, out, err)
			}
		})
	}
	t.Run("what is not there", func(t *testing.T) {
		c := against(t, func(s *socket) {
			m := s.expect(protocol.ActionSubscribe)
			s.send(protocol.Error{Answer: protocol.Answer{ID: m.ID}, Code: protocol.NotFound, Message: "there is no such request"})
			s.untilGone()
		})
		if _, err := Watch[echoOut](t.Context(), c, "nobody's"); !isCode(err, protocol.NotFound) || kept(c) != 0 {
			t.Errorf("got %v, %d things kept", err, kept(c))
		}
	})
}

// Two runs of one request share what is known of it, and each ends.
func TestTwoRunsOfOneRequest(t *testing.T) {
	c := against(t, func(s *socket) {
		first := s.expect("echo_async")
		s.send(accepted(first), progress(first.ID, 11, 30))
		again := s.expect(protocol.ActionSubscribe)
		s.send(protocol.Subscribed{Answer: protocol.Answer{ID: again.ID}, RequestID: requestID, Status: protocol.Pending}, complete(first.ID, 20, `{"message":"hello"}`))
		s.untilGone()
	})
	first := submit(t, c)
	second, err := Watch[echoOut](t.Context(), c, first.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []*Run[echoOut]{first, second} {
		if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" {
			t.Errorf("got %+v, %v", out, err)
		}
	}
}

func TestContextsEndWaiting(t *testing.T) {
	c := against(t, func(s *socket) {
		s.send(accepted(s.expect("echo_async")))
		s.untilGone() // answers nothing else
	})
	run := submit(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var last error
	for _, err := range run.Updates(ctx) {
		last = err
	}
	_, ofResult := run.Result(ctx)
	_, ofSubmit := Submit(ctx, c, echoAsync, echoIn{}, nil)
	fresh, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, ofCall := c.Call(fresh, "echo", nil)
	for _, err := range []error{last, ofResult, ofSubmit, ofCall, run.Cancel(ctx)} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	if left := kept(c); left != 1 { // the run
		t.Errorf("%d things are kept", left)
	}
}

// The state of a request does not depend on a connection, so time can stand still here.
func TestAwaitWakesForEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRequest(requestID, protocol.Accepted{Status: protocol.Pending})
		var ends atomic.Int32
		for range 10 {
			go func() {
				if _, err := r.await(t.Context(), nil, func(s state) bool { return s.end != nil }); err == nil {
					ends.Add(1)
				}
			}()
		}
		synctest.Wait()
		r.take(progress("", 11, 30))
		synctest.Wait()
		if n := ends.Load(); n != 0 {
			t.Errorf("%d woke too early", n)
		}
		r.take(complete("", 12, "null"))
		synctest.Wait()
		if n := ends.Load(); n != 10 {
			t.Errorf("%d of 10 woke", n)
		}
	})
}
