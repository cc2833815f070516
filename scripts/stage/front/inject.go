package front

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// injectFaults makes the faults that the rules in force say.
func (f *Front) injectFaults(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := operation(r)
		if !f.faults.wants(op) {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault := f.faults.match(op, sync.OnceValue(func() string { return f.callingFunction(r) }), r.URL.Path, string(body))
		if fault == nil {
			next.ServeHTTP(w, r)
			return
		}
		if err := f.inject(w, r, next, op, fault); err != nil {
			fault.note(func(h *Hit) { h.Error = err.Error() })
			f.log.Error("fault not made", "fault", fault.Fault, "operation", op, "err", err)
			http.Error(w, err.Error(), http.StatusNotImplemented)
		}
	})
}

// inject carries one fault out. An error means that nothing happened.
func (f *Front) inject(w http.ResponseWriter, r *http.Request, next http.Handler, op string, fault *drawn) error {
	service, _, _ := strings.Cut(op, ".")
	switch fault.Fault {
	case FaultError:
		refuse(w, service, failure{cmp.Or(fault.Status, http.StatusInternalServerError), cmp.Or(fault.Code, "InternalServerError")})
		return nil
	case FaultThrottle:
		refuse(w, service, throttled(service))
		return nil
	}

	var pid int
	if fault.Fault == FaultKill || fault.Fault == FaultStop {
		var err error
		// One that another of its calls got killed meanwhile is as still as it should be.
		if pid, err = f.caller(r); err != nil && !errors.Is(err, errCallerGone) {
			return err
		}
		fault.note(func(h *Hit) { h.PID = pid })
	}
	delay := time.Duration(fault.DelayMS) * time.Millisecond
	var answer *recorded
	pass := func() {
		answer = record(next, r)
		fault.note(func(h *Hit) { h.Status = answer.status })
	}
	if fault.When == After {
		pass()
	}
	switch fault.Fault {
	case FaultDelay:
		time.Sleep(delay) // a caller that gives up meanwhile has made its call all the same
	case FaultStop:
		if pid != 0 {
			if err := stop(pid, delay); err != nil {
				return err
			}
		}
	case FaultKill:
		if pid != 0 {
			if err := kill(pid); err != nil {
				return err
			}
		}
		panic(http.ErrAbortHandler) // nobody is left to answer
	case FaultReset:
		reset(w)
		return nil
	}
	if answer == nil {
		pass()
	}
	answer.send(w)
	return nil
}

// errCallerGone says that a call's connection has no other end any more.
var errCallerGone = errors.New("the caller is gone")

// caller finds the process that made a call, if faults may be made to it.
func (f *Front) caller(r *http.Request) (pid int, err error) {
	if f.owns == nil {
		return 0, errors.New("this front knows no processes")
	}
	at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return 0, errors.New("the call came over no connection")
	}
	if pid, err = findCaller(r.RemoteAddr, at.String()); err != nil {
		return 0, err
	}
	if !f.owns(pid) {
		return 0, fmt.Errorf("the caller (process %d) is no function of this stage", pid)
	}
	return pid, nil
}

// callingFunction names the function that makes a call; empty if none does.
func (f *Front) callingFunction(r *http.Request) string {
	pid, err := f.caller(r)
	if err != nil {
		return ""
	}
	return functionName(pid)
}

// failure is an error that a service answers with.
type failure struct {
	status int
	code   string
}

// throttled is what a service answers to whoever calls too often.
func throttled(service string) failure {
	switch service {
	case "execute-api":
		return failure{http.StatusTooManyRequests, "LimitExceededException"}
	case "s3":
		return failure{http.StatusServiceUnavailable, "SlowDown"}
	case "sqs":
		return failure{http.StatusBadRequest, "RequestThrottled"}
	}
	return failure{http.StatusBadRequest, "ThrottlingException"}
}

// refuse answers with an error in the form of the service's protocol: XML for S3, JSON
// with the code in a header and in the body for all the others here.
func refuse(w http.ResponseWriter, service string, f failure) {
	const message = "injected by the local stage"
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-0000-0000-000000000000")
	if service == "s3" {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(f.status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", f.code, message)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", f.code)
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": f.code, "message": message}) // a caller that is gone needs no answer
}

// reset ends the connection of a call so that its caller sees a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // closes it
	}
	abort(conn)
}

// abort closes a connection with a reset, where it is one of TCP.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
	_ = conn.Close()
}

// recorded is an answer that is kept until it is sent, or lost.
type recorded struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// record passes a call on, whatever became of its caller, and keeps the answer.
func record(next http.Handler, r *http.Request) *recorded {
	a := &recorded{status: http.StatusOK, header: http.Header{}}
	next.ServeHTTP(a, r.WithContext(context.WithoutCancel(r.Context())))
	return a
}

func (a *recorded) Header() http.Header         { return a.header }
func (a *recorded) WriteHeader(status int)      { a.status = status }
func (a *recorded) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *recorded) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // a caller that is gone needs no answer
}
