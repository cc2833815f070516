package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// minted is a token that runs out at some time.
func minted(expires time.Time) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix())) + ".c2ln"
}

// ponging answers pings until the client has gone, and counts them.
func ponging(pings *atomic.Int64) func(*socket) {
	return func(s *socket) {
		for m, ok := s.next(); ok; m, ok = s.next() {
			if m.Action == protocol.ActionPing {
				pings.Add(1)
				s.send(protocol.Pong{Answer: protocol.Answer{ID: m.ID}})
			}
		}
	}
}

// history is where a client stands, one after the other.
type history struct {
	mu     sync.Mutex
	states []State
}

func (h *history) follow(ctx context.Context, c *Client) {
	for s := range c.States(ctx) {
		h.mu.Lock()
		h.states = append(h.states, s)
		h.mu.Unlock()
	}
}

func (h *history) phases() (all []Phase) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.states {
		all = append(all, s.Phase)
	}
	return all
}

func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, Options{}, func(s *socket) {
			m := s.expect("echo_async")
			s.send(accepted(m), progress(m.ID, 11, 30))
		}, func(s *socket) {
			m := s.expect(protocol.ActionSubscribe)
			s.send(protocol.Subscribed{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Status: protocol.Processing, Percentage: 60, Attempt: 1, Seq: 12})
			s.send(complete("m1", 13, `{"message":"hello"}`))
			s.untilGone()
		})
		var seen history
		go seen.follow(t.Context(), c)
		synctest.Wait()
		run := submit(t, c)
		if got := said(t, run); !slices.Equal(got, []string{"PENDING 0", "PROCESSING 30", "PROCESSING 60", "COMPLETED 100"}) && !slices.Equal(got, []string{"PENDING 0", "PROCESSING 30", "COMPLETED 100"}) {
			t.Errorf("got %q", got)
		}
		if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" {
			t.Errorf("got %+v, %v", out, err)
		}
		synctest.Wait()
		_ = c.Close()
		synctest.Wait()
		for _, s := range seen.states {
			if s.Phase == Connecting && s.Problem == nil {
				t.Errorf("it is forgotten why: %+v", s)
			}
		}
		// A handshake may be over before anyone looks.
		states := slices.DeleteFunc(seen.states, func(s State) bool { return s.Phase == Connecting })
		if len(states) != 4 || states[0].Phase != Live || states[1].Phase != Waiting || states[2].Phase != Live || states[3].Phase != Closed {
			t.Fatalf("got %+v", states)
		}
		cut, back := states[1], states[2]
		if cut.Problem == nil || back.Problem != nil || !errors.Is(states[3].Problem, net.ErrClosed) {
			t.Errorf("got %+v", states)
		}
		if away := back.Since.Sub(cut.Since); away < 0 || away > defaultTiming.backoff {
			t.Errorf("away for %s", away)
		}
	})
}

// Waits are random, and twice as long at most each time, up to 30 seconds.
func TestBackoff(t *testing.T) {
	for failures, most := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: time.Second, 4: 8 * time.Second, 6: 30 * time.Second, 60: 30 * time.Second, math.MaxInt: 30 * time.Second,
	} {
		var longest, sum time.Duration
		for range 1000 {
			d := defaultTiming.wait(failures)
			longest = max(longest, d)
			sum += d
		}
		if mean := sum / 1000; longest > most || longest < most*9/10 || mean < most*2/5 || mean > most*3/5 {
			t.Errorf("after %d failures: up to %s, %s in the middle", failures, longest, mean)
		}
	}
}

// A service starts while the stage is away; whoever calls it waits.
func TestConnectWhileTheStageIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := atomic.Bool{}
		away.Store(true)
		handler := playing(t, func(s *socket) {
			s.send(response(s.expect("echo"), `{"message":"hello"}`))
			s.untilGone()
		})
		var tried atomic.Int64
		reach := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tried.Add(1); away.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			handler.ServeHTTP(w, r)
		}))
		c, err := Connect(stageAddress, &Options{HTTPClient: reach})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// The first try may be over already.
		if s := c.State(); s.Phase != Connecting && s.Phase != Waiting || (s.Phase == Waiting) != (s.Problem != nil) {
			t.Errorf("got %+v", s)
		}
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := c.Call(ctx, "echo", nil); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
		}
		calls.Wait()
		if s := c.State(); s.Phase == Live || !strings.Contains(fmt.Sprint(s.Problem), "status 503") || time.Since(s.Since) < time.Minute {
			t.Errorf("got %+v", s)
		}
		if n := tried.Load(); n < 4 || n > 30 {
			t.Errorf("tried %d times in a minute", n)
		}
		away.Store(false)
		if out, err := Do(t.Context(), c, echo, echoIn{}); err != nil || out.Message != "hello" {
			t.Errorf("got %+v, %v", out, err)
		}
	})
}

func TestConnectRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		address string
		options Options
		want    string
	}{
		{"ws://a b/", Options{}, "connect: the address is no URL"},
		{"", Options{}, "connect: the address is none of a WebSocket"},
		{"stage.test/v1", Options{}, "connect: the address is none of a WebSocket"},
		{"wss:/v1", Options{}, "connect: the address is none of a WebSocket"},
		{"ftp://stage.test/v1", Options{}, "connect: the address is none of a WebSocket"},
		{stageAddress, Options{PingInterval: 10 * time.Minute}, "connect: options: PingInterval is 10m0s, not 1s to 9m0s"},
		{stageAddress, Options{Lifetime: 2 * time.Hour}, "connect: options: Lifetime is 2h0m0s, not 1s to 1h50m0s"},
		{stageAddress, Options{GiveUpAfter: -1}, "connect: options: GiveUpAfter is -1ns, not 1s to"},
		{stageAddress, Options{PingInterval: 240}, "connect: options: PingInterval is 240ns, not 1s to"}, // without its unit
		{stageAddress, Options{Lifetime: 5}, "connect: options: Lifetime is 5ns, not 1s to"},
		{stageAddress, Options{GiveUpAfter: 60}, "connect: options: GiveUpAfter is 60ns, not 1s to"},
	} {
		if _, err := Connect(c.address, &c.options); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// What can never succeed ends the client, and all that waits on it, with a typed error.
func TestHopelessHandshakes(t *testing.T) {
	var fresh atomic.Int64
	for name, c := range map[string]struct {
		token  func(context.Context) (string, error)
		status int
		tries  int64
		check  func(error) bool
	}{
		"one token": {StaticToken(token), http.StatusUnauthorized, 1, func(err error) bool {
			e, ok := errors.AsType[*HandshakeError](err)
			return ok && e.Status == http.StatusUnauthorized && !e.Retryable()
		}},
		"fresh tokens": {func(context.Context) (string, error) { return fmt.Sprint("t", fresh.Add(1)), nil }, http.StatusForbidden, maxRefused, func(err error) bool {
			e, ok := errors.AsType[*HandshakeError](err)
			return ok && e.Status == http.StatusForbidden
		}},
		"signed out": {func(context.Context) (string, error) {
			return "", &Error{Code: "SIGNED_OUT", Message: "the user has left"}
		}, 0, 0, func(err error) bool { return isCode(err, "SIGNED_OUT") }},
		"no JWT": {StaticToken("a b"), 0, 0, func(err error) bool { return isCode(err, protocol.Unauthenticated) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tried atomic.Int64
				reach := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					tried.Add(1)
					w.WriteHeader(c.status)
				}))
				client, err := Connect(stageAddress, &Options{HTTPClient: reach, Token: c.token})
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				_, err = client.Call(t.Context(), "echo", nil)
				if !errors.Is(err, ErrDisconnected) || !c.check(err) || strings.Contains(err.Error(), token) {
					t.Errorf("got %v", err)
				}
				<-client.Done()
				if s := client.State(); s.Phase != Closed || !c.check(s.Problem) {
					t.Errorf("got %+v", s)
				}
				if n := tried.Load(); n != c.tries {
					t.Errorf("tried %d times, want %d", n, c.tries)
				}
			})
		})
	}
}

// A token function that fails is asked again, and a client that may give up does.
func TestGiveUpAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, err := Connect(stageAddress, &Options{
			GiveUpAfter: time.Minute,
			Token:       func(context.Context) (string, error) { return "", errors.New("the issuer is away") },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		<-c.Done()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("gave up after %s", took)
		}
		if _, err := c.Call(t.Context(), "echo", nil); !errors.Is(err, ErrDisconnected) || !strings.Contains(err.Error(), "get a token: the issuer is away") {
			t.Errorf("got %v", err)
		}
	})
}

// A day without anything to do: the client is live all the time, although each connection
// is closed after two hours, and sends little.
func TestADayOfIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pings, connections, closed atomic.Int64
		count := ponging(&pings)
		c := inMemory(t, Options{}, func(s *socket) {
			connections.Add(1)
			over := time.AfterFunc(2*time.Hour, func() {
				closed.Add(1)
				_ = s.conn.Close(websocket.StatusGoingAway, "Going away")
			})
			defer over.Stop()
			count(s)
		})
		var seen history
		go seen.follow(t.Context(), c)
		time.Sleep(24 * time.Hour)
		if got := seen.phases(); !slices.Equal(got, []Phase{Live}) || closed.Load() != 0 {
			t.Errorf("got %q, %d connections were closed by the other side", got, closed.Load())
		}
		if n := connections.Load(); n < 14 || n > 15 {
			t.Errorf("%d connections in a day", n)
		}
		perHour := float64(pings.Load()) / 24
		t.Logf("messages per idle hour: %.1f, and a handshake every 110 minutes at most", perHour)
		if perHour > 15 {
			t.Errorf("%v pings an hour", perHour)
		}
	})
}

// While something is waited for, a connection on which nobody is left is found out sooner.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, Options{}, func(s *socket) {
			s.send(accepted(s.expect("echo_async")))
			s.expect(protocol.ActionPing)
			s.untilGone()
		}, func(s *socket) {
			s.expect(protocol.ActionSubscribe)
			s.send(complete("m1", 13, `{"message":"hello"}`))
			s.untilGone()
		})
		began := time.Now()
		if _, err := submit(t, c).Result(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 70*time.Second || took > 71*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// A machine that slept does not ask a connection whether it is still there.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asleep atomic.Int64
		c := inMemory(t, Options{now: func() time.Time { return time.Now().Round(0).Add(time.Duration(asleep.Load())) }}, func(s *socket) {
			s.send(accepted(s.expect("echo_async")))
			if m, ok := s.next(); ok {
				t.Errorf("%+v was sent on it", m)
			}
		}, func(s *socket) {
			s.expect(protocol.ActionSubscribe)
			s.send(complete("m1", 13, `{"message":"hello"}`))
			s.untilGone()
		})
		run := submit(t, c)
		asleep.Store(int64(time.Hour))
		woke := time.Now()
		if _, err := run.Result(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(woke); took > time.Minute+defaultTiming.backoff {
			t.Errorf("it took %s", took)
		}
	})
}

// A fresh token is looked for before the last one runs out, again and again if there is
// none yet, and the connection is replaced once there is.
func TestTokensAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var asked []time.Duration
		var tokens []string
		var pings atomic.Int64
		handler := playing(t, ponging(&pings))
		reach := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tokens = append(tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			handler.ServeHTTP(w, r)
		}))
		first, second := minted(began.Add(time.Hour)), minted(began.Add(10*time.Hour))
		c := connect(t, stageAddress, &Options{HTTPClient: reach, Token: func(context.Context) (string, error) {
			now := time.Since(began)
			asked = append(asked, now)
			if now < time.Hour-20*time.Second {
				return first, nil // as one does that keeps them
			}
			return second, nil
		}})
		var seen history
		go seen.follow(t.Context(), c)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := seen.phases(); !slices.Equal(got, []Phase{Live}) || !slices.Equal(tokens, []string{first, second}) {
			t.Errorf("got %q, connected with %q", got, tokens)
		}
		if want := []time.Duration{0, 59 * time.Minute, 59*time.Minute + 30*time.Second, 59*time.Minute + 45*time.Second}; !slices.Equal(asked, want) {
			t.Errorf("asked after %v, want %v", asked, want)
		}
	})
}

// A client with one token lasts as long as that: no handshake is made with it in vain.
func TestOneTokenRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expires := time.Now().Add(30 * time.Minute)
		var handshakes, pings atomic.Int64
		handler := playing(t, func(s *socket) {
			for m, ok := s.next(); ok; m, ok = s.next() {
				pings.Add(1)
				if time.Now().Before(expires) {
					s.send(protocol.Pong{Answer: protocol.Answer{ID: m.ID}})
				} else {
					s.send(protocol.Error{Answer: protocol.Answer{ID: m.ID}, Code: protocol.Unauthenticated, Message: "the token has run out"})
				}
			}
		})
		reach := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handshakes.Add(1)
			if !time.Now().Before(expires) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			handler.ServeHTTP(w, r)
		}))
		c := connect(t, stageAddress, &Options{HTTPClient: reach, Token: StaticToken(minted(expires))})
		<-c.Done()
		e, ok := errors.AsType[*HandshakeError](c.State().Problem)
		if !ok || e.Status != http.StatusUnauthorized || handshakes.Load() != 2 {
			t.Errorf("%d handshakes, ended with %v", handshakes.Load(), c.State().Problem)
		}
		if late := time.Since(expires); late > 5*time.Minute {
			t.Errorf("it ended %s after the token", late)
		}
	})
}

// Looking for a fresh token in vain is no handshake that is under way.
func TestNoFreshTokenIsNoHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pings atomic.Int64
		c := inMemory(t, Options{Token: StaticToken(minted(time.Now().Add(10 * time.Minute)))}, func(s *socket) {
			time.AfterFunc(9*time.Minute+15*time.Second, func() { _ = s.conn.CloseNow() }) // it has looked after nine
			ponging(&pings)(s)
		}, (*socket).untilGone)
		time.Sleep(9*time.Minute + 15*time.Second)
		synctest.Wait()
		if s := c.State(); s.Phase != Waiting || s.Problem == nil {
			t.Errorf("got %+v", s)
		}
	})
}

// A message that is refused because the token has run out goes out again on the next
// connection, at once the first time.
func TestTokenRanOutAtTheStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := func(s *socket) {
			m := s.expect("echo")
			s.send(protocol.Error{Answer: protocol.Answer{ID: m.ID}, Code: protocol.Unauthenticated, Message: "the token has run out"})
			s.untilGone()
		}
		var fresh atomic.Int64
		c := inMemory(t, Options{Token: func(context.Context) (string, error) { return fmt.Sprint("t", fresh.Add(1)), nil }}, refuses, func(s *socket) {
			s.send(response(s.expect("echo"), `{}`))
			refuses(s)
		}, refuses)
		began := time.Now()
		if _, err := c.Call(t.Context(), "echo", nil); err != nil || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if _, err := c.Call(t.Context(), "echo", nil); !isCode(err, protocol.Unauthenticated) || fresh.Load() != 2+maxRefusals-1 {
			t.Errorf("with %d tokens: %v", fresh.Load(), err)
		}
	})
}

// An answer that comes on a connection that has been replaced leaves its request watched
// on the new one.
func TestAcceptedOnTheConnectionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := make(chan struct{})
		c := inMemory(t, Options{Lifetime: 10 * time.Second}, func(s *socket) {
			m := s.expect("echo_async")
			<-moved
			s.send(accepted(m))
			s.untilGone()
		}, func(s *socket) {
			time.Sleep(time.Second)
			close(moved)
			s.expect(protocol.ActionSubscribe)
			s.send(complete("m1", 13, `{"message":"hello"}`))
			s.untilGone()
		})
		if _, err := submit(t, c).Result(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A request is never lost because it could not be subscribed again for a while; only that
// it is not there any more ends its following.
func TestSubscribingAgainIsRefused(t *testing.T) {
	for code, lasts := range map[protocol.Code]int{protocol.Unavailable: 20, protocol.TooManyWatchers: 20, protocol.NotFound: 1} {
		t.Run(string(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := inMemory(t, Options{}, func(s *socket) {
					s.send(accepted(s.expect("echo_async")))
				}, func(s *socket) {
					for range lasts {
						m := s.expect(protocol.ActionSubscribe)
						s.send(protocol.Error{Answer: protocol.Answer{ID: m.ID}, Code: code, Retryable: code.Retryable()})
					}
					if code.Retryable() {
						s.expect(protocol.ActionSubscribe)
						s.send(complete("m1", 13, `{"message":"hello"}`))
					}
					s.untilGone()
				})
				_, err := submit(t, c).Result(t.Context())
				if code.Retryable() && err != nil || !code.Retryable() && (!isCode(err, code) || !strings.Contains(err.Error(), requestID)) {
					t.Errorf("got %v", err)
				}
				if left := kept(c); left != 0 {
					t.Errorf("%d things are kept", left)
				}
			})
		})
	}
}

// The same message, key and id included, is sent until it is answered.
func TestSubmitIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []protocol.Message
		var at []time.Duration
		began := time.Now()
		note := func(s *socket) protocol.Message {
			m := s.expect("echo_async")
			sent, at = append(sent, m), append(at, time.Since(began))
			return m
		}
		c := inMemory(t, Options{}, func(s *socket) {
			note(s) // and says nothing
			note(s)
		}, func(s *socket) {
			s.send(accepted(note(s)))
			s.untilGone()
		})
		submit(t, c)
		synctest.Wait()
		if len(sent) != 3 || sent[0].IdempotencyKey == "" || sent[0].ID == "" || fmt.Sprint(sent[0]) != fmt.Sprint(sent[1]) || fmt.Sprint(sent[0]) != fmt.Sprint(sent[2]) {
			t.Errorf("sent %+v", sent)
		}
		if at[1] != 35*time.Second || at[2]-at[1] > defaultTiming.backoff {
			t.Errorf("sent after %v", at)
		}
	})
}

// API Gateway's own errors name no message. Where no more wait than errors came, they are
// theirs, and sent again after a while, but not for ever.
func TestErrorsOfAPIGateway(t *testing.T) {
	const problem = `{"message":"Internal server error","connectionId":"L0SM9cOFvHcCIhw=","requestId":"L0Z9eGKvPHcFphQ="}`
	t.Run("one waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, Options{}, func(s *socket) {
				s.expect("echo")
				s.sendText(problem)
				s.send(response(s.expect("echo"), `{}`))
				for {
					if m, ok := s.next(); !ok {
						return
					} else if m.Action != protocol.ActionPing {
						s.sendText(problem)
					}
				}
			})
			if _, err := c.Call(t.Context(), "echo", nil); err != nil {
				t.Error(err)
			}
			_, err := c.Call(t.Context(), "echo", nil)
			if e, ok := errors.AsType[*Error](err); !ok || e.Code != protocol.Unavailable || !e.Retryable || !strings.Contains(e.Message, "Internal server error") {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("two wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, Options{}, func(s *socket) {
				_, _ = s.next()
				second, _ := s.next()
				s.sendText(problem)
				s.send(response(second, `{}`))
				s.send(response(s.expect("echo"), `{}`)) // the first one again
				s.untilGone()
			})
			var calls sync.WaitGroup
			for range 2 {
				calls.Go(func() {
					if _, err := c.Call(t.Context(), "echo", nil); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
		})
	})
	// The error may be that of the message that nobody waits for any more.
	t.Run("one gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, Options{}, func(s *socket) {
				_, _ = s.next()
				second, _ := s.next()
				s.sendText(problem)
				time.Sleep(10 * time.Second)
				s.send(response(second, `{}`))
				s.untilGone()
			})
			ctx, giveUp := context.WithCancel(t.Context())
			var calls sync.WaitGroup
			calls.Go(func() {
				if _, err := c.Call(ctx, "echo", nil); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
			synctest.Wait()
			calls.Go(func() {
				if _, err := c.Call(t.Context(), "echo", nil); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if n := kept(c); n != 3 { // two messages and the error
				t.Errorf("%d things are kept", n)
			}
			giveUp()
			calls.Wait()
		})
	})
	// It may be the ping's.
	t.Run("a ping waits too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, Options{}, func(s *socket) {
				s.send(accepted(s.expect("echo_async")))
				s.expect(protocol.ActionPing)
				second := s.expect("echo")
				s.sendText(problem)
				s.send(response(second, `{}`))
				s.untilGone()
			})
			submit(t, c)
			time.Sleep(defaultTiming.busyPing + time.Second)
			if _, err := c.Call(t.Context(), "echo", nil); err != nil {
				t.Error(err)
			}
		})
	})
}

// A Run that is detached is not waited for, and the request not watched any more once
// nobody follows it.
func TestDetach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unsubscribed := make(chan time.Time, 1)
		c := inMemory(t, Options{}, func(s *socket) {
			s.send(accepted(s.expect("echo_async")))
			for range 2 {
				m := s.expect(protocol.ActionSubscribe)
				s.send(protocol.Subscribed{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Status: protocol.Pending})
			}
			m := s.expect(protocol.ActionUnsubscribe)
			unsubscribed <- time.Now()
			s.send(protocol.Unsubscribed{Answer: protocol.Answer{ID: m.ID}, RequestID: m.RequestID})
			s.send(progress("m1", 11, 30))
			s.untilGone()
		})
		one := submit(t, c)
		two, err := Watch[echoOut](t.Context(), c, requestID)
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error)
		go func() {
			_, err := one.Result(t.Context())
			waiting <- err
		}()
		synctest.Wait()
		one.Detach()
		one.Detach()
		if err := <-waiting; !errors.Is(err, ErrDetached) {
			t.Errorf("got %v", err)
		}
		two.Detach()
		three, err := Watch[echoOut](t.Context(), c, requestID) // before it is unsubscribed
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		three.Detach()
		left := time.Now()
		if at := <-unsubscribed; at.Sub(left) != unsubscribeAfter {
			t.Errorf("unsubscribed after %s", at.Sub(left))
		}
		synctest.Wait()
		if left := kept(c); left != 0 {
			t.Errorf("%d things are kept", left)
		}
	})
}

// A request that is wanted again around the time that it is unsubscribed is watched in the
// end, whichever message the stage takes last.
func TestWatchedAgain(t *testing.T) {
	for name, wait := range map[string]time.Duration{
		"a moment before": unsubscribeAfter - time.Millisecond, "a moment after": unsubscribeAfter + time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := inMemory(t, Options{}, func(s *socket) {
					s.send(accepted(s.expect("echo_async")))
					var watched atomic.Bool
					take := func(m protocol.Message) {
						time.Sleep(10 * time.Millisecond)
						watched.Store(m.Action == protocol.ActionSubscribe)
						if answer := (protocol.Answer{ID: m.ID}); watched.Load() {
							s.send(protocol.Subscribed{Answer: answer, RequestID: requestID, Status: protocol.Pending})
						} else {
							s.send(protocol.Unsubscribed{Answer: answer, RequestID: requestID})
						}
					}
					time.AfterFunc(time.Minute, func() {
						if watched.Load() {
							s.send(complete("", 12, `{"message":"hello"}`))
						}
					})
					for m, ok := s.next(); ok; m, ok = s.next() {
						if m.Action == protocol.ActionUnsubscribe && wait > unsubscribeAfter {
							take(s.expect(protocol.ActionSubscribe)) // it is sooner
						}
						take(m)
					}
				})
				submit(t, c).Detach()
				time.Sleep(wait)
				run, err := Watch[echoOut](t.Context(), c, requestID)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				if _, err := run.Result(ctx); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// What a client keeps of a request does not grow with what happens to it.
func TestNothingGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 2000
		c := inMemory(t, Options{}, func(s *socket) {
			m := s.expect("echo_async")
			s.send(accepted(m))
			for seq := range int64(frames) {
				s.send(progress(m.ID, 11+seq, 50))
			}
			s.untilGone()
		})
		run := submit(t, c)
		synctest.Wait()
		now, _ := run.request.look()
		if now.version != frames+1 || len(now.marks) != 1 || kept(c) != 1 {
			t.Errorf("%d updates, %d of them kept, %d things", now.version, len(now.marks), kept(c))
		}
	})
}
