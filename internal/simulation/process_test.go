package simulation

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// process is one invocation of a function, with all its goroutines.
type process struct {
	w      *world
	n      int
	kind   string
	name   string
	cancel context.CancelFunc
	random *rand.Rand // what the function itself rolls
	skew   time.Duration

	gone atomic.Bool
	dead chan struct{}

	mu     sync.Mutex
	posted map[string]int64

	// What follows is the scheduler's.
	asked    map[string]int
	frozen   time.Time // until when
	timers   []chan<- time.Time
	killed   bool
	returned bool
	lost     func()
}

// start invokes a function that may take so long. What run returns is done once its
// answer arrived; lost, if it dies before.
func (w *world) start(kind string, limit time.Duration, run func(ctx context.Context, p *process) func(), lost func()) {
	w.processes[kind]++
	w.born++
	p := &process{
		w: w, n: w.born, kind: kind, name: fmt.Sprint(kind, "-", w.processes[kind]),
		dead: make(chan struct{}), asked: map[string]int{}, posted: map[string]int64{}, lost: lost,
	}
	p.random = p.diceFor("own")
	if w.plan.skew > 0 {
		p.skew = between(p.random, -w.plan.skew, w.plan.skew)
	}
	ctx, cancel := context.WithDeadline(w.ctx, w.now().Add(limit))
	p.cancel = cancel
	w.live[p] = true
	w.in(limit, func() {
		if !p.killed && !p.returned {
			p.kill("out of time")
		}
	})
	ctx = context.WithValue(ctx, processKey{}, p)
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: p.name})
	go func() {
		defer func() {
			if r := recover(); r != nil {
				text := fmt.Sprintf("%s panicked: %v\n%s", p.name, r, debug.Stack())
				w.submit(arrival{p, "panic", func(*rand.Rand) { w.violate("%s", text); p.kill("panic") }})
			}
		}()
		then := run(ctx, p)
		w.submit(arrival{p, "return", func(dice *rand.Rand) {
			w.conduct(p, toReturn, "return", dice, 0, func() string {
				if p.killed {
					return "too late"
				}
				p.returned = true
				then()
				// A process is kept for a while: what the invocation left running goes on.
				if dice.IntN(4) == 0 {
					w.in(between(dice, 0, 2*time.Minute), func() { p.kill("recycled") })
				} else {
					p.kill("over")
				}
				return "returned"
			}, func(error) {})
		}})
	}()
}

// diceFor are the dice of one call, which do not depend on what else went on.
func (p *process) diceFor(what string) *rand.Rand {
	p.asked[what]++
	return p.dice(what, p.asked[what])
}

// diceAt are those of what may be asked more than once at a moment, as often as goroutines
// happen to see each other: each time the same.
func (p *process) diceAt(what string, at time.Time) *rand.Rand {
	return p.dice(what, int(at.Sub(p.w.began)))
}

func (p *process) dice(what string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, p.name, what, n)
	return rand.New(rand.NewPCG(p.w.seed, h.Sum64()))
}

// kill ends a process for ever.
func (p *process) kill(why string) {
	if p.killed {
		return
	}
	p.killed = true
	delete(p.w.live, p)
	p.gone.Store(true)
	close(p.dead)
	p.cancel()
	for _, c := range p.timers {
		wakeUp(c, p.w.now())
	}
	if !p.returned {
		p.w.note(p.name, "dies", why)
		p.w.saw("death %s %s", p.kind, why)
		if p.lost != nil {
			p.w.in(time.Millisecond, p.lost)
		}
	}
}

// falls reports whether a number that the process posts is below the one before it.
func (p *process) falls(to string, seq int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.posted[to]
	p.posted[to] = seq
	return seq < before
}

// exit ends the calling goroutine if its process is dead.
func (p *process) exit() {
	if p.gone.Load() {
		runtime.Goexit()
	}
}

// Now implements clock.Clock.
func (p *process) Now() time.Time { return time.Now().Add(p.skew) }

// After implements clock.Clock. A frozen process is not woken.
func (p *process) After(d time.Duration) (<-chan time.Time, func()) {
	p.exit()
	c, at := make(chan time.Time, 1), time.Now().Add(d)
	var stopped atomic.Bool
	who := caller()
	p.w.submit(arrival{p, who, func(*rand.Rand) {
		dice := p.diceAt(who, at)
		var fire func()
		fire = func() {
			switch {
			case stopped.Load():
			case !p.killed && p.w.now().Before(p.frozen):
				p.w.at(p.frozen.Add(between(dice, 0, time.Millisecond)), fire)
			default:
				wakeUp(c, p.w.now())
			}
		}
		if p.killed {
			fire()
			return
		}
		p.timers = append(p.timers, c)
		p.w.at(at, fire)
	}})
	return c, func() { stopped.Store(true) }
}

// wakeUp wakes whoever waits for a timer that may have fired before: in a dead process, to
// its end.
func wakeUp(c chan<- time.Time, now time.Time) {
	select {
	case c <- now:
	default:
	}
}

// caller names who set a timer, so that timers of one moment are told apart.
func caller() string {
	var pcs [3]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	name := "after"
	for {
		f, more := frames.Next()
		name = fmt.Sprint(name, " ", f.Line)
		if !more {
			return name
		}
	}
}

// sleep passes time, of a handler's.
func (p *process) sleep(ctx context.Context, d time.Duration, what string) error {
	return p.tell(ctx, d, what, func() {})
}

// tell is sleep with something for the scheduler to do at its end.
func (p *process) tell(ctx context.Context, d time.Duration, what string, do func()) error {
	_, err := ask(p, ctx, toSleep, what, d, func() (struct{}, error) {
		do()
		return struct{}{}, nil
	})
	return err
}

// kind is what a call goes to, since each fails in its own way.
type kind int

const (
	toTable kind = iota
	toQueue
	toPost
	toFiles
	toSleep
	toReturn
)

// String is for the coverage.
func (k kind) String() string {
	return []string{"table", "queue", "post", "files", "sleep", "return"}[k]
}

var errNoAnswer = errors.New("no answer")

// ask is one call to the world: do is done by the scheduler, if it is done at all.
func ask[T any](p *process, ctx context.Context, k kind, what string, extra time.Duration, do func() (T, error)) (T, error) {
	p.exit()
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type reply struct {
		value T
		err   error
	}
	answer := make(chan reply, 1)
	p.w.submit(arrival{p, what, func(dice *rand.Rand) {
		var r reply
		p.w.conduct(p, k, what, dice, extra, func() string {
			r.value, r.err = do()
			if r.err != nil {
				return r.err.Error()
			}
			return "ok"
		}, func(err error) {
			if err != nil {
				r = reply{none, err}
			}
			answer <- r
		})
	}})
	select {
	case r := <-answer:
		p.exit()
		return r.value, r.err
	case <-ctx.Done():
		p.exit()
		return none, ctx.Err()
	case <-p.dead:
		runtime.Goexit()
		panic("unreachable")
	}
}

// conduct gives a call its fate.
func (w *world) conduct(p *process, k kind, what string, dice *rand.Rand, extra time.Duration, do func() string, reply func(error)) {
	if p.killed {
		return
	}
	from := w.now()
	if p.frozen.After(from) {
		from = p.frozen
	}
	there := extra + between(dice, 300*time.Microsecond, 12*time.Millisecond)
	var back time.Duration
	if dice.IntN(2) == 0 {
		back = between(dice, 300*time.Microsecond, 8*time.Millisecond)
	}
	fate := w.plan.fate(k, dice)
	if w.calm || !from.Add(there).Before(w.calmFrom) {
		fate = fine
	}
	if fate != fine {
		w.saw("fault %s %s", k, fate)
	}
	var answer func(err error)
	answer = func(err error) {
		switch {
		case p.killed:
		case w.now().Before(p.frozen):
			w.at(p.frozen.Add(between(dice, 0, 5*time.Millisecond)), func() { answer(err) })
		default:
			reply(err)
		}
	}
	act := func(how string) {
		w.note(p.name, what, how+do())
	}
	switch fate {
	case slow:
		there += between(dice, time.Second, 20*time.Second)
	case late:
		back += between(dice, time.Second, 20*time.Second)
	}
	w.at(from.Add(there), func() {
		switch fate {
		case failed:
			w.note(p.name, what, "FAILS")
			answer(k.failure(dice))
		case doneButFailed:
			act("FAILS AFTER ")
			answer(k.failure(dice))
		case hangs:
			w.note(p.name, what, "HANGS")
		case doneButHangs:
			act("HANGS AFTER ")
		case crashes:
			w.note(p.name, what, "CRASHES BEFORE")
			p.kill("crash")
		case doneAndCrashes:
			act("CRASHES AFTER ")
			p.kill("crash")
		case freezes, doneAndFreezes:
			pause := between(dice, 10*time.Second, 100*time.Second)
			if !p.killed {
				p.frozen = w.now().Add(pause)
			}
			if fate == doneAndFreezes {
				act(fmt.Sprintf("FREEZES FOR %s AFTER ", pause))
				answer(nil)
				return
			}
			w.note(p.name, what, fmt.Sprintf("FREEZES FOR %s", pause))
			w.in(pause+time.Millisecond, func() {
				if !p.killed { // it had not left the process yet
					act("THAWS ")
					answer(nil)
				}
			})
		default:
			act("")
			if back == 0 {
				answer(nil)
			} else {
				w.in(back, func() { answer(nil) })
			}
		}
	})
}
